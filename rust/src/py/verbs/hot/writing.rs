//! Writing an entry: one probe of the dict, two where there are row cells.

use super::Set;
use super::removing::remove;
use crate::py::class::{body, own};
use crate::py::ground::errors;
use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef, is_row};
use crate::py::verbs::install::{called, give_none, run_hot, run_hot_number, told};
use crate::py::verbs::set::writing as general;
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

/// `insert` of set tables.
pub unsafe extern "C" fn insert(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        unsafe {
            let table: &Set = body(object);
            if names.is_null() && positional == 2 {
                write(table, py, *values, *values.add(1))?;
            } else {
                let usual = positional == 2
                    && ffi::PyTuple_GET_SIZE(names) == 1
                    && ffi::PyTuple_GET_ITEM(names, 0) == pyo3::intern!(py, "ttl").as_ptr();
                let [key, value, ttl] = if usual {
                    [*values, *values.add(1), *values.add(2)]
                } else {
                    called(values, positional, names).sort(&general::INSERT)?
                };
                match general::given(ttl) {
                    None => write(table, py, key, value)?,
                    Some(ttl) => {
                        let length = table.length(py, ttl)?;
                        write_for(table, py, key, value, length, Some(ttl))?;
                    }
                }
            }
            give_none()
        }
    })
}

/// Write an entry with the lifetime of the table.
#[inline(always)]
unsafe fn write(table: &Set, py: Python<'_>, key: *mut ffi::PyObject, value: *mut ffi::PyObject) -> PyResult<()> {
    // SAFETY: the caller holds both.
    unsafe {
        if table.lifetime.is_none() && is_plain(key) {
            let dict = table.section(|state| {
                let alone = state.fast && state.cells == 0;
                state.version += u64::from(alone);
                alone.then(|| state.rows.shared_dict())
            });
            if let Some(dict) = dict {
                return set(table, py, dict, key, value);
            }
        }
        write_for(table, py, key, value, table.lifetime, None)
    }
}

/// Put a value into a dict without row cells. What stood there is dropped by the dict itself, as the last thing it does: a finalizer
/// finds the change made, and may do what it likes with the table, for the dict is held here.
#[cfg(not(Py_GIL_DISABLED))]
#[inline(always)]
unsafe fn set(
    _table: &Set,
    py: Python<'_>,
    dict: Object,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> PyResult<()> {
    // SAFETY: the caller holds both.
    if unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key, value) } < 0 { Err(PyErr::fetch(py)) } else { Ok(()) }
}

/// Put a value into a dict without row cells; what stood there is dropped after the lock.
#[cfg(Py_GIL_DISABLED)]
unsafe fn set(
    table: &Set,
    py: Python<'_>,
    _dict: Object,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> PyResult<()> {
    // SAFETY: the caller holds both; what stands in the table is alive in the section.
    let done = table.section(|state| unsafe {
        if !state.fast || state.cells > 0 {
            return Ok(None); // others have been here since
        }
        let Ok(old) = state.rows.slot_of(key) else { return Ok(None) };
        let old = (!old.is_null()).then(|| Object::borrowed(old));
        state.version += 1; // once more: others may have looked since it was asked for
        state.rows.add(key, &own(value)).map(|()| Some(old))
    });
    match done {
        Ok(Some(displaced)) => {
            drop(displaced);
            Ok(())
        }
        // SAFETY: the caller holds both.
        Ok(None) => unsafe { write_for(table, py, key, value, table.lifetime, None) },
        Err(()) => Err(PyErr::fetch(py)),
    }
}

/// Write an entry that may have an end, over a row cell that is changed in place, or as a new one.
#[inline(never)]
unsafe fn write_for(
    table: &Set,
    py: Python<'_>,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    length: Option<f64>,
    ttl: Option<*mut ffi::PyObject>,
) -> PyResult<()> {
    // SAFETY: the caller holds all that was given.
    unsafe {
        if !is_plain(key) {
            return told(|py| general::write(table, py, key, value, ttl));
        }
        let (now, deadline) = table.begin_for(py, length)?;
        let mut value = Some(own(value));
        let done = table.section(|state| {
            if !state.fast {
                return Ok(None);
            }
            let Ok(slot) = state.rows.slot_of(key) else { return Ok(None) };
            if slot.is_null() {
                state.version += 1;
                let Some(value) = value.take() else { return Ok(None) };
                if deadline == NO_END {
                    return state.rows.add(key, &value).map(|()| Some(value));
                }
                let row = RowRef::new(own(key), value, deadline);
                state.rows.add(key, &row.clone().into_object())?;
                state.deadlines.insert(row.at());
                state.cells += 1;
                return Ok(Some(row.into_object()));
            }
            if !is_row(slot) {
                if deadline != NO_END {
                    return Ok(None);
                }
                let displaced = Object::borrowed(slot);
                state.version += 1;
                let Some(value) = value.take() else { return Ok(None) };
                return state.rows.add(key, &value).map(|()| Some(displaced));
            }
            let row = RowAt::of(slot);
            if !row.is_private() || row.deadline() <= now || (row.deadline() == NO_END) != (deadline == NO_END) {
                return Ok(None);
            }
            state.version += 1;
            state.postpone(row, deadline);
            Ok(value.take().map(|value| row.swap_value(value)))
        });
        match done {
            Ok(Some(displaced)) => {
                drop(displaced);
                Ok(())
            }
            Ok(None) => {
                let Some(value) = value else { return Ok(()) };
                told(|py| general::write_until(table, py, &own(key), &value, now, deadline))
            }
            Err(()) => Err(PyErr::fetch(py)),
        }
    }
}

/// `table[key] = value`, `del table[key]`.
pub unsafe extern "C" fn assign(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    run_hot_number(|py| {
        // SAFETY: CPython calls it with an object of its class; no value means to remove.
        unsafe {
            let table: &Set = body(object);
            if value.is_null() {
                if remove(table, key)?.is_none() {
                    return Err(errors::key_not_found(py, &Bound::from_borrowed_ptr(py, key), &table.label(py)));
                }
            } else {
                write(table, py, key, value)?;
            }
            Ok(0)
        }
    })
}
