//! What snapshots are written from and read into.

use super::many::{insert_pairs, pairs_of};
use super::methods;
use super::whole::{live_value, now};
use crate::py::class::{SetBody, own};
use crate::py::ground::clock::NEVER;
use crate::py::ground::errors::closed;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, is_row};
use crate::py::rows::Rows;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give};
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

const TIMED: Parameters<0> = Parameters { method: "_timed_entries", names: [], positional: 0, needed: 0 };
const LOAD: Parameters<2> = Parameters { method: "_load_rows", names: ["pairs", "due"], positional: 2, needed: 2 };
const DUE: Parameters<1> = Parameters { method: "_due", names: ["end"], positional: 1, needed: 1 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "_timed_entries", signature: "($self, /)", method: timed_entries::<B> },
        Verb { name: "_load_rows", signature: "($self, pairs, due, /)", method: load_rows::<B> },
        Verb { name: "_due", signature: "($self, end, /)", method: due::<B> },
    ]
}

methods! {
    /// Key, value and deadline (milliseconds of the clock, or None) of all live entries, as they stand at one instant.
    fn timed_entries(table, py, arguments) {
        let [] = arguments.sort(&TIMED)?;
        let now = now(table, py)?;
        let live = table.section(|state| {
            if state.closed {
                return None;
            }
            let mut live = Vec::with_capacity(state.rows.len());
            state.rows.each(|key, slot| {
                if let Some(value) = live_value(slot, now) {
                    // SAFETY: all stand in the table.
                    unsafe {
                        let deadline = if is_row(slot) { RowAt::of(slot).deadline() } else { NO_END };
                        live.push((Object::borrowed(key), Object::borrowed(value), deadline));
                    }
                }
            });
            Some(live)
        });
        let live = live.ok_or_else(|| closed(py, &table.label(py)))?;
        let list = PyList::empty(py);
        for (key, value, deadline) in live {
            list.append((key.into_py(py), value.into_py(py), (deadline != NO_END).then_some(deadline)))?;
        }
        Ok(list.into_ptr())
    }

    /// Write entries with one deadline, none of which is there yet; return `ABSENT`, or a key that is there or comes twice.
    fn load_rows(table, py, arguments) {
        let [pairs, due] = arguments.sort(&LOAD)?;
        // SAFETY: the caller holds them; None is always there.
        let (pairs, deadline) = unsafe {
            let deadline = if due == ffi::Py_None() { NO_END } else { Bound::from_borrowed_ptr(py, due).extract()? };
            (pairs_of(py, own(pairs))?, deadline)
        };
        let distinct = B::Rows::distinct(py, pairs.clone()).map_err(|failure| table.explain_items(py, failure))?;
        let before = table.section(|state| state.rows.len());
        let written = insert_pairs(table, py, &distinct, |_| deadline, NEVER)?;
        let after = table.section(|state| state.rows.len());
        if written == pairs.len() && after == before + written {
            return crate::py::absent(py);
        }
        give(repeated::<B::Rows>(table, py, &pairs)?)
    }

    /// The deadline of what ends at that time of the clock, in seconds.
    fn due(table, py, arguments) {
        let [end] = arguments.sort(&DUE)?;
        // SAFETY: the caller holds it.
        let end: f64 = unsafe { Bound::from_borrowed_ptr(py, end) }.extract()?;
        Ok(table.deadline(py, end)?.into_pyobject(py)?.into_ptr())
    }
}

/// The first key that is one for the second time; else the last, which stood there already.
fn repeated<R: Rows>(
    table: &crate::py::rows::Table<R>,
    py: Python<'_>,
    pairs: &[(Object, Object)],
) -> PyResult<Object> {
    let mut batch = R::Batch::default();
    for (number, (key, _)) in pairs.iter().enumerate() {
        let found = table.resolve(py, key)?;
        if R::joined(&mut batch, py, &found.handle, number)?.is_some() {
            return Ok(key.clone());
        }
    }
    // SAFETY: a caller that finds one repeated has given one at least.
    Ok(pairs.last().map_or_else(|| unsafe { own(ffi::Py_None()) }, |(key, _)| key.clone()))
}
