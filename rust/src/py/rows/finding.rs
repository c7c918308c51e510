//! Finding a row, which is a cell of its own then: who holds it can tell later whether anything has happened to it.

use super::{Rows, Table};
use crate::py::ground::headroom;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowRef, is_row};
use crate::store::deadlines::Scheduled;
use pyo3::prelude::*;

/// What finding a key found: its handle, its row where it has a live one, and the witness for its absence.
pub struct Found<R: Rows> {
    /// What stands for the key.
    pub handle: R::Handle,
    /// The row, which is a cell now, and does not change while it is held here.
    pub row: Option<RowRef>,
    /// The number of changes when the search began.
    pub witness: u64,
}

impl<R: Rows> Table<R> {
    /// Find a key: its handle and its row, as a cell. A row that has expired is reclaimed and not found.
    pub fn find(&self, py: Python<'_>, key: &Object, now: i64) -> PyResult<Found<R>> {
        loop {
            let found = self.resolve(py, key)?;
            match &found.row {
                Some(row) if row.at().deadline() <= now => {
                    self.expire(py, row)?;
                }
                _ => return Ok(found),
            }
        }
    }

    /// Find a key, expired or not. Runs the key's hash and `==`, or what makes its place in the order.
    pub fn resolve(&self, py: Python<'_>, key: &Object) -> PyResult<Found<R>> {
        loop {
            self.refuse_closed(py)?;
            let looked = R::look(self, py, key)?;
            let Some(slot) = looked.slot else {
                return Ok(Found { handle: looked.handle, row: None, witness: looked.witness });
            };
            // SAFETY: held here.
            if unsafe { is_row(slot.as_ptr()) } {
                // SAFETY: it is a row.
                let row = unsafe { RowRef::borrowed(slot.as_ptr()) };
                return Ok(Found { handle: looked.handle, row: Some(row), witness: looked.witness });
            }
            // SAFETY: the handle is alive.
            headroom::ensure(py, unsafe { R::levels(&looked.handle) })?;
            if let Some(row) = self.promote(&looked.handle, &slot) {
                return Ok(Found { handle: looked.handle, row: Some(row), witness: looked.witness });
            }
        }
    }

    /// The row under a handle as a cell, expired or not.
    pub fn row_of(&self, handle: &R::Handle) -> Option<RowRef> {
        loop {
            // SAFETY: what stands in the table is alive in the section.
            let (slot, handle) = self.section(|state| unsafe {
                let slot = state.rows.slot(handle);
                (!slot.is_null()).then(|| (Object::borrowed(slot), state.rows.standing(handle)))
            })?;
            // SAFETY: held here.
            if unsafe { is_row(slot.as_ptr()) } {
                // SAFETY: it is a row.
                return Some(unsafe { RowRef::borrowed(slot.as_ptr()) });
            }
            if let Some(row) = self.promote(&handle, &slot) {
                return Some(row);
            }
        }
    }

    /// Put a row cell in the place of a plain value that was found; `None` if that does not stand there any more.
    fn promote(&self, handle: &R::Handle, value: &Object) -> Option<RowRef> {
        let row = RowRef::new(R::keep(handle), value.clone(), NO_END);
        let done = self.section(|state| {
            let same = state.rows.slot(handle) == value.as_ptr();
            if same {
                state.cells += 1;
                drop(state.rows.put(handle, row.clone().into_object())); // who asks keeps the value
            }
            same
        });
        done.then_some(row)
    }
}
