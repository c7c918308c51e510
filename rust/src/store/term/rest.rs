//! What a term has beside its head: its length, and the bytes from the 17th on, in one word.
//!
//! A word of 0 to 16 is the length of a term that is all in its head. Any other is the address of a block: a length and
//! that many bytes, which this owns.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cmp::Ordering;
use std::{fmt, ptr, slice};

use super::HEAD;

const LENGTH: usize = size_of::<usize>();

/// The length of a term and what does not fit into its head.
pub struct Rest(*mut u8);

// SAFETY: it owns its block, which nobody changes once it is made.
unsafe impl Send for Rest {}
// SAFETY: as above; what is shared is only read.
unsafe impl Sync for Rest {}

impl Rest {
    /// The rest of a term of at most 16 bytes, which has this length.
    pub fn short(length: usize) -> Rest {
        assert!(length <= HEAD);
        Rest(ptr::without_provenance_mut(length))
    }

    /// The rest of a term whose head is full, and which goes on with these bytes.
    pub fn after_full_head(tail: &[u8]) -> Rest {
        if tail.is_empty() {
            return Rest::short(HEAD);
        }
        let layout = layout(tail.len());
        // SAFETY: the layout is not of size zero.
        let block = unsafe { alloc(layout) };
        if block.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the block has room for a length, for which it is aligned, and for the bytes after it.
        unsafe {
            block.cast::<usize>().write(tail.len());
            ptr::copy_nonoverlapping(tail.as_ptr(), block.add(LENGTH), tail.len());
        }
        Rest(block)
    }

    /// Whether all of the term is in its head.
    #[inline]
    pub fn is_short(&self) -> bool {
        self.0.addr() <= HEAD
    }

    /// The bytes that are not in the head.
    #[inline]
    pub fn tail(&self) -> &[u8] {
        if self.is_short() {
            return &[];
        }
        // SAFETY: it is the address of a block, which lives as long as this.
        unsafe { slice::from_raw_parts(self.0.add(LENGTH), self.0.cast::<usize>().read()) }
    }

    /// How many bytes the term has, with those in the head.
    pub fn len(&self) -> usize {
        if self.is_short() { self.0.addr() } else { HEAD + self.tail().len() }
    }

    /// Whether the term has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    /// How many bytes of memory the block takes.
    #[inline]
    pub fn memory(&self) -> usize {
        if self.is_short() { 0 } else { LENGTH + self.tail().len() }
    }
}

fn layout(tail: usize) -> Layout {
    Layout::from_size_align(LENGTH + tail, align_of::<usize>()).expect("a slice is never that long")
}

impl Default for Rest {
    fn default() -> Rest {
        Rest::short(0)
    }
}

impl Drop for Rest {
    #[inline]
    fn drop(&mut self) {
        if !self.is_short() {
            let layout = layout(self.tail().len());
            // SAFETY: it was allocated with this layout, and nobody else has it.
            unsafe { dealloc(self.0, layout) }
        }
    }
}

impl Clone for Rest {
    fn clone(&self) -> Rest {
        if self.is_short() { Rest(self.0) } else { Rest::after_full_head(self.tail()) }
    }
}

impl PartialEq for Rest {
    #[inline]
    fn eq(&self, other: &Rest) -> bool {
        self.0 == other.0 || (!self.is_short() && !other.is_short() && self.tail() == other.tail())
    }
}

impl Eq for Rest {}

impl Ord for Rest {
    /// The order of terms that have equal heads.
    fn cmp(&self, other: &Rest) -> Ordering {
        if self.is_short() && other.is_short() {
            return self.0.addr().cmp(&other.0.addr());
        }
        self.tail().cmp(other.tail())
    }
}

impl PartialOrd for Rest {
    fn partial_cmp(&self, other: &Rest) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Rest({} bytes, {:02x?})", self.len(), self.tail())
    }
}
