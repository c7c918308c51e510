//! Attributes of Python objects that are in `__slots__`: read without a search.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// Where an attribute is, in objects of a class and of those below it.
#[derive(Clone, Copy)]
pub struct Slot(isize);

impl Slot {
    /// Find an attribute that is in `__slots__` of this very class.
    pub fn of(class: &Bound<'_, PyType>, name: &str) -> PyResult<Self> {
        let found = class.getattr("__dict__")?.get_item(name)?;
        // SAFETY: the type is looked at before what it says is used.
        unsafe {
            if ffi::Py_TYPE(found.as_ptr()) != &raw mut ffi::PyMemberDescr_Type {
                return Err(PyTypeError::new_err(format!("{name} of {class} is no slot")));
            }
            let member = (*found.as_ptr().cast::<ffi::PyMemberDescrObject>()).d_member;
            Ok(Self((*member).offset))
        }
    }

    /// What is there, null if nothing is; not for longer than it stays there.
    ///
    /// # Safety
    /// `object` is of that class or one below it, and nobody changes the attribute meanwhile.
    #[inline(always)]
    pub unsafe fn get(self, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: says the caller.
        unsafe { *self.place(object) }
    }

    /// Its room, which has a reference of its own.
    ///
    /// # Safety
    /// As `get`.
    #[inline(always)]
    pub unsafe fn place(self, object: *mut ffi::PyObject) -> *mut *mut ffi::PyObject {
        // SAFETY: says the caller.
        unsafe { object.byte_offset(self.0).cast() }
    }
}
