//! What transactions ask of a bag; `noex/kernel/_pure/transactions/base.py` says what is asked.
//!
//! The token of a key's values is the version of its cell, so a value that stands alone gets a cell when it is asked for.

use super::bag::{Bag, Found, Seen, State};
use super::cell;
use super::kind::Kind;
use super::methods;
use crate::py::class::{body, own};
use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::rows::Trash;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give, give_bool, give_count, give_none, run};
use crate::store::cell::Mark;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::ffi::{CStr, c_int, c_void};

const NOTHING: Parameters<0> = Parameters { method: "_stored", names: [], positional: 0, needed: 0 };
const ONE: Parameters<1> = Parameters { method: "_locate", names: ["key"], positional: 1, needed: 1 };
const HANDLE_FOR: Parameters<2> =
    Parameters { method: "_handle_for", names: ["handle", "key"], positional: 2, needed: 2 };
const STANDS: Parameters<3> =
    Parameters { method: "_stands", names: ["handle", "found", "witness"], positional: 3, needed: 3 };

pub fn verbs<K: Kind>() -> Vec<Verb> {
    vec![
        Verb { name: "_begin_reading", signature: "($self, /)", method: begin_reading::<K> },
        Verb { name: "_end_reading", signature: "($self, /)", method: end_reading::<K> },
        Verb { name: "_locate", signature: "($self, key, /)", method: locate::<K> },
        Verb { name: "_handle_for", signature: "($self, handle, key, /)", method: handle_for::<K> },
        Verb { name: "_stands", signature: "($self, handle, found, witness, /)", method: stands::<K> },
        Verb { name: "_all_stand", signature: "($self, reads, /)", method: all_stand::<K> },
        Verb { name: "_values_of", signature: "($self, handle, /)", method: values_of::<K> },
        Verb { name: "_all_values", signature: "($self, /)", method: all_values::<K> },
        Verb { name: "_are_all_keys", signature: "($self, handles, /)", method: are_all_keys::<K> },
        Verb { name: "_stored", signature: "($self, /)", method: stored::<K> },
    ]
}

/// The attributes `_name` and `_version`, as a slot of the class.
pub fn attributes<K: Kind>() -> (c_int, *mut c_void) {
    type Getter = unsafe extern "C" fn(*mut ffi::PyObject, *mut c_void) -> *mut ffi::PyObject;
    let attribute = |name: &'static CStr, get: Getter| ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set: None,
        doc: std::ptr::null(),
        closure: std::ptr::null_mut(),
    };
    // SAFETY: zeroes end the list, as CPython asks for.
    let end = unsafe { std::mem::zeroed() };
    let list = [attribute(c"_name", name::<K>), attribute(c"_version", version::<K>), end];
    (ffi::Py_tp_getset, Box::leak(Box::new(list)).as_mut_ptr().cast())
}

unsafe extern "C" fn name<K: Kind>(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: CPython asks an object of the class, here and below.
    run(|_| give(unsafe { body::<Bag<K>>(object) }.name.clone()))
}

/// Counts changes; -1 for a closed table.
unsafe extern "C" fn version<K: Kind>(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: as above.
        let bag = unsafe { body::<Bag<K>>(object) };
        let version = bag.section(|state| if state.closed { -1 } else { state.version as i64 });
        Ok(version.into_pyobject(py)?.into_ptr())
    })
}

/// Key, token and values of one instant, before they become Python objects.
struct Copied {
    key: Object,
    token: u64,
    values: Vec<(u64, Object, Option<i64>)>,
}

impl Copied {
    /// Copy what stands under a handle, under the lock; what stands alone gets a cell.
    fn of<K: Kind>(state: &mut State<K>, handle: &Object, slot: *mut ffi::PyObject, trash: &mut Trash) -> Self {
        let slot = state.cell_at(handle, slot, trash);
        // SAFETY: it is a cell that stands in the bag, and the lock is held.
        let (key, cell) = unsafe { (own(cell::key_under::<K>(handle.as_ptr(), slot)), cell::of::<K>(slot)) };
        let listed =
            |(place, value, mark): (usize, &Object, K::Mark)| (cell.values.ticket(place), value.clone(), mark.hash());
        Self { key, token: cell.version, values: cell.values.iter().map(listed).collect() }
    }

    fn into_tuple(self, py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        let values = self.values.into_iter().map(|(ticket, value, hash)| (ticket, value.into_py(py), hash));
        let values = PyList::new(py, values.collect::<Vec<_>>())?;
        (self.key.into_py(py), self.token, values).into_pyobject(py)
    }
}

/// What was found, as a view has noted it: a token or None, and the witness.
fn noted(handle: &Bound<'_, PyAny>, token: &Bound<'_, PyAny>, witness: &Bound<'_, PyAny>) -> PyResult<Found> {
    let seen = if token.is_none() { Seen::Nothing } else { Seen::Version(token.extract()?) };
    Ok(Found { handle: crate::py::object(handle), seen, witness: witness.extract()? })
}

fn all_agreed<K: Kind>(bag: &Bag<K>, py: Python<'_>, found: &[Found]) -> PyResult<bool> {
    let agreed = bag.section(|state| (!state.closed).then(|| found.iter().all(|found| state.agreed(found).is_some())));
    agreed.ok_or_else(|| bag.closed(py))
}

methods! {
    /// Nothing, but for a closed table: changes are counted anyway.
    fn begin_reading(bag, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_begin_reading", ..NOTHING })?;
        bag.refuse_closed(py)?;
        give_none()
    }

    fn end_reading(bag, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_end_reading", ..NOTHING })?;
        let _ = (bag, py);
        give_none()
    }

    fn locate(bag, py, arguments) {
        let [key] = arguments.sort(&ONE)?;
        // SAFETY: the caller holds it.
        let key = unsafe { own(key) };
        loop {
            let found = bag.resolve(py, &key)?;
            let token = match &found.seen {
                Seen::Nothing => None,
                Seen::Version(version) => Some(*version),
                Seen::Value(_) => {
                    let mut trash = Trash::new();
                    let token = bag.section(|state| {
                        let slot = state.agreed(&found)?;
                        Some(Copied::of(state, &found.handle, slot, &mut trash).token)
                    });
                    drop(trash);
                    if token.is_none() {
                        continue;
                    }
                    token
                }
            };
            return Ok((found.handle.into_py(py), token, found.witness).into_pyobject(py)?.into_ptr());
        }
    }

    fn handle_for(bag, py, arguments) {
        let [given, key] = arguments.sort(&HANDLE_FOR)?;
        // SAFETY: the caller holds both.
        let (given, key) = unsafe { (own(given), own(key)) };
        let witness = bag.section(|state| state.version);
        // SAFETY: both are alive; the hash of a foreign key may be Python code, which runs outside the lock.
        let handle = unsafe {
            if handle::is_foreign(given.as_ptr()) || handle::is_plain(key.as_ptr()) {
                given
            } else {
                let hash = ffi::PyObject_Hash(key.as_ptr());
                if hash == -1 {
                    return Err(PyErr::fetch(py));
                }
                handle::foreign(key.as_ptr(), hash)
            }
        };
        Ok((handle.into_py(py), witness).into_pyobject(py)?.into_ptr())
    }

    fn stands(bag, py, arguments) {
        let given = arguments.sort(&STANDS)?;
        // SAFETY: the caller holds them.
        let [handle, token, witness] = given.map(|given| unsafe { Bound::from_borrowed_ptr(py, given) });
        give_bool(all_agreed(bag, py, &[noted(&handle, &token, &witness)?])?)
    }

    fn all_stand(bag, py, arguments) {
        let [reads] = arguments.sort(&Parameters { method: "_all_stand", names: ["reads"], ..ONE })?;
        // SAFETY: the caller holds it.
        let reads = unsafe { Bound::from_borrowed_ptr(py, reads) };
        let mut found = Vec::new();
        for entry in reads.call_method0("items")?.try_iter()? {
            let (handle, (token, witness)): (Bound<'_, PyAny>, (Bound<'_, PyAny>, Bound<'_, PyAny>)) =
                entry?.extract()?;
            found.push(noted(&handle, &token, &witness)?);
        }
        give_bool(all_agreed(bag, py, &found)?)
    }

    fn values_of(bag, py, arguments) {
        let [handle] = arguments.sort(&Parameters { method: "_values_of", names: ["handle"], ..ONE })?;
        // SAFETY: the caller holds it.
        let handle = unsafe { own(handle) };
        let mut trash = Trash::new();
        let (closed, copied) = bag.section(|state| {
            let slot = state.slot(&handle);
            let copied = (!slot.is_null()).then(|| Copied::of(state, &handle, slot, &mut trash));
            (state.closed, copied)
        });
        drop(trash);
        match copied {
            _ if closed => Err(bag.closed(py)),
            None => give_none(),
            Some(copied) => Ok(copied.into_tuple(py)?.into_ptr()),
        }
    }

    fn all_values(bag, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_all_values", ..NOTHING })?;
        let mut trash = Trash::new();
        let (closed, copied) = bag.section(|state| {
            let handles = state.slots.handles();
            let mut copied = Vec::with_capacity(handles.len());
            for handle in handles {
                let slot = state.slot(&handle);
                copied.push((Copied::of(state, &handle, slot, &mut trash), handle));
            }
            (state.closed, copied)
        });
        drop(trash);
        if closed {
            return Err(bag.closed(py));
        }
        let all = PyDict::new(py);
        for (copied, handle) in copied {
            all.set_item(handle.into_py(py), copied.into_tuple(py)?)?;
        }
        Ok(all.into_ptr())
    }

    fn are_all_keys(bag, py, arguments) {
        let [handles] = arguments.sort(&Parameters { method: "_are_all_keys", names: ["handles"], ..ONE })?;
        // SAFETY: the caller holds it.
        let handles = unsafe { Bound::from_borrowed_ptr(py, handles) };
        let (closed, mine) = bag.section(|state| (state.closed, state.slots.handles()));
        if closed {
            return Err(bag.closed(py));
        }
        if handles.len()? != mine.len() {
            return give_bool(false);
        }
        for handle in mine {
            if !handles.contains(handle.bound(py))? {
                return give_bool(false);
            }
        }
        give_bool(true)
    }

    /// How many entries there are.
    fn stored(bag, py, arguments) {
        let [] = arguments.sort(&NOTHING)?;
        let (closed, size) = bag.section(|state| (state.closed, state.size));
        if closed { Err(bag.closed(py)) } else { give_count(py, size) }
    }
}
