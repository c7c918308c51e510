//! Writing and removing entries.

use super::Cache;
use super::short::{remove, set_plain};
use crate::py::class::{body, own};
use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::py::rows::{CachedRows, Change, Found, Outcome, Trash};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{called, give_bool, give_none, run, run_hot};
use crate::py::verbs::set::writing;
use pyo3::ffi;
use pyo3::prelude::*;

const SET: Parameters<3> = Parameters { method: "set", names: ["key", "value", "ttl"], positional: 2, needed: 2 };
const ADD: Parameters<4> =
    Parameters { method: "_add", names: ["key", "value", "ttl", "unless"], positional: 4, needed: 4 };

/// Write an entry.
pub unsafe extern "C" fn set(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: as in `get`.
        unsafe {
            let table: &Cache = body(object);
            let [key, value, ttl] = if positional == 2 && names.is_null() {
                [*values, *values.add(1), std::ptr::null_mut()]
            } else {
                called(values, positional, names).sort(&SET)?
            };
            let (now, deadline) = table.begin(py, writing::given(ttl))?;
            if !is_plain(key) || !set_plain(table, py, key, value, now, deadline)? {
                Python::attach(|py| set_any(table, py, &own(key), &own(value), now, deadline))?;
            }
            give_none()
        }
    })
}

/// Write an entry, whatever stands there.
#[inline(never)]
fn set_any(table: &Cache, py: Python<'_>, key: &Object, value: &Object, now: i64, deadline: i64) -> PyResult<()> {
    loop {
        let found = writing::find(table, py, key, now)?;
        if keep(table, py, found, value, now, deadline, None)? {
            return Ok(());
        }
    }
}

/// Commit a row, note its use, and bring the cache back to its size, in one step; false, and nothing, if what was found
/// is out of date, or somebody has asked for a removal since `removals` was read.
fn keep(
    table: &Cache,
    py: Python<'_>,
    found: Found<CachedRows>,
    value: &Object,
    now: i64,
    deadline: i64,
    removals: Option<u64>,
) -> PyResult<bool> {
    let new = writing::new_row(&found, value.clone(), deadline);
    let change =
        [Change { handle: found.handle, old: found.row, new: Some(new.clone()), witness: found.witness, quiet: false }];
    let prepared = table.prepare(py, &change)?;
    let (mut gone, mut trash) = (Vec::new(), Trash::new());
    let outcome = table.section(|state| {
        let current = removals.is_none_or(|known| known == state.rows.removals);
        if state.closed || !current || !matches!(state.agree(&change, &prepared), Ok(true)) {
            return Outcome::Stale;
        }
        state.apply(&change, &[], prepared, now, &mut trash);
        state.rows.used(new.as_ptr());
        state.shrink(now, &mut gone, &mut trash);
        Outcome::Done
    });
    drop(trash);
    table.reclaimed(py, gone)?;
    Ok(matches!(outcome, Outcome::Done))
}

/// Write an entry only where the key is absent, and not if `unless.stale`; return whether it was written.
///
/// Whoever makes something stale does so before it asks for the removal that makes it so. So it is enough that nobody
/// asks for one between the look at `stale` and the write: then the removal comes after the write, and undoes it.
pub unsafe extern "C" fn add(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: as in `get`; the caller holds what it gave.
        unsafe {
            let table: &Cache = body(object);
            let [key, value, ttl, unless] = called(values, positional, names).sort(&ADD)?;
            let (key, value, unless) = (own(key), own(value), own(unless));
            let (now, deadline) = table.begin(py, Some(ttl))?;
            loop {
                let found = writing::find(table, py, &key, now)?;
                if found.row.is_some() {
                    return give_bool(false);
                }
                let removals = table.section(|state| state.rows.removals);
                if unless.bound(py).getattr(pyo3::intern!(py, "stale"))?.is_truthy()? {
                    return give_bool(false);
                }
                if keep(table, py, found, &value, now, deadline, Some(removals))? {
                    return give_bool(true);
                }
            }
        }
    })
}

/// Remove an entry; tell whether there was one.
pub unsafe extern "C" fn delete(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: as in `get`.
        unsafe {
            let table: &Cache = body(object);
            let [key] = called(values, positional, names).sort(&writing::KEYED)?;
            let now = table.tick(py)?;
            let plain = is_plain(key);
            let done = table.section(|state| {
                state.rows.removals += 1;
                if plain { remove(state, key, now) } else { None }
            });
            match done {
                Some(gone) => give_bool(gone.is_some()),
                None => give_bool(writing::remove(table, py, key)?.is_some()),
            }
        }
    })
}
