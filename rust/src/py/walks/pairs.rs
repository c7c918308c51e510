//! Pairs of key and value, as tuples.
//!
//! As dict's own iterator over items does, a walk keeps one tuple, and hands it out again where whoever got it has let it go:
//! `for key, value in table.items()` then makes none. Python 3.14 keeps the hash of a tuple in it, so none is used twice there;
//! nor where threads run at once, for others may have a hand on it.

use crate::py::ground::object::Object;
use pyo3::ffi;
use pyo3::prelude::*;

const REUSED: bool = cfg!(not(any(Py_GIL_DISABLED, Py_3_14)));

/// The tuple that a walk keeps.
pub fn spare(py: Python<'_>) -> PyResult<Option<Object>> {
    if !REUSED {
        return Ok(None);
    }
    // SAFETY: None is always there.
    let nothing = || unsafe { Object::borrowed(ffi::Py_None()) };
    made(py, nothing(), nothing()).map(Some)
}

/// A tuple of key and value, for the caller of a method: the one that is kept, if nobody else has it.
#[inline(always)]
pub fn pair(py: Python<'_>, spare: Option<&Object>, key: Object, value: Object) -> PyResult<*mut ffi::PyObject> {
    if REUSED && let Some(spare) = spare {
        let pair = spare.as_ptr();
        // SAFETY: a tuple of two that nobody else refers to, so nobody sees it change. What it held is dropped when it is
        // whole, and somebody else's.
        unsafe {
            if ffi::Py_REFCNT(pair) == 1 {
                let handed_out = spare.clone();
                let before =
                    (Object::owned(ffi::PyTuple_GET_ITEM(pair, 0)), Object::owned(ffi::PyTuple_GET_ITEM(pair, 1)));
                ffi::PyTuple_SET_ITEM(pair, 0, key.into_ptr());
                ffi::PyTuple_SET_ITEM(pair, 1, value.into_ptr());
                if ffi::PyObject_GC_IsTracked(pair) == 0 {
                    ffi::PyObject_GC_Track(pair.cast()); // the collector loses interest in tuples of plain things
                }
                drop(before);
                return Ok(handed_out.into_ptr());
            }
        }
    }
    made(py, key, value).map(Object::into_ptr)
}

/// A new tuple.
#[inline(always)]
fn made(py: Python<'_>, key: Object, value: Object) -> PyResult<Object> {
    // SAFETY: a new tuple has room for two, and is filled before any other code runs.
    unsafe {
        let Some(pair) = Object::owned_or_none(ffi::PyTuple_New(2)) else { return Err(PyErr::fetch(py)) };
        ffi::PyTuple_SET_ITEM(pair.as_ptr(), 0, key.into_ptr());
        ffi::PyTuple_SET_ITEM(pair.as_ptr(), 1, value.into_ptr());
        Ok(pair)
    }
}
