//! Asking indexes: which rows have a value, are in a range, stand where.

use super::ordered::{OrderedIndex, beyond};
use super::spec::{IndexRows, IndexSpec, Mark};
use super::{Indexes, key_of};
use crate::py::ground::errors;
use crate::py::ground::object::Object;
use crate::py::ground::row::{RowAt, RowRef};
use crate::py::rows::{Change, Outcome, Rows, Table};
use crate::store::deadlines::Scheduled;
use crate::store::term::Term;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use std::cmp::Ordering;

/// Between which values: low and high, None for an open side, and the bounds.
pub struct Ends<'a, 'py> {
    /// The smallest value.
    pub low: &'a Bound<'py, PyAny>,
    /// The largest value.
    pub high: &'a Bound<'py, PyAny>,
    /// Which of the two are taken in: "[)", "[]", "()" or "(]".
    pub bounds: &'a str,
}

/// Why an index is not asked.
enum Missing {
    Closed,
    Dropped,
}

/// Ask an index under the lock. What is done there is done in a section.
pub fn using<R: Rows, T>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    work: impl FnOnce(&Indexes, &IndexRows) -> T,
) -> PyResult<T> {
    let answer = table.section(|state| {
        if state.closed {
            return Err(Missing::Closed);
        }
        match &state.watch {
            // SAFETY: the lock is held.
            Some(watch) if watch.indexes.has(spec) => Ok(work(&watch.indexes, unsafe { spec.rows() })),
            _ => Err(Missing::Dropped),
        }
    });
    answer.map_err(|missing| match missing {
        Missing::Closed => errors::closed(py, &table.label(py)),
        Missing::Dropped => dropped(py, spec),
    })
}

fn dropped(py: Python<'_>, spec: &IndexSpec) -> PyErr {
    let message = format!("{} was dropped; add it again, or ask the table for another", spec.label());
    errors::error(py, "IndexNotFound", message)
}

/// Say that an index is none of the table's, if it is not.
pub fn refuse_dropped<R: Rows>(table: &Table<R>, py: Python<'_>, spec: &IndexSpec) -> PyResult<()> {
    using(table, py, spec, |_, _| ())
}

/// As `using`, for an index in order.
pub fn using_order<R: Rows, T>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    work: impl FnOnce(&Indexes, &OrderedIndex) -> T,
) -> PyResult<T> {
    let answer = using(table, py, spec, |indexes, rows| match rows {
        IndexRows::Ordered(rows) => Some(work(indexes, rows)),
        IndexRows::Hashed(_) => None,
    })?;
    answer.ok_or_else(|| unordered(spec))
}

/// Say that an index has no order.
pub fn unordered(spec: &IndexSpec) -> PyErr {
    PyTypeError::new_err(format!("{} has no order; add it with ordered=True for ranges, ranks and ends", spec.label()))
}

/// All indexes of a table.
pub fn specs<R: Rows>(table: &Table<R>, py: Python<'_>) -> PyResult<Vec<Py<IndexSpec>>> {
    table.refuse_closed(py)?;
    Ok(table.section(|state| {
        let list = state.watch.as_ref().map(|watch| watch.indexes.list()).unwrap_or_default();
        list.iter().map(|spec| spec.clone_ref(py)).collect()
    }))
}

/// The index of that name.
pub fn by_name<R: Rows>(table: &Table<R>, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<Py<IndexSpec>> {
    let specs = specs(table, py)?;
    let mut known = Vec::with_capacity(specs.len());
    for spec in &specs {
        let other = spec.get().name().bound(py);
        if other.eq(name)? {
            return Ok(spec.clone_ref(py));
        }
        known.push(other.repr()?.to_string());
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let message = format!("{} has no index {} (it has {known}); add it with add_index", table.label(py), name.repr()?);
    Err(errors::error(py, "IndexNotFound", message))
}

/// The rows with that value which have not expired: of an ordered table in its order, else as they got it.
pub fn indexed<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    value: &Bound<'_, PyAny>,
) -> PyResult<Vec<RowRef>> {
    let now = table.tick_all(py)?;
    let (_, mut found) = marked(table, py, spec, value)?;
    found.retain(|row| now < row.at().deadline());
    if R::ORDERED && !spec.ordered {
        found.sort_unstable_by(by_place);
    }
    Ok(found)
}

/// Compare the keys of two rows of an ordered table.
pub fn by_place(one: &RowRef, other: &RowRef) -> Ordering {
    key_of(one.at()).cmp(key_of(other.at()))
}

/// The mark of a value, and the rows that have it, expired or not.
fn marked<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    value: &Bound<'_, PyAny>,
) -> PyResult<(Mark, Vec<RowRef>)> {
    loop {
        let mark = spec.mark_of(value)?;
        if let Some(found) = using(table, py, spec, |indexes, rows| rows_with(indexes, spec, rows, &mark))? {
            return Ok((mark, found));
        }
    }
}

/// The rows with that mark, under the lock; `None` if it may not be that of its value any more.
fn rows_with(indexes: &Indexes, spec: &IndexSpec, rows: &IndexRows, mark: &Mark) -> Option<Vec<RowRef>> {
    let mut found = Vec::new();
    rows.marked(&spec.marks, mark, |number| {
        // SAFETY: a row with a number stands in the table.
        found.push(unsafe { indexes.row(number).hold() });
        true
    });
    (!found.is_empty() || stands(spec, mark)).then_some(found)
}

/// Tell, under the lock, whether a mark that no row has is still that of its value.
pub fn stands(spec: &IndexSpec, mark: &Mark) -> bool {
    match mark {
        Mark::Hashed(mark, witness) => !spec.marks.may_have_come(mark, *witness),
        Mark::Ordered(_) => true,
    }
}

/// How many rows have that value.
pub fn counted<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    value: &Bound<'_, PyAny>,
) -> PyResult<usize> {
    let now = table.tick_all(py)?;
    loop {
        let mark = spec.mark_of(value)?;
        let count = using(table, py, spec, |indexes, rows| {
            let mut count = 0;
            rows.marked(&spec.marks, &mark, |number| {
                count += usize::from(now < indexes.row(number).deadline());
                true
            });
            (count > 0 || stands(spec, &mark)).then_some(count)
        })?;
        if let Some(count) = count {
            return Ok(count);
        }
    }
}

/// The rows with values between two ends, in the order of the index.
pub fn between<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    ends: &Ends<'_, '_>,
    reverse: bool,
    limit: usize,
) -> PyResult<Vec<RowRef>> {
    let (start, stop) = bounds(spec, ends)?;
    table.tick_all(py)?;
    using_order(table, py, spec, |indexes, rows| {
        let (first, last) = rows.positions(start.as_ref(), stop.as_ref(), reverse, limit);
        // SAFETY: rows with a number stand in the table.
        let row = |number| unsafe { indexes.row(number).hold() };
        if reverse {
            rows.tree().descending(first, last).map(|entry| row(entry.value())).collect()
        } else {
            rows.tree().ascending(first, last).map(|entry| row(entry.value())).collect()
        }
    })
}

/// The bounds between two ends: no spot is equal to one.
pub fn bounds(spec: &IndexSpec, ends: &Ends<'_, '_>) -> PyResult<(Option<Term>, Option<Term>)> {
    let start = bound(spec, ends.low, ends.bounds.starts_with('('))?;
    let stop = bound(spec, ends.high, ends.bounds.ends_with(']'))?;
    Ok((start, stop))
}

fn bound(spec: &IndexSpec, value: &Bound<'_, PyAny>, above: bool) -> PyResult<Option<Term>> {
    if value.is_none() {
        return Ok(None);
    }
    match spec.mark_of(value)? {
        Mark::Ordered(mark) => Ok(Some(if above { beyond(&mark) } else { mark })),
        Mark::Hashed(..) => Err(unordered(spec)),
    }
}

/// How many rows stand before that of a key; `None` if the index has none of it.
pub fn rank_of<R: Rows>(table: &Table<R>, py: Python<'_>, spec: &IndexSpec, key: &Object) -> PyResult<Option<usize>> {
    loop {
        let found = R::look(table, py, key).map_err(|failure| table.explain(py, failure, key))?;
        table.tick_all(py)?;
        let answer = table.section(|state| {
            let slot = state.rows.slot(&found.handle);
            if slot.is_null() {
                let late = found.witness != state.version && state.rows.may_have_come(&found.handle);
                return (!late).then_some(None);
            }
            let Some(watch) = state.watch.as_ref().filter(|watch| watch.indexes.has(spec)) else { return Some(None) };
            // SAFETY: in a table with indexes, all slots are rows.
            let number = watch.indexes.number(unsafe { RowAt::of(slot) });
            // SAFETY: the lock is held.
            let IndexRows::Ordered(rows) = (unsafe { spec.rows() }) else { return Some(None) };
            Some(number.and_then(|number| rows.spot(number)).map(|spot| rows.tree().rank(spot)))
        });
        using_order(table, py, spec, |_, _| ())?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
    }
}

/// The row at a position of the index.
pub fn entry_at<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    position: &Bound<'_, PyAny>,
) -> PyResult<RowRef> {
    table.tick_all(py)?;
    let wanted: isize = position.extract().unwrap_or(isize::MAX);
    let found = using_order(table, py, spec, |indexes, rows| {
        let size = rows.tree().len();
        let place = if wanted < 0 { wanted.wrapping_add_unsigned(size) } else { wanted };
        let entry = usize::try_from(place).ok().and_then(|place| rows.tree().at(place));
        // SAFETY: a row with a number stands in the table.
        entry.map(|entry| unsafe { indexes.row(entry.value()).hold() }).ok_or(size)
    })?;
    found.map_err(|size| {
        PyIndexError::new_err(format!("position {position} is beyond the {size} entries of {}", spec.label()))
    })
}

/// How many rows are in the index.
pub fn size_of_index<R: Rows>(table: &Table<R>, py: Python<'_>, spec: &IndexSpec) -> PyResult<usize> {
    table.tick_all(py)?;
    using(table, py, spec, |_, rows| rows.len())
}

/// Remove the rows with that value, all at once; return how many.
pub fn delete_marked<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    value: &Bound<'_, PyAny>,
) -> PyResult<usize> {
    loop {
        let now = table.tick_all(py)?;
        let (mark, found) = marked(table, py, spec, value)?;
        let removal = |row: &RowRef| {
            // SAFETY: the row is held.
            let handle = unsafe { R::handle_of(row.at()) };
            Change::<R> { handle, old: Some(row.clone()), new: None, witness: 0, quiet: false }
        };
        let changes: Vec<Change<R>> = found.iter().map(removal).collect();
        let outcome = table.commit_if(py, &changes, now, |state| {
            let Some(watch) = state.watch.as_ref().filter(|watch| watch.indexes.has(spec)) else { return false };
            // SAFETY: the lock is held.
            let rows = unsafe { spec.rows() };
            let (mut count, mut same) = (0, true);
            rows.marked(&spec.marks, &mark, |number| {
                same = found.get(count).is_some_and(|row| row.at() == watch.indexes.row(number));
                count += 1;
                same
            });
            same && count == found.len() && (count > 0 || stands(spec, &mark))
        })?;
        if matches!(outcome, Outcome::Done) {
            return Ok(found.iter().filter(|row| now < row.at().deadline()).count());
        }
    }
}
