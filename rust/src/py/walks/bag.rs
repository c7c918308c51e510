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

/// What a walk found of the key whose turn came. Its handle is dropped outside the section.
enum Taken {
    /// It is not in the bag any more.
    Gone(Object),
    /// Nor is anything else.
    Closed(Object),
    /// The values of a key are ahead: of this one, or of one that another thread came to.
    Ahead(Option<Object>),
    /// The key is all that is asked for.
    Key(Object, Object),
    /// The key, and its values as they are to be listed.
    List(Object, Object, Vec<Object>),
}

impl<K: Kind> BagWalk<K> {
    /// Let the next key have its turn; `None` at the end. In a section, for another thread may step the same walk: no key is
    /// taken before all values of the one before it are.
    fn take_turn(&mut self, bag: &Bag<K>, part: Part) -> Option<Taken> {
        if self.turn.next < self.turn.values.len() {
            return Some(Taken::Ahead(None));
        }
        let handle = self.handles.look_up()?;
        Some(bag.section(|state| {
            if state.closed {
                return Taken::Closed(handle);
            }
            let slot = state.slot(&handle);
            if slot.is_null() {
                return Taken::Gone(handle);
            }
            // SAFETY: what stands in the bag is alive in the section.
            let key = unsafe { own(bags::key_under::<K>(handle.as_ptr(), slot)) };
            if part == Part::Keys {
                return Taken::Key(handle, key);
            }
            let values = bags::values_in::<K>(slot);
            if part == Part::Lists {
                return Taken::List(handle, key, values);
            }
            self.turn = Turn::of(part.has_key().then_some(key), values); // nothing was left of the one before it
            Taken::Ahead(Some(handle))
        }))
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
            let unneeded = walk.section(|walk| walk.handles.begin(handles, version));
            drop(unneeded);
            return Ok(Next::Ahead);
        }
        while let Some(turn) = walk.section(|walk| walk.take_turn(bag, part)) {
            match turn {
                Taken::Gone(_handle) => (),
                Taken::Closed(_handle) => return Err(bag.closed(py)),
                Taken::Ahead(_handle) => return Ok(Next::Ahead),
                Taken::Key(_handle, key) => return Ok(Next::Met(Met { key: Some(key), value: None })),
                Taken::List(_handle, key, values) => {
                    let list = bags::listed(py, values)?;
                    let value = Some(crate::py::object(list.bind(py).as_any()));
                    return Ok(Next::Met(Met { key: Some(key), value }));
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
