//! Where a query looks (`_pure/queries/access.py`): the slots that an access leads to, as they stand at one instant.

use super::ordered::OrderedIndex;
use super::reading::{Ends, bounds, stands, using, using_order};
use super::spec::{IndexRows, IndexSpec, Mark};
use crate::py::ground::errors;
use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef, is_row};
use crate::py::rows::{Looked, Rows, State, Table};
use crate::py::{object, terms};
use crate::store::deadlines::Scheduled;
use crate::store::term::Term;
use pyo3::prelude::*;
use pyo3::types::{PySet, PyString, PyTuple};

/// Handles and what stands under them: plain values and row cells.
pub type Located<R> = Vec<(<R as Rows>::Handle, Object)>;

/// An access, once all is worked out that code of the user's is needed for.
enum Plan<R: Rows> {
    Keys(Vec<Looked<R::Handle>>),
    Marks(Py<IndexSpec>, Vec<Mark>),
    Spots(Py<IndexSpec>, Option<Term>, Option<Term>),
    Between(Option<Term>, Option<Term>),
    Union(Vec<Plan<R>>),
}

/// Why nothing was gathered.
enum Failure {
    /// What was worked out does not hold any more.
    Late,
    /// An index was dropped.
    Dropped,
    Closed,
}

/// The rows that an access leads to, as `located_slots` has them, to be read: a plain value is made a row that stands nowhere.
pub fn located<R: Rows>(table: &Table<R>, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<Option<Vec<RowRef>>> {
    let Some(found) = located_slots(table, py, access)? else { return Ok(None) };
    let row = |(handle, slot): (R::Handle, Object)| {
        // SAFETY: the slot is held.
        match unsafe { is_row(slot.as_ptr()) } {
            // SAFETY: it is a row.
            true => unsafe { RowRef::borrowed(slot.as_ptr()) },
            false => RowRef::new(R::keep(&handle), slot, NO_END),
        }
    };
    Ok(Some(found.into_iter().map(row).collect()))
}

/// The slots that an access leads to, without those that have expired, each once, all of one instant, in the order of the
/// table if it has one; `None` for a scan of all. Not called under the lock.
pub fn located_slots<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    access: &Bound<'_, PyAny>,
) -> PyResult<Option<Located<R>>> {
    let access = access.cast::<PyTuple>()?;
    loop {
        let Some(plan) = plan(table, access)? else { return Ok(None) };
        let now = table.tick_all(py)?;
        let found = table.section(|state| {
            if state.closed {
                return Err(Failure::Closed);
            }
            let mut found = Located::<R>::new();
            gather(state, &plan, &mut found).map(|()| found)
        });
        match found {
            Ok(mut found) => {
                found.retain(|(_, slot)| is_live(slot, now));
                return arranged(py, found, &plan).map(Some);
            }
            Err(Failure::Late) => (),
            Err(Failure::Dropped) => return Ok(None),
            Err(Failure::Closed) => return Err(errors::closed(py, &table.label(py))),
        }
    }
}

fn is_live(slot: &Object, now: i64) -> bool {
    // SAFETY: the slot is held.
    unsafe { !is_row(slot.as_ptr()) || now < RowAt::of(slot.as_ptr()).deadline() }
}

/// Each slot once, and in the order of the table if it has one.
fn arranged<R: Rows>(py: Python<'_>, mut found: Located<R>, plan: &Plan<R>) -> PyResult<Located<R>> {
    let single = match plan {
        Plan::Keys(keys) => keys.len() <= 1,
        Plan::Marks(_, marks) => marks.len() <= 1,
        Plan::Union(_) => false,
        Plan::Spots(..) | Plan::Between(..) => true,
    };
    if R::ORDERED && !matches!(plan, Plan::Between(..)) {
        let mut placed: Vec<(Object, (R::Handle, Object))> =
            found.into_iter().map(|item| (R::keep(&item.0), item)).collect();
        // SAFETY: rows of ordered tables keep handles with a place in the order.
        placed.sort_by(|(one, _), (other, _)| unsafe {
            handle::term_of(one.as_ptr()).cmp(handle::term_of(other.as_ptr()))
        });
        found = placed.into_iter().map(|(_, item)| item).collect();
    }
    if single {
        return Ok(found);
    }
    let known = PySet::empty(py)?; // handles are hashed and compared by C code
    let mut each = Vec::with_capacity(found.len());
    for (handle, slot) in found {
        let before = known.len();
        known.add(R::to_python(py, &handle)?.bound(py))?;
        if known.len() > before {
            each.push((handle, slot));
        }
    }
    Ok(each)
}

/// Work out what an access asks for; `None` for a scan. Runs code of the user's.
fn plan<R: Rows>(table: &Table<R>, access: &Bound<'_, PyTuple>) -> PyResult<Option<Plan<R>>> {
    let py = access.py();
    let spec = || access.get_item(1).and_then(|spec| Ok(spec.cast_into::<IndexSpec>()?));
    let plan = match kind(access)?.as_str() {
        "scan" => return Ok(None),
        "key" => {
            let mut keys = Vec::new();
            for key in access.get_item(1)?.try_iter()? {
                let key = object(&key?);
                keys.push(R::look(table, py, &key).map_err(|failure| table.explain(py, failure, &key))?);
            }
            Plan::Keys(keys)
        }
        "index" => {
            let spec = spec()?;
            let values = access.get_item(2)?.try_iter()?;
            let marks = values.map(|value| spec.get().mark_of(&value?)).collect::<PyResult<_>>()?;
            Plan::Marks(spec.unbind(), marks)
        }
        "index range" => {
            let spec = spec()?;
            let (start, stop) = range_bounds(spec.get(), access)?;
            Plan::Spots(spec.unbind(), start, stop)
        }
        "index prefix" => {
            let (start, stop) = terms::prefix_bounds(&access.get_item(2)?, true)?;
            Plan::Spots(spec()?.unbind(), Some(start), Some(stop))
        }
        "union" => {
            let mut parts = Vec::with_capacity(access.len() - 1);
            for part in access.iter_borrowed().skip(1) {
                match self::plan(table, part.to_owned().cast::<PyTuple>()?)? {
                    Some(part) => parts.push(part),
                    None => return Ok(None),
                }
            }
            Plan::Union(parts)
        }
        _ => {
            let (low, high) = R::ends(table, py, access.as_any())?;
            Plan::Between(low, high)
        }
    };
    Ok(Some(plan))
}

fn kind(access: &Bound<'_, PyTuple>) -> PyResult<String> {
    Ok(access.get_item(0)?.cast_into::<PyString>()?.to_string())
}

fn range_bounds(spec: &IndexSpec, access: &Bound<'_, PyTuple>) -> PyResult<(Option<Term>, Option<Term>)> {
    let (low, high, named) = (access.get_item(2)?, access.get_item(3)?, access.get_item(4)?);
    bounds(spec, &Ends { low: &low, high: &high, bounds: &named.extract::<String>()? })
}

/// Gather what a plan leads to, under the lock.
fn gather<R: Rows>(state: &State<R>, plan: &Plan<R>, found: &mut Located<R>) -> Result<(), Failure> {
    match plan {
        Plan::Keys(keys) => {
            for key in keys {
                let slot = state.rows.slot(&key.handle);
                if !slot.is_null() {
                    // SAFETY: the slot stands in the table.
                    found.push((key.handle.clone(), unsafe { Object::borrowed(slot) }));
                } else if key.witness != state.version && state.rows.may_have_come(&key.handle) {
                    return Err(Failure::Late);
                }
            }
        }
        Plan::Marks(spec, marks) => {
            let (spec, rows) = in_use(state, spec)?;
            for mark in marks {
                let before = found.len();
                rows.marked(&spec.marks, mark, |number| {
                    found.push(numbered(state, number));
                    true
                });
                if found.len() == before && !stands(spec, mark) {
                    return Err(Failure::Late);
                }
            }
        }
        Plan::Spots(spec, start, stop) => {
            if let (_, IndexRows::Ordered(rows)) = in_use(state, spec)? {
                let (first, last) = rows.positions(start.as_ref(), stop.as_ref(), false, usize::MAX);
                found.extend(rows.tree().ascending(first, last).map(|entry| numbered(state, entry.value())));
            }
        }
        Plan::Between(low, high) => state.rows.between(low.as_ref(), high.as_ref(), |handle, slot| {
            // SAFETY: the slot stands in the table.
            found.push((handle, unsafe { Object::borrowed(slot) }));
        }),
        Plan::Union(parts) => {
            for part in parts {
                gather(state, part, found)?;
            }
        }
    }
    Ok(())
}

/// An index that the table has, and what it knows; under the lock.
fn in_use<'a, R: Rows>(state: &State<R>, spec: &'a Py<IndexSpec>) -> Result<(&'a IndexSpec, &'a IndexRows), Failure> {
    match &state.watch {
        // SAFETY: the lock is held.
        Some(watch) if watch.indexes.has(spec.get()) => Ok((spec.get(), unsafe { spec.get().rows() })),
        _ => Err(Failure::Dropped),
    }
}

/// The row of a number, under the lock.
fn numbered<R: Rows>(state: &State<R>, number: u32) -> (R::Handle, Object) {
    // SAFETY: while an index is in use there is a watch, and a row with a number stands in the table.
    unsafe {
        let row = state.watch.as_ref().unwrap_unchecked().indexes.row(number);
        (R::handle_of(row), row.hold().into_object())
    }
}

/// How many rows an access leads to, those that have expired included; 0 where only a look would tell.
pub fn candidate_count<R: Rows>(table: &Table<R>, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<usize> {
    match counted(table, access.cast::<PyTuple>()?) {
        Err(failure) if errors::is(py, &failure, "IndexNotFound") => Ok(0),
        answer => answer,
    }
}

fn counted<R: Rows>(table: &Table<R>, access: &Bound<'_, PyTuple>) -> PyResult<usize> {
    let py = access.py();
    let extent = |spec: &IndexSpec, bounds: (Option<Term>, Option<Term>)| {
        using_order(table, py, spec, |_, rows: &OrderedIndex| {
            let (first, last) = rows.positions(bounds.0.as_ref(), bounds.1.as_ref(), false, usize::MAX);
            last - first
        })
    };
    let spec = || access.get_item(1).and_then(|spec| Ok(spec.cast_into::<IndexSpec>()?));
    match kind(access)?.as_str() {
        "index" => {
            let spec = spec()?;
            let mut count = 0;
            for value in access.get_item(2)?.try_iter()? {
                let mark = spec.get().mark_of(&value?)?;
                using(table, py, spec.get(), |_, rows| {
                    rows.marked(&spec.get().marks, &mark, |_| {
                        count += 1;
                        true
                    });
                })?;
            }
            Ok(count)
        }
        "index range" => extent(spec()?.get(), range_bounds(spec()?.get(), access)?),
        "index prefix" => {
            let (start, stop) = terms::prefix_bounds(&access.get_item(2)?, true)?;
            extent(spec()?.get(), (Some(start), Some(stop)))
        }
        "union" => {
            let mut count = 0;
            for part in access.iter_borrowed().skip(1) {
                count += candidate_count(table, py, &part)?;
            }
            Ok(count)
        }
        _ => Ok(0),
    }
}
