//! Moving an entry from one place in the order to another, in one step.

use super::{Ordered, methods};
use crate::py::class::own;
use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowRef};
use crate::py::rows::{Change, Entered, OrderedRows, Outcome, Rows, State, place, term_of_bytes};
use crate::py::terms::bytes_of_term;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_none};
use crate::store::term::Term;
use pyo3::ffi;
use pyo3::prelude::*;

const RENUMBER: Parameters<5> =
    Parameters { method: "_renumber", names: ["old", "number", "key", "value", "hint"], positional: 5, needed: 5 };

pub fn verbs() -> Vec<Verb> {
    vec![Verb { name: "_renumber", signature: "($self, old, number, key, value, hint, /)", method: renumber }]
}

methods! {
    /// Give an entry another key, which differs from that of its handle by the number it begins with, and a value.
    ///
    /// Returns the new handle and its position; None, and no change, if the key is taken. For tables of composite keys
    /// without `key=` and lifetimes.
    fn renumber(table, py, arguments) {
        let [old, _number, key, value, _hint] = arguments.sort(&RENUMBER)?;
        // SAFETY: the caller holds it.
        let old = term_of_bytes(&unsafe { Bound::from_borrowed_ptr(py, old) })?;
        let new = place(table, py, key)?;
        // SAFETY: the caller holds both.
        let moved = table.section(|state| unsafe { step(state, &old, &new, key, value) });
        let position = match moved {
            Moved::To(position, displaced) => {
                drop(displaced);
                Some(position)
            }
            Moved::Taken(given) => {
                drop(given);
                None
            }
            Moved::Watched => {
                table.refuse_closed(py)?;
                // SAFETY: the caller holds both.
                let (key, value) = unsafe { (own(key), own(value)) };
                watched(table, py, &old, &new, &key, &value)?
            }
        };
        match position {
            Some(position) => Ok((bytes_of_term(py, &new), position).into_pyobject(py)?.into_ptr()),
            None => give_none(),
        }
    }
}

/// What became of a move.
pub enum Moved {
    /// It came to this position; key and slot are what was displaced.
    To(usize, Option<(Object, Object)>),
    /// The key is that of another entry; nothing was done. Key and value are those that were given.
    Taken((Object, Object)),
    /// It takes a commit; nothing was done.
    Watched,
}

/// Move an entry, under the lock.
///
/// # Safety
/// Key and value are alive.
pub unsafe fn step(
    state: &mut State<OrderedRows>,
    old: &Term,
    new: &Term,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> Moved {
    if !state.fast || state.deadlines.next_due() != NO_END {
        return Moved::Watched;
    }
    let tree = &mut state.rows.tree;
    // SAFETY: what is displaced gives its references over; key and value are alive.
    let (position, displaced) = unsafe {
        ffi::Py_INCREF(key);
        ffi::Py_INCREF(value);
        let entered = Entered { key, slot: value };
        if new == old {
            let displaced = tree.insert(new.clone(), entered).map(|entered| entered.owned());
            (tree.rank(new), displaced)
        } else {
            let Some(position) = tree.insert_new(new.clone(), entered) else {
                return Moved::Taken(entered.owned());
            };
            let displaced = tree.remove(old).map(|entered| entered.owned());
            (position - usize::from(displaced.is_some() && old < new), displaced)
        }
    };
    if let Some((_, slot)) = &displaced {
        state.forget_slot(slot);
    }
    state.version += 1;
    Moved::To(position, displaced)
}

/// Move an entry by a commit; return its position, `None` if the key is taken.
fn watched(
    table: &Ordered,
    py: Python<'_>,
    old: &Term,
    new: &Term,
    key: &Object,
    value: &Object,
) -> PyResult<Option<usize>> {
    let same = old == new;
    // SAFETY: both are held.
    let (leaving, arriving) =
        unsafe { (handle::ordered(key.as_ptr(), old.clone()), handle::ordered(key.as_ptr(), new.clone())) };
    loop {
        let (former, taken) = (table.row_of(&leaving), table.row_of(&arriving));
        if taken.is_some() && !same {
            return Ok(None);
        }
        let row = RowRef::new(OrderedRows::keep(&arriving), value.clone(), NO_END);
        let change = |handle: &Object, old, new| Change { handle: handle.clone(), old, new, witness: 0, quiet: false };
        let changes = if same {
            vec![change(&arriving, former, Some(row))]
        } else {
            vec![change(&leaving, former, None), change(&arriving, None, Some(row))]
        };
        if matches!(table.commit_all(py, &changes, crate::py::ground::clock::NEVER)?, Outcome::Done) {
            return Ok(Some(table.section(|state| state.rows.tree.rank(new))));
        }
    }
}
