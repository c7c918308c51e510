//! Taking entries out at both ends.

use super::{Ordered, give_entry, methods};
use crate::py::ground::object::Object;
use crate::py::ground::row::{RowAt, is_row};
use crate::py::rows::{Change, Entered, OrderedRows, Outcome, Rows};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_none};
use crate::store::deadlines::Scheduled;
use crate::store::tree::{Entry, Tree};
use pyo3::prelude::*;

const NOTHING: Parameters<0> = Parameters { method: "pop_first", names: [], positional: 0, needed: 0 };

pub fn verbs() -> Vec<Verb> {
    vec![
        Verb { name: "pop_first", signature: "($self, /)", method: pop_first },
        Verb { name: "pop_last", signature: "($self, /)", method: pop_last },
        Verb { name: "_pop_entry", signature: "($self, /)", method: pop_entry },
    ]
}

methods! {
    fn pop_first(table, py, arguments) {
        let [] = arguments.sort(&NOTHING)?;
        give_entry(py, pop(table, py, |tree| tree.first())?)
    }

    fn pop_last(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "pop_last", ..NOTHING })?;
        give_entry(py, pop(table, py, |tree| tree.last())?)
    }

    /// Remove the last entry and return it as a plain pair; None in an empty table.
    fn pop_entry(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_pop_entry", ..NOTHING })?;
        match pop(table, py, |tree| tree.last())? {
            Some((key, value)) => Ok((key.into_py(py), value.into_py(py)).into_pyobject(py)?.into_ptr()),
            None => give_none(),
        }
    }
}

/// What an attempt to take an entry out came to.
enum Popped {
    /// Key and slot.
    Entry(Object, Object),
    /// There is none, or the table is closed.
    Nothing,
    /// It takes a commit: the handle of the entry.
    Watched(Object),
}

/// Remove the entry at one end; return key and value.
fn pop(
    table: &Ordered,
    py: Python<'_>,
    end: impl for<'a> Fn(&'a Tree<Entered>) -> Option<Entry<'a, Entered>>,
) -> PyResult<Option<(Object, Object)>> {
    let now = table.tick_all(py)?;
    loop {
        let popped = table.section(|state| {
            let Some(entry) = end(&state.rows.tree) else { return Popped::Nothing };
            let (term, entered) = (entry.term(), entry.value());
            // SAFETY: what stands in the tree is alive in the section; what is taken out gives its references over.
            unsafe {
                if !state.fast || (is_row(entered.slot) && RowAt::of(entered.slot).deadline() <= now) {
                    return Popped::Watched(entered.handle(term));
                }
                state.rows.tree.remove(&term);
                let (key, slot) = entered.owned();
                state.forget_slot(&slot);
                state.version += 1;
                Popped::Entry(key, slot)
            }
        });
        match popped {
            Popped::Nothing => {
                table.refuse_closed(py)?;
                return Ok(None);
            }
            // SAFETY: the slot is held, and a row that is held does not change.
            Popped::Entry(key, slot) => unsafe {
                let value =
                    if is_row(slot.as_ptr()) { Object::borrowed(RowAt::of(slot.as_ptr()).value()) } else { slot };
                return Ok(Some((key, value)));
            },
            Popped::Watched(handle) => {
                let Some(row) = table.row_of(&handle) else { continue };
                if row.at().deadline() <= now {
                    table.expire(py, &row)?;
                    continue;
                }
                // SAFETY: the row is held.
                let handle = unsafe { OrderedRows::handle_of(row.at()) };
                let change = Change { handle, old: Some(row.clone()), new: None, witness: 0, quiet: false };
                if matches!(table.commit(py, change, now)?, Outcome::Done) {
                    // SAFETY: a row that is held does not change.
                    return Ok(Some(unsafe { (Object::borrowed(row.at().key()), Object::borrowed(row.at().value())) }));
                }
            }
        }
    }
}
