//! Counting with small ints: a plain value is replaced, and a row cell gets another one.

use super::Set;
use crate::py::class::{body, own};
use crate::py::ground::handle::is_plain;
use crate::py::ground::number::{plus, small};
use crate::py::ground::row::{RowAt, is_row};
use crate::py::rows::{HashedRows, State};
use crate::py::verbs::install::{Method, run_hot, short_or, told};
use crate::py::verbs::set::counting as general;
use crate::store::deadlines::Scheduled;
use pyo3::ffi;

/// `update_counter` of set tables.
pub unsafe extern "C" fn update_counter(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
    unsafe { counted(object, values, positional, names, general::update_counter::<Set>) }
}

/// `_count` of set tables.
pub unsafe extern "C" fn count(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
    unsafe { counted(object, values, positional, names, general::count::<Set>) }
}

/// Count a plain key up by a small int, or do as the general verb.
#[inline(always)]
unsafe fn counted(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    otherwise: Method,
) -> *mut ffi::PyObject {
    short_or(
        |_| {
            // SAFETY: CPython calls a method with an object of its class, and with these arguments.
            unsafe {
                if !names.is_null() || (positional != 1 && positional != 2) {
                    return Ok(None);
                }
                let table: &Set = body(object);
                let key = *values;
                let step = if positional == 1 { Some(1) } else { small(*values.add(1)) };
                match step {
                    Some(step) if is_plain(key) => match table.section(|state| add(state, key, step)) {
                        Added::Sum(sum) => Ok(Some(sum)),
                        Added::Cell => Ok(Some(count_in_cell(table, key, step))),
                        Added::Nothing => Ok(None),
                    },
                    _ => Ok(None),
                }
            }
        },
        // SAFETY: as above.
        || unsafe { otherwise(object, values, positional, names) },
    )
}

/// Count a plain value up by a small int and return the sum; `None` where it takes more than that.
///
/// # Safety
/// The key is alive.
#[inline(always)]
pub unsafe fn count_up(table: &Set, key: *mut ffi::PyObject, step: i64) -> Option<*mut ffi::PyObject> {
    // SAFETY: says the caller.
    match unsafe { is_plain(key).then(|| table.section(|state| add(state, key, step)))? } {
        Added::Sum(sum) => Some(sum),
        _ => None,
    }
}

/// What came of adding to a plain value.
enum Added {
    /// The sum, which stands there now.
    Sum(*mut ffi::PyObject),
    /// There is a row cell.
    Cell,
    /// It takes more than this.
    Nothing,
}

/// Add to an int that stands under a key.
#[inline(always)]
unsafe fn add(state: &mut State<HashedRows>, key: *mut ffi::PyObject, step: i64) -> Added {
    // SAFETY: the key is plain and alive; what stands in the table is alive in the section. Ints are freed without Python code.
    unsafe {
        if !state.fast {
            return Added::Nothing;
        }
        let Ok(slot) = state.rows.slot_of(key) else { return Added::Nothing };
        if slot.is_null() {
            return Added::Nothing;
        }
        let Some(sum) = plus(slot, step) else {
            return if is_row(slot) { Added::Cell } else { Added::Nothing };
        };
        if ffi::PyDict_SetItem(state.rows.dict(), key, sum.as_ptr()) < 0 {
            ffi::PyErr_Clear();
            return Added::Nothing;
        }
        state.version += 1;
        Added::Sum(sum.into_ptr())
    }
}

/// Add to an int in a row cell, which keeps its end.
#[inline(never)]
unsafe fn count_in_cell(table: &Set, key: *mut ffi::PyObject, step: i64) -> *mut ffi::PyObject {
    run_hot(|py| {
        let (now, deadline) = table.begin_for(py, table.lifetime)?;
        // SAFETY: the caller holds the key, which is plain; what stands in the table is alive in the section.
        let sum = table.section(|state| unsafe {
            let slot = if state.fast { state.rows.slot_of(key).ok()? } else { std::ptr::null_mut() };
            if slot.is_null() || !is_row(slot) {
                return None;
            }
            let row = RowAt::of(slot);
            if !row.is_private() || row.deadline() <= now {
                return None;
            }
            let sum = plus(row.value(), step)?;
            drop(row.swap_value(sum.clone())); // an exact int
            state.version += 1;
            Some(sum)
        });
        match sum {
            Some(sum) => Ok(sum.into_ptr()),
            // SAFETY: the caller holds the key.
            None => told(|py| general::count_by(table, py, &unsafe { own(key) }, step, now, deadline)),
        }
    })
}
