//! Verbs about the bag as a whole: counting, clearing, closing, looking at all of it.

use super::bag::Bag;
use super::kind::Kind;
use super::{cell, methods};
use crate::py::class::{body, own};
use crate::py::entry::Entries;
use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::rows::{HashedRows, Rows};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count, give_none, run_number};
use crate::py::watch;
use pyo3::exceptions::PyAssertionError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

const NOTHING: Parameters<0> = Parameters { method: "clear", names: [], positional: 0, needed: 0 };
const FOLD: Parameters<2> = Parameters { method: "_fold", names: ["function", "initial"], positional: 2, needed: 2 };
const SUBSCRIBE: Parameters<2> =
    Parameters { method: "_subscribe", names: ["callback", "kinds"], positional: 2, needed: 2 };

pub fn verbs<K: Kind>() -> Vec<Verb> {
    vec![
        Verb { name: "clear", signature: "($self, /)", method: clear::<K> },
        Verb { name: "_entries", signature: "($self, /)", method: entries::<K> },
        Verb { name: "_fold", signature: "($self, function, initial, /)", method: fold::<K> },
        Verb { name: "_shut", signature: "($self, /)", method: shut::<K> },
        Verb { name: "_label", signature: "($self, /)", method: label::<K> },
        Verb { name: "_memory", signature: "($self, /)", method: memory::<K> },
        Verb { name: "_check", signature: "($self, /)", method: check::<K> },
        Verb { name: "_subscribe", signature: "($self, callback, kinds, /)", method: subscribe::<K> },
    ]
}

/// The number of entries.
pub unsafe extern "C" fn length<K: Kind>(object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    run_number(|py| {
        // SAFETY: CPython calls it with an object of its class.
        let bag: &Bag<K> = unsafe { body(object) };
        let (closed, size) = bag.section(|state| (state.closed, state.size));
        if closed { Err(bag.closed(py)) } else { Ok(size as ffi::Py_ssize_t) }
    })
}

/// Keys and values of all entries of one instant, in the order of the bag.
pub fn all<K: Kind>(bag: &Bag<K>, py: Python<'_>) -> PyResult<Vec<(Object, Object)>> {
    let all = bag.section(|state| {
        if state.closed {
            return None;
        }
        let mut all = Vec::with_capacity(state.size);
        state.each(|handle, slot| {
            // SAFETY: both stand in the bag, and the lock is held.
            unsafe {
                let key = cell::key_under::<K>(handle, slot);
                if cell::is_cell::<K>(slot) {
                    let values = &cell::of::<K>(slot).values;
                    all.extend(values.values().map(|value| (Object::borrowed(key), value.clone())));
                } else {
                    all.push((Object::borrowed(key), Object::borrowed(slot)));
                }
            }
        });
        Some(all)
    });
    all.ok_or_else(|| bag.closed(py))
}

methods! {
    fn clear(bag, py, arguments) {
        let [] = arguments.sort(&NOTHING)?;
        let fresh = HashedRows::empty(py)?;
        let taken = bag.section(|state| {
            if state.closed {
                return Err(fresh);
            }
            let size = std::mem::take(&mut state.size);
            state.version += 1;
            state.plain_values = true;
            if let Some(events) = &mut state.events {
                events.cleared(size);
            }
            let slots = state.slots.swap(fresh);
            state.refresh();
            Ok((slots, size))
        });
        let Ok((slots, size)) = taken else { return Err(bag.closed(py)) };
        bag.deliver(py)?;
        drop(slots);
        give_count(py, size)
    }

    /// All entries, as they stand at one instant.
    fn entries(bag, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_entries", ..NOTHING })?;
        let all = all(bag, py)?;
        let mut made = Entries::with_capacity(py, all.len())?;
        for (key, value) in all {
            made.push(key.into_py(py), value.into_py(py))?;
        }
        Ok(made.into_list()?.into_ptr())
    }

    /// Combine all entries of one instant into one value; the function runs outside the lock.
    fn fold(bag, py, arguments) {
        let given = arguments.sort(&FOLD)?;
        // SAFETY: the caller holds both.
        let [function, mut accumulator] = given.map(|given| unsafe { own(given) });
        for (key, value) in all(bag, py)? {
            let given = [accumulator.as_ptr(), key.as_ptr(), value.as_ptr()];
            // SAFETY: all are held here; a new reference or null comes back.
            accumulator = unsafe {
                let made =
                    ffi::PyObject_Vectorcall(function.as_ptr(), given.as_ptr(), given.len(), std::ptr::null_mut());
                Object::owned_or_none(made).ok_or_else(|| PyErr::fetch(py))?
            };
        }
        Ok(accumulator.into_ptr())
    }

    fn shut(bag, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_shut", ..NOTHING })?;
        bag.shut(py)?;
        give_none()
    }

    fn label(bag, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_label", ..NOTHING })?;
        Ok(PyString::new(py, &bag.label(py)).into_ptr())
    }

    fn memory(bag, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_memory", ..NOTHING })?;
        bag.refuse_closed(py)?;
        let dict = bag.section(|state| state.slots.shared_dict());
        let dict: usize = dict.bound(py).call_method0("__sizeof__")?.extract()?;
        let cells = bag.section(|state| {
            let mut cells = 0;
            state.each(|_, slot| {
                // SAFETY: it stands in the bag, and the lock is held.
                unsafe {
                    if cell::is_cell::<K>(slot) {
                        cells += cell::of::<K>(slot).memory();
                    }
                }
            });
            cells
        });
        give_count(py, dict + cells)
    }

    /// Raise AssertionError unless slots, size and handles agree.
    fn check(bag, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_check", ..NOTHING })?;
        bag.refuse_closed(py)?;
        let wrong = bag.section(|state| {
            let (mut size, mut wrong) = (0, None);
            state.each(|handle, slot| {
                // SAFETY: both stand in the bag, and the lock is held.
                unsafe {
                    if cell::is_cell::<K>(slot) {
                        let found = cell::of::<K>(slot);
                        found.values.check();
                        size += found.values.len();
                        if found.values.is_empty() {
                            wrong = Some("an empty cell".to_owned());
                        }
                        if found.version > state.version {
                            wrong = Some("a cell of a version to come".to_owned());
                        }
                    } else {
                        size += 1;
                        if !K::stands_alone(slot) {
                            wrong = Some("a value that must not stand alone".to_owned());
                        }
                    }
                    if state.slot(&Object::borrowed(handle)) != slot {
                        wrong = Some("a handle does not find what stands under it".to_owned());
                    }
                    if !handle::is_foreign(handle) && !handle::is_plain(handle) {
                        wrong = Some("a foreign key without a handle".to_owned());
                    }
                }
            });
            if size != state.size {
                wrong = Some(format!("{size} entries, where {} were counted", state.size));
            }
            state.slots.check();
            wrong
        });
        match wrong {
            Some(wrong) => Err(PyAssertionError::new_err(wrong)),
            None => give_none(),
        }
    }

    fn subscribe(bag, py, arguments) {
        let [callback, kinds] = arguments.sort(&SUBSCRIBE)?;
        // SAFETY: the caller holds both.
        let (callback, kinds) = unsafe { (Bound::from_borrowed_ptr(py, callback), Bound::from_borrowed_ptr(py, kinds)) };
        watch::subscribe(py, bag, &callback, &kinds).map(Object::into_ptr)
    }
}
