//! The cache: hashed keys, one value each, at most so many, counted.

use super::attributes;
use crate::py::class::{self, body, class_of, create, own};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::cache::{self, Cache};
use crate::py::verbs::install::{Verb, called, give, give_none, install as put_in, run};
use crate::py::verbs::set;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::ffi::{CStr, c_void};

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

const CREATE: Parameters<4> =
    Parameters { method: "_create", names: ["name", "clock", "ttl", "max_entries"], positional: 4, needed: 4 };

/// What a cache has of the verbs of set kinds. The others would write without evicting.
const SHARED: [&str; 14] = [
    "clear",
    "expires_in",
    "persist",
    "sweep",
    "touch",
    "_check",
    "_count_where",
    "_due",
    "_entries",
    "_fold",
    "_label",
    "_memory",
    "_select",
    "_shut",
];

fn verbs() -> Vec<Verb> {
    let mut verbs = cache::verbs();
    verbs.extend(set::verbs::<Cache>().into_iter().filter(|verb| SHARED.contains(&verb.name)));
    verbs
}

/// Make the class and put it into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let class = CLASS.get_or_try_init(py, || {
        let slots = [
            (ffi::Py_sq_length, set::whole::length::<Cache> as *mut c_void),
            (ffi::Py_sq_contains, cache::contains as *mut c_void),
            attributes::slot::<Cache>(),
        ];
        let class = class::make::<Cache>(py, c"noex.kernel._native.CacheTable", &slots, &verbs())?;
        class.setattr("kind", "cache")?;
        class::class_method(&class, "_create", "($type, name, clock, ttl, max_entries, /)", make)?;
        class.setattr("_max_entries", attribute(&class, c"_max_entries", max_entries)?)?;
        PyResult::Ok(class.unbind())
    })?;
    module.add("CacheTable", class)
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
            let [name, clock, ttl, max_entries] = called(values, positional, names).sort(&CREATE)?;
            let bound = |object| Bound::from_borrowed_ptr(py, object);
            let lifetime: Option<f64> = bound(ttl).extract()?;
            let table = Cache::new(py, "cache", &bound(name), &bound(clock), lifetime)?;
            if max_entries != ffi::Py_None() {
                let limit = bound(max_entries).extract().unwrap_or(usize::MAX); // more than that is never there
                table.section(|state| state.rows.set_limit(limit, own(max_entries)));
            }
            create(&class_of(py, class)?, table)
        }
    })
}

/// Make an attribute of the class that can be read.
fn attribute<'py>(class: &Bound<'py, PyType>, name: &'static CStr, get: ffi::getter) -> PyResult<Bound<'py, PyAny>> {
    let definition = Box::leak(Box::new(ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set: None,
        doc: std::ptr::null(),
        closure: std::ptr::null_mut(),
    }));
    // SAFETY: the definition is complete, and stands for good, as the class does.
    unsafe { Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewGetSet(class.as_type_ptr(), definition)) }
}

/// The most entries that there may be, or None.
unsafe extern "C" fn max_entries(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    run(|_| {
        // SAFETY: CPython asks an object of the class.
        match unsafe { body::<Cache>(object) }.section(|state| state.rows.given_limit()) {
            None => give_none(),
            Some(limit) => give(limit),
        }
    })
}
