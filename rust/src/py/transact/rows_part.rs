//! What a transaction has written to a table of a set kind.

use super::{Member, Part, offer_class};
use crate::py::class::{SetBody, body};
use crate::py::ground::clock;
use crate::py::ground::handle::is_foreign;
use crate::py::ground::lock::Lock;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowRef, is_row};
use crate::py::object;
use crate::py::rows::{Change, Prepared, Rows, State, Table, Trash};
use crate::py::watch::Rival;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyType};
use std::marker::PhantomData;

/// Let tables of the class of a set kind take part in transactions.
pub fn offer<B: SetBody>(class: &Bound<'_, PyType>) -> PyResult<()> {
    offer_class(class, |table| Box::new(Rowed::<B>::new(table)))
}

/// A table of a set kind.
struct Rowed<B: SetBody> {
    table: Object,
    kind: PhantomData<fn() -> B>,
}

impl<B: SetBody> Rowed<B> {
    fn new(table: Object) -> Self {
        Self { table, kind: PhantomData }
    }

    fn table(&self) -> &Table<B::Rows> {
        // SAFETY: it is of a class that was offered with this body, and held here.
        unsafe { body::<B>(self.table.as_ptr()).table() }
    }
}

impl<B: SetBody> Member for Rowed<B> {
    fn lock(&self) -> &Lock {
        self.table().lock()
    }

    unsafe fn version(&self) -> Option<u64> {
        // SAFETY: the caller holds the lock.
        let state = unsafe { self.table().held_state() };
        (!state.closed).then_some(state.version)
    }

    fn part(&self, py: Python<'_>, written: &Bound<'_, PyAny>) -> PyResult<Box<dyn Part>> {
        let mut part = RowsPart::<B> {
            table: Self::new(self.table.clone()),
            changes: Vec::new(),
            moving: Vec::new(),
            succeeding: Vec::new(),
            now: moment(&written.get_item(3)?)?,
            prepared: None,
            rival: None,
        };
        let renewed = written.get_item(4)?;
        for (place, quiet) in [(1, false), (2, true)] {
            for change in written.get_item(place)?.try_iter()? {
                part.add(py, &change?, quiet, &renewed)?;
            }
        }
        Ok(Box::new(part))
    }
}

/// Rows in the place of others.
struct RowsPart<B: SetBody> {
    table: Rowed<B>,
    changes: Vec<Change<B::Rows>>,
    moving: Vec<(usize, <B::Rows as Rows>::Handle)>, // changes by which a row comes anew in the place of one: and its handle
    succeeding: Vec<usize>, // changes by which a row comes whose key is equal to that of the row of the change before it
    now: i64,
    prepared: Option<Prepared>,
    rival: Option<Rival>,
}

impl<B: SetBody> RowsPart<B> {
    /// Add a change: handle, row found, row to be (key, value, deadline, and what does not matter here), witness.
    fn add(
        &mut self,
        py: Python<'_>,
        change: &Bound<'_, PyAny>,
        quiet: bool,
        renewed: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        type Change4<'py> = (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>, i64);
        let (handle, old, new, witness): Change4<'_> = change.extract()?;
        let anew = B::Rows::HASHED && old.is_some() && renewed.contains(&handle)?;
        let old = old.as_ref().map(row).transpose()?;
        let handle = match &old {
            // SAFETY: the row is held.
            Some(old) => unsafe { B::Rows::handle_of(old.at()) },
            None => B::Rows::from_python(py, &handle)?,
        };
        let Some(new) = new else {
            self.changes.push(Change { handle, old, new: None, witness: witness as u64, quiet });
            return Ok(());
        };
        let key = object(&new.get_item(0)?);
        // SAFETY: the row is held.
        let kept = old.as_ref().is_some_and(|old| unsafe { old.at().key() } == key.as_ptr());
        let target = if kept { handle.clone() } else { B::Rows::with_key(&handle, &key) };
        let keep = B::Rows::keep(&target);
        // SAFETY: both are held. A key that needs a handle of its own is another key: one row goes, and another comes.
        let (moves, succeeds) = unsafe {
            let before = B::Rows::keep(&handle);
            let moves = old.is_some() && keep.as_ptr() != before.as_ptr();
            (moves, moves && is_foreign(keep.as_ptr()) && !is_foreign(before.as_ptr()))
        };
        let new = Some(RowRef::new(keep, object(&new.get_item(1)?), deadline(&new.get_item(2)?)?));
        let witness = witness as u64;
        if succeeds {
            self.changes.push(Change { handle, old, new: None, witness, quiet });
            self.succeeding.push(self.changes.len());
            self.changes.push(Change { handle: target, old: None, new, witness, quiet });
        } else if moves || anew {
            self.moving.push((self.changes.len(), target));
            self.changes.push(Change { handle, old, new, witness, quiet });
        } else {
            self.changes.push(Change { handle: target, old, new, witness, quiet });
        }
        Ok(())
    }
}

impl<B: SetBody> Part for RowsPart<B> {
    fn prepare(&mut self, py: Python<'_>) -> PyResult<()> {
        self.prepared = Some(self.table.table().prepare(py, &self.changes)?);
        Ok(())
    }

    unsafe fn agree(&mut self) -> bool {
        // SAFETY: the caller holds the lock.
        let state: &mut State<B::Rows> = unsafe { self.table.table().held_state() };
        let Some(prepared) = &self.prepared else { return false };
        for &number in &self.succeeding {
            self.changes[number].witness = state.version; // it cannot have come while an equal one is there
        }
        match state.agree(&self.changes, prepared) {
            Ok(agreed) => agreed,
            Err(rival) => {
                self.rival = Some(rival);
                false
            }
        }
    }

    unsafe fn apply(&mut self, trash: &mut Trash) {
        // SAFETY: the caller holds the lock.
        let state: &mut State<B::Rows> = unsafe { self.table.table().held_state() };
        let Some(prepared) = self.prepared.take() else { return };
        let moving = std::mem::take(&mut self.moving).into_iter();
        let leaving: Vec<_> =
            moving.map(|(number, target)| std::mem::replace(&mut self.changes[number].handle, target)).collect();
        state.apply(&self.changes, &leaving, prepared, self.now, trash);
        trash.extend(leaving.iter().map(B::Rows::keep)); // freed outside the lock
    }

    fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        self.table.table().deliver(py)
    }

    fn refuse(&self, py: Python<'_>) -> PyResult<()> {
        match &self.rival {
            Some(rival) => self.table.table().refuse(py, &self.changes, rival).map(drop),
            None => Ok(()),
        }
    }
}

/// The row that the table has given out.
fn row(given: &Bound<'_, PyAny>) -> PyResult<RowRef> {
    // SAFETY: alive, and of the type that is asked for.
    unsafe {
        if is_row(given.as_ptr()) {
            return Ok(RowRef::borrowed(given.as_ptr()));
        }
    }
    Err(PyTypeError::new_err(format!("a row of a native table was found, not {}", given.repr()?)))
}

/// The deadline in a row that Python code has made.
fn deadline(given: &Bound<'_, PyAny>) -> PyResult<i64> {
    if given.is_none() {
        return Ok(NO_END);
    }
    let end = if given.is_instance_of::<PyInt>() { given.extract()? } else { given.extract::<f64>()?.ceil() as i64 };
    if end == NO_END { Err(PyValueError::new_err("a deadline beyond all time")) } else { Ok(end) }
}

/// The time, in whole milliseconds.
fn moment(given: &Bound<'_, PyAny>) -> PyResult<i64> {
    given.extract().map(clock::floor)
}
