//! Changing a value by what it was: `compute`, `compare_and_set`.

use super::methods;
use super::writing::{equal, find, new_row, replace};
use crate::py::class::{SetBody, own};
use crate::py::ground::errors;
use crate::py::ground::object::Object;
use crate::py::ground::sentinels;
use crate::py::rows::{Change, Rows, Table, this_thread};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give, give_bool};
use crate::store::deadlines::Scheduled;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

const COMPUTE: Parameters<3> =
    Parameters { method: "compute", names: ["key", "function", "default"], positional: 2, needed: 2 };
const COMPARE: Parameters<3> =
    Parameters { method: "compare_and_set", names: ["key", "expected", "new"], positional: 3, needed: 3 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "compute", signature: "($self, /, key, function, *, default=...)", method: compute::<B> },
        Verb { name: "compare_and_set", signature: "($self, /, key, expected, new)", method: compare_and_set::<B> },
    ]
}

methods! {
    fn compute(table, py, arguments) {
        let [key, function, default] = arguments.sort(&COMPUTE)?;
        // SAFETY: the caller holds them.
        let (key, function) = unsafe { (own(key), own(function)) };
        // SAFETY: as above.
        if unsafe { ffi::PyCallable_Check(function.as_ptr()) } == 0 {
            // SAFETY: as above.
            let text = unsafe { Bound::from_borrowed_ptr(py, function.as_ptr()) }.repr()?;
            return Err(PyTypeError::new_err(format!("compute takes a function, not {text}")));
        }
        // SAFETY: the caller holds it, where it is given.
        let default = (!default.is_null() && default != sentinels::missing(py)?).then(|| unsafe { own(default) });
        let (now, deadline) = table.begin(py, None)?;
        loop {
            let found = find(table, py, &key, now)?;
            let old = match (&found.row, &default) {
                // SAFETY: a row that is held does not change.
                (Some(row), _) => unsafe { Object::borrowed(row.at().value()) },
                (None, Some(default)) => default.clone(),
                (None, None) => {
                    // SAFETY: held.
                    let key = unsafe { Bound::from_borrowed_ptr(py, key.as_ptr()) };
                    return Err(errors::key_not_found(py, &key, &table.label(py)));
                }
            };
            let result = run(table, py, &found.handle, &function, &old)?;
            if result.as_ptr() == sentinels::delete(py)? {
                if found.row.is_none() || replace(table, py, found, None, now)? {
                    return give(old);
                }
                continue;
            }
            let deadline = found.row.as_ref().map_or(deadline, |row| row.at().deadline());
            let new = new_row(&found, result.clone(), deadline);
            if replace(table, py, found, Some(new), now)? {
                return give(result);
            }
        }
    }

    fn compare_and_set(table, py, arguments) {
        let [key, expected, new] = arguments.sort(&COMPARE)?;
        // SAFETY: the caller holds them.
        let (key, expected, new) = unsafe { (own(key), own(expected), own(new)) };
        let now = table.tick(py)?;
        loop {
            let found = find(table, py, &key, now)?;
            let Some(row) = found.row.clone() else { return give_bool(false) };
            // SAFETY: a row that is held does not change.
            if !equal(py, unsafe { row.at().value() }, expected.as_ptr())? {
                return give_bool(false);
            }
            let row = new_row(&found, new.clone(), row.at().deadline());
            if replace(table, py, found, Some(row), now)? {
                return give_bool(true);
            }
        }
    }
}

/// Call a function with a value, with its key marked as being computed by this thread.
pub fn run<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    handle: &R::Handle,
    function: &Object,
    value: &Object,
) -> PyResult<Object> {
    let mine = Change::<R> { handle: handle.clone(), old: None, new: None, witness: 0, quiet: true };
    table.forbid(py, std::slice::from_ref(&mine))?;
    let me = this_thread();
    table.section(|state| {
        state.computing.push((me, handle.clone()));
        state.refresh();
    });
    // SAFETY: both are held.
    let result = unsafe {
        let result = ffi::PyObject_CallOneArg(function.as_ptr(), value.as_ptr());
        Object::owned_or_none(result).ok_or_else(|| PyErr::fetch(py))
    };
    // Calls nest within a thread, so the last mark of this thread is the one made here.
    let mark = table.section(|state| {
        let place = state.computing.iter().rposition(|(thread, _)| *thread == me);
        let mark = place.map(|place| state.computing.remove(place));
        state.refresh();
        mark
    });
    drop(mark);
    result
}
