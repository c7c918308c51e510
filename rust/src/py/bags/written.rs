//! What a transaction has written to a bag, as something to be done under the lock, all of it or nothing.

use super::bag::{Bag, Found, Seen, State};
use super::cell;
use super::kind::Kind;
use crate::py::class::body;
use crate::py::ground::lock::Lock;
use crate::py::ground::object::Object;
use crate::py::rows::{Rows, Trash};
use crate::py::transact::{Member, Part, offer_class};
use crate::py::watch::Kind as EventKind;
use crate::store::cell::Hash;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::marker::PhantomData;

/// Let tables of the class of a bag take part in transactions.
pub fn offer<K: Kind>(class: &Bound<'_, PyType>) -> PyResult<()> {
    offer_class(class, |table| Box::new(Bagged::<K> { table, kind: PhantomData }))
}

/// What has become of the values under one key: `CellWritten` of `transactions/base.py`.
struct CellWritten {
    found: Found,
    key: Object,
    removed: Vec<u64>,
    added: Vec<(Object, Hash)>,
}

/// A bag.
struct Bagged<K: Kind> {
    table: Object,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Bagged<K> {
    fn bag(&self) -> &Bag<K> {
        // SAFETY: it is of a class that was offered with this body, and held here.
        unsafe { body(self.table.as_ptr()) }
    }
}

impl<K: Kind> Member for Bagged<K> {
    fn lock(&self) -> &Lock {
        self.bag().lock()
    }

    unsafe fn version(&self) -> Option<u64> {
        // SAFETY: the caller holds the lock.
        let state = unsafe { self.bag().held_state() };
        (!state.closed).then_some(state.version)
    }

    fn part(&self, _py: Python<'_>, written: &Bound<'_, PyAny>) -> PyResult<Box<dyn Part>> {
        let bag = Self { table: self.table.clone(), kind: PhantomData };
        Ok(Box::new(CellsPart { bag, written: read(&written.get_item(1)?)? }))
    }
}

/// What is to be done to a bag.
struct CellsPart<K: Kind> {
    bag: Bagged<K>,
    written: Vec<CellWritten>,
}

impl<K: Kind> Part for CellsPart<K> {
    fn prepare(&mut self, _py: Python<'_>) -> PyResult<()> {
        Ok(()) // bags have no indexes
    }

    unsafe fn agree(&mut self) -> bool {
        // SAFETY: the caller holds the lock.
        unsafe { self.bag.bag().held_state() }.agree(&self.written)
    }

    unsafe fn apply(&mut self, trash: &mut Trash) {
        // SAFETY: the caller holds the lock.
        unsafe { self.bag.bag().held_state() }.apply(&self.written, trash);
    }

    fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        self.bag.bag().deliver(py)
    }

    fn refuse(&self, _py: Python<'_>) -> PyResult<()> {
        Ok(()) // nothing objects
    }
}

/// The items of a `CellWritten`: handle, token, witness, key, tickets of what is gone, values that come with their hashes.
type Raw<'py> =
    (Bound<'py, PyAny>, Option<u64>, u64, Bound<'py, PyAny>, Vec<u64>, Vec<(Bound<'py, PyAny>, Option<i64>)>);

/// Read what a transaction has written, outside every lock.
fn read(cells: &Bound<'_, PyAny>) -> PyResult<Vec<CellWritten>> {
    cells
        .try_iter()?
        .map(|written| {
            let (handle, token, witness, key, removed, added): Raw<'_> = written?.extract()?;
            let seen = token.map_or(Seen::Nothing, Seen::Version);
            let hash = |hash: Option<i64>| hash.map_or(Hash::NONE, Hash::new);
            Ok(CellWritten {
                found: Found { handle: crate::py::object(&handle), seen, witness },
                key: crate::py::object(&key),
                removed,
                added: added.iter().map(|(value, hashed)| (crate::py::object(value), hash(*hashed))).collect(),
            })
        })
        .collect()
}

impl<K: Kind> State<K> {
    /// Tell, under the lock, whether all is as it was found.
    fn agree(&self, written: &[CellWritten]) -> bool {
        !self.closed && written.iter().all(|written| self.agreed(&written.found).is_some())
    }

    /// Do, under the lock, what is written, which is all agreed to.
    fn apply(&mut self, written: &[CellWritten], trash: &mut Trash) {
        self.version += 1;
        for written in written {
            self.take_tickets(written, trash);
        }
        for written in written {
            for (value, hash) in &written.added {
                self.add(&written.found.handle, value.clone(), *hash, trash);
            }
            self.settle(written, trash);
            self.tell(EventKind::Insert, &written.key, written.added.iter().map(|(value, _)| value));
        }
        self.refresh();
    }

    /// Take out the values that are gone. Their cell stays, even if it is empty now.
    fn take_tickets(&mut self, written: &CellWritten, trash: &mut Trash) {
        let slot = self.slot(&written.found.handle);
        // SAFETY: what is agreed to as a version is a cell; it stands in the bag, and the lock is held.
        unsafe {
            if slot.is_null() || !cell::is_cell::<K>(slot) {
                return;
            }
            let key = Object::borrowed(cell::key_under::<K>(written.found.handle.as_ptr(), slot));
            let cell = cell::at::<K>(slot);
            cell.version = self.version;
            let places: Vec<usize> = written.removed.iter().filter_map(|ticket| cell.values.place(*ticket)).collect();
            let first = trash.len();
            cell.values.remove(&places, trash);
            self.size -= trash.len() - first;
            self.tell(EventKind::Delete, &key, trash[first..].iter());
            trash.push(key);
        }
    }

    /// Let the key go if nothing is left, or be the one that was written.
    fn settle(&mut self, written: &CellWritten, trash: &mut Trash) {
        let handle = &written.found.handle;
        let slot = self.slot(handle);
        if slot.is_null() {
            return;
        }
        // SAFETY: the slot stands in the bag, and the lock is held.
        unsafe {
            if cell::is_cell::<K>(slot) && cell::of::<K>(slot).values.is_empty() {
                let gone = self.slots.take(handle, trash);
                trash.extend(gone);
            } else if cell::key_under::<K>(handle.as_ptr(), slot) != written.key.as_ptr()
                && ffi::PyUnicode_CheckExact(handle.as_ptr()) == 0
            {
                let slot = self.cell_at(handle, slot, trash);
                trash.extend(cell::at::<K>(slot).set_key(written.key.clone()));
            }
        }
    }
}
