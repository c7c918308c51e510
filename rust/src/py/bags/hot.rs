//! The verbs that a bag is asked most: in one step for a plain key in a bag of plain keys.
//!
//! Such a bag is a dict that is asked directly. Values are compared under the lock only where both are plain, which runs
//! no Python code; whatever else there is takes the general way, of which PyO3 is `told`.

use super::bag::{Bag, State};
use super::cell;
use super::kind::Kind;
use super::reading::{listed, values_of};
use super::standing::{Standing, places_of, standing};
use super::{methods, removing, writing};
use crate::py::class::{body, own};
use crate::py::ground::handle::is_plain;
use crate::py::ground::headroom;
use crate::py::ground::object::Object;
use crate::py::rows::{Rows, Trash};
use crate::py::verbs::arguments::{Arguments, Parameters};
use crate::py::verbs::install::{Verb, give_bool, give_count, give_none, run_hot_number, told};
use crate::store::cell::Hash;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

const INSERT: Parameters<3> = Parameters { method: "insert", names: ["key", "value", "ttl"], positional: 2, needed: 2 };
const LOOKUP: Parameters<1> = Parameters { method: "lookup", names: ["key"], positional: 1, needed: 1 };
const OBJECT: Parameters<2> = Parameters { method: "delete_object", names: ["key", "value"], positional: 2, needed: 2 };

pub fn verbs<K: Kind>() -> Vec<Verb> {
    vec![
        Verb { name: "insert", signature: "($self, /, key, value, *, ttl=...)", method: insert::<K> },
        Verb { name: "insert_new", signature: "($self, /, key, value, *, ttl=...)", method: insert_new::<K> },
        Verb { name: "lookup", signature: "($self, /, key)", method: lookup::<K> },
        Verb { name: "member", signature: "($self, /, key)", method: member::<K> },
        Verb { name: "delete_object", signature: "($self, /, key, value)", method: delete_object::<K> },
    ]
}

unsafe extern "C" {
    // As `dict.setdefault`: one search for the key. What comes back is borrowed.
    fn PyDict_SetDefault(
        dict: *mut ffi::PyObject,
        key: *mut ffi::PyObject,
        value: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

methods! {
    hot

    fn insert(bag, py, arguments) {
        add(bag, py, &arguments, "insert", false)?;
        give_none()
    }

    fn insert_new(bag, py, arguments) {
        give_bool(add(bag, py, &arguments, "insert_new", true)?)
    }

    fn lookup(bag, py, arguments) {
        let [key] = match arguments.exactly() {
            Some(given) => given,
            None => arguments.sort(&LOOKUP)?,
        };
        // SAFETY: the caller holds the key.
        unsafe {
            match slot_of(bag, key) {
                Some(None) => return list(py, 0),
                Some(Some(slot)) => {
                    if let Some(list) = list_of(bag, py, &slot)? {
                        return Ok(list);
                    }
                }
                None => (),
            }
            told(|py| {
                let found = bag.resolve(py, &own(key))?;
                Ok(listed(py, values_of(bag, py, &found.handle)?.unwrap_or_default())?.into_ptr())
            })
        }
    }

    fn member(bag, _py, arguments) {
        let [key] = match arguments.exactly() {
            Some(given) => given,
            None => arguments.sort(&Parameters { method: "member", ..LOOKUP })?,
        };
        give_bool(has(bag, key)?)
    }

    fn delete_object(bag, py, arguments) {
        let [key, value] = match arguments.exactly() {
            Some(given) => given,
            None => arguments.sort(&OBJECT)?,
        };
        // SAFETY: the caller holds both.
        let (key, value) = unsafe { (own(key), own(value)) };
        // SAFETY: both are alive.
        if unsafe { is_plain(key.as_ptr()) && is_plain(value.as_ptr()) && has_room(py, &key, &value) } {
            let hash = K::hash_alone(value.as_ptr());
            let mut trash = Trash::new();
            let removed = bag.section(|state| delete_plain(state, &key, &value, hash, &mut trash));
            drop(trash);
            if let Some(count) = removed {
                return give_count(py, count);
            }
        }
        told(|py| give_count(py, removing::delete_object(bag, py, &key, &value)?))
    }
}

/// `key in bag`.
pub unsafe extern "C" fn contains<K: Kind>(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    run_hot_number(|_| {
        // SAFETY: CPython calls it with an object of its class.
        let bag: &Bag<K> = unsafe { body(object) };
        has(bag, key).map(c_int::from)
    })
}

fn has<K: Kind>(bag: &Bag<K>, key: *mut ffi::PyObject) -> PyResult<bool> {
    // SAFETY: the caller holds the key.
    unsafe {
        match slot_of(bag, key) {
            Some(slot) => Ok(slot.is_some()),
            None => told(|py| bag.resolve(py, &own(key)).map(|found| found.is_present())),
        }
    }
}

/// What stands under a key, where nothing but the dict need be asked; `None` if it is to be asked in the general way.
#[inline(always)]
unsafe fn slot_of<K: Kind>(bag: &Bag<K>, key: *mut ffi::PyObject) -> Option<Option<Object>> {
    // SAFETY: `key` is alive; a word of the state is read; comparing plain keys runs no Python code.
    unsafe {
        if !is_plain(key) {
            return None;
        }
        #[cfg(not(Py_GIL_DISABLED))]
        let slot = {
            let slot = ffi::PyDict_GetItemWithError((*bag.peek()).slots.direct()?, key);
            (!slot.is_null()).then(|| own(slot))
        };
        // Where threads run at once, what many entries do in one step is seen all at once by who holds the lock.
        #[cfg(Py_GIL_DISABLED)]
        let slot = bag.section(|state| {
            let slot = ffi::PyDict_GetItemWithError(state.slots.direct()?, key);
            Some((!slot.is_null()).then(|| own(slot)))
        })?;
        if slot.is_some() {
            return Some(slot);
        }
        if ffi::PyErr_Occurred().is_null() {
            return Some(None);
        }
        ffi::PyErr_Clear(); // the general way says what is wrong
        None
    }
}

/// The list of the values in a slot that is held; `None` if the key has lost them all meanwhile.
#[inline(always)]
unsafe fn list_of<K: Kind>(bag: &Bag<K>, py: Python<'_>, slot: &Object) -> PyResult<Option<*mut ffi::PyObject>> {
    // SAFETY: the slot is held; a new list is nobody else's, and is filled before any other code runs.
    unsafe {
        let alone = !cell::is_cell::<K>(slot.as_ptr());
        loop {
            let size = if alone { 1 } else { bag.section(|_| cell::of::<K>(slot.as_ptr()).values.len()) };
            if size == 0 {
                return Ok(None);
            }
            let list = list(py, size as ffi::Py_ssize_t)?; // a collection of garbage may run in here
            if alone {
                ffi::PyList_SET_ITEM(list, 0, slot.clone().into_ptr());
                return Ok(Some(list));
            }
            let filled = bag.section(|_| {
                let values = &cell::of::<K>(slot.as_ptr()).values;
                let same = values.len() == size;
                if same {
                    for (place, value) in (0..).zip(values.values()) {
                        ffi::PyList_SET_ITEM(list, place, value.clone().into_ptr());
                    }
                }
                same
            });
            if filled {
                return Ok(Some(list));
            }
            ffi::Py_DECREF(list);
        }
    }
}

/// A new list with room for so many, which the caller fills before any other code runs.
#[inline(always)]
fn list(py: Python<'_>, size: ffi::Py_ssize_t) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: a new list, or null with an error set.
    let list = unsafe { ffi::PyList_New(size) };
    if list.is_null() { Err(PyErr::fetch(py)) } else { Ok(list) }
}

/// Add what a verb was called with; tell whether it was added.
#[inline(always)]
fn add<K: Kind>(
    bag: &Bag<K>,
    py: Python<'_>,
    arguments: &Arguments,
    method: &'static str,
    only_new: bool,
) -> PyResult<bool> {
    let [key, value] = match arguments.exactly() {
        Some(given) => given,
        None => {
            let [key, value, ttl] = arguments.sort(&Parameters { method, ..INSERT })?;
            told(|py| writing::refuse_lifetime(bag, py, ttl))?;
            [key, value]
        }
    };
    // SAFETY: the caller holds both.
    let (key, value) = unsafe { (own(key), own(value)) };
    let hash =
        if K::stands_alone(value.as_ptr()) { K::hash_alone(value.as_ptr()) } else { told(|py| K::hash(py, &value))? };
    // SAFETY: alive.
    if unsafe { is_plain(key.as_ptr()) && has_room(py, &key, &value) }
        && let Some(added) = bag.section(|state| add_plain(state, &key, &value, hash, only_new))
    {
        return Ok(added);
    }
    told(|py| writing::add(bag, py, &key, &value, hash, only_new))
}

/// Tell whether there is room to compare key and value; if not, the general way says so.
///
/// # Safety
/// Both are alive.
#[inline(always)]
unsafe fn has_room(py: Python<'_>, key: &Object, value: &Object) -> bool {
    // SAFETY: says the caller.
    let levels = unsafe { headroom::levels(key.as_ptr()).max(headroom::levels(value.as_ptr())) };
    headroom::ensure(py, levels).is_ok()
}

/// Add a value to a plain key, under the lock; `None` where it takes the general way.
#[inline(always)]
fn add_plain<K: Kind>(state: &mut State<K>, key: &Object, value: &Object, hash: Hash, only_new: bool) -> Option<bool> {
    if !state.fast {
        return None;
    }
    let alone = K::stands_alone(value.as_ptr());
    if !alone {
        return add_foreign(state, key, value, hash, only_new);
    }
    let before = state.slots.len();
    // SAFETY: both are alive, and the key is plain.
    let slot = unsafe { PyDict_SetDefault(state.slots.dict(), key.as_ptr(), value.as_ptr()) };
    if slot.is_null() {
        out_of_memory();
    }
    if slot == value.as_ptr() && state.slots.len() > before {
        state.size += 1;
        state.version += 1;
        return Some(true);
    }
    if only_new {
        return Some(false);
    }
    join(state, key, slot, value, hash)
}

/// As `add_plain`, for a value whose `==` may be Python code.
#[inline(never)]
fn add_foreign<K: Kind>(
    state: &mut State<K>,
    key: &Object,
    value: &Object,
    hash: Hash,
    only_new: bool,
) -> Option<bool> {
    let slot = state.slot(key);
    if slot.is_null() {
        state.version += 1;
        state.add(key, value.clone(), hash, &mut Trash::new()); // nothing is displaced
        return Some(true);
    }
    if only_new { Some(false) } else { join(state, key, slot, value, hash) }
}

/// Add a value to those of a plain key that has some.
#[inline(always)]
fn join<K: Kind>(
    state: &mut State<K>,
    key: &Object,
    slot: *mut ffi::PyObject,
    value: &Object,
    hash: Hash,
) -> Option<bool> {
    if K::UNIQUE {
        match standing::<K>(slot, value, hash) {
            Standing::Nowhere => (),
            Standing::At(_) => return Some(false),
            Standing::Unknown => return None,
        }
        state.plain_values &= K::stands_alone(value.as_ptr());
    }
    state.version += 1;
    state.size += 1;
    // SAFETY: the slot stands in the bag, and the lock is held; a value that stood alone is held by its cell before it is
    // displaced.
    unsafe {
        if cell::is_cell::<K>(slot) {
            let cell = cell::at::<K>(slot);
            cell.version = state.version;
            cell.push(value.clone(), hash);
        } else {
            let made = cell::of_value::<K>(own(slot), state.version);
            cell::at::<K>(made.as_ptr()).push(value.clone(), hash);
            if state.slots.add(key.as_ptr(), &made).is_err() {
                out_of_memory();
            }
        }
    }
    Some(true)
}

/// Take a plain value out of a plain key, under the lock, and return how many there were; `None` where it takes the
/// general way.
fn delete_plain<K: Kind>(
    state: &mut State<K>,
    key: &Object,
    value: &Object,
    hash: Hash,
    trash: &mut Trash,
) -> Option<usize> {
    if !state.fast {
        return None;
    }
    let slot = state.slot(key);
    if slot.is_null() {
        return Some(0);
    }
    if K::UNIQUE {
        return match standing::<K>(slot, value, hash) {
            Standing::At(place) => Some(state.take_places(key, slot, &[place], trash)),
            Standing::Nowhere => Some(0),
            Standing::Unknown => None,
        };
    }
    let places = places_of::<K>(slot, value)?;
    if places.is_empty() { Some(0) } else { Some(state.take_places(key, slot, &places, trash)) }
}

/// Add pairs, all seen at once, and return how many were added; `None`, and nothing done, where it takes the general way.
pub fn add_all<K: Kind>(bag: &Bag<K>, py: Python<'_>, pairs: &[(Object, Object)]) -> Option<usize> {
    headroom::ensure(py, headroom::FOR_ANY_KEY).ok()?;
    // SAFETY: all are alive.
    let is_flat = |value: &Object| unsafe {
        ffi::PyTuple_CheckExact(value.as_ptr()) == 0 && is_plain(value.as_ptr()) // a comparison that cannot fail
    };
    // SAFETY: as above.
    if !pairs.iter().all(|(key, value)| unsafe { is_plain(key.as_ptr()) } && (!K::UNIQUE || is_flat(value))) {
        return None;
    }
    bag.section(|state| {
        if !state.fast || !state.plain_values {
            return None;
        }
        let add = |(key, value): &(Object, Object)| {
            add_plain(state, key, value, K::hash_alone(value.as_ptr()), false) == Some(true)
        };
        Some(pairs.iter().map(add).filter(|added| *added).count())
    })
}

#[cold]
fn out_of_memory() -> ! {
    // SAFETY: the error is set; what comes of the panic says the same.
    unsafe { ffi::PyErr_Clear() }
    panic!("no memory is left for the entries of a bag")
}
