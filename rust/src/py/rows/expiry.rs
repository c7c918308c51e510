//! Taking out rows that have expired, and telling whom it concerns.

use super::{Rows, State, Table, Trash};
use crate::py::ground::clock;
use crate::py::ground::headroom;
use crate::py::ground::object::Object;
use crate::py::ground::row::{RowAt, RowRef};
use pyo3::prelude::*;

impl<R: Rows> Table<R> {
    /// Take out rows that have expired, at most `limit`; return how many.
    pub fn reclaim(&self, py: Python<'_>, now: i64, limit: usize) -> PyResult<usize> {
        let now = clock::due_by(now);
        headroom::ensure(py, headroom::FOR_ANY_KEY)?;
        let (gone, trash) = self.section(|state| {
            let (mut gone, mut trash) = (Vec::new(), Trash::new());
            while gone.len() < limit {
                let Some(row) = state.deadlines.pop_due(now) else { break };
                // SAFETY: what is listed stands in the table.
                let handle = unsafe { R::handle_of(row) };
                state.take_out(&handle, row, &mut trash);
                // SAFETY: the trash holds it.
                gone.push(unsafe { row.hold() });
            }
            if !gone.is_empty() {
                state.version += 1;
                state.refresh();
            }
            (gone, trash)
        });
        drop(trash);
        let count = gone.len();
        self.reclaimed(py, gone)?;
        Ok(count)
    }

    /// Take out a row that was found expired, if it still stands.
    pub fn expire(&self, py: Python<'_>, row: &RowRef) -> PyResult<()> {
        headroom::ensure(py, headroom::FOR_ANY_KEY)?;
        let mut trash = Trash::new();
        let gone = self.section(|state| {
            // SAFETY: held by the caller.
            let handle = unsafe { R::handle_of(row.at()) };
            let stands = state.rows.slot(&handle) == row.as_ptr();
            if stands {
                state.unlist(row.at());
                state.take_out(&handle, row.at(), &mut trash);
                state.version += 1;
                state.refresh();
            }
            trash.push(R::keep(&handle));
            stands
        });
        drop(trash);
        if gone { self.reclaimed(py, vec![row.clone()]) } else { Ok(()) }
    }

    /// Take note, outside the lock, that these rows have expired and are gone, and tell whom it concerns.
    pub fn reclaimed(&self, py: Python<'_>, rows: Vec<RowRef>) -> PyResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let (function, watched) = self.section(|state| {
            state.rows.expired(rows.len());
            (state.on_reclaim.clone(), state.watch.is_some())
        });
        if let Some(function) = function {
            // SAFETY: alive; rows are objects.
            unsafe {
                let list = pyo3::types::PyList::empty(py);
                for row in &rows {
                    let (key, value) = (Object::borrowed(row.at().key()), Object::borrowed(row.at().value()));
                    let pair = crate::py::entry::new_entry(py, key.into_py(py), value.into_py(py))?;
                    list.append(pair)?;
                }
                Bound::from_borrowed_ptr(py, function.as_ptr()).call1((list,))?;
            }
        }
        drop(rows);
        if watched { self.deliver(py) } else { Ok(()) }
    }
}

impl<R: Rows> State<R> {
    /// Take a row out that is not listed any more, which `trash` then holds, with what goes with it.
    pub fn take_out(&mut self, handle: &R::Handle, row: RowAt, trash: &mut Trash) {
        if let Some(watch) = &mut self.watch {
            watch.expired(row, trash);
        }
        self.cells -= 1;
        if let Some(slot) = self.rows.take(handle, trash) {
            trash.push(slot);
        }
    }
}
