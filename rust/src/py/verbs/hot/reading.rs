//! Looking a key up, in one probe of the dict.

use super::Set;
use crate::py::class::{body, own};
use crate::py::ground::errors;
use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::py::ground::row::is_row;
use crate::py::verbs::install::{called, give, give_bool, give_none, run_hot, run_hot_number, told};
use crate::py::verbs::set::reading::{self as general, look};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

/// What stands under a key, where nothing but the dict need be asked; null if it is to be asked in the general way.
///
/// # Safety
/// The key is alive.
#[inline(always)]
pub unsafe fn slot_of(table: &Set, key: *mut ffi::PyObject) -> Option<Option<Object>> {
    // SAFETY: `key` is alive; a word of the state is read.
    unsafe {
        if !is_plain(key) {
            return None; // its `==` may be Python code, which may do anything to this very dict
        }
        let state = table.peek();
        let dict = (*state).rows.direct()?;
        #[cfg(not(Py_GIL_DISABLED))]
        {
            let slot = ffi::PyDict_GetItemWithError(dict, key);
            if !slot.is_null() {
                return Some(Some(Object::borrowed(slot)));
            }
        }
        #[cfg(Py_GIL_DISABLED)]
        {
            let before = (*state).rows.disturbances();
            let mut slot = std::ptr::null_mut();
            let status = ffi::PyDict_GetItemRef(dict, key, &mut slot);
            let slot = Object::owned_or_none(slot);
            if status >= 0 && (before % 2 == 1 || (*state).rows.disturbances() != before) {
                return None; // many rows change: the general way waits for them
            }
            if status == 1 {
                return Some(slot);
            }
        }
        if ffi::PyErr_Occurred().is_null() {
            return Some(None);
        }
        ffi::PyErr_Clear(); // the general way says what is wrong
        None
    }
}

/// The value of a key, if it is there.
#[inline(always)]
unsafe fn value_of(table: &Set, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    // SAFETY: as `slot_of`; a row that is held does not change.
    unsafe {
        match slot_of(table, key) {
            Some(Some(slot)) if !is_row(slot.as_ptr()) => Ok(Some(slot)),
            Some(Some(slot)) => general::value_of(table, py, slot),
            Some(None) => Ok(None),
            None => told(|py| match look(table, py, key)? {
                None => Ok(None),
                Some(slot) => general::value_of(table, py, slot),
            }),
        }
    }
}

/// `lookup` of set tables.
pub unsafe extern "C" fn lookup(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        unsafe {
            let table: &Set = body(object);
            if positional == 1 && names.is_null() {
                return match value_of(table, py, *values)? {
                    Some(value) => give(value),
                    None => give_none(),
                };
            }
            let [key, default] = called(values, positional, names).sort(&general::LOOKUP)?;
            match value_of(table, py, key)? {
                Some(value) => give(value),
                None if default.is_null() => give_none(),
                None => give(own(default)),
            }
        }
    })
}

/// `member` of set tables.
pub unsafe extern "C" fn member(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: as in `lookup`.
        unsafe {
            let table: &Set = body(object);
            let [key] = match called(values, positional, names).exactly() {
                Some(given) => given,
                None => called(values, positional, names).sort(&general::MEMBER)?,
            };
            give_bool(value_of(table, py, key)?.is_some())
        }
    })
}

/// `key in table`.
pub unsafe extern "C" fn contains(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    run_hot_number(|py| {
        // SAFETY: CPython calls it with an object of its class.
        unsafe { Ok(c_int::from(value_of(body(object), py, key)?.is_some())) }
    })
}

/// `table[key]`.
pub unsafe extern "C" fn subscript(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: CPython calls it with an object of its class.
        unsafe {
            let table: &Set = body(object);
            match value_of(table, py, key)? {
                Some(value) => give(value),
                None => Err(errors::key_not_found(py, &Bound::from_borrowed_ptr(py, key), &table.label(py))),
            }
        }
    })
}
