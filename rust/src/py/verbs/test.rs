//! What a query asks of each entry: nothing, a program, or a function of the user's.

use crate::py::ground::object::Object;
use crate::py::queries::Predicate;
use pyo3::ffi;
use pyo3::prelude::*;

/// A test of key and value.
pub enum Test {
    /// Every entry passes.
    All,
    /// A program, run without Python frames.
    Program(Py<Predicate>),
    /// A function of key and value.
    Function(Object),
}

impl Test {
    /// Take what a query was given: None, a predicate of ours, or a function.
    ///
    /// # Safety
    /// `test` is alive.
    pub unsafe fn of(py: Python<'_>, test: *mut ffi::PyObject) -> Self {
        // SAFETY: alive, says the caller.
        let test = unsafe { Bound::from_borrowed_ptr(py, test) };
        if test.is_none() {
            return Self::All;
        }
        match test.cast_exact::<Predicate>() {
            Ok(program) => Self::Program(program.clone().unbind()),
            // SAFETY: as above.
            Err(_) => Self::Function(unsafe { Object::borrowed(test.as_ptr()) }),
        }
    }

    /// Tell whether an entry passes. May run Python code: not called under a lock.
    #[inline]
    pub fn holds(&self, py: Python<'_>, key: &Object, value: &Object) -> PyResult<bool> {
        match self {
            Self::All => Ok(true),
            Self::Program(program) => program.get().test(key.bound(py), value.bound(py)),
            Self::Function(function) => function.bound(py).call1((key.bound(py), value.bound(py)))?.is_truthy(),
        }
    }
}
