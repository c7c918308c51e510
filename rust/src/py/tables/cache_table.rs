//! The cache: hashed keys, one value each, at most so many, counted.

use super::registry::{Slot, TableClass};
use super::{attributes, creating};
use crate::py::class::{self, body};
use crate::py::object;
use crate::py::verbs::cache::{self, Cache};
use crate::py::verbs::install::{Verb, give, give_none, run};
use crate::py::verbs::set;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::ffi::c_void;

/// The class.
pub static CLASS: TableClass = TableClass {
    name: c"noex.kernel._native.CacheTable",
    kind: "cache",
    created_with: "($type, name, clock, ttl, max_entries, /)",
    create,
    slots,
    verbs,
    make: class::make::<Cache>,
    finish: |class| attributes::add(class, c"_max_entries", max_entries),
    made: PyOnceLock::new(),
};

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

fn slots(_py: Python<'_>) -> PyResult<Vec<Slot>> {
    Ok(vec![
        (ffi::Py_sq_length, set::whole::length::<Cache> as *mut c_void),
        (ffi::Py_sq_contains, cache::contains as *mut c_void),
        attributes::slot::<Cache>(),
    ])
}

unsafe extern "C" fn create(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a class method with a class, and with these arguments.
    unsafe { creating::made("cache", &creating::with("max_entries"), class, (values, positional, names), limit_to) }
}

/// Have a cache hold no more entries than that, unless it is None.
fn limit_to(most: &Bound<'_, PyAny>, cache: &Cache) {
    if !most.is_none() {
        let limit = most.extract().unwrap_or(usize::MAX); // more than that is never there
        cache.section(|state| state.rows.set_limit(limit, object(most)));
    }
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
