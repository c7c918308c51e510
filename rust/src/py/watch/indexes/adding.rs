//! Adding an index to a table that others go on using, and taking one away.
//!
//! The rows are gone through outside the lock, where the index function runs, while a journal keeps what happens to them.
//! The index catches up with the journal until that is empty: at such an instant it is entered. Rows are known by their
//! numbers, which no other row gets meanwhile; what is read of one late, the journal says again: the last that is said of a
//! number holds.

use super::access::Located;
use super::spec::{IndexRows, IndexSpec, Mark, Place};
use super::{Indexes, Journal, Note, key_of};
use crate::py::ground::errors;
use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef, is_row};
use crate::py::rows::{Rows, State, Table, Trash};
use crate::py::watch::Watch;
use crate::store::term::Term;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many rows are numbered at a time.
const CHUNK: usize = 256;

/// Add an index and return it. `kind` says whether it is ordered and unique.
pub fn add<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    name: &Bound<'_, PyAny>,
    source: &Bound<'_, PyAny>,
    function: &Bound<'_, PyAny>,
    kind: (bool, bool),
) -> PyResult<Py<IndexSpec>> {
    let label = format!("index {} of {}", name.repr()?, table.label(py));
    let spec = Bound::new(py, IndexSpec::new(name, source, function, (kind.0, kind.1, R::ORDERED), label)?)?;
    table.tick_all(py)?; // rows that have expired are nobody's concern
    let (journal, handles) = begin(table, py, name)?;
    let result = build(table, py, &spec, journal, handles);
    let ended = table.section(|state| {
        let watch = state.watch.as_mut()?;
        let place = watch.indexes.journals.iter().position(|other| other.id == journal)?;
        let journal = watch.indexes.journals.swap_remove(place);
        Some((journal, settle(state)))
    });
    drop(ended);
    result.map(|()| spec.unbind())
}

/// From now on keep a journal of the rows; return its number, and the handles of all rows.
fn begin<R: Rows>(table: &Table<R>, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<(u64, Located<R>)> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed);
    let mut fresh = Some(Box::new(Watch::new()));
    let begun = table.section(|state| -> Result<_, Refusal> {
        refuse(state, name)?;
        let watch = state.watch.get_or_insert_with(|| fresh.take().unwrap_or_else(|| Box::new(Watch::new())));
        watch.indexes.journals.push(Journal { id, notes: Vec::new(), rounds: 0 });
        state.refresh();
        Ok(state.rows.all())
    });
    drop(fresh);
    match begun {
        Ok(handles) => Ok((id, handles)),
        Err(refusal) => Err(refusal.explain(table, py, name)?),
    }
}

/// Why an index cannot be added.
enum Refusal {
    Closed,
    Named,
}

impl Refusal {
    fn explain<R: Rows>(self, table: &Table<R>, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<PyErr> {
        let label = table.label(py);
        Ok(match self {
            Self::Closed => errors::closed(py, &label),
            Self::Named => {
                let name = name.repr()?;
                PyValueError::new_err(format!("{label} has an index {name} already; index({name}) returns it"))
            }
        })
    }
}

fn refuse<R: Rows>(state: &State<R>, name: &Bound<'_, PyAny>) -> Result<(), Refusal> {
    if state.closed {
        return Err(Refusal::Closed);
    }
    let known = state.watch.as_ref().and_then(|watch| watch.indexes.named(name.as_ptr()));
    known.map_or(Ok(()), |_| Err(Refusal::Named))
}

/// What there is to do next for an index that is being added.
enum Step {
    /// Nothing: it was entered; the list that it was put in the place of is to be dropped.
    Done(#[expect(dead_code, reason = "it is dropped")] Arc<[Py<IndexSpec>]>),
    /// To catch up.
    Notes(Vec<Note>),
    /// To complain of two rows with one value.
    Crowd(RowRef, RowRef),
    /// To give up.
    Refused(Refusal),
}

fn build<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &Bound<'_, IndexSpec>,
    journal: u64,
    handles: Located<R>,
) -> PyResult<()> {
    let index = spec.get();
    fill(table, py, index, &handles)?;
    drop(handles);
    loop {
        let crowd = if index.unique { crowded(index) } else { None };
        if crowd.is_some() {
            table.tick_all(py)?; // one of the two may have expired
        }
        let step = table.section(|state| {
            if let Err(refusal) = refuse(state, index.name().bound(py)) {
                return Step::Refused(refusal);
            }
            let Some(watch) = &mut state.watch else { return Step::Refused(Refusal::Closed) };
            let indexes = &mut watch.indexes;
            let notes = indexes.journals.iter_mut().find(|other| other.id == journal).map(|it| {
                it.rounds += 1;
                &mut it.notes
            });
            match (notes.map(std::mem::take), crowd) {
                (Some(notes), _) if !notes.is_empty() => Step::Notes(notes),
                // SAFETY: rows with a number stand in the table.
                (_, Some((one, other))) => unsafe { Step::Crowd(indexes.row(one).hold(), indexes.row(other).hold()) },
                _ => {
                    let all = indexes.list.iter().map(|known| known.clone_ref(py)).chain([spec.clone().unbind()]);
                    let all: Arc<[Py<IndexSpec>]> = all.collect();
                    Step::Done(std::mem::replace(&mut indexes.list, all))
                }
            }
        });
        match step {
            Step::Done(_) => return Ok(()),
            Step::Notes(notes) => catch_up(py, index, notes)?,
            Step::Crowd(one, other) => return Err(explain_crowd(py, index, &one, &other)?),
            Step::Refused(refusal) => return Err(refusal.explain(table, py, index.name().bound(py))?),
        }
    }
}

/// Enter all rows into an index that nobody else knows of yet.
fn fill<R: Rows>(table: &Table<R>, py: Python<'_>, index: &IndexSpec, handles: &[(R::Handle, Object)]) -> PyResult<()> {
    let mut sorted: Vec<(u32, Term, Option<Term>)> = Vec::new();
    for chunk in handles.chunks(CHUNK) {
        let rows = table.section(|state| number(state, chunk));
        let mut trash = Trash::new();
        for (number, row) in &rows {
            match place(py, index, row)? {
                Some(Place { mark: Mark::Ordered(mark), .. }) => {
                    sorted.push((*number, mark, index.by_key.then(|| key_of(row.at()).clone())));
                }
                // SAFETY: nobody else knows the index.
                place => unsafe { index.enter(*number, place, None, &mut trash) },
            }
        }
        drop((trash, rows));
        py.check_signals()?;
    }
    // SAFETY: as above.
    if let IndexRows::Ordered(rows) = unsafe { index.rows() } {
        rows.fill(sorted.iter().map(|(number, mark, key)| (*number, mark, key.as_ref())));
    }
    Ok(())
}

/// Make row cells of what stands under these handles, and give them numbers.
fn number<R: Rows>(state: &mut State<R>, handles: &[(R::Handle, Object)]) -> Vec<(u32, RowRef)> {
    let mut rows = Vec::with_capacity(handles.len());
    let Some(watch) = &mut state.watch else { return rows }; // the table was closed
    for (handle, _) in handles {
        let slot = state.rows.slot(handle);
        if slot.is_null() {
            continue;
        }
        // SAFETY: the slot stands in the table, and its value is kept by the new cell.
        let row = unsafe {
            if is_row(slot) {
                RowRef::borrowed(slot)
            } else {
                let cell = RowRef::new(R::keep(handle), Object::borrowed(slot), NO_END);
                state.cells += 1;
                drop(state.rows.put(handle, cell.clone().into_object()));
                cell
            }
        };
        rows.push((watch.indexes.numbering.add(row.at().0 as usize), row));
    }
    rows
}

/// Catch up with what has happened to the rows.
fn catch_up(py: Python<'_>, index: &IndexSpec, notes: Vec<Note>) -> PyResult<()> {
    let mut trash = Trash::new();
    for note in &notes {
        // SAFETY: nobody else knows the index.
        unsafe {
            match note {
                Note::Row(number, Some(row)) => {
                    let place = place(py, index, row)?;
                    if index.by_key {
                        index.leave(*number, &mut trash); // a row of another number may have stood there meanwhile
                    }
                    index.enter(*number, place, index.by_key.then(|| key_of(row.at())), &mut trash);
                }
                Note::Row(number, None) => index.leave(*number, &mut trash),
                Note::Cleared => index.clear(&mut trash),
            }
        }
    }
    Ok(())
}

fn place(py: Python<'_>, index: &IndexSpec, row: &RowRef) -> PyResult<Option<Place>> {
    let (key, value) = parts(row.at());
    index.place(key.bound(py), value.bound(py))
}

/// Key and value of a row that is held.
fn parts(row: RowAt) -> (Object, Object) {
    // SAFETY: held, says the caller.
    unsafe { (Object::borrowed(handle::key_of(row.handle())), Object::borrowed(row.value())) }
}

/// The numbers of two rows that have the same value, if there are such.
pub fn crowded(index: &IndexSpec) -> Option<(u32, u32)> {
    // SAFETY: the caller holds the lock, or nobody else knows the index.
    match unsafe { index.rows() } {
        IndexRows::Hashed(rows) => rows.crowded(&index.marks),
        IndexRows::Ordered(rows) => rows.crowded(),
    }
}

fn explain_crowd(py: Python<'_>, index: &IndexSpec, one: &RowRef, other: &RowRef) -> PyResult<PyErr> {
    let ((first, _), (second, value)) = (parts(one.at()), parts(other.at()));
    let value = match index.value_for(second.bound(py), value.bound(py))? {
        Some(value) => errors::shown(&value),
        None => "None".to_owned(),
    };
    let message = format!(
        "{} cannot be unique: {} and {} both have {value}; nothing was changed",
        index.label(),
        errors::shown(first.bound(py)),
        errors::shown(second.bound(py)),
    );
    Ok(errors::error(py, "IndexViolation", message))
}

/// Take an index away.
pub fn remove<R: Rows>(table: &Table<R>, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<()> {
    loop {
        let gone = super::by_name(table, py, name)?;
        let removed = table.section(|state| {
            let indexes = &mut state.watch.as_mut()?.indexes;
            if !indexes.has(gone.get()) {
                return None;
            }
            let left = indexes.list.iter().filter(|known| !known.is(&gone)).map(|known| known.clone_ref(py)).collect();
            let before = std::mem::replace(&mut indexes.list, left);
            let mut trash = Trash::new();
            // SAFETY: the lock is held.
            unsafe { gone.get().clear(&mut trash) }
            state.version += 1; // for transactions that have asked it
            Some((before, trash, settle(state)))
        });
        if removed.is_some() {
            table.make_plain();
            return Ok(());
        }
    }
}

/// Let go of what is kept for indexes, where there are none any more; what is returned is dropped outside.
fn settle<R: Rows>(state: &mut State<R>) -> (Indexes, Option<Box<Watch>>) {
    let mut idle = Indexes::new();
    let Some(watch) = &mut state.watch else { return (idle, None) };
    if watch.indexes.is_idle() {
        std::mem::swap(&mut idle, &mut watch.indexes);
    } else if watch.indexes.journals.is_empty() {
        watch.indexes.numbering.release();
    }
    let watch = state.watch.take_if(|watch| watch.is_idle());
    state.refresh();
    (idle, watch)
}
