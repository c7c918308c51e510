//! Whether indexes are what their functions make of the rows: for tests.

use super::adding::crowded;
use super::spec::{IndexRows, IndexSpec, Mark, Place};
use crate::py::ground::object::Object;
use crate::py::ground::row::{RowAt, is_row};
use crate::py::rows::{Rows, Table};
use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;

/// Raise AssertionError unless every index is what its function makes of the rows.
pub fn check<R: Rows>(table: &Table<R>, py: Python<'_>) -> PyResult<()> {
    let indexes = table.section(|state| state.watch.as_ref().and_then(|watch| watch.indexes()));
    let Some(indexes) = indexes else { return Ok(()) };
    let mut rows = Vec::new();
    for (_, slot) in table.section(|state| state.rows.all()) {
        // SAFETY: the slot is held.
        if !unsafe { is_row(slot.as_ptr()) } {
            return Err(wrong("a row is no cell"));
        }
        // SAFETY: it is a row, and held.
        let (key, value) = unsafe {
            let row = RowAt::of(slot.as_ptr());
            (Object::borrowed(row.key()), Object::borrowed(row.value()))
        };
        let places = indexes.0.iter().map(|spec| spec.get().place(key.bound(py), value.bound(py)));
        rows.push((slot, places.collect::<PyResult<Vec<_>>>()?));
    }
    let found = table.section(|state| {
        let watch = state.watch.as_ref()?;
        watch.indexes.numbering.check();
        if watch.indexes.numbering.len() != state.rows.len() {
            return Some("a row has no number, or a number no row".to_owned());
        }
        indexes.0.iter().map(Py::get).enumerate().find_map(|(index, spec)| {
            let mut expected = 0;
            for (row, places) in &rows {
                // SAFETY: it is a row, and held.
                let number = watch.indexes.number(unsafe { RowAt::of(row.as_ptr()) });
                let fits = number.is_some_and(|number| stands(spec, number, places[index].as_ref()));
                if !fits {
                    return Some(format!("{} has a row elsewhere, or under another mark", spec.label()));
                }
                expected += usize::from(places[index].is_some());
            }
            checked(spec, expected)
        })
    });
    drop(rows);
    found.map_or(Ok(()), |text| Err(wrong(&text)))
}

/// Tell whether a row stands under its mark, or not at all.
fn stands(spec: &IndexSpec, number: u32, place: Option<&Place>) -> bool {
    // SAFETY: the lock is held, says the caller.
    match (unsafe { spec.rows() }, place.map(|place| &place.mark)) {
        (rows, None) => !rows.has(number),
        (IndexRows::Hashed(rows), Some(Mark::Hashed(mark, _))) => rows.has_mark(&spec.marks, number, mark),
        (IndexRows::Ordered(rows), Some(Mark::Ordered(mark))) => rows.marked(mark).any(|entry| entry.value() == number),
        _ => false,
    }
}

/// What is wrong with an index by itself, if anything is.
fn checked(spec: &IndexSpec, expected: usize) -> Option<String> {
    // SAFETY: the lock is held, says the caller.
    let rows: &IndexRows = unsafe { spec.rows() };
    match rows {
        IndexRows::Hashed(rows) => rows.check(&spec.marks),
        IndexRows::Ordered(rows) => rows.check(),
    }
    if rows.len() != expected {
        return Some(format!("{} has other rows", spec.label()));
    }
    (spec.unique && crowded(spec).is_some()).then(|| format!("{} is not unique", spec.label()))
}

fn wrong(text: &str) -> PyErr {
    PyAssertionError::new_err(text.to_owned())
}
