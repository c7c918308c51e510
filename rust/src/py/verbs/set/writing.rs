//! Writing and removing single entries.

use super::methods;
use crate::py::class::{SetBody, own};
use crate::py::ground::object::Object;
use crate::py::ground::row::RowRef;
use crate::py::rows::{Change, Found, Outcome, Rows, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give, give_bool, give_count, give_none};
use pyo3::ffi;
use pyo3::prelude::*;

pub const INSERT: Parameters<3> =
    Parameters { method: "insert", names: ["key", "value", "ttl"], positional: 2, needed: 2 };
pub const KEYED: Parameters<1> = Parameters { method: "delete", names: ["key"], positional: 1, needed: 1 };
pub const TAKE: Parameters<2> = Parameters { method: "take", names: ["key", "default"], positional: 2, needed: 1 };
const SETDEFAULT: Parameters<2> =
    Parameters { method: "setdefault", names: ["key", "default"], positional: 2, needed: 1 };
const OBJECT: Parameters<2> = Parameters { method: "delete_object", names: ["key", "value"], positional: 2, needed: 2 };
const REKEY: Parameters<3> = Parameters { method: "_rekey", names: ["old", "new", "ttl"], positional: 3, needed: 3 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "insert", signature: "($self, /, key, value, *, ttl=...)", method: insert::<B> },
        Verb { name: "insert_new", signature: "($self, /, key, value, *, ttl=...)", method: insert_new::<B> },
        Verb { name: "setdefault", signature: "($self, key, default=None, /)", method: setdefault::<B> },
        Verb { name: "take", signature: "($self, /, key, default=None)", method: take::<B> },
        Verb { name: "delete", signature: "($self, /, key)", method: delete::<B> },
        Verb { name: "delete_object", signature: "($self, /, key, value)", method: delete_object::<B> },
        Verb { name: "_rekey", signature: "($self, old, new, ttl, /)", method: rekey::<B> },
    ]
}

/// The lifetime that was given, if one was.
pub fn given(ttl: *mut ffi::PyObject) -> Option<*mut ffi::PyObject> {
    (!ttl.is_null()).then_some(ttl)
}

/// The row that a key gets, under the handle it was found by.
pub fn new_row<R: Rows>(found: &Found<R>, value: Object, deadline: i64) -> RowRef {
    let handle = match &found.row {
        // SAFETY: held here.
        Some(row) => unsafe { Object::borrowed(row.at().handle()) },
        None => R::keep(&found.handle),
    };
    R::row(handle, value, deadline)
}

/// Commit one row in the place of what was found.
pub fn replace<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    found: Found<R>,
    new: Option<RowRef>,
    now: i64,
) -> PyResult<bool> {
    let change = Change { handle: found.handle, old: found.row, new, witness: found.witness, quiet: false };
    Ok(matches!(table.commit(py, change, now)?, Outcome::Done))
}

/// Write an entry, whatever stands there.
pub fn write<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    ttl: Option<*mut ffi::PyObject>,
) -> PyResult<()> {
    // SAFETY: the caller holds both.
    let (key, value) = unsafe { (own(key), own(value)) };
    let (now, deadline) = table.begin(py, ttl)?;
    write_until(table, py, &key, &value, now, deadline)
}

/// Write an entry with that deadline, whatever stands there.
pub fn write_until<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    key: &Object,
    value: &Object,
    now: i64,
    deadline: i64,
) -> PyResult<()> {
    loop {
        let found = find(table, py, key, now)?;
        let new = new_row(&found, value.clone(), deadline);
        if replace(table, py, found, Some(new), now)? {
            return Ok(());
        }
    }
}

/// Find a key, and explain it if it can be none.
pub fn find<R: Rows>(table: &Table<R>, py: Python<'_>, key: &Object, now: i64) -> PyResult<Found<R>> {
    table.find(py, key, now).map_err(|failure| table.explain(py, failure, key))
}

/// Remove an entry and return its value, if there is one.
pub fn remove<R: Rows>(table: &Table<R>, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    // SAFETY: the caller holds it.
    let key = unsafe { own(key) };
    let now = table.tick(py)?;
    loop {
        let found = find(table, py, &key, now)?;
        let Some(row) = found.row.clone() else { return Ok(None) };
        if replace(table, py, found, None, now)? {
            // SAFETY: held here.
            return Ok(Some(unsafe { Object::borrowed(row.at().value()) }));
        }
    }
}

/// Write an entry where there is none; else return the value there.
fn write_new<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    ttl: Option<*mut ffi::PyObject>,
) -> PyResult<Option<Object>> {
    // SAFETY: the caller holds both.
    let (key, value) = unsafe { (own(key), own(value)) };
    let (now, deadline) = table.begin(py, ttl)?;
    loop {
        let found = find(table, py, &key, now)?;
        if let Some(row) = &found.row {
            // SAFETY: held here.
            return Ok(Some(unsafe { Object::borrowed(row.at().value()) }));
        }
        let new = new_row(&found, value.clone(), deadline);
        if replace(table, py, found, Some(new), now)? {
            return Ok(None);
        }
    }
}

/// Tell whether two objects are the same or equal. Runs code of the user's.
pub fn equal(py: Python<'_>, one: *mut ffi::PyObject, other: *mut ffi::PyObject) -> PyResult<bool> {
    // SAFETY: the caller holds both.
    match unsafe { ffi::PyObject_RichCompareBool(one, other, ffi::Py_EQ) } {
        -1 => Err(PyErr::fetch(py)),
        same => Ok(same == 1),
    }
}

methods! {
    fn insert(table, py, arguments) {
        let [key, value, ttl] = arguments.sort(&INSERT)?;
        write(table, py, key, value, given(ttl))?;
        give_none()
    }

    fn insert_new(table, py, arguments) {
        let [key, value, ttl] = arguments.sort(&Parameters { method: "insert_new", ..INSERT })?;
        give_bool(write_new(table, py, key, value, given(ttl))?.is_none())
    }

    fn setdefault(table, py, arguments) {
        let [key, default] = arguments.sort(&SETDEFAULT)?;
        // SAFETY: None is always there.
        let default = if default.is_null() { unsafe { ffi::Py_None() } } else { default };
        match write_new(table, py, key, default, None)? {
            Some(value) => give(value),
            // SAFETY: the caller holds the default.
            None => give(unsafe { own(default) }),
        }
    }

    fn take(table, py, arguments) {
        let [key, default] = arguments.sort(&TAKE)?;
        match remove(table, py, key)? {
            Some(value) => give(value),
            None if default.is_null() => give_none(),
            // SAFETY: the caller holds the default.
            None => give(unsafe { own(default) }),
        }
    }

    fn delete(table, py, arguments) {
        let [key] = arguments.sort(&KEYED)?;
        give_bool(remove(table, py, key)?.is_some())
    }

    fn delete_object(table, py, arguments) {
        let [key, value] = arguments.sort(&OBJECT)?;
        // SAFETY: the caller holds both.
        let (key, value) = unsafe { (own(key), own(value)) };
        let now = table.tick(py)?;
        loop {
            let found = find(table, py, &key, now)?;
            let Some(row) = found.row.clone() else { return give_count(py, 0) };
            // SAFETY: held here.
            if !equal(py, unsafe { row.at().value() }, value.as_ptr())? {
                return give_count(py, 0);
            }
            if replace(table, py, found, None, now)? {
                return give_count(py, 1);
            }
        }
    }

    /// Give an entry another key, which is new, and a new lifetime; return its value, or `ABSENT`.
    fn rekey(table, py, arguments) {
        let [old, new, ttl] = arguments.sort(&REKEY)?;
        // SAFETY: the caller holds both.
        let (old, new) = unsafe { (own(old), own(new)) };
        let (now, deadline) = table.begin(py, given(ttl))?;
        loop {
            let leaving = find(table, py, &old, now)?;
            let Some(row) = leaving.row.clone() else { return crate::py::absent(py) };
            // SAFETY: held here.
            let value = unsafe { Object::borrowed(row.at().value()) };
            let arriving = find(table, py, &new, now)?;
            let fresh = new_row(&arriving, value.clone(), deadline);
            let changes = [
                Change { handle: leaving.handle, old: leaving.row, new: None, witness: leaving.witness, quiet: false },
                Change { handle: arriving.handle, old: arriving.row, new: Some(fresh), witness: arriving.witness, quiet: false },
            ];
            if matches!(table.commit_all(py, &changes, now)?, Outcome::Done) {
                return give(value);
            }
        }
    }
}
