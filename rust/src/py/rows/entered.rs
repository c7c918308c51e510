//! What stands in the tree of an ordered table.

use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::ground::row::{RowAt, is_row};
use crate::store::term::Term;
use pyo3::ffi;

/// What stands in the tree under a term: a key, and a slot. The tree owns both references.
#[derive(Clone, Copy)]
pub struct Entered {
    /// The key, as it came in.
    pub key: *mut ffi::PyObject,
    /// The value itself, or a row cell.
    pub slot: *mut ffi::PyObject,
}

impl Entered {
    /// Take over the references.
    ///
    /// # Safety
    /// It has been taken out of the tree.
    pub unsafe fn owned(self) -> (Object, Object) {
        // SAFETY: says the caller.
        unsafe { (Object::owned(self.key), Object::owned(self.slot)) }
    }

    /// Key and value, to be read when the section is over.
    ///
    /// # Safety
    /// It stands in a tree that does not change meanwhile.
    #[inline(always)]
    pub unsafe fn held(self) -> (Object, Object) {
        // SAFETY: says the caller.
        unsafe {
            let value = if is_row(self.slot) { RowAt::of(self.slot).value() } else { self.slot };
            (Object::borrowed(self.key), Object::borrowed(value))
        }
    }

    /// What stands for the key: that of the row cell, or a new one.
    ///
    /// # Safety
    /// It stands in a tree, under that term, and the tree does not change meanwhile.
    pub unsafe fn handle(self, term: Term) -> Object {
        // SAFETY: says the caller.
        unsafe {
            if is_row(self.slot) {
                Object::borrowed(RowAt::of(self.slot).handle())
            } else {
                handle::ordered(self.key, term)
            }
        }
    }
}
