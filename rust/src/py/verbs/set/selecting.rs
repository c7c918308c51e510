//! Queries: the entries among which the answer is, and changing those that match.

use super::computing::run;
use super::methods;
use super::whole::{live_value, now};
use crate::py::class::{SetBody, own};
use crate::py::entry::Entries;
use crate::py::ground::errors::closed;
use crate::py::ground::object::Object;
use crate::py::ground::row::RowRef;
use crate::py::ground::sentinels;
use crate::py::rows::{Change, Outcome, Rows, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count};
use crate::py::verbs::test::Test;
use crate::store::deadlines::Scheduled;
use pyo3::prelude::*;

const SELECT: Parameters<3> =
    Parameters { method: "_select", names: ["access", "test", "limit"], positional: 3, needed: 3 };
const WHERE: Parameters<2> = Parameters { method: "_count_where", names: ["access", "test"], positional: 2, needed: 2 };
const UPDATE: Parameters<3> =
    Parameters { method: "_update_where", names: ["access", "test", "function"], positional: 3, needed: 3 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "_select", signature: "($self, access, test, limit, /)", method: select::<B> },
        Verb { name: "_count_where", signature: "($self, access, test, /)", method: count_where::<B> },
        Verb { name: "_delete_where", signature: "($self, access, test, /)", method: delete_where::<B> },
        Verb { name: "_update_where", signature: "($self, access, test, function, /)", method: update_where::<B> },
    ]
}

/// Keys and values of live rows, of one instant.
pub type Candidates = Vec<(Object, Object)>;

/// The entries among which those that a query asks for are: all of one instant.
fn candidates<R: Rows>(table: &Table<R>, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<Candidates> {
    match crate::py::watch::located(table, py, access)? {
        None => super::whole::live(table, py),
        Some(rows) => {
            // SAFETY: rows that are held do not change.
            Ok(rows.iter().map(|row| unsafe { (own(row.at().key()), own(row.at().value())) }).collect())
        }
    }
}

/// The rows among which those that a query changes are, as cells, with their handles.
fn candidate_rows<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    access: &Bound<'_, PyAny>,
) -> PyResult<Vec<(R::Handle, RowRef)>> {
    if let Some(found) = crate::py::watch::indexes::located_slots(table, py, access)? {
        let row = |(handle, slot): (R::Handle, Object)| Some((handle.clone(), cell(table, &handle, slot)?));
        return Ok(found.into_iter().filter_map(row).collect());
    }
    let now = now(table, py)?;
    let slots = table.section(|state| (!state.closed).then(|| state.rows.all()));
    let slots = slots.ok_or_else(|| closed(py, &table.label(py)))?;
    let live = slots.into_iter().filter(|(_, slot)| live_value(slot.as_ptr(), now).is_some());
    Ok(live.filter_map(|(handle, slot)| Some((handle.clone(), cell(table, &handle, slot)?))).collect())
}

/// What stood in a slot, as a row; a plain value becomes one, if it is still there.
fn cell<R: Rows>(table: &Table<R>, handle: &R::Handle, slot: Object) -> Option<RowRef> {
    // SAFETY: the slot is held.
    if unsafe { crate::py::ground::row::is_row(slot.as_ptr()) } {
        // SAFETY: it is a row.
        return Some(unsafe { RowRef::borrowed(slot.as_ptr()) });
    }
    table.row_of(handle)
}

methods! {
    fn select(table, py, arguments) {
        let [access, test, limit] = arguments.sort(&SELECT)?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let limit = super::lifetimes::checked_limit(py, limit)?.unwrap_or(usize::MAX);
        let mut selected = Entries::with_capacity(py, 0)?;
        let mut count = 0;
        if limit > 0 {
            for (key, value) in candidates(table, py, &access)? {
                if test.holds(py, &key, &value)? {
                    selected.push(key.into_py(py), value.into_py(py))?;
                    count += 1;
                    if count == limit {
                        break;
                    }
                }
            }
        } else {
            table.refuse_closed(py)?;
        }
        Ok(selected.into_list()?.into_ptr())
    }

    fn count_where(table, py, arguments) {
        let [access, test] = arguments.sort(&WHERE)?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let mut count = 0;
        for (key, value) in candidates(table, py, &access)? {
            count += usize::from(test.holds(py, &key, &value)?);
        }
        give_count(py, count)
    }

    fn delete_where(table, py, arguments) {
        let [access, test] = arguments.sort(&Parameters { method: "_delete_where", ..WHERE })?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let count = change_where(table, py, &access, &test, |_, _| Ok(None))?;
        give_count(py, count)
    }

    fn update_where(table, py, arguments) {
        let [access, test, function] = arguments.sort(&UPDATE)?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        // SAFETY: as above.
        let function = unsafe { own(function) };
        let count = change_where(table, py, &access, &test, |handle, value| {
            let result = run(table, py, handle, &function, value)?;
            Ok((result.as_ptr() != sentinels::delete(py)?).then_some(result))
        })?;
        give_count(py, count)
    }
}

/// Replace the value of every entry that matches by what a function says, or remove it: each in a step of its own.
fn change_where<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    access: &Bound<'_, PyAny>,
    test: &Test,
    becomes: impl Fn(&R::Handle, &Object) -> PyResult<Option<Object>>,
) -> PyResult<usize> {
    let mut changed = 0;
    for (handle, row) in candidate_rows(table, py, access)? {
        let mut current = Some(row);
        while let Some(row) = current {
            // SAFETY: a row that is held does not change.
            let (key, value) = unsafe { (own(row.at().key()), own(row.at().value())) };
            if !test.holds(py, &key, &value)? {
                break;
            }
            let new = becomes(&handle, &value)?;
            let now = table.tick(py)?;
            if row.at().deadline() <= now {
                table.expire(py, &row)?;
                break;
            }
            // SAFETY: the row is held.
            let new = new.map(|new| R::row(unsafe { own(row.at().handle()) }, new, row.at().deadline()));
            let change = Change { handle: handle.clone(), old: Some(row), new, witness: 0, quiet: false };
            if matches!(table.commit(py, change, now)?, Outcome::Done) {
                changed += 1;
                break;
            }
            current = table.row_of(&handle);
        }
    }
    Ok(changed)
}
