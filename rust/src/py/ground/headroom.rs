//! Room on the stack for comparing keys.
//!
//! Comparing plain keys runs no Python code, but near the limit of recursion CPython refuses to compare even those. In the
//! middle of a change that would be too late. So before a section that compares, the verb makes sure that there is room.

use super::handle;
use pyo3::exceptions::PyRecursionError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Enough for any plain key, whatever it is compared with.
pub const FOR_ANY_KEY: usize = handle::MOST_DEPTH + 3;

/// How many levels it takes to compare this key, a plain one or a handle.
///
/// # Safety
/// It is alive.
#[inline(always)]
pub unsafe fn levels(key: *mut ffi::PyObject) -> usize {
    // SAFETY: says the caller.
    if unsafe { ffi::PyTuple_CheckExact(key) } != 0 { FOR_ANY_KEY } else { 1 }
}

/// The `RecursionError` of a place where there was no room.
#[cold]
pub fn refusal(py: Python<'_>) -> PyErr {
    match ensure(py, FOR_ANY_KEY) {
        Err(failure) => failure,
        Ok(()) => PyRecursionError::new_err("maximum recursion depth exceeded in a table"),
    }
}

/// Raise `RecursionError` unless there is room for so many levels.
#[inline]
pub fn ensure(py: Python<'_>, levels: usize) -> PyResult<()> {
    // SAFETY: the thread is attached; as many levels are left as have been entered.
    unsafe {
        let entered = (0..levels).take_while(|_| ffi::Py_EnterRecursiveCall(c" in a table".as_ptr()) == 0).count();
        (0..entered).for_each(|_| ffi::Py_LeaveRecursiveCall());
        if entered == levels { Ok(()) } else { Err(PyErr::fetch(py)) }
    }
}
