//! Writing many entries at once: sorted first, then put in one after the other, or built into a tree where none is yet.

use super::{Ordered, methods};
use crate::py::class::own;
use crate::py::ground::object::Object;
use crate::py::ground::row::NO_END;
use crate::py::rows::{Entered, OrderedRows, Rows, State, place};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give, give_count};
use crate::py::verbs::set::many::{insert_pairs, pairs_of};
use crate::py::verbs::set::writing::given;
use crate::store::term::Term;
use crate::store::tree::Tree;
use pyo3::ffi;
use pyo3::prelude::*;
use std::collections::BTreeSet;

const INSERT: Parameters<2> = Parameters { method: "insert_many", names: ["items", "ttl"], positional: 1, needed: 1 };
const LOAD: Parameters<2> = Parameters { method: "_load_rows", names: ["pairs", "due"], positional: 2, needed: 2 };

pub fn verbs() -> Vec<Verb> {
    vec![
        Verb { name: "insert_many", signature: "($self, /, items, *, ttl=...)", method: insert_many },
        Verb { name: "_load_rows", signature: "($self, pairs, due, /)", method: load_rows },
    ]
}

methods! {
    fn insert_many(table, py, arguments) {
        let [items, ttl] = arguments.sort(&INSERT)?;
        let (now, deadline) = table.begin(py, given(ttl))?;
        // SAFETY: the caller holds it.
        let pairs = pairs_of(py, unsafe { own(items) })?;
        if deadline == NO_END && let Some(written) = write_at_once(table, py, &pairs)? {
            return give_count(py, written.count);
        }
        give_count(py, insert_pairs(table, py, &pairs, |_| deadline, now)?)
    }

    /// Write entries with one deadline, none of which is there yet; return `ABSENT`, or a key that is there or comes twice.
    fn load_rows(table, py, arguments) {
        let [pairs, due] = arguments.sort(&LOAD)?;
        // SAFETY: the caller holds both; None is always there.
        let (pairs, due) = unsafe { (pairs_of(py, own(pairs))?, Bound::from_borrowed_ptr(py, due)) };
        let deadline = if due.is_none() { NO_END } else { due.extract()? };
        let written = match if deadline == NO_END { write_at_once(table, py, &pairs)? } else { None } {
            Some(written) => written,
            None => {
                let before = table.section(|state| state.rows.len());
                let count = insert_pairs(table, py, &pairs, |_| deadline, crate::py::ground::clock::NEVER)?;
                let after = table.section(|state| state.rows.len());
                Written { count, displaced: (before + count).saturating_sub(after) }
            }
        };
        if written.count == pairs.len() && written.displaced == 0 {
            return crate::py::absent(py);
        }
        let mut seen = BTreeSet::new();
        for (key, _) in &pairs {
            if !seen.insert(place(table, py, key.as_ptr())?) {
                return give(key.clone());
            }
        }
        // SAFETY: None is always there.
        give(pairs.last().map_or_else(|| unsafe { own(ffi::Py_None()) }, |(key, _)| key.clone()))
    }
}

/// What came of writing many entries.
struct Written {
    /// How many keys were written.
    count: usize,
    /// How many of them were there.
    displaced: usize,
}

/// An entry to be written: its place, and which pairs its key and its value are from.
struct Arriving {
    term: Term,
    key: usize,
    value: usize,
}

/// Write entries without an end, all seen at once; `None` where it takes more than that.
fn write_at_once(table: &Ordered, py: Python<'_>, pairs: &[(Object, Object)]) -> PyResult<Option<Written>> {
    let (simple, empty) = table.section(|state| (is_simple(state), state.rows.tree.is_empty()));
    if !simple {
        table.refuse_closed(py)?;
        return Ok(None);
    }
    let arriving = sorted(table, py, pairs)?;
    let count = arriving.len();
    let arriving = if empty {
        match build(table, arriving, pairs) {
            Ok(()) => return Ok(Some(Written { count, displaced: 0 })),
            Err(arriving) => arriving,
        }
    } else {
        arriving
    };
    let mut displaced = Vec::with_capacity(count);
    let written = table.section(|state| {
        let simple = is_simple(state);
        if simple {
            for Arriving { term, key, value } in arriving {
                // SAFETY: the pairs hold both.
                let old = unsafe { state.rows.write(term, pairs[key].0.as_ptr(), pairs[value].1.as_ptr()) };
                if let Some(slot) = old {
                    state.forget_slot(&slot);
                    displaced.push(slot);
                }
            }
            state.version += 1;
        }
        simple
    });
    Ok(written.then_some(Written { count, displaced: displaced.len() }))
}

/// Tell whether entries can be written without anybody being asked or told.
#[inline(always)]
pub fn is_simple(state: &State<OrderedRows>) -> bool {
    state.fast && state.deadlines.next_due() == NO_END
}

/// Have the entries be a tree at once, unless there are others by now: then they come back.
fn build(table: &Ordered, arriving: Vec<Arriving>, pairs: &[(Object, Object)]) -> Result<(), Vec<Arriving>> {
    let entered = |one: &Arriving| Entered { key: pairs[one.key].0.as_ptr(), slot: pairs[one.value].1.as_ptr() };
    let mut tree = Tree::from_sorted(arriving.iter().map(|one| (one.term.clone(), entered(one))));
    let done = table.section(|state| {
        let done = is_simple(state) && state.rows.tree.is_empty();
        if done {
            for entry in &tree {
                // SAFETY: the pairs hold both; from here on, the tree holds them, too.
                unsafe {
                    ffi::Py_INCREF(entry.value().key);
                    ffi::Py_INCREF(entry.value().slot);
                }
            }
            std::mem::swap(&mut state.rows.tree, &mut tree);
            state.version += 1;
        }
        done
    });
    if done { Ok(()) } else { Err(arriving) }
}

/// The entries in order, each once: the first key and the last value of equal ones. Runs the table's `key=`.
fn sorted(table: &Ordered, py: Python<'_>, pairs: &[(Object, Object)]) -> PyResult<Vec<Arriving>> {
    let mut arriving = Vec::with_capacity(pairs.len());
    for (number, (key, _)) in pairs.iter().enumerate() {
        arriving.push(Arriving { term: place(table, py, key.as_ptr())?, key: number, value: number });
    }
    arriving.sort_by(|one, other| one.term.cmp(&other.term)); // equal ones stay as they came
    arriving.dedup_by(|later, first| {
        let same = later.term == first.term;
        if same {
            first.value = later.value;
        }
        same
    });
    Ok(arriving)
}
