//! Adding and removing entries by the handle that `_resolve` gave: no code of a key's runs, so recipes do it under
//! their lock.

use super::methods;
use crate::py::class::{SetBody, own};
use crate::py::ground::clock::NEVER;
use crate::py::ground::row::{NO_END, RowRef};
use crate::py::rows::{Change, Outcome, Rows};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give, give_bool, give_none};
use pyo3::prelude::*;

const ADD: Parameters<4> =
    Parameters { method: "_add_at", names: ["handle", "key", "value", "witness"], positional: 4, needed: 4 };
const DROP: Parameters<1> = Parameters { method: "_drop", names: ["handle"], positional: 1, needed: 1 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "_add_at", signature: "($self, handle, key, value, witness, /)", method: add_at::<B> },
        Verb { name: "_drop", signature: "($self, handle, /)", method: drop_at::<B> },
    ]
}

methods! {
    /// Write a new entry where `_resolve` found none; False, and no change, if one may have come since.
    fn add_at(table, py, arguments) {
        let [handle, key, value, witness] = arguments.sort(&ADD)?;
        // SAFETY: the caller holds them.
        let (handle, key, value, witness) = unsafe {
            let witness: u64 = Bound::from_borrowed_ptr(py, witness).extract()?;
            (B::Rows::from_python(py, &Bound::from_borrowed_ptr(py, handle))?, own(key), own(value), witness)
        };
        let handle = B::Rows::with_key(&handle, &key);
        let new = RowRef::new(B::Rows::keep(&handle), value, NO_END);
        let change = Change { handle, old: None, new: Some(new), witness, quiet: false };
        give_bool(matches!(table.commit(py, change, NEVER)?, Outcome::Done))
    }

    /// Remove what stands under a handle, whatever it is; return its row, or None.
    fn drop_at(table, py, arguments) {
        let [handle] = arguments.sort(&DROP)?;
        // SAFETY: the caller holds it.
        let handle = B::Rows::from_python(py, &unsafe { Bound::from_borrowed_ptr(py, handle) })?;
        loop {
            table.refuse_closed(py)?;
            let Some(row) = table.row_of(&handle) else { return give_none() };
            let change = Change { handle: handle.clone(), old: Some(row.clone()), new: None, witness: 0, quiet: false };
            if matches!(table.commit(py, change, NEVER)?, Outcome::Done) {
                return give(row.into_object());
            }
        }
    }
}
