//! How a bag changes: entries are added, taken out by place or ticket, or go with their key.
//!
//! All of this is done under the lock, on what was found before, if that is still so.

use super::bag::{Bag, Found, Seen, State};
use super::cell;
use super::kind::Kind;
use crate::py::ground::object::Object;
use crate::py::rows::{Rows, Trash};
use crate::py::watch::Kind as EventKind;
use crate::store::cell::Hash;
use pyo3::ffi;
use pyo3::prelude::*;

/// A value to be added: the number of its key among those found, the value, and what finds it.
pub type Choice = (usize, Object, Hash);

/// A key that was taken out, with what stood under it.
pub struct Gone {
    handle: Object,
    slot: Object,
}

impl<K: Kind> State<K> {
    /// What stands under a handle, or null, for as long as the bag does not change.
    #[inline(always)]
    pub fn slot(&self, handle: &Object) -> *mut ffi::PyObject {
        self.slots.slot(handle)
    }

    /// What stands under the handle that was found, or null for nothing, if it is what was seen.
    pub fn agreed(&self, found: &Found) -> Option<*mut ffi::PyObject> {
        let slot = self.slot(&found.handle);
        let agreed = match &found.seen {
            Seen::Nothing => slot.is_null() && self.still_absent(&found.handle, found.witness),
            Seen::Value(value) => slot == value.as_ptr(),
            // SAFETY: what stands in the bag is alive, and the lock is held.
            Seen::Version(version) => unsafe {
                !slot.is_null() && cell::is_cell::<K>(slot) && cell::of::<K>(slot).version == *version
            },
        };
        agreed.then_some(slot)
    }

    /// Tell whether a key that was not found cannot have come since, under another handle.
    pub fn still_absent(&self, handle: &Object, witness: u64) -> bool {
        witness == self.version || !self.slots.may_have_come(handle)
    }

    /// Tell what has happened to entries, in order.
    pub fn tell<'a>(&mut self, kind: EventKind, key: &Object, values: impl Iterator<Item = &'a Object>) {
        if let Some(events) = &mut self.events {
            for value in values {
                events.happened(kind, key, value, None);
            }
        }
    }

    /// The cell under a handle that has a slot; a value that stands alone gets one, with room for another.
    pub fn cell_at(&mut self, handle: &Object, slot: *mut ffi::PyObject, trash: &mut Trash) -> *mut ffi::PyObject {
        // SAFETY: the slot stands in the bag, and what it is displaced by holds the value.
        unsafe {
            if cell::is_cell::<K>(slot) {
                return slot;
            }
            let made = cell::of_value::<K>(Object::borrowed(slot), self.version);
            let pointer = made.as_ptr();
            trash.extend(self.slots.put(handle, made));
            pointer
        }
    }

    /// Add a value to a key, which has no equal one where that is the rule. The number of changes is another one already.
    pub fn add(&mut self, handle: &Object, value: Object, hash: Hash, trash: &mut Trash) {
        let alone = K::stands_alone(value.as_ptr());
        self.plain_values &= alone;
        self.size += 1;
        let slot = self.slot(handle);
        if slot.is_null() {
            let fresh = if alone {
                value
            } else {
                let made = cell::new::<K>(self.version, 1);
                // SAFETY: nobody else has it yet.
                unsafe { cell::at::<K>(made.as_ptr()).push(value, hash) }
                made
            };
            trash.extend(self.slots.put(handle, fresh));
            return;
        }
        let slot = self.cell_at(handle, slot, trash);
        // SAFETY: it is a cell of this bag, and the lock is held.
        let cell = unsafe { cell::at::<K>(slot) };
        cell.push(value, hash);
        cell.version = self.version;
    }

    /// Take a key out, with all it has, if it is there.
    pub fn take(&mut self, handle: &Object, trash: &mut Trash) -> Option<Gone> {
        let slot = self.slots.take(handle, trash)?;
        let gone = Gone { handle: handle.clone(), slot };
        self.size -= gone.len::<K>();
        Some(gone)
    }

    /// Take values out of a key by their places, and return how many; with the last one the key goes, too.
    pub fn take_places(
        &mut self,
        handle: &Object,
        slot: *mut ffi::PyObject,
        places: &[usize],
        trash: &mut Trash,
    ) -> usize {
        self.version += 1;
        let first = trash.len();
        // SAFETY: the slot stands in the bag, the lock is held, and the trash keeps what is taken out.
        unsafe {
            let in_cell = cell::is_cell::<K>(slot);
            if in_cell {
                let cell = cell::at::<K>(slot);
                cell.version = self.version;
                cell.values.remove(places, trash);
            } else {
                trash.push(Object::borrowed(slot));
            }
            let count = trash.len() - first;
            self.size -= count;
            if self.events.is_some() {
                let key = Object::borrowed(cell::key_under::<K>(handle.as_ptr(), slot));
                self.tell(EventKind::Delete, &key, trash[first..].iter());
                trash.push(key);
            }
            if !in_cell || cell::of::<K>(slot).values.is_empty() {
                let gone = self.slots.take(handle, trash);
                trash.extend(gone);
                self.refresh();
            }
            count
        }
    }
}

impl Gone {
    /// How many values went with the key. Asked under the lock, or by who alone has it.
    pub fn len<K: Kind>(&self) -> usize {
        // SAFETY: nobody else has the slot, for it was taken out.
        unsafe {
            if cell::is_cell::<K>(self.slot.as_ptr()) { cell::of::<K>(self.slot.as_ptr()).values.len() } else { 1 }
        }
    }

    /// The values that went with the key.
    pub fn values<K: Kind>(&self) -> Vec<Object> {
        values_in::<K>(self.slot.as_ptr())
    }

    fn key<K: Kind>(&self) -> Object {
        // SAFETY: both are held here.
        unsafe { Object::borrowed(cell::key_under::<K>(self.handle.as_ptr(), self.slot.as_ptr())) }
    }
}

/// The values in a slot, in order. The lock is held, or nobody else has the slot.
pub fn values_in<K: Kind>(slot: *mut ffi::PyObject) -> Vec<Object> {
    // SAFETY: as said above.
    unsafe {
        if cell::is_cell::<K>(slot) {
            let values = &cell::of::<K>(slot).values;
            let mut copied = Vec::with_capacity(values.len());
            copied.extend(values.values().cloned());
            copied
        } else {
            vec![Object::borrowed(slot)]
        }
    }
}

impl<K: Kind> Bag<K> {
    /// Add values to the keys that were found, all seen at once; `false`, and nothing added, if one has changed since.
    pub fn apply(&self, py: Python<'_>, plan: &[Found], chosen: Vec<Choice>) -> PyResult<bool> {
        let mut trash = Trash::new();
        let done = self.section(|state| {
            if state.closed {
                return None;
            }
            if !plan.iter().all(|found| state.agreed(found).is_some()) {
                return Some(Err(chosen));
            }
            state.version += 1;
            for (number, value, hash) in chosen {
                let handle = &plan[number].handle;
                state.add(handle, value.clone(), hash, &mut trash);
                if state.events.is_some() {
                    // SAFETY: the key stands in the bag now.
                    let key = unsafe { Object::borrowed(cell::key_under::<K>(handle.as_ptr(), state.slot(handle))) };
                    state.tell(EventKind::Insert, &key, std::iter::once(&value));
                    trash.push(key);
                }
                trash.push(value);
            }
            state.refresh();
            Some(Ok(()))
        });
        drop(trash);
        match done {
            None => Err(self.closed(py)),
            Some(Err(_unused)) => Ok(false),
            Some(Ok(())) => self.deliver(py).map(|()| true),
        }
    }

    /// Take values out by their places, if the key is as it was seen; return how many, or `None` if it is not.
    pub fn discard(&self, py: Python<'_>, found: &Found, places: &[usize]) -> PyResult<Option<usize>> {
        let mut trash = Trash::new();
        let done = self.section(|state| {
            if state.closed {
                return Err(());
            }
            let Some(slot) = state.agreed(found) else { return Ok(None) };
            if places.is_empty() {
                return Ok(Some(0));
            }
            Ok(Some(state.take_places(&found.handle, slot, places, &mut trash)))
        });
        drop(trash);
        self.done(py, done)
    }

    /// Take a value out by its ticket, if it is there still; tell whether it was.
    pub fn discard_ticket(&self, py: Python<'_>, handle: &Object, ticket: u64, value: &Object) -> PyResult<bool> {
        let mut trash = Trash::new();
        let done = self.section(|state| {
            if state.closed {
                return Err(());
            }
            let slot = state.slot(handle);
            let place = match slot {
                slot if slot.is_null() => None,
                // SAFETY: the slot stands in the bag, and the lock is held.
                slot if unsafe { cell::is_cell::<K>(slot) } => unsafe {
                    let values = &cell::of::<K>(slot).values;
                    let place = values.place(ticket);
                    place.filter(|place| values.at(*place).is_some_and(|found| found.as_ptr() == value.as_ptr()))
                },
                slot => (slot == value.as_ptr()).then_some(0),
            };
            Ok(place.map(|place| state.take_places(handle, slot, &[place], &mut trash)))
        });
        drop(trash);
        Ok(self.done(py, done)?.is_some())
    }

    fn done(&self, py: Python<'_>, done: Result<Option<usize>, ()>) -> PyResult<Option<usize>> {
        match done {
            Err(()) => Err(self.closed(py)),
            Ok(count) => self.deliver(py).map(|()| count),
        }
    }

    /// Take keys out, all at once, with all they have.
    pub fn remove(&self, py: Python<'_>, keys: &[Object]) -> PyResult<Vec<Gone>> {
        loop {
            let found = keys.iter().map(|key| self.resolve(py, key)).collect::<PyResult<Vec<Found>>>()?;
            let mut trash = Trash::new();
            let done = self.section(|state| {
                if state.closed {
                    return Err(());
                }
                let is_there = |found: &Found| !state.slot(&found.handle).is_null();
                if !found.iter().all(|found| is_there(found) || state.still_absent(&found.handle, found.witness)) {
                    return Ok(None);
                }
                let gone: Vec<Gone> = found.iter().filter_map(|found| state.take(&found.handle, &mut trash)).collect();
                if !gone.is_empty() {
                    state.version += 1;
                    if state.events.is_some() {
                        for gone in &gone {
                            let (key, values) = (gone.key::<K>(), gone.values::<K>());
                            state.tell(EventKind::Delete, &key, values.iter());
                            trash.push(key);
                            trash.extend(values);
                        }
                    }
                    state.refresh();
                }
                Ok(Some(gone))
            });
            drop(trash);
            match done {
                Err(()) => return Err(self.closed(py)),
                Ok(None) => (),
                Ok(Some(gone)) => return self.deliver(py).map(|()| gone),
            }
        }
    }
}
