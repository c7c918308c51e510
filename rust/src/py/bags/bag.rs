//! A bag's table: its slots, who is told of changes, and the lock around them.

use super::cell;
use super::kind::Kind;
use crate::py::class::Body;
use crate::py::ground::lock::Lock;
use crate::py::ground::object::Object;
use crate::py::ground::{errors, handle, headroom};
use crate::py::rows::{HashedRows, Rows};
use crate::py::watch::{self, Events, Watched};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;

/// A bag.
pub struct Bag<K: Kind> {
    lock: Lock,
    state: UnsafeCell<State<K>>,
    /// The name in the store, or None.
    pub name: Object,
}

// SAFETY: the state is touched in sections only, which hold the lock.
unsafe impl<K: Kind> Sync for Bag<K> {}
// SAFETY: as above.
unsafe impl<K: Kind> Send for Bag<K> {}

/// What a bag changes under its lock.
pub struct State<K: Kind> {
    /// Handles and slots: a value, or a cell.
    pub slots: HashedRows,
    /// How many entries there are.
    pub size: usize,
    /// Counts changes.
    pub version: u64,
    /// Whether the short cuts may be taken: all keys are plain, nobody has subscribed, and it is not closed.
    pub fast: bool,
    /// Whether all values that have come are plain, so that comparing them runs no Python code.
    pub plain_values: bool,
    /// Whether the bag is closed.
    pub closed: bool,
    /// The subscribers.
    pub events: Option<Box<Events>>,
    kind: PhantomData<K>,
}

/// What stood in the place of a key's values when it was looked for.
#[derive(Clone)]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// This value alone.
    Value(Object),
    /// A cell of that version.
    Version(u64),
}

/// What looking for a key found.
pub struct Found {
    /// What stands for the key.
    pub handle: Object,
    /// What stands there.
    pub seen: Seen,
    /// The number of changes when the search began.
    pub witness: u64,
}

impl Found {
    /// Whether the key has entries.
    pub fn is_present(&self) -> bool {
        !matches!(self.seen, Seen::Nothing)
    }
}

impl<K: Kind> Bag<K> {
    /// A bag without entries.
    pub fn new(py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<Self> {
        let state = State {
            slots: HashedRows::empty(py)?,
            size: 0,
            version: 0,
            fast: true,
            plain_values: true,
            closed: false,
            events: None,
            kind: PhantomData,
        };
        Ok(Self { lock: Lock::new(), state: UnsafeCell::new(state), name: crate::py::object(name) })
    }

    /// Look at or change the state, while nobody else does. What is done in here runs no Python code, allocates no Python
    /// object that the collector knows, raises nothing and frees no object of the user's.
    #[inline(always)]
    pub fn section<T>(&self, work: impl FnOnce(&mut State<K>) -> T) -> T {
        let _held = self.lock.hold();
        // SAFETY: the lock is held, and no section is entered from within one, for no Python code runs in them.
        work(unsafe { &mut *self.state.get() })
    }

    /// The state, for readers that look at one word of it.
    #[cfg(not(Py_GIL_DISABLED))]
    #[inline(always)]
    pub fn peek(&self) -> *const State<K> {
        self.state.get()
    }

    /// The lock, for changes of several tables at once.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The state, for who holds the lock already.
    ///
    /// # Safety
    /// The caller holds the lock and no other reference to the state.
    #[expect(clippy::mut_from_ref, reason = "the lock is what makes it the only one")]
    pub unsafe fn held_state(&self) -> &mut State<K> {
        // SAFETY: says the caller.
        unsafe { &mut *self.state.get() }
    }

    /// How the table calls itself in messages.
    pub fn label(&self, py: Python<'_>) -> String {
        let name = self.name.bound(py);
        if name.is_none() {
            return format!("the unnamed {} table", K::NAME);
        }
        format!("the {} table {}", K::NAME, name.repr().map(|text| text.to_string()).unwrap_or_default())
    }

    /// What is raised of a closed table.
    pub fn closed(&self, py: Python<'_>) -> PyErr {
        errors::closed(py, &self.label(py))
    }

    /// Say that the table is closed, if it is.
    pub fn refuse_closed(&self, py: Python<'_>) -> PyResult<()> {
        if self.section(|state| state.closed) { Err(self.closed(py)) } else { Ok(()) }
    }

    /// Explain why a key cannot be one.
    pub fn explain(&self, py: Python<'_>, failure: PyErr, key: &Object) -> PyErr {
        if !failure.is_instance_of::<PyTypeError>(py) {
            return failure;
        }
        errors::unhashable(py, failure, key.bound(py), &self.label(py))
    }

    /// Find a key. Runs the key's hash and `==`. Not called under the lock.
    pub fn resolve(&self, py: Python<'_>, key: &Object) -> PyResult<Found> {
        let (slots, all_plain, witness, closed) =
            self.section(|state| (state.slots.shared_dict(), state.slots.all_plain(), state.version, state.closed));
        if closed {
            return Err(self.closed(py));
        }
        headroom::ensure(py, headroom::FOR_ANY_KEY)?; // for what is done under the lock later, values included
        let (handle, slot) = look(py, &slots, all_plain, key).map_err(|failure| self.explain(py, failure, key))?;
        let seen = match slot {
            None => {
                self.refuse_closed(py)?; // the key's own code may have closed it
                Seen::Nothing
            }
            Some(slot) => self.section(|_| seen::<K>(&slot)),
        };
        Ok(Found { handle, seen, witness })
    }

    /// Deliver events that wait, outside the lock; forget subscribers of which there are none.
    pub fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        let (delivery, idle) = self.section(|state| {
            let delivery = state.events.as_ref().and_then(|events| events.to_deliver());
            let idle = state.events.take_if(|events| events.is_idle());
            if idle.is_some() {
                state.refresh();
            }
            (delivery, idle)
        });
        drop(idle);
        match delivery {
            None => Ok(()),
            Some(delivery) => watch::deliver(py, &delivery),
        }
    }

    /// Let go of everything: closes the table.
    pub fn shut(&self, py: Python<'_>) -> PyResult<()> {
        let fresh = HashedRows::empty(py)?;
        let (slots, events) = self.section(|state| {
            state.closed = true;
            state.size = 0;
            state.version += 1;
            let taken = (state.slots.swap(fresh), state.events.take());
            state.slots.close();
            state.refresh();
            taken
        });
        if let Some(events) = events {
            events.end(py)?;
        }
        drop(slots);
        Ok(())
    }
}

/// Look for a key among handles: its handle, and what stands under it. May run the key's hash and `==`.
fn look(py: Python<'_>, slots: &Object, all_plain: bool, key: &Object) -> PyResult<(Object, Option<Object>)> {
    // SAFETY: all are alive for the call.
    unsafe {
        let plain = handle::is_plain(key.as_ptr());
        if plain && all_plain {
            let mut slot = std::ptr::null_mut();
            if ffi::compat::PyDict_GetItemRef(slots.as_ptr(), key.as_ptr(), &mut slot) < 0 {
                return Err(PyErr::fetch(py));
            }
            let slot = Object::owned_or_none(slot);
            // Where there is 1 it may be there as True: see which it is.
            if slot.is_none() || ffi::PyUnicode_CheckExact(key.as_ptr()) != 0 {
                return Ok((key.clone(), slot));
            }
        }
        let looked = handle::look(py, slots.as_ptr(), key.as_ptr())?;
        let handle = match looked.handle {
            Some(handle) => handle,
            None if plain => key.clone(),
            None => handle::foreign(key.as_ptr(), looked.hash),
        };
        Ok((handle, looked.slot))
    }
}

/// What there is in a slot that is held, under the lock.
pub fn seen<K: Kind>(slot: &Object) -> Seen {
    // SAFETY: the slot is held, and the lock, too.
    unsafe {
        if cell::is_cell::<K>(slot.as_ptr()) {
            Seen::Version(cell::of::<K>(slot.as_ptr()).version)
        } else {
            Seen::Value(slot.clone())
        }
    }
}

impl<K: Kind> State<K> {
    /// Find out again whether the short cuts may be taken.
    pub fn refresh(&mut self) {
        self.fast = !self.closed && self.events.is_none() && self.slots.all_plain();
    }

    /// Go through handles and slots, in the order of the bag, which does not change meanwhile but for the slots visited.
    pub fn each(&self, mut visit: impl FnMut(*mut ffi::PyObject, *mut ffi::PyObject)) {
        let (mut position, mut handle, mut slot) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: no handle comes or goes meanwhile, says the rule.
        while unsafe { ffi::PyDict_Next(self.slots.dict(), &mut position, &mut handle, &mut slot) } != 0 {
            visit(handle, slot);
        }
    }
}

impl<K: Kind> Watched for Bag<K> {
    fn events<T>(&self, work: impl FnOnce(&mut Events) -> T) -> Option<T> {
        self.section(|state| {
            if state.closed {
                return None;
            }
            let result = work(state.events.get_or_insert_with(|| Box::new(Events::new())));
            state.refresh();
            Some(result)
        })
    }

    fn name(&self, py: Python<'_>) -> String {
        self.label(py)
    }
}

impl<K: Kind> Body for Bag<K> {
    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        // The dict shows its keys and values itself; what cells and handles refer to is shown here.
        // SAFETY: as `tp_traverse` is called: nothing is being changed, and no lock is taken.
        unsafe {
            let state = &*self.state.get();
            let dict = state.slots.dict();
            let status = visit(dict, arg);
            if status != 0 {
                return status;
            }
            let (mut position, mut handle, mut slot) = (0, std::ptr::null_mut(), std::ptr::null_mut());
            while ffi::PyDict_Next(dict, &mut position, &mut handle, &mut slot) != 0 {
                let mut status = if handle::is_foreign(handle) { visit(handle::key_of(handle), arg) } else { 0 };
                // A cell that somebody else has taken hold of keeps its values by itself.
                if status == 0 && cell::is_cell::<K>(slot) && ffi::Py_REFCNT(slot) == 1 {
                    status = cell::of::<K>(slot).traverse(visit, arg);
                }
                if status != 0 {
                    return status;
                }
            }
            state.events.as_ref().map_or(0, |events| events.traverse(visit, arg))
        }
    }

    fn release(&self, _py: Python<'_>) {
        let taken = self.section(|state| {
            state.size = 0;
            state.version += 1;
            (state.slots.release(), state.events.take())
        });
        drop(taken);
    }
}
