//! The set table: hashed keys, one value each.

use super::registry::{Slot, TableClass, with_general};
use super::{attributes, creating};
use crate::py::class;
use crate::py::ground::errors;
use crate::py::ground::object::Object;
use crate::py::object;
use crate::py::rows::{Change, HashedRows, Outcome, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, called, give_none, run};
use crate::py::verbs::{hot, set};
use crate::py::walks::{self, SetWalk};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::ffi::c_void;

type Set = Table<HashedRows>;

/// The class.
pub static CLASS: TableClass = TableClass {
    name: c"noex.kernel._native.SetTable",
    kind: "set",
    created_with: "($type, name, clock, ttl, /)",
    create,
    slots,
    verbs,
    make: class::make::<Set>,
    finish: |_| Ok(()),
    made: PyOnceLock::new(),
};

const NOTHING: Parameters<0> = Parameters { method: "_pop_entry", names: [], positional: 0, needed: 0 };

fn slots(py: Python<'_>) -> PyResult<Vec<Slot>> {
    walks::initialise::<SetWalk>(py)?;
    Ok(vec![
        (ffi::Py_mp_length, set::whole::length::<Set> as *mut c_void),
        (ffi::Py_mp_subscript, hot::subscript as *mut c_void),
        (ffi::Py_mp_ass_subscript, hot::assign as *mut c_void),
        (ffi::Py_sq_contains, hot::contains as *mut c_void),
        walks::slot::<SetWalk>(),
        attributes::slot::<Set>(),
    ])
}

fn verbs() -> Vec<Verb> {
    let mut verbs = with_general(hot::verbs(), set::verbs::<Set>());
    verbs.push(Verb { name: "_pop_entry", signature: "($self, /)", method: pop_entry });
    verbs.extend(walks::verbs::<SetWalk>());
    verbs
}

unsafe extern "C" fn create(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a class method with a class, and with these arguments.
    unsafe { creating::made::<HashedRows, 3>("set", &creating::PLAIN, class, (values, positional, names), |_, _| ()) }
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
            let now = table.tick_all(py)?;
            let dict = table.section(|state| (!state.closed).then(|| state.rows.shared_dict()));
            let dict = dict.ok_or_else(|| errors::closed(py, &table.label(py)))?;
            let handle = match dict.bound(py).call_method0("__reversed__")?.try_iter()?.next() {
                None => return give_none(),
                Some(Ok(newest)) => object(&newest),
                // The dict has changed since the iterator was made: in another thread, or by a finalizer.
                Some(Err(failure)) if failure.is_instance_of::<PyRuntimeError>(py) => continue,
                Some(Err(failure)) => return Err(failure),
            };
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
