//! The row cells of a cache with a limit: they know their neighbours in the order of last use.

use crate::py::ground::object::Object;
use crate::py::ground::row::{ROW_SIZE, Row, RowAt, RowRef};
use crate::store::recency::Linked;
use pyo3::ffi;
use std::ptr::NonNull;

/// The layout of a row that knows its neighbours. 64 bytes.
#[repr(C)]
struct LinkedRow {
    row: Row,
    older: Option<LinkedAt>,
    newer: Option<LinkedAt>,
}

/// The size of such a row, in bytes.
pub const LINKED_ROW_SIZE: usize = size_of::<LinkedRow>();

const _: () = assert!(LINKED_ROW_SIZE == ROW_SIZE + 2 * size_of::<usize>());

/// Where such a row is.
#[derive(Clone, Copy, PartialEq)]
#[repr(transparent)]
pub struct LinkedAt(NonNull<LinkedRow>);

/// Make such a row.
pub fn linked_row(handle: Object, value: Object, deadline: i64) -> RowRef {
    // SAFETY: the layout begins with a row, and the rest is filled in here.
    unsafe {
        let row = RowRef::larger::<LinkedRow>(handle, value, deadline);
        let linked: *mut LinkedRow = row.as_ptr().cast();
        (*linked).older = None;
        (*linked).newer = None;
        row
    }
}

impl LinkedAt {
    /// The row that this object is, which `CachedRows::row` made.
    #[inline(always)]
    pub fn of(row: *mut ffi::PyObject) -> Self {
        debug_assert!(!row.is_null());
        // SAFETY: objects are not at null.
        Self(unsafe { NonNull::new_unchecked(row.cast()) })
    }

    /// The row.
    #[inline(always)]
    pub fn row(self) -> RowAt {
        RowAt(self.0.as_ptr().cast())
    }
}

impl Linked for LinkedAt {
    #[inline(always)]
    fn older(self) -> Option<Self> {
        // SAFETY: what is in the order stands in the table, here and below, and is touched under its lock.
        unsafe { (*self.0.as_ptr()).older }
    }

    #[inline(always)]
    fn newer(self) -> Option<Self> {
        // SAFETY: as above.
        unsafe { (*self.0.as_ptr()).newer }
    }

    #[inline(always)]
    fn set_older(self, older: Option<Self>) {
        // SAFETY: as above.
        unsafe { (*self.0.as_ptr()).older = older }
    }

    #[inline(always)]
    fn set_newer(self, newer: Option<Self>) {
        // SAFETY: as above.
        unsafe { (*self.0.as_ptr()).newer = newer }
    }
}
