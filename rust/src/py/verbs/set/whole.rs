//! Verbs about the table as a whole: counting, clearing, walking, closing.

use super::methods;
use crate::py::class::{SetBody, body};
use crate::py::entry::Entries;
use crate::py::ground::clock::due_by;
use crate::py::ground::errors::closed;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef, is_row};
use crate::py::rows::{Rows, Table, Trash};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give, give_count, give_none, run_number};
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

const NOTHING: Parameters<0> = Parameters { method: "clear", names: [], positional: 0, needed: 0 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "clear", signature: "($self, /)", method: clear::<B> },
        Verb { name: "_entries", signature: "($self, /)", method: entries::<B> },
        Verb { name: "_fold", signature: "($self, function, initial, /)", method: fold::<B> },
        Verb { name: "_shut", signature: "($self, /)", method: shut::<B> },
        Verb { name: "_label", signature: "($self, /)", method: label::<B> },
        Verb { name: "_memory", signature: "($self, /)", method: memory::<B> },
        Verb { name: "_check", signature: "($self, /)", method: check::<B> },
    ]
}

const FOLD: Parameters<2> = Parameters { method: "_fold", names: ["function", "initial"], positional: 2, needed: 2 };

/// The number of live entries, exactly.
pub unsafe extern "C" fn length<B: SetBody>(object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    run_number(|py| {
        // SAFETY: CPython calls it with an object of its class.
        let table = unsafe { body::<B>(object).table() };
        // What is due is counted, not taken out, where nobody wants to hear of it: a million may be due at once.
        let told = table.section(|state| state.watch.is_some() || state.on_reclaim.is_some());
        let now = if told { table.tick_all(py)? } else { now(table, py)? };
        let due = due_by(now);
        let (is_closed, size) =
            table.section(|state| (state.closed, state.rows.len() - state.deadlines.count_due(due)));
        if is_closed { Err(closed(py, &table.label(py))) } else { Ok(size as ffi::Py_ssize_t) }
    })
}

/// Keys and values of all live entries, as they stand at one instant, in the table's order.
pub fn live<R: Rows>(table: &Table<R>, py: Python<'_>) -> PyResult<Vec<(Object, Object)>> {
    let now = now(table, py)?;
    let live = table.section(|state| {
        if state.closed {
            return None;
        }
        let mut live = Vec::with_capacity(state.rows.len());
        state.rows.each(|key, slot| {
            if let Some(value) = live_value(slot, now) {
                // SAFETY: both stand in the table.
                live.push(unsafe { (Object::borrowed(key), Object::borrowed(value)) });
            }
        });
        Some(live)
    });
    live.ok_or_else(|| closed(py, &table.label(py)))
}

/// The time to tell live rows from others by, where all rows are looked at, taking out a little of what is due. A clock of the
/// user's may close the table. In an ordered table only what is due counts as expired then.
pub fn now<R: Rows>(table: &Table<R>, py: Python<'_>) -> PyResult<i64> {
    let now = table.tick(py)?;
    Ok(if R::HASHED { now } else { due_by(now) })
}

/// The value in a slot; `None` if it has expired.
#[inline(always)]
pub fn live_value(slot: *mut ffi::PyObject, now: i64) -> Option<*mut ffi::PyObject> {
    // SAFETY: the slot stands in the table, which does not change meanwhile.
    unsafe {
        if !is_row(slot) {
            return Some(slot);
        }
        let row = RowAt::of(slot);
        (row.deadline() > now).then(|| row.value())
    }
}

methods! {
    fn clear(table, py, arguments) {
        let [] = arguments.sort(&NOTHING)?;
        table.forbid_all(py)?;
        let now = table.tick(py)?;
        let fresh = B::Rows::empty(py)?;
        let cleared = table.section(|state| {
            if state.closed {
                return None;
            }
            let mut trash = Trash::new();
            if let Some(watch) = &mut state.watch {
                watch.cleared(state.rows.len(), &mut trash);
            }
            let deadlines = std::mem::take(&mut state.deadlines);
            let rows = state.rows.swap(fresh);
            state.cells = 0;
            state.version += 1;
            state.refresh();
            Some((rows, deadlines, trash))
        });
        let Some((rows, deadlines, trash)) = cleared else { return Err(closed(py, &table.label(py))) };
        let (mut live, mut gone) = (rows.len(), Vec::new());
        if deadlines.next_due() <= now {
            rows.each(|_, slot| {
                if live_value(slot, now).is_none() {
                    // SAFETY: it is a row, in rows that nobody else has.
                    gone.push(unsafe { RowRef::borrowed(slot) });
                }
            });
            live -= gone.len();
        }
        drop(deadlines);
        drop(trash);
        table.reclaimed(py, gone)?;
        table.deliver(py)?;
        drop(rows);
        give_count(py, live)
    }

    fn entries(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_entries", ..NOTHING })?;
        let live = live(table, py)?;
        let mut made = Entries::with_capacity(py, live.len())?;
        for (key, value) in live {
            made.push(key.into_py(py), value.into_py(py))?;
        }
        Ok(made.into_list()?.into_ptr())
    }

    /// Combine all live entries of one instant into one value; nothing is held while the function runs.
    fn fold(table, py, arguments) {
        let [function, initial] = arguments.sort(&FOLD)?;
        // SAFETY: the caller holds both.
        let (function, mut accumulator) = unsafe { (Object::borrowed(function), Object::borrowed(initial)) };
        for (key, value) in live(table, py)? {
            let result = function.bound(py).call1((accumulator.bound(py), key.bound(py), value.bound(py)))?;
            accumulator = crate::py::object(&result);
        }
        give(accumulator)
    }

    fn shut(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_shut", ..NOTHING })?;
        table.shut(py)?;
        give_none()
    }

    fn label(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_label", ..NOTHING })?;
        Ok(PyString::new(py, &table.label(py)).into_ptr())
    }

    fn memory(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_memory", ..NOTHING })?;
        table.refuse_closed(py)?;
        let (ours, dict) = table.section(|state| {
            let cells = state.cells * B::Rows::CELL_SIZE;
            let watch = state.watch.as_ref().map_or(0, |watch| watch.memory());
            (cells + state.rows.memory() + state.deadlines.memory() + watch, state.rows.ground())
        });
        let dict = match &dict {
            Some(dict) => dict.bound(py).call_method0("__sizeof__")?.extract()?,
            None => 0,
        };
        give_count(py, ours + dict)
    }

    /// Raise AssertionError unless rows, deadlines and what watches them agree.
    fn check(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_check", ..NOTHING })?;
        let wrong = table.section(|state| {
            let (mut cells, mut ended, mut wrong) = (0, 0, None);
            for (handle, slot) in state.rows.all() {
                // SAFETY: both are held.
                unsafe {
                    if is_row(slot.as_ptr()) {
                        cells += 1;
                        let row = RowAt::of(slot.as_ptr());
                        ended += usize::from(row.deadline() != NO_END);
                        if state.rows.slot(&B::Rows::handle_of(row)) != slot.as_ptr() {
                            wrong = Some("a row stands under another handle than it says".to_owned());
                        }
                    }
                }
                if state.rows.slot(&handle) != slot.as_ptr() {
                    wrong = Some("a handle does not find what stands under it".to_owned());
                }
            }
            if cells != state.cells {
                wrong = Some(format!("{cells} row cells, where {} were counted", state.cells));
            }
            if ended != state.deadlines.len() {
                wrong = Some(format!("{ended} rows have an end, and {} are listed", state.deadlines.len()));
            }
            if !state.computing.is_empty() {
                wrong = Some("a compute is left behind".to_owned());
            }
            state.deadlines.check();
            state.rows.check();
            wrong
        });
        match wrong {
            Some(wrong) => Err(pyo3::exceptions::PyAssertionError::new_err(wrong)),
            None => crate::py::watch::check(table, py).and_then(|()| give_none()),
        }
    }
}
