//! What goes on beside the rows of a table: indexes, and events for subscribers.

mod events;
pub mod indexes;

pub use events::{Events, Kind, Watched, deliver, subscribe};
pub use indexes::{Entered, Places, Rival, Snapshot, check, located, place_all};

use super::ground::object::Object;
use super::ground::row::{RowAt, RowRef};
use super::rows::Trash;
use indexes::Indexes;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};

/// Indexes and subscribers of one table. Most tables have none.
pub struct Watch {
    /// The indexes.
    pub indexes: Indexes,
    /// The subscribers, and what they have yet to be told.
    pub events: Events,
}

impl Watch {
    /// A watch that watches nothing yet.
    pub fn new() -> Self {
        Self { indexes: Indexes::new(), events: Events::new() }
    }

    /// Whether the table need not be watched.
    pub fn is_idle(&self) -> bool {
        self.indexes.is_idle() && self.events.is_idle()
    }

    /// The indexes as they are, if there are any.
    pub fn indexes(&self) -> Option<Snapshot> {
        self.indexes.snapshot()
    }

    /// Tell whether every row has to be a cell.
    pub fn needs_cells(&self) -> bool {
        !self.indexes.is_idle()
    }

    /// What is to be called for events that wait, if there are any.
    pub fn to_deliver(&self) -> Option<Object> {
        self.events.to_deliver()
    }

    /// Tell, under the lock, whether the places are up to date, and no index objects to the changes: old row, new row,
    /// and whether the lifetime alone changes.
    pub fn agree<'a>(
        &mut self,
        places: Option<&Places>,
        changes: impl ExactSizeIterator<Item = (Option<&'a RowRef>, Option<&'a RowRef>, bool)> + Clone,
    ) -> Result<bool, Rival> {
        self.indexes.agree(places, changes)
    }

    /// Take note, under the lock, of a row in the place of another; `quiet` if its lifetime alone has changed.
    pub fn changed(
        &mut self,
        old: Option<&RowRef>,
        new: Option<&RowRef>,
        entered: Option<&mut Entered>,
        quiet: bool,
        now: i64,
        trash: &mut Trash,
    ) {
        self.indexes.changed(old, new, entered, quiet, trash);
        if !quiet {
            self.events.changed(old, new, now);
        }
    }

    /// Take note, under the lock, of a row that has expired and goes.
    pub fn expired(&mut self, row: RowAt, trash: &mut Trash) {
        self.indexes.expired(row, trash);
        self.events.expired(row);
    }

    /// Take note, under the lock, that all rows go.
    pub fn cleared(&mut self, size: usize, trash: &mut Trash) {
        self.indexes.cleared(trash);
        self.events.cleared(size);
    }

    /// Let the collector see what is referred to from here.
    ///
    /// # Safety
    /// As `tp_traverse` is called.
    pub unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        // SAFETY: says the caller.
        unsafe {
            match self.indexes.traverse(visit, arg) {
                0 => self.events.traverse(visit, arg),
                status => status,
            }
        }
    }

    /// The table is closed: let go of everything.
    pub fn end(self, py: Python<'_>) -> PyResult<()> {
        self.indexes.end();
        self.events.end(py)
    }

    /// The bytes of the structures.
    pub fn memory(&self) -> usize {
        self.indexes.memory()
    }
}
