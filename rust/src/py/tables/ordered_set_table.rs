//! The ordered set table: one value per key, with the keys in order.

use super::registry::{Slot, TableClass, with_general};
use super::{attributes, creating};
use crate::py::class::{self, body, own};
use crate::py::object;
use crate::py::verbs::install::{Verb, give, run};
use crate::py::verbs::ordered::{self, Ordered, hot};
use crate::py::verbs::set;
use crate::py::walks::{self, OrderedWalk};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::ffi::c_void;

/// The class.
pub static CLASS: TableClass = TableClass {
    name: c"noex.kernel._native.OrderedSetTable",
    kind: "ordered_set",
    created_with: "($type, name, clock, ttl, key, /)",
    create,
    slots,
    verbs,
    make: class::make::<Ordered>,
    finish: |class| attributes::add(class, c"_key", key),
    made: PyOnceLock::new(),
};

fn slots(py: Python<'_>) -> PyResult<Vec<Slot>> {
    walks::initialise::<OrderedWalk>(py)?;
    Ok(vec![
        (ffi::Py_mp_length, set::whole::length::<Ordered> as *mut c_void),
        (ffi::Py_mp_subscript, hot::subscript as *mut c_void),
        (ffi::Py_mp_ass_subscript, hot::assign as *mut c_void),
        (ffi::Py_sq_contains, hot::contains as *mut c_void),
        walks::slot::<OrderedWalk>(),
        attributes::slot::<Ordered>(),
    ])
}

fn verbs() -> Vec<Verb> {
    let mut verbs = with_general(ordered::verbs(), set::verbs::<Ordered>());
    verbs.extend(walks::verbs::<OrderedWalk>());
    verbs
}

unsafe extern "C" fn create(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a class method with a class, and with these arguments.
    unsafe { creating::made("ordered_set", &creating::with("key"), class, (values, positional, names), order_by) }
}

/// Have the places of keys made by a function, unless it is None.
fn order_by(function: &Bound<'_, PyAny>, table: &Ordered) {
    if !function.is_none() {
        table.section(|state| state.rows.order_by(object(function)));
    }
}

/// The function that makes the places of keys, or None.
unsafe extern "C" fn key(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    run(|_| {
        // SAFETY: CPython asks an object of the class; None is always there.
        unsafe {
            let function = body::<Ordered>(object).section(|state| state.rows.function().cloned());
            give(function.unwrap_or_else(|| own(ffi::Py_None())))
        }
    })
}
