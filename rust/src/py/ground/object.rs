//! Strong references that are dropped where the owner says, and nowhere else.

use pyo3::ffi;
use pyo3::prelude::*;
use std::ptr::NonNull;

/// A strong reference to a Python object. Dropping it may run finalizers: never while the kernel changes something.
#[repr(transparent)]
pub struct Object(NonNull<ffi::PyObject>);

// SAFETY: an object is only touched by threads that are attached to the interpreter; the count of references is the
// interpreter's business, which counts atomically where threads run at once.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

impl Object {
    /// Take over a reference.
    ///
    /// # Safety
    /// `pointer` is an object, not null, and the caller owns the reference that is taken over.
    #[inline(always)]
    pub unsafe fn owned(pointer: *mut ffi::PyObject) -> Self {
        debug_assert!(!pointer.is_null());
        // SAFETY: not null, says the caller.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }

    /// Take over a reference that may be missing.
    ///
    /// # Safety
    /// As `owned`, but `pointer` may be null.
    #[inline(always)]
    pub unsafe fn owned_or_none(pointer: *mut ffi::PyObject) -> Option<Self> {
        NonNull::new(pointer).map(Self)
    }

    /// Make a reference of one's own.
    ///
    /// # Safety
    /// `pointer` is an object that is alive, not null.
    #[inline(always)]
    pub unsafe fn borrowed(pointer: *mut ffi::PyObject) -> Self {
        // SAFETY: alive, says the caller.
        unsafe {
            ffi::Py_INCREF(pointer);
            Self::owned(pointer)
        }
    }

    /// The object, for as long as this reference stands.
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }

    /// The same, as PyO3 has it.
    #[inline(always)]
    pub fn bound<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.as_py().bind(py)
    }

    /// The same, for the collector's visits.
    #[inline(always)]
    pub fn as_py(&self) -> &Py<PyAny> {
        // SAFETY: both are one pointer to an object that is alive.
        unsafe { &*std::ptr::from_ref(self).cast::<Py<PyAny>>() }
    }

    /// Hand the reference over to PyO3.
    #[inline(always)]
    pub fn into_py(self, py: Python<'_>) -> Py<PyAny> {
        // SAFETY: the reference is owned, and goes over.
        unsafe { Bound::from_owned_ptr(py, self.into_ptr()).unbind() }
    }

    /// Hand the reference over to whoever takes the pointer.
    #[inline(always)]
    pub fn into_ptr(self) -> *mut ffi::PyObject {
        let pointer = self.0.as_ptr();
        std::mem::forget(self);
        pointer
    }
}

impl Clone for Object {
    #[inline(always)]
    fn clone(&self) -> Self {
        // SAFETY: alive, for this reference stands.
        unsafe { Self::borrowed(self.as_ptr()) }
    }
}

impl Drop for Object {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the reference is owned.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) }
    }
}
