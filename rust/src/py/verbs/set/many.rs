//! Writing and removing many entries at once: read first, then done in one step.

use super::methods;
use super::writing::{find, given};
use crate::py::class::{SetBody, own};
use crate::py::ground::object::Object;
use crate::py::rows::{Change, Outcome, Rows, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count};
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};

const INSERT_MANY: Parameters<2> =
    Parameters { method: "insert_many", names: ["items", "ttl"], positional: 1, needed: 1 };
const DELETE_MANY: Parameters<1> = Parameters { method: "delete_many", names: ["keys"], positional: 1, needed: 1 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "insert_many", signature: "($self, /, items, *, ttl=...)", method: insert_many::<B> },
        Verb { name: "delete_many", signature: "($self, /, keys)", method: delete_many::<B> },
    ]
}

methods! {
    fn insert_many(table, py, arguments) {
        let [items, ttl] = arguments.sort(&INSERT_MANY)?;
        // SAFETY: the caller holds it.
        give_count(py, insert_items(table, py, unsafe { own(items) }, given(ttl))?)
    }

    fn delete_many(table, py, arguments) {
        let [keys] = arguments.sort(&DELETE_MANY)?;
        // SAFETY: the caller holds it.
        let keys = unsafe { Bound::from_borrowed_ptr(py, keys) };
        // SAFETY: each is held by `item`.
        let keys = keys.try_iter()?.map(|item| Ok(unsafe { own(item?.as_ptr()) })).collect::<PyResult<Vec<Object>>>()?;
        give_count(py, delete_all(table, py, &keys)?)
    }
}

/// Write the entries of a mapping or of pairs; return how many keys were written.
pub fn insert_items<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    items: Object,
    ttl: Option<*mut ffi::PyObject>,
) -> PyResult<usize> {
    let (now, deadline) = table.begin(py, ttl)?;
    let pairs = R::distinct(py, pairs_of(py, items)?).map_err(|failure| table.explain_items(py, failure))?;
    insert_pairs(table, py, &pairs, |_| deadline, now)
}

/// Write pairs of key and value, all seen at once; return how many keys there were. The last of equal keys wins.
pub fn insert_pairs<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    pairs: &[(Object, Object)],
    deadline: impl Fn(usize) -> i64,
    now: i64,
) -> PyResult<usize> {
    table.refuse_closed(py)?;
    loop {
        let mut batch = R::Batch::default();
        let mut changes: Vec<Change<R>> = Vec::with_capacity(pairs.len());
        for (number, (key, value)) in pairs.iter().enumerate() {
            let found = table.resolve(py, key).map_err(|failure| table.explain(py, failure, key))?;
            let expired = found.row.as_ref().is_some_and(|row| row.at().deadline() <= now);
            match R::joined(&mut batch, py, &found.handle, changes.len())? {
                Some(earlier) => {
                    // SAFETY: the row is nobody else's yet.
                    unsafe {
                        if let Some(row) = &changes[earlier].new {
                            drop(row.at().swap_value(value.clone()));
                            row.at().set_deadline(deadline(number));
                        }
                    }
                    continue;
                }
                None if expired => {
                    // What has expired is no row to write over: its key goes with it.
                    if let Some(row) = &found.row {
                        table.expire(py, row)?;
                    }
                    let again = table.resolve(py, key).map_err(|failure| table.explain(py, failure, key))?;
                    changes.push(change(again, value, deadline(number)));
                }
                None => changes.push(change(found, value, deadline(number))),
            }
        }
        if matches!(table.commit_all(py, &changes, now)?, Outcome::Done) {
            return Ok(changes.len());
        }
    }
}

fn change<R: Rows>(found: crate::py::rows::Found<R>, value: &Object, deadline: i64) -> Change<R> {
    let new = super::writing::new_row(&found, value.clone(), deadline);
    Change { handle: found.handle, old: found.row, new: Some(new), witness: found.witness, quiet: false }
}

/// Remove the entries of keys, all at once; return how many there were.
fn delete_all<R: Rows>(table: &Table<R>, py: Python<'_>, keys: &[Object]) -> PyResult<usize> {
    table.refuse_closed(py)?;
    loop {
        let now = table.tick(py)?;
        let mut batch = R::Batch::default();
        let mut changes: Vec<Change<R>> = Vec::new();
        for key in keys {
            let found = find(table, py, key, now)?;
            if R::joined(&mut batch, py, &found.handle, changes.len())?.is_none() {
                changes.push(Change {
                    handle: found.handle,
                    old: found.row,
                    new: None,
                    witness: found.witness,
                    quiet: false,
                });
            }
        }
        let count = changes.iter().filter(|change| change.old.is_some()).count();
        if matches!(table.commit_all(py, &changes, now)?, Outcome::Done) {
            return Ok(count);
        }
    }
}

/// Read a mapping, or pairs of key and value.
pub fn pairs_of(py: Python<'_>, items: Object) -> PyResult<Vec<(Object, Object)>> {
    // SAFETY: all are alive: what is read here is held by what it is read from until it is taken hold of.
    unsafe {
        if ffi::PyDict_CheckExact(items.as_ptr()) != 0 {
            let dict = Bound::from_borrowed_ptr(py, items.as_ptr()).cast_into_unchecked::<PyDict>();
            return Ok(dict.iter().map(|(key, value)| (own(key.as_ptr()), own(value.as_ptr()))).collect());
        }
        if ffi::PyList_CheckExact(items.as_ptr()) != 0
            && let Some(pairs) = exact_pairs(&items)
        {
            return Ok(pairs);
        }
        static PAIRS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let pairs = PAIRS.get_or_try_init(py, || {
            py.import("noex.kernel._pure.ground.items")?.getattr("pairs_of").map(Bound::unbind)
        })?;
        let read = pairs.bind(py).call1((Bound::from_borrowed_ptr(py, items.as_ptr()),))?.cast_into::<PyList>()?;
        read.iter()
            .map(|pair| {
                let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
                Ok((own(key.as_ptr()), own(value.as_ptr())))
            })
            .collect()
    }
}

/// The pairs of a list of nothing but tuples of two; `None` for any other. Runs no Python code.
unsafe fn exact_pairs(items: &Object) -> Option<Vec<(Object, Object)>> {
    // SAFETY: the list is alive, and its items are looked at one at a time, as they stand.
    unsafe {
        let size = ffi::PyList_GET_SIZE(items.as_ptr());
        let mut pairs = Vec::with_capacity(size as usize);
        for place in 0..size {
            let item = Object::owned_or_none(ffi::compat::PyList_GetItemRef(items.as_ptr(), place));
            let Some(item) = item else {
                ffi::PyErr_Clear();
                return None;
            };
            if ffi::PyTuple_CheckExact(item.as_ptr()) == 0 || ffi::PyTuple_GET_SIZE(item.as_ptr()) != 2 {
                return None;
            }
            pairs.push((own(ffi::PyTuple_GET_ITEM(item.as_ptr(), 0)), own(ffi::PyTuple_GET_ITEM(item.as_ptr(), 1))));
        }
        Some(pairs)
    }
}
