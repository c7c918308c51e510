//! The indexes of a table: rows by another value than their key, changed in the very commit that changes the rows.
//!
//! While a table has indexes, each of its rows has a number (`store/numbering.rs`), which stays the same when another row
//! cell comes in its place. Indexes know rows by their numbers alone, so that a row which is written again with the value
//! that it had costs them nothing, and none keeps a row alive.

mod access;
mod adding;
mod asking;
mod check;
mod hashed;
mod marks;
mod ordered;
mod places;
mod reading;
mod spec;

pub use access::{candidate_count, located, located_slots};
pub use adding::{add, remove};
pub use asking::ask;
pub use check::check;
pub use places::{Entered, Places, Rival, Snapshot, place_all};
pub use reading::{
    Ends, between, by_name, counted, delete_marked, entry_at, indexed, rank_of, refuse_dropped, size_of_index, specs,
};
pub use spec::IndexSpec;

use crate::py::ground::handle;
use crate::py::ground::row::{RowAt, RowRef};
use crate::py::rows::Trash;
use crate::store::numbering::Numbering;
use crate::store::term::Term;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::sync::Arc;

/// Make what indexes need, once, and put their class into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    marks::initialise(module.py())?;
    module.add_class::<IndexSpec>()
}

/// The indexes of one table.
pub struct Indexes {
    list: Arc<[Py<IndexSpec>]>,
    numbering: Numbering,   // of all rows, while there are indexes or journals
    journals: Vec<Journal>, // of indexes that are being added
}

/// What has happened to the rows since the index that is being added was up to date.
pub struct Journal {
    /// Tells it from the others.
    pub id: u64,
    /// In the order in which it happened.
    pub notes: Vec<Note>,
    /// How often the index has caught up and found more.
    pub rounds: u32,
}

/// How many notes may wait at first before writers wait for an index to catch up: fewer each time that it did.
const MOST_WAITING: usize = 4096;

/// What has happened to rows.
pub enum Note {
    /// A row was written, or has gone.
    Row(u32, Option<RowRef>),
    /// All rows have gone.
    Cleared,
}

impl Indexes {
    /// No indexes.
    pub fn new() -> Self {
        Self { list: Arc::from([]), numbering: Numbering::new(), journals: Vec::new() }
    }

    /// Tell whether an index that is being added falls behind, so that writers should wait a moment: otherwise those that
    /// write faster than it can follow would keep it from ever coming to an end.
    pub fn is_behind(&self) -> bool {
        self.journals.iter().any(|journal| journal.notes.len() > MOST_WAITING >> journal.rounds.min(16))
    }

    /// Whether there are none, and none is being added.
    pub fn is_idle(&self) -> bool {
        self.list.is_empty() && self.journals.is_empty()
    }

    /// The indexes as they are, if there are any.
    pub fn snapshot(&self) -> Option<Snapshot> {
        (!self.list.is_empty()).then(|| Snapshot(self.list.clone()))
    }

    /// Tell whether an index is one of these.
    pub fn has(&self, spec: &IndexSpec) -> bool {
        self.list.iter().any(|known| std::ptr::eq(known.get(), spec))
    }

    /// The index of that name. Texts are compared by C code.
    pub fn named(&self, name: *mut ffi::PyObject) -> Option<&Py<IndexSpec>> {
        // SAFETY: both are alive, and compared only where they are texts.
        let is_name = |text: *mut ffi::PyObject| unsafe {
            ffi::PyUnicode_Check(text) != 0
                && ffi::PyUnicode_Check(name) != 0
                && ffi::PyUnicode_Compare(text, name) == 0
        };
        self.list.iter().find(|known| is_name(known.get().name().as_ptr()))
    }

    /// The indexes.
    pub fn list(&self) -> &[Py<IndexSpec>] {
        &self.list
    }

    /// The row of a number.
    #[inline]
    pub fn row(&self, number: u32) -> RowAt {
        RowAt(self.numbering.address(number) as *mut _)
    }

    /// The number of a row, if it has one.
    #[inline]
    pub fn number(&self, row: RowAt) -> Option<u32> {
        self.numbering.number(row.0 as usize)
    }

    /// Take note of a row in the place of another, or of one whose lifetime alone has changed (`quiet`).
    pub fn changed(
        &mut self,
        old: Option<&RowRef>,
        new: Option<&RowRef>,
        entered: Option<&mut Entered>,
        quiet: bool,
        trash: &mut Trash,
    ) {
        if self.is_idle() {
            return;
        }
        let Some(new) = new else {
            if let Some(old) = old {
                self.expired(old.at(), trash);
            }
            return;
        };
        let (row, before) = (new.at().0 as usize, old.map(|old| old.at().0 as usize));
        let number = self.numbering.replace(before.unwrap_or(row), row);
        if quiet {
            return;
        }
        if let Some(entered) = entered {
            for spec in self.list.iter().map(Py::get) {
                let key = spec.by_key.then(|| key_of(new.at()));
                // SAFETY: the lock is held, says the caller.
                unsafe { spec.enter(number, entered.next(), key, trash) }
            }
        }
        for journal in &mut self.journals {
            journal.notes.push(Note::Row(number, Some(new.clone())));
        }
    }

    /// Take note of a row that goes.
    pub fn expired(&mut self, row: RowAt, trash: &mut Trash) {
        // What a journal says of a number is about one row: another one does not get it meanwhile.
        let number = match self.journals.is_empty() {
            true => self.numbering.remove(row.0 as usize),
            false => self.numbering.retire(row.0 as usize),
        };
        let Some(number) = number else { return };
        for spec in self.list.iter().map(Py::get) {
            // SAFETY: the lock is held, says the caller.
            unsafe { spec.leave(number, trash) }
        }
        for journal in &mut self.journals {
            journal.notes.push(Note::Row(number, None));
        }
    }

    /// Take note that all rows go.
    pub fn cleared(&mut self, trash: &mut Trash) {
        self.numbering = Numbering::new();
        for spec in self.list.iter().map(Py::get) {
            // SAFETY: the lock is held, says the caller.
            unsafe { spec.clear(trash) }
        }
        for journal in &mut self.journals {
            journal.notes.push(Note::Cleared);
        }
    }

    /// The table is closed, and nobody asks these any more: let go of what they hold.
    pub fn end(self) {
        let mut trash = Trash::new();
        for spec in self.list.iter().map(Py::get) {
            // SAFETY: they are nobody's any more.
            unsafe { spec.clear(&mut trash) }
        }
        drop(self);
        drop(trash);
    }

    /// How many bytes of memory they take.
    pub fn memory(&self) -> usize {
        let specs = self.list.iter().map(Py::get);
        // SAFETY: the lock is held, says the caller.
        self.numbering.memory() + specs.map(|spec| unsafe { spec.rows() }.memory() + spec.marks.memory()).sum::<usize>()
    }

    /// Let the collector see what is referred to from here.
    ///
    /// # Safety
    /// As `tp_traverse` is called.
    pub unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        for spec in self.list.iter() {
            // SAFETY: says the caller.
            let status = unsafe { visit(spec.as_ptr(), arg) };
            if status != 0 {
                return status;
            }
        }
        0
    }
}

/// The place in the order that a row of an ordered table has.
fn key_of<'a>(row: RowAt) -> &'a Term {
    // SAFETY: only tables in order have indexes by key, whose rows keep such handles; the row is held meanwhile.
    unsafe { handle::term_of(row.handle()) }
}
