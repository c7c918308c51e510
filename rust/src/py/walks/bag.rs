//! Walking a bag: all values of a key are taken hold of when its turn comes, and returned one after the other.

use super::handles::Handles;
use super::{Met, Next, Part, Walk, Walker, visit_all};
use crate::py::bags::{self, Bag, Kind, cell_of, is_cell};
use crate::py::class::{body, own};
use crate::py::ground::object::Object;
use crate::py::rows::Trash;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::sync::atomic::AtomicPtr;

/// Goes through the entries of a bag.
pub struct BagWalk<K: Kind> {
    bag: Option<Object>,
    handles: Handles,
    turn: Turn,
    kind: PhantomData<K>,
}

/// The key whose turn it is, if it is asked for, and its values: those that were returned are not here any more.
#[derive(Default)]
struct Turn {
    key: Option<Object>,
    values: Vec<Option<Object>>,
    next: usize,
}

impl Turn {
    fn of(key: Option<Object>, values: Vec<Object>) -> Self {
        Self { key, values: values.into_iter().map(Some).collect(), next: 0 }
    }

    /// The next of the values. Drops nothing.
    #[inline(always)]
    fn step(&mut self) -> Option<Met> {
        let value = self.values.get_mut(self.next)?.take();
        self.next += 1;
        let key = if self.next < self.values.len() { self.key.clone() } else { self.key.take() };
        Some(Met { key, value })
    }
}

impl<K: Kind> Walk for BagWalk<K> {
    const NAME: &'static CStr = K::WALK;

    fn class() -> &'static AtomicPtr<ffi::PyTypeObject> {
        K::walks()
    }

    fn of(table: Object) -> Self {
        Self { bag: Some(table), handles: Handles::default(), turn: Turn::default(), kind: PhantomData }
    }

    #[inline(always)]
    fn step(&mut self, part: Part) -> Option<Met> {
        if let Some(met) = self.turn.step() {
            return Some(met);
        }
        let Self { bag, handles, turn, .. } = self;
        // SAFETY: walks are made with bags of this kind.
        let bag: &Bag<K> = unsafe { body(bag.as_ref()?.as_ptr()) };
        bag.section(|state| {
            if part == Part::Lists || !handles.reads_on(state.version) {
                return None;
            }
            // SAFETY: what stands in the bag is alive in the section.
            unsafe {
                let slot = handles.slot(state.slots.dict())?;
                if !is_cell::<K>(slot) {
                    return Some(Met { key: handles.pass(part), value: part.has_value().then(|| own(slot)) });
                }
                let cell = cell_of::<K>(slot);
                let key = match cell.key() {
                    Some(key) if part.has_key() => {
                        handles.pass(Part::Values);
                        Some(own(key))
                    }
                    _ => handles.pass(part),
                };
                if !part.has_value() {
                    return Some(Met { key, value: None });
                }
                turn.key = key; // nothing is there, for all was returned
                turn.values.clear();
                turn.values.extend(cell.values.values().cloned().map(Some));
                turn.next = 0;
                turn.step()
            }
        })
    }

    fn go_on(walk: &Walker<Self>, py: Python<'_>, part: Part) -> PyResult<Next> {
        let Some(table) = walk.section(|walk| walk.bag.clone()) else { return Ok(Next::Over) };
        // SAFETY: as in `step`.
        let bag: &Bag<K> = unsafe { body(table.as_ptr()) };
        if !walk.section(|walk| walk.handles.is_begun()) {
            bag.refuse_closed(py)?;
            let (handles, version) = bag.section(|state| (state.slots.handles(), state.version));
            let before = walk.section(|walk| walk.handles.begin(handles, version));
            drop(before);
            return Ok(Next::Ahead);
        }
        while let Some(handle) = walk.section(|walk| walk.handles.look_up()) {
            let (closed, entry) = bag.section(|state| {
                let slot = state.slot(&handle);
                // SAFETY: what stands in the bag is alive in the section.
                let entry = (!slot.is_null())
                    .then(|| unsafe { (own(bags::key_under::<K>(handle.as_ptr(), slot)), bags::values_in::<K>(slot)) });
                (state.closed, entry)
            });
            if closed {
                return Err(bag.closed(py));
            }
            let Some((key, values)) = entry else { continue };
            let key = part.has_key().then_some(key);
            match part {
                Part::Keys => return Ok(Next::Met(Met { key, value: None })),
                Part::Lists => {
                    let list = bags::listed(py, values)?;
                    return Ok(Next::Met(Met { key, value: Some(crate::py::object(list.bind(py).as_any())) }));
                }
                Part::Values | Part::Items => {
                    let before = walk.section(|walk| std::mem::replace(&mut walk.turn, Turn::of(key, values)));
                    drop(before);
                    return Ok(Next::Ahead);
                }
            }
        }
        walk.end();
        Ok(Next::Over)
    }

    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        let turn = self.turn.key.iter().chain(self.turn.values.iter().flatten());
        // SAFETY: says the caller.
        unsafe {
            match visit_all(self.bag.iter().chain(turn), visit, arg) {
                0 => self.handles.traverse(visit, arg),
                status => status,
            }
        }
    }

    fn release(&mut self) -> Trash {
        let mut trash = self.handles.release();
        let Turn { key, values, .. } = std::mem::take(&mut self.turn);
        trash.extend(self.bag.take().into_iter().chain(key).chain(values.into_iter().flatten()));
        trash
    }
}
