//! The set table: hashed keys, one value each.

use super::attributes;
use crate::py::class::{self, class_of, create};
use crate::py::ground::object::Object;
use crate::py::object;
use crate::py::rows::{Change, HashedRows, Outcome, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, called, give_none, install as put_in, run};
use crate::py::verbs::{hot, set};
use crate::py::walks::{self, SetWalk};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::ffi::c_void;

type Set = Table<HashedRows>;

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

const CREATE: Parameters<3> =
    Parameters { method: "_create", names: ["name", "clock", "ttl"], positional: 3, needed: 3 };
const NOTHING: Parameters<0> = Parameters { method: "_pop_entry", names: [], positional: 0, needed: 0 };

fn verbs() -> Vec<Verb> {
    let mut verbs = hot::verbs();
    for general in set::verbs::<Set>() {
        if verbs.iter().all(|verb| verb.name != general.name) {
            verbs.push(general);
        }
    }
    verbs.push(Verb { name: "_pop_entry", signature: "($self, /)", method: pop_entry });
    verbs.extend(walks::verbs::<SetWalk>());
    verbs
}

/// Make the class and put it into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let class = CLASS.get_or_try_init(py, || {
        let slots = [
            (ffi::Py_mp_length, set::whole::length::<Set> as *mut c_void),
            (ffi::Py_mp_subscript, hot::subscript as *mut c_void),
            (ffi::Py_mp_ass_subscript, hot::assign as *mut c_void),
            (ffi::Py_sq_contains, hot::contains as *mut c_void),
            walks::slot::<SetWalk>(),
            attributes::slot::<Set>(),
        ];
        walks::initialise::<SetWalk>(py)?;
        let class = class::make::<Set>(py, c"noex.kernel._native.SetTable", &slots, &verbs())?;
        class.setattr("kind", "set")?;
        class::class_method(&class, "_create", "($type, name, clock, ttl, /)", make)?;
        PyResult::Ok(class.unbind())
    })?;
    module.add("SetTable", class)
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
            let [name, clock, ttl] = called(values, positional, names).sort(&CREATE)?;
            let bound = |object| Bound::from_borrowed_ptr(py, object);
            let lifetime: Option<f64> = bound(ttl).extract()?;
            let table = Set::new(py, "set", &bound(name), &bound(clock), lifetime)?;
            create(&class_of(py, class)?, table)
        }
    })
}

/// Remove the entry whose key arrived last and return it; None in an empty table.
unsafe extern "C" fn pop_entry(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        let table: &Set = unsafe {
            let [] = called(values, positional, names).sort(&NOTHING)?;
            class::body(this)
        };
        loop {
            table.refuse_closed(py)?;
            let now = table.tick_all(py)?;
            let dict = table.section(|state| state.rows.shared_dict());
            let newest = dict.bound(py).call_method0("__reversed__")?.try_iter()?.next();
            let Some(handle) = newest.transpose()?.as_ref().map(object) else { return give_none() };
            let Some(row) = table.row_of(&handle) else { continue };
            let change = Change { handle, old: Some(row.clone()), new: None, witness: 0, quiet: false };
            if matches!(table.commit(py, change, now)?, Outcome::Done) {
                // SAFETY: a row that is held does not change.
                let (key, value) = unsafe { (Object::borrowed(row.at().key()), Object::borrowed(row.at().value())) };
                let pair = (key.into_py(py), value.into_py(py));
                return Ok(pair.into_pyobject(py)?.into_ptr());
            }
        }
    })
}
