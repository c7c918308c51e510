//! Changes of rows, of one table or of several, in one step: all or nothing, seen all at once.
//!
//! Each change says which row it replaces: that it is still the very same object says that nothing has happened to it.
//! *Prepare* outside the lock (index functions run here), then under it: is everything as it was found, does no index
//! object? Then change it all; *drop* and tell after it.

use super::{Rows, State, Table, Trash};
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef};
use crate::py::ground::{errors, headroom};
use crate::py::watch::{self, Places, Rival};
use crate::store::deadlines::Scheduled;
use pyo3::prelude::*;

/// One row in the place of another.
pub struct Change<R: Rows> {
    /// Where.
    pub handle: R::Handle,
    /// What stands there; `None` for nothing.
    pub old: Option<RowRef>,
    /// What is to stand there; `None` for nothing. Nobody else has it yet.
    pub new: Option<RowRef>,
    /// The number of changes when the search for the key began, for the absence of others that are equal.
    pub witness: u64,
    /// Whether the lifetime alone changes, which is nothing to indexes and subscribers.
    pub quiet: bool,
}

/// What came of a commit.
pub enum Outcome {
    /// All was done.
    Done,
    /// Something has changed since it was found: nothing was done.
    Stale,
}

/// What a commit of one table has worked out before it takes the lock.
pub struct Prepared {
    places: Option<Places>,
}

impl<R: Rows> Table<R> {
    /// Make one change; `Stale`, and none, if it is out of date. `now` tells whether `old` has expired.
    pub fn commit(&self, py: Python<'_>, change: Change<R>, now: i64) -> PyResult<Outcome> {
        self.commit_all(py, std::slice::from_ref(&change), now)
    }

    /// Make many changes, all seen at once, each of another key.
    pub fn commit_all(&self, py: Python<'_>, changes: &[Change<R>], now: i64) -> PyResult<Outcome> {
        self.commit_if(py, changes, now, |_| true)
    }

    /// As `commit_all`, if something else still holds, too, which is looked at under the lock.
    pub fn commit_if(
        &self,
        py: Python<'_>,
        changes: &[Change<R>],
        now: i64,
        holds: impl FnOnce(&State<R>) -> bool,
    ) -> PyResult<Outcome> {
        let prepared = self.prepare(py, changes)?;
        // SAFETY: handles are alive.
        let levels = changes.iter().map(|change| unsafe { R::levels(&change.handle) }).max();
        let watched = prepared.places.is_some();
        headroom::ensure(py, if watched { headroom::FOR_ANY_KEY } else { levels.unwrap_or(0) })?;
        let mut trash = Trash::with_capacity(3 * changes.len());
        let mut waiting = Some(prepared); // what is not used is dropped outside, too
        let verdict = self.section(|state| {
            if state.closed {
                return Err(None);
            }
            if !holds(state) {
                return Ok(false);
            }
            match waiting.as_ref().map(|prepared| state.agree(changes, prepared)) {
                Some(Ok(true)) => {
                    if let Some(prepared) = waiting.take() {
                        state.apply(changes, &[], prepared, now, &mut trash);
                    }
                    Ok(true)
                }
                Some(Err(rival)) => Err(Some(rival)),
                _ => Ok(false),
            }
        });
        drop((trash, waiting));
        match verdict {
            Ok(true) => {
                self.deliver(py)?;
                Ok(Outcome::Done)
            }
            Ok(false) => Ok(Outcome::Stale),
            Err(None) => Err(errors::closed(py, &self.label(py))),
            Err(Some(rival)) => self.refuse(py, changes, &rival),
        }
    }

    /// Work out, outside the lock, what code of the user's is needed for.
    pub fn prepare(&self, py: Python<'_>, changes: &[Change<R>]) -> PyResult<Prepared> {
        self.forbid(py, changes)?;
        let indexes = self.section(|state| state.watch.as_ref().and_then(|watch| watch.indexes()));
        let Some(indexes) = indexes else { return Ok(Prepared { places: None }) };
        let rows = changes.iter().map(|change| if change.quiet { None } else { change.new.as_ref() });
        Ok(Prepared { places: Some(watch::place_all(py, indexes, rows)?) })
    }

    /// Refuse to write keys from inside the functions that compute them.
    pub fn forbid(&self, py: Python<'_>, changes: &[Change<R>]) -> PyResult<()> {
        for (thread, handle) in self.section(|state| state.computing.clone()) {
            if thread != this_thread() {
                continue;
            }
            for change in changes {
                if R::alike(py, &change.handle, &handle)? {
                    return Err(self.reentrant(py));
                }
            }
        }
        Ok(())
    }

    /// Refuse to remove all keys from inside a function that computes one.
    pub fn forbid_all(&self, py: Python<'_>) -> PyResult<()> {
        let me = this_thread();
        if self.section(|state| state.computing.iter().any(|(thread, _)| *thread == me)) {
            return Err(self.reentrant(py));
        }
        Ok(())
    }

    fn reentrant(&self, py: Python<'_>) -> PyErr {
        let message = format!(
            "a function given to compute of {} wrote the very key that it computes; \
             return the new value instead, or DELETE",
            self.label(py)
        );
        errors::error(py, "ReentrantCompute", message)
    }

    /// Raise for the index that objects, unless what it objects to has expired by now.
    pub fn refuse(&self, py: Python<'_>, changes: &[Change<R>], rival: &Rival) -> PyResult<Outcome> {
        let ours =
            changes.iter().any(|change| change.new.as_ref().is_some_and(|new| new.as_ptr() == rival.row.as_ptr()));
        let deadline = rival.row.at().deadline();
        if deadline != NO_END && !ours && deadline <= self.tick_all(py)? {
            return Ok(Outcome::Stale);
        }
        // SAFETY: both are held by the rival.
        let (key, value) = unsafe {
            (Bound::from_borrowed_ptr(py, rival.row.at().key()), Bound::from_borrowed_ptr(py, rival.value.as_ptr()))
        };
        // SAFETY: alive.
        let name = unsafe { Bound::from_borrowed_ptr(py, rival.index.as_ptr()) };
        let message = format!(
            "index {} of {} is unique, and {} has {} already; the write was refused",
            name.repr()?,
            self.label(py),
            errors::shown(&key),
            errors::shown(&value)
        );
        Err(errors::error(py, "IndexViolation", message))
    }
}

impl<R: Rows> State<R> {
    /// Tell whether all is as it was found; an index that objects says with which row.
    pub fn agree(&mut self, changes: &[Change<R>], prepared: &Prepared) -> Result<bool, Rival> {
        for change in changes {
            let slot = self.rows.slot(&change.handle);
            match &change.old {
                Some(row) if slot == row.as_ptr() => (),
                None if slot.is_null() => {
                    if change.witness != self.version && self.rows.may_have_come(&change.handle) {
                        return Ok(false);
                    }
                }
                _ => return Ok(false),
            }
        }
        match &mut self.watch {
            None => Ok(prepared.places.is_none()),
            Some(watch) => watch.agree(
                prepared.places.as_ref(),
                changes.iter().map(|change| (change.old.as_ref(), change.new.as_ref(), change.quiet)),
            ),
        }
    }

    /// Make the changes, which are all agreed to; what stands under the handles that are `leaving` is taken out first.
    pub fn apply(
        &mut self,
        changes: &[Change<R>],
        leaving: &[R::Handle],
        prepared: Prepared,
        now: i64,
        trash: &mut Trash,
    ) {
        let cellular = self.rows.needs_cells() || self.watch.as_ref().is_some_and(|watch| watch.needs_cells());
        let mut entered = prepared.places.map(Places::into_entered);
        #[cfg(Py_GIL_DISABLED)]
        self.rows.disturb();
        for handle in leaving {
            let gone = self.rows.take(handle, trash);
            trash.extend(gone);
        }
        for change in changes {
            self.put(change, cellular, trash);
            if let Some(watch) = &mut self.watch {
                watch.changed(change.old.as_ref(), change.new.as_ref(), entered.as_mut(), change.quiet, now, trash);
            }
        }
        #[cfg(Py_GIL_DISABLED)]
        self.rows.disturb();
        self.version += 1;
        self.refresh();
    }

    /// Put one row in the place of another: into rows, list of deadlines, and the count of cells.
    fn put(&mut self, change: &Change<R>, cellular: bool, trash: &mut Trash) {
        let Some(new) = &change.new else {
            if let Some(old) = &change.old {
                self.unlist(old.at());
                self.cells -= 1;
                let gone = self.rows.take(&change.handle, trash);
                trash.extend(gone);
            }
            return;
        };
        let ends = new.at().deadline() != NO_END;
        // SAFETY: the row is held by the change.
        let slot =
            unsafe { if ends || cellular { new.clone().into_object() } else { Object::borrowed(new.at().value()) } };
        if let Some(old) = &change.old {
            self.relist(old.at(), new.at());
            self.cells -= 1;
            // SAFETY: both rows are held by the change.
            unsafe {
                if old.at().key() != new.at().key() {
                    self.rows.rekey(&change.handle, new.at().key(), trash);
                }
            }
        } else if ends {
            self.deadlines.insert(new.at());
        }
        self.cells += usize::from(ends || cellular);
        trash.extend(self.rows.put(&change.handle, slot));
    }

    /// Give a row another end, where it stands.
    ///
    /// # Safety
    /// The row is private to the table.
    #[inline]
    pub unsafe fn postpone(&mut self, row: RowAt, deadline: i64) {
        if row.deadline() != deadline {
            self.unlist(row);
            // SAFETY: says the caller, and it is not listed.
            unsafe { row.set_deadline(deadline) };
            self.deadlines.insert(row);
        }
    }

    /// List a row in the place of another.
    #[inline]
    pub fn relist(&mut self, old: RowAt, new: RowAt) {
        match (old.deadline(), new.deadline()) {
            (NO_END, NO_END) => (),
            (NO_END, _) => self.deadlines.insert(new),
            (_, NO_END) => self.deadlines.remove(old),
            (before, after) if before == after => self.deadlines.replace(old, new),
            _ => {
                self.deadlines.remove(old);
                self.deadlines.insert(new);
            }
        }
    }
}

/// What tells this thread from others, as `threading.get_ident` does.
pub fn this_thread() -> u64 {
    unsafe extern "C" {
        fn PyThread_get_thread_ident() -> std::ffi::c_ulong;
    }
    // SAFETY: CPython has it, and it asks for nothing.
    let ident: std::ffi::c_ulong = unsafe { PyThread_get_thread_ident() };
    ident as u64 // as wide as that or less, by platform
}
