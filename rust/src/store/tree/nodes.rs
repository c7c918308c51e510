//! The memory of nodes: one by one while they are few, and in blocks of large pages once they are many.
//!
//! A tree of ten million rows takes hundreds of megabytes, and each search goes somewhere else in it. With pages of 4
//! KiB the processor has to look up nearly every page in tables that are themselves not in its caches. So a tree
//! that is not small takes blocks of 2 MiB, each aligned so that it can be one page, and asks the system to make it one.
//! A block whose nodes are all free goes back to the system, but for one that is kept for those that come and go.
//!
//! All nodes of a tree take the same room, so leaves and inner nodes lie in the same blocks.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr;

/// How large a block is, and how it is aligned.
const BLOCK: usize = 1 << 21;
/// With how many nodes a tree begins to take blocks: some 16 MiB.
const MANY: usize = 6_000;
/// Nodes begin at multiples of this.
const LINE: usize = 64;

/// The beginning of a block.
struct Block {
    used: usize,   // nodes in use
    fresh: usize,  // nodes that have never been in use begin here, as an offset
    free: *mut u8, // the first of those that are free again, each of which begins with the address of the next
    // The neighbours in the list of blocks that have room.
    previous: *mut Block,
    next: *mut Block,
}

/// Where a tree takes its nodes from.
pub(super) struct Nodes {
    most_singles: usize,
    singles: usize,    // nodes outside of blocks
    blocks: usize,     // blocks that there are
    idle: usize,       // of these, how many have no node in use; at most one
    roomy: *mut Block, // the first block that has room
}

impl Nodes {
    pub(super) const fn new() -> Nodes {
        Nodes { most_singles: MANY, singles: 0, blocks: 0, idle: 0, roomy: ptr::null_mut() }
    }

    /// Take blocks from this number of nodes on.
    #[cfg(test)]
    pub(super) fn take_blocks_from(&mut self, number: usize) {
        self.most_singles = number;
    }

    /// How many bytes are held.
    pub(super) fn memory(&self, node: usize) -> usize {
        self.blocks * BLOCK + self.singles * node
    }

    /// Return memory for a node of this layout, which has to be the same in each call; and whether it lies in a block.
    #[inline]
    pub(super) fn take(&mut self, layout: Layout) -> (*mut u8, bool) {
        if self.singles < self.most_singles {
            // SAFETY: a node is not of size zero.
            let node = unsafe { alloc(layout) };
            if node.is_null() {
                handle_alloc_error(layout);
            }
            self.singles += 1;
            return (node, false);
        }
        if self.roomy.is_null() {
            self.roomy = new_block();
            self.blocks += 1;
            self.idle += 1;
        }
        // SAFETY: it is a block of these, with room for one more node.
        unsafe {
            let block = &mut *self.roomy;
            self.idle -= usize::from(block.used == 0);
            block.used += 1;
            let node = if block.free.is_null() {
                let node = self.roomy.cast::<u8>().add(block.fresh);
                block.fresh += layout.size();
                node
            } else {
                let node = block.free;
                block.free = node.cast::<*mut u8>().read();
                node
            };
            if !block.has_room(layout) {
                self.unlist(self.roomy);
            }
            (node, true)
        }
    }

    /// Give memory back.
    ///
    /// # Safety
    /// It was returned by `take` of these, with this layout and as lying in a block or not, and is not used afterwards.
    pub(super) unsafe fn give(&mut self, node: *mut u8, layout: Layout, in_block: bool) {
        if !in_block {
            self.singles -= 1;
            // SAFETY: as promised.
            return unsafe { dealloc(node, layout) };
        }
        let block_at = node.map_addr(|address| address & !(BLOCK - 1)).cast::<Block>();
        // SAFETY: blocks are aligned to their size, so that is the one of the node, and nobody else has it.
        unsafe {
            let block = &mut *block_at;
            let had_room = block.has_room(layout);
            node.cast::<*mut u8>().write(block.free);
            block.free = node;
            block.used -= 1;
            if !had_room {
                self.list(block_at);
            }
            if (*block_at).used == 0 {
                if self.idle == 0 {
                    self.idle = 1;
                } else {
                    self.unlist(block_at);
                    self.blocks -= 1;
                    free_block(block_at);
                }
            }
        }
    }

    /// Give the last block back, if no node is in use any more.
    pub(super) fn rest(&mut self) {
        if self.idle == self.blocks && !self.roomy.is_null() {
            let block = self.roomy;
            // SAFETY: it is the only block of these, and nothing in it is in use.
            unsafe {
                self.unlist(block);
                free_block(block);
            }
            (self.blocks, self.idle) = (0, 0);
        }
    }

    /// Put a block at the front of those that have room.
    ///
    /// # Safety
    /// It is one of these, and not in the list.
    unsafe fn list(&mut self, block: *mut Block) {
        // SAFETY: as promised; the list is of blocks of these.
        unsafe {
            ((*block).previous, (*block).next) = (ptr::null_mut(), self.roomy);
            if let Some(next) = self.roomy.as_mut() {
                next.previous = block;
            }
        }
        self.roomy = block;
    }

    /// Take a block out of those that have room.
    ///
    /// # Safety
    /// It is one of these, and in the list.
    unsafe fn unlist(&mut self, block: *mut Block) {
        // SAFETY: as promised; the list is of blocks of these.
        unsafe {
            let (previous, next) = ((*block).previous, (*block).next);
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => self.roomy = next,
            }
            if let Some(next) = next.as_mut() {
                next.previous = previous;
            }
        }
    }
}

impl Block {
    fn has_room(&self, layout: Layout) -> bool {
        !self.free.is_null() || self.fresh + layout.size() <= BLOCK
    }
}

/// Make a block with no nodes in use.
#[cold]
fn new_block() -> *mut Block {
    let block = system::take().cast::<Block>();
    if block.is_null() {
        handle_alloc_error(Layout::new::<[u8; BLOCK]>());
    }
    let empty = Block {
        used: 0,
        fresh: size_of::<Block>().next_multiple_of(LINE),
        free: ptr::null_mut(),
        previous: ptr::null_mut(),
        next: ptr::null_mut(),
    };
    // SAFETY: it is large enough, aligned, and nobody else has it.
    unsafe { block.write(empty) }
    block
}

/// Give a block back to the system.
///
/// # Safety
/// It was made by `new_block`, and is not used afterwards.
#[cold]
unsafe fn free_block(block: *mut Block) {
    // SAFETY: as promised.
    unsafe { system::give(block.cast()) }
}

/// Blocks from the allocator, where nothing better is known.
#[cfg(not(all(target_os = "linux", not(miri))))]
mod system {
    use super::{BLOCK, Layout};

    fn layout() -> Layout {
        Layout::from_size_align(BLOCK, BLOCK).expect("it is a power of two")
    }

    /// Return a block, or null.
    pub(super) fn take() -> *mut u8 {
        // SAFETY: a block is not of size zero.
        unsafe { std::alloc::alloc(layout()) }
    }

    /// Give a block back.
    ///
    /// # Safety
    /// It was returned by `take`, and is not used afterwards.
    pub(super) unsafe fn give(block: *mut u8) {
        // SAFETY: as promised.
        unsafe { std::alloc::dealloc(block, layout()) }
    }
}

/// Blocks from the kernel, which is asked to make each one large page.
#[cfg(all(target_os = "linux", not(miri)))]
mod system {
    use super::{BLOCK, ptr};
    use std::ffi::{c_int, c_long, c_void};

    const READ_AND_WRITE: c_int = 0x1 | 0x2;
    const PRIVATE_AND_ANONYMOUS: c_int =
        if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 0x802 } else { 0x22 };
    const LARGE_PAGES: c_int = 14;

    unsafe extern "C" {
        fn mmap(address: *mut c_void, size: usize, may: c_int, how: c_int, file: c_int, from: c_long) -> *mut c_void;
        fn munmap(address: *mut c_void, size: usize) -> c_int;
        fn madvise(address: *mut c_void, size: usize, advice: c_int) -> c_int;
    }

    /// Return a block, or null.
    pub(super) fn take() -> *mut u8 {
        // SAFETY: new memory is asked for, twice as much as is needed; what is not aligned goes back at once. The advice
        // changes nothing but speed, so that it may fail.
        unsafe {
            let start = mmap(ptr::null_mut(), 2 * BLOCK, READ_AND_WRITE, PRIVATE_AND_ANONYMOUS, -1, 0);
            if start.addr() == usize::MAX {
                return ptr::null_mut();
            }
            let before = start.addr().next_multiple_of(BLOCK) - start.addr();
            let block = start.byte_add(before);
            if before > 0 {
                munmap(start, before);
            }
            munmap(block.byte_add(BLOCK), BLOCK - before);
            madvise(block, BLOCK, LARGE_PAGES);
            block.cast()
        }
    }

    /// Give a block back.
    ///
    /// # Safety
    /// It was returned by `take`, and is not used afterwards.
    pub(super) unsafe fn give(block: *mut u8) {
        // SAFETY: as promised.
        unsafe { munmap(block.cast(), BLOCK) };
    }
}
