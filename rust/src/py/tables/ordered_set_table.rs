//! The ordered set table: one value per key, with the keys in order.

use super::attributes;
use crate::py::class::{self, body, class_of, create, own};
use crate::py::rows::Table;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, called, give, install as put_in, run};
use crate::py::verbs::ordered::{self, Ordered, hot};
use crate::py::verbs::set;
use crate::py::walks::{self, OrderedWalk};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::ffi::c_void;

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

const CREATE: Parameters<4> =
    Parameters { method: "_create", names: ["name", "clock", "ttl", "key"], positional: 4, needed: 4 };

fn verbs() -> Vec<Verb> {
    let mut verbs = ordered::verbs();
    verbs.extend(walks::verbs::<OrderedWalk>());
    for general in set::verbs::<Ordered>() {
        if verbs.iter().all(|verb| verb.name != general.name) {
            verbs.push(general);
        }
    }
    verbs
}

/// Make the class and put it into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let class = CLASS.get_or_try_init(py, || {
        let slots = [
            (ffi::Py_mp_length, set::whole::length::<Ordered> as *mut c_void),
            (ffi::Py_mp_subscript, hot::subscript as *mut c_void),
            (ffi::Py_mp_ass_subscript, hot::assign as *mut c_void),
            (ffi::Py_sq_contains, hot::contains as *mut c_void),
            walks::slot::<OrderedWalk>(),
            attributes::slot::<Ordered>(),
        ];
        walks::initialise::<OrderedWalk>(py)?;
        let class = class::make::<Ordered>(py, c"noex.kernel._native.OrderedSetTable", &slots, &verbs())?;
        class.setattr("kind", "ordered_set")?;
        class.setattr("_key", key_attribute(&class)?)?;
        class::class_method(&class, "_create", "($type, name, clock, ttl, key, /)", make)?;
        PyResult::Ok(class.unbind())
    })?;
    module.add("OrderedSetTable", class)
}

/// Give a class that stands on this one methods of its own.
pub fn install(class: &Bound<'_, PyType>, documented: &Bound<'_, PyAny>) -> PyResult<()> {
    match CLASS.get(class.py()) {
        Some(base) if class.is_subclass(base.bind(class.py()))? => {
            put_in(class, base.bind(class.py()), Some(documented), &verbs())
        }
        _ => Ok(()),
    }
}

unsafe extern "C" fn make(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: CPython calls a class method with a class, and with these arguments.
        unsafe {
            let [name, clock, ttl, key] = called(values, positional, names).sort(&CREATE)?;
            let bound = |object| Bound::from_borrowed_ptr(py, object);
            let lifetime: Option<f64> = bound(ttl).extract()?;
            let table: Ordered = Table::new(py, "ordered_set", &bound(name), &bound(clock), lifetime)?;
            if key != ffi::Py_None() {
                table.section(|state| state.rows.order_by(own(key)));
            }
            create(&class_of(py, class)?, table)
        }
    })
}

/// The attribute `_key` of the class.
fn key_attribute<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let definition = Box::leak(Box::new(ffi::PyGetSetDef {
        name: c"_key".as_ptr(),
        get: Some(key),
        set: None,
        doc: std::ptr::null(),
        closure: std::ptr::null_mut(),
    }));
    // SAFETY: the definition is complete, and stands for good.
    unsafe { Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewGetSet(class.as_type_ptr(), definition)) }
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
