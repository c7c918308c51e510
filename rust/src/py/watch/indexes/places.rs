//! Where new rows are to be entered: worked out before a commit, and agreed to in it.

use super::Indexes;
use super::spec::{IndexRows, IndexSpec, Mark, Place};
use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::ground::row::RowRef;
use crate::store::term::Term;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Indexes as they were when places were worked out.
pub struct Snapshot(pub Arc<[Py<IndexSpec>]>);

/// Where the new rows of a commit are to be entered: row by row, in each index.
pub struct Places {
    indexes: Snapshot,
    places: Vec<Option<Place>>,
    twins: Vec<Twin>,
}

/// The first new row of a commit that has the value of an earlier one, in a unique index.
struct Twin {
    index: usize,
    number: usize, // of the new row, counted from 0
    earlier: RowRef,
}

/// The places of a commit, as they are taken out one after the other.
pub struct Entered {
    places: std::vec::IntoIter<Option<Place>>,
    _indexes: Snapshot,
}

/// Why a unique index objects.
pub struct Rival {
    /// The name of the index.
    pub index: Object,
    /// The value that is taken.
    pub value: Object,
    /// The row that has it.
    pub row: RowRef,
}

impl Entered {
    /// The next place.
    pub fn next(&mut self) -> Option<Place> {
        self.places.next().flatten()
    }
}

impl Places {
    /// The places, one after the other, in the order of the changes.
    pub fn into_entered(self) -> Entered {
        Entered { places: self.places.into_iter(), _indexes: self.indexes }
    }

    /// Why an index objects to a place.
    fn rival(&self, index: usize, place: &Place, row: RowRef) -> Rival {
        Rival { index: self.indexes.0[index].get().name().clone(), value: place.value.clone(), row }
    }
}

/// Work out where new rows are entered, `None` for a change that enters none. Runs code of the user's; not called under
/// the lock.
pub fn place_all<'a>(
    py: Python<'_>,
    indexes: Snapshot,
    rows: impl Iterator<Item = Option<&'a RowRef>>,
) -> PyResult<Places> {
    let rows: Vec<&RowRef> = rows.flatten().collect();
    let mut places = Vec::with_capacity(rows.len() * indexes.0.len());
    let mut twins = Vec::new();
    let mut batches: Vec<Batch> = match rows.len() {
        0 | 1 => Vec::new(),
        _ => indexes.0.iter().map(|spec| Batch::new(py, spec.get())).collect(),
    };
    for (number, row) in rows.iter().enumerate() {
        // SAFETY: the row is held, and nobody else's yet.
        let (key, value) =
            unsafe { (Bound::from_borrowed_ptr(py, row.at().key()), Bound::from_borrowed_ptr(py, row.at().value())) };
        for (index, spec) in indexes.0.iter().enumerate() {
            let mut place = spec.get().place(&key, &value)?;
            if let (Some(place), Some(batch)) = (&mut place, batches.get_mut(index))
                && let Some(earlier) = batch.join(py, place, number)?
                && spec.get().unique
            {
                twins.push(Twin { index, number, earlier: rows[earlier].clone() });
            }
            places.push(place);
        }
    }
    Ok(Places { indexes, places, twins })
}

/// The marks of a commit in one index, so that equal values get one mark, and unique ones are found.
enum Batch {
    /// Nothing to find.
    Alone,
    /// By hash and `==`: the mark, and the number of the row that had it first; and whether a value is foreign.
    Hashed(Py<PyDict>, bool),
    /// By the order.
    Ordered(BTreeMap<Term, usize>),
}

impl Batch {
    fn new(py: Python<'_>, spec: &IndexSpec) -> Self {
        match spec.ordered {
            false => Self::Hashed(PyDict::new(py).unbind(), false),
            true if spec.unique => Self::Ordered(BTreeMap::new()),
            true => Self::Alone,
        }
    }

    /// Give a value the mark that an equal one before it has; tell which row that was, where it is looked for.
    fn join(&mut self, py: Python<'_>, place: &mut Place, number: usize) -> PyResult<Option<usize>> {
        match (self, &mut place.mark) {
            (Self::Hashed(known, foreign), Mark::Hashed(mark, _)) => {
                let known = known.bind(py);
                // SAFETY: alive.
                *foreign |= unsafe { handle::is_foreign(mark.as_ptr()) };
                if !*foreign {
                    let first = known.get_item(mark.bound(py))?;
                    if first.is_none() {
                        known.set_item(mark.bound(py), number)?;
                    }
                    return first.map(|first| first.extract()).transpose();
                }
                // SAFETY: all are alive for the call.
                let looked = unsafe { handle::look(py, known.as_ptr(), place.value.as_ptr())? };
                match (looked.handle, looked.slot) {
                    (Some(same), Some(first)) => {
                        *mark = same;
                        first.bound(py).extract().map(Some)
                    }
                    _ => {
                        known.set_item(mark.bound(py), number)?;
                        Ok(None)
                    }
                }
            }
            (Self::Ordered(known), Mark::Ordered(mark)) => match known.get(mark) {
                Some(&earlier) => Ok(Some(earlier)),
                None => {
                    known.insert(mark.clone(), number);
                    Ok(None)
                }
            },
            _ => Ok(None),
        }
    }
}

impl Indexes {
    /// Tell, under the lock, whether the places are up to date, and no unique index objects to the changes: old row, new
    /// row, and whether the lifetime alone changes.
    pub fn agree<'a>(
        &mut self,
        places: Option<&Places>,
        changes: impl ExactSizeIterator<Item = (Option<&'a RowRef>, Option<&'a RowRef>, bool)> + Clone,
    ) -> Result<bool, Rival> {
        let Some(places) = places else { return Ok(self.list.is_empty()) };
        if !Arc::ptr_eq(&places.indexes.0, &self.list) {
            return Ok(false);
        }
        let width = self.list.len();
        let mut leaving: Option<Vec<u32>> = None; // the rows that the commit takes away or moves, in order
        for (index, spec) in self.list.iter().map(Py::get).enumerate() {
            let twin = places.twins.iter().find(|twin| twin.index == index);
            for (number, place) in places.places.iter().skip(index).step_by(width).enumerate() {
                let Some(place) = place else { continue };
                if let Mark::Hashed(mark, witness) = &place.mark
                    && spec.marks.bucket(mark).is_null()
                    && spec.marks.may_have_come(mark, *witness)
                {
                    return Ok(false);
                }
                if !spec.unique {
                    continue;
                }
                if let Some(twin) = twin.filter(|twin| twin.number == number) {
                    return Err(places.rival(index, place, twin.earlier.clone()));
                }
                let leaving = leaving.get_or_insert_with(|| self.leaving(changes.clone()));
                if let Some(other) = self.other(spec, &place.mark, leaving) {
                    // SAFETY: a row with a number stands in the table.
                    return Err(places.rival(index, place, unsafe { self.row(other).hold() }));
                }
            }
        }
        Ok(true)
    }

    /// The numbers of the rows that a commit takes away or moves, in order.
    fn leaving<'a>(&self, changes: impl Iterator<Item = (Option<&'a RowRef>, Option<&'a RowRef>, bool)>) -> Vec<u32> {
        let old = changes.filter(|(_, _, quiet)| !quiet).filter_map(|(old, _, _)| old);
        let mut leaving: Vec<u32> = old.filter_map(|old| self.number(old.at())).collect();
        leaving.sort_unstable();
        leaving
    }

    /// The number of a row that has a mark, and keeps it.
    fn other(&self, spec: &IndexSpec, mark: &Mark, leaving: &[u32]) -> Option<u32> {
        let mut other = None;
        // SAFETY: the lock is held, says the caller.
        let rows: &IndexRows = unsafe { spec.rows() };
        rows.marked(&spec.marks, mark, |number| {
            other = (leaving.binary_search(&number).is_err()).then_some(number);
            other.is_none()
        });
        other
    }
}
