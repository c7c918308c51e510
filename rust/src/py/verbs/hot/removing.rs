//! Removing an entry: two probes of the dict, for its value is what is returned.

use super::Set;
use crate::py::class::{body, own};
use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::py::verbs::install::{called, give, give_bool, give_none, run_hot, told};
use crate::py::verbs::set::writing as general;
use pyo3::ffi;
use pyo3::prelude::*;

/// Remove an entry and return its value, if there is one.
///
/// # Safety
/// The caller holds the key.
#[inline(always)]
pub unsafe fn remove(table: &Set, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    // SAFETY: the caller holds the key.
    unsafe {
        if is_plain(key) {
            let done = table.section(|state| {
                if !state.fast || state.cells > 0 {
                    return None;
                }
                let Ok(slot) = state.rows.slot_of(key) else { return None };
                if slot.is_null() {
                    return Some(None);
                }
                let value = Object::borrowed(slot);
                state.version += 1;
                ffi::PyDict_DelItem(state.rows.dict(), key);
                Some(Some(value))
            });
            if let Some(done) = done {
                return Ok(done);
            }
        }
        told(|py| general::remove(table, py, key))
    }
}

/// `delete` of set tables.
pub unsafe extern "C" fn delete(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|_py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        unsafe {
            let [key] = called(values, positional, names).sort(&general::KEYED)?;
            give_bool(remove(body(object), key)?.is_some())
        }
    })
}

/// `take` of set tables.
pub unsafe extern "C" fn take(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|_py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        unsafe {
            let [key, default] = called(values, positional, names).sort(&general::TAKE)?;
            match remove(body(object), key)? {
                Some(value) => give(value),
                None if default.is_null() => give_none(),
                None => give(own(default)),
            }
        }
    })
}
