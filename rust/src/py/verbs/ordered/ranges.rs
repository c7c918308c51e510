//! Many neighbours at once: those between two keys, those that begin alike.

use super::ends::Ends;
use super::{Ordered, methods};
use crate::py::entry::Entries;
use crate::py::ground::errors;
use crate::py::ground::object::Object;
use crate::py::ground::row::RowRef;
use crate::py::rows::{Change, Entered, OrderedRows, Outcome, Rows};
use crate::py::terms;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count};
use crate::py::verbs::set::lifetimes::checked_limit;
use crate::store::deadlines::Scheduled;
use crate::store::tree::{Entry, Tree};
use pyo3::ffi;
use pyo3::prelude::*;

const RANGE: Parameters<5> =
    Parameters { method: "range", names: ["low", "high", "bounds", "reverse", "limit"], positional: 2, needed: 0 };
const PREFIX: Parameters<1> = Parameters { method: "prefix", names: ["prefix"], positional: 1, needed: 1 };
const DELETE: Parameters<3> =
    Parameters { method: "delete_range", names: ["low", "high", "bounds"], positional: 2, needed: 2 };

pub fn verbs() -> Vec<Verb> {
    vec![
        Verb {
            name: "range",
            signature: "($self, /, low=None, high=None, *, bounds='[)', reverse=False, limit=None)",
            method: range,
        },
        Verb { name: "prefix", signature: "($self, /, prefix)", method: prefix },
        Verb { name: "delete_range", signature: "($self, /, low, high, *, bounds='[)')", method: delete_range },
    ]
}

/// For how many entries room is made before they are found.
const ROOM: usize = 128;

/// Keys and values of a range, of one instant.
pub type Held = Vec<(Object, Object)>;

/// Keys and values of a range, of one instant: at most `limit`, from one of its ends on.
#[inline]
pub fn between(table: &Ordered, py: Python<'_>, ends: &Ends, reverse: bool, limit: usize) -> PyResult<Held> {
    let found = table.section(|state| taken(&state.rows.tree, ends, reverse, limit).0);
    if found.is_empty() {
        table.refuse_closed(py)?;
    }
    Ok(found)
}

/// What `between` returns, and the last entry of that; under the lock.
#[inline(always)]
pub fn taken<'a>(
    tree: &'a Tree<Entered>,
    ends: &Ends,
    reverse: bool,
    limit: usize,
) -> (Held, Option<Entry<'a, Entered>>) {
    let (mut found, mut last) = (Held::with_capacity(limit.min(tree.len()).min(ROOM)), None);
    if limit > 0 {
        ends.walk(tree, reverse, |entry| {
            // SAFETY: what stands in the tree is alive in the section.
            found.push(unsafe { entry.value().held() });
            last = Some(entry);
            found.len() == limit
        });
    }
    (found, last)
}

/// A list of entries, for the caller of a method.
pub fn give_entries(py: Python<'_>, found: Held) -> PyResult<*mut ffi::PyObject> {
    let mut entries = Entries::with_capacity(py, found.len())?;
    for (key, value) in found {
        entries.push(key.into_py(py), value.into_py(py))?;
    }
    Ok(entries.into_list()?.into_ptr())
}

/// Read what a verb was given as a limit.
#[inline]
pub fn limit_of(py: Python<'_>, limit: *mut ffi::PyObject) -> PyResult<Option<usize>> {
    // SAFETY: the caller holds it.
    unsafe {
        if !limit.is_null() && ffi::PyLong_CheckExact(limit) != 0 {
            let mut overflow = 0;
            let given = ffi::PyLong_AsLongLongAndOverflow(limit, &mut overflow);
            if overflow == 0 && given >= 0 {
                return Ok(Some(given as usize));
            }
        }
    }
    checked_limit(py, limit)
}

/// Tell whether something that was given is true.
pub fn is_true(py: Python<'_>, given: *mut ffi::PyObject) -> PyResult<bool> {
    // SAFETY: the caller holds it.
    if given.is_null() { Ok(false) } else { unsafe { Bound::from_borrowed_ptr(py, given) }.is_truthy() }
}

methods! {
    fn range(table, py, arguments) {
        let [low, high, bounds, reverse, limit] = arguments.sort(&RANGE)?;
        let limit = limit_of(py, limit)?.unwrap_or(usize::MAX);
        let ends = Ends::of(table, py, low, high, bounds)?;
        table.tick_all(py)?;
        let reverse = is_true(py, reverse)?;
        give_entries(py, between(table, py, &ends, reverse, limit)?)
    }

    fn prefix(table, py, arguments) {
        let [prefix] = arguments.sort(&PREFIX)?;
        // SAFETY: the caller holds it; a word of the state is read that never changes.
        let (prefix, keyed) = unsafe { (Bound::from_borrowed_ptr(py, prefix), (*table.peek()).rows.is_keyed()) };
        let (low, high) = terms::prefix_bounds(&prefix, keyed).map_err(|failure| {
            errors::explain_unorderable(py, failure, |text| {
                format!("{} cannot begin a key of {}: {text}", errors::shown(&prefix), table.label(py))
            })
        })?;
        table.tick_all(py)?;
        let ends = Ends { low: Some((low, true)), high: Some((high, false)) };
        give_entries(py, between(table, py, &ends, false, usize::MAX)?)
    }

    fn delete_range(table, py, arguments) {
        let [low, high, bounds] = arguments.sort(&DELETE)?;
        let ends = Ends::of(table, py, low, high, bounds)?;
        loop {
            let now = table.tick_all(py)?;
            if let Some(count) = remove_at_once(table, py, &ends, now)? {
                return give_count(py, count);
            }
            if let Some(count) = remove_watched(table, py, &ends, now)? {
                return give_count(py, count);
            }
        }
    }
}

/// Remove a range where nobody watches; return how many live entries went, `None` if it takes more than that.
fn remove_at_once(table: &Ordered, py: Python<'_>, ends: &Ends, now: i64) -> PyResult<Option<usize>> {
    let removed = table.section(|state| {
        if !state.fast {
            return None;
        }
        let (start, stop) = ends.positions(&state.rows.tree);
        let mut removed = Vec::with_capacity(stop.min(state.rows.tree.len()).saturating_sub(start));
        // SAFETY: what is taken out gives its references over.
        state.rows.tree.remove_range(start, stop, |entered| removed.push(unsafe { entered.owned() }));
        for (_, slot) in &removed {
            state.forget_slot(slot);
        }
        state.version += u64::from(!removed.is_empty());
        Some(removed)
    });
    let Some(removed) = removed else {
        table.refuse_closed(py)?;
        return Ok(None);
    };
    let count = removed.len();
    // SAFETY: rows that are held do not change.
    let expired: Vec<RowRef> = removed.iter().filter_map(|(_, slot)| unsafe { expired(slot, now) }).collect();
    let live = count - expired.len();
    table.reclaimed(py, expired)?;
    drop(removed);
    Ok(Some(live))
}

/// The row in a slot, if it has expired.
unsafe fn expired(slot: &Object, now: i64) -> Option<RowRef> {
    // SAFETY: the slot is held.
    unsafe {
        let row = crate::py::ground::row::is_row(slot.as_ptr()).then(|| RowRef::borrowed(slot.as_ptr()))?;
        (row.at().deadline() <= now).then_some(row)
    }
}

/// Remove a range by a commit; `None` if something has changed meanwhile.
fn remove_watched(table: &Ordered, py: Python<'_>, ends: &Ends, now: i64) -> PyResult<Option<usize>> {
    let handles: Vec<Object> = table.section(|state| {
        let tree = &state.rows.tree;
        let (start, stop) = ends.positions(tree);
        // SAFETY: what stands in the tree is alive in the section.
        tree.ascending(start, stop).map(|entry| unsafe { entry.value().handle(entry.term()) }).collect()
    });
    let mut changes: Vec<Change<OrderedRows>> = Vec::with_capacity(handles.len());
    for handle in handles {
        if let Some(row) = table.row_of(&handle) {
            // SAFETY: the row is held.
            let handle = unsafe { OrderedRows::handle_of(row.at()) };
            changes.push(Change { handle, old: Some(row), new: None, witness: 0, quiet: false });
        }
    }
    if !matches!(table.commit_all(py, &changes, now)?, Outcome::Done) {
        return Ok(None);
    }
    let rows = changes.into_iter().filter_map(|change| change.old);
    let (expired, live): (Vec<RowRef>, Vec<RowRef>) = rows.partition(|row| row.at().deadline() <= now);
    table.reclaimed(py, expired)?;
    Ok(Some(live.len()))
}
