//! Counters: a small step of a counter that is there already.

use super::slot::Slot;
use super::{Original, table_class, table_in};
use crate::py::ground::number::small;
use crate::py::verbs::hot::count_up;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

struct Known {
    increment: Original,
    decrement: Original,
    table: Slot,
    kind: Py<PyType>,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

pub fn shorten(class: &Bound<'_, PyType>) -> PyResult<()> {
    const SIGNATURE: &str = "($self, key, amount=1)";
    let py = class.py();
    let known = Known {
        table: Slot::of(class, "_table")?,
        kind: table_class(py)?,
        increment: Original::replace(class, "increment", SIGNATURE, increment)?,
        decrement: Original::replace(class, "decrement", SIGNATURE, decrement)?,
    };
    let _ = KNOWN.set(py, known); // the first one stands: a class that is made again is the same one
    Ok(())
}

unsafe extern "C" fn increment(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
    unsafe { counted(object, values, positional, names, Some, |known| &known.increment) }
}

unsafe extern "C" fn decrement(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `increment`.
    unsafe { counted(object, values, positional, names, i64::checked_neg, |known| &known.decrement) }
}

#[inline(always)]
unsafe fn counted(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    direction: impl FnOnce(i64) -> Option<i64>,
    original: impl FnOnce(&Known) -> &Original,
) -> *mut ffi::PyObject {
    // SAFETY: says the caller; CPython calls methods in threads that are attached.
    unsafe {
        let Some(known) = KNOWN.get(Python::assume_attached()) else { unreachable!("there before the method is") };
        if names.is_null()
            && (positional == 1 || positional == 2)
            && let Some(amount) = if positional == 1 { Some(1) } else { small(*values.add(1)) }
            && let Some(step) = direction(amount)
            && let Some((_, table)) = table_in(known.table, object, &known.kind)
            && let Some(sum) = count_up(table, *values, step)
        {
            return sum;
        }
        original(known).call(object, values, positional, names)
    }
}
