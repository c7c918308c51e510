//! Queries: the entries among which the answer is, and removing those that match.

use super::bag::Bag;
use super::change::values_in;
use super::kind::Kind;
use super::{cell, methods, whole};
use crate::py::class::own;
use crate::py::entry::Entries;
use crate::py::ground::object::Object;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count};
use crate::py::verbs::set::lifetimes::checked_limit;
use crate::py::verbs::test::Test;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PySet, PyTuple};

const SELECT: Parameters<3> =
    Parameters { method: "_select", names: ["access", "test", "limit"], positional: 3, needed: 3 };
const WHERE: Parameters<2> = Parameters { method: "_count_where", names: ["access", "test"], positional: 2, needed: 2 };

pub fn verbs<K: Kind>() -> Vec<Verb> {
    vec![
        Verb { name: "_select", signature: "($self, access, test, limit, /)", method: select::<K> },
        Verb { name: "_count_where", signature: "($self, access, test, /)", method: count_where::<K> },
        Verb { name: "_delete_where", signature: "($self, access, test, /)", method: delete_where::<K> },
    ]
}

/// The handles of the keys that an access names, each once; `None` if it names none.
fn named<K: Kind>(bag: &Bag<K>, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<Option<Vec<Object>>> {
    let access = access.cast::<PyTuple>()?;
    let sort = access.get_item(0)?;
    if !sort.eq("key")? {
        return Ok(None);
    }
    let (met, mut handles) = (PySet::empty(py)?, Vec::new());
    for key in access.get_item(1)?.try_iter()? {
        let found = bag.resolve(py, &crate::py::object(&key?))?;
        if found.is_present() && !met.contains(found.handle.bound(py))? {
            met.add(found.handle.bound(py))?;
            handles.push(found.handle);
        }
    }
    bag.refuse_closed(py)?;
    Ok(Some(handles))
}

/// Keys and values of the entries among which those that a query asks for are, of one instant.
fn entries_of<K: Kind>(bag: &Bag<K>, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<Vec<(Object, Object)>> {
    let Some(handles) = named(bag, py, access)? else { return whole::all(bag, py) };
    Ok(bag.section(|state| {
        let mut entries = Vec::new();
        for handle in &handles {
            let slot = state.slot(handle);
            if !slot.is_null() {
                // SAFETY: both stand in the bag.
                let key = unsafe { Object::borrowed(cell::key_under::<K>(handle.as_ptr(), slot)) };
                entries.extend(values_in::<K>(slot).into_iter().map(|value| (key.clone(), value)));
            }
        }
        entries
    }))
}

/// What is known of the entries of a key: handle, key, and tickets with values.
type Listed = (Object, Object, Vec<(u64, Object)>);

/// The same, with what finds each entry again.
fn listed_in<K: Kind>(handle: *mut ffi::PyObject, slot: *mut ffi::PyObject) -> Listed {
    // SAFETY: both stand in the bag, and the lock is held.
    unsafe {
        let key = Object::borrowed(cell::key_under::<K>(handle, slot));
        let values = if cell::is_cell::<K>(slot) {
            let values = &cell::of::<K>(slot).values;
            values.iter().map(|(place, value, _)| (values.ticket(place), value.clone())).collect()
        } else {
            vec![(0, own(slot))]
        };
        (own(handle), key, values)
    }
}

fn listed_of<K: Kind>(bag: &Bag<K>, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<Vec<Listed>> {
    let named = named(bag, py, access)?;
    let listed = bag.section(|state| {
        if state.closed {
            return None;
        }
        let mut listed = Vec::new();
        match &named {
            None => state.each(|handle, slot| listed.push(listed_in::<K>(handle, slot))),
            Some(handles) => {
                for handle in handles {
                    let slot = state.slot(handle);
                    if !slot.is_null() {
                        listed.push(listed_in::<K>(handle.as_ptr(), slot));
                    }
                }
            }
        }
        Some(listed)
    });
    listed.ok_or_else(|| bag.closed(py))
}

methods! {
    fn select(bag, py, arguments) {
        let [access, test, limit] = arguments.sort(&SELECT)?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let limit = checked_limit(py, limit)?.unwrap_or(usize::MAX);
        let found = entries_of(bag, py, &access)?;
        let mut selected = Entries::with_capacity(py, if matches!(test, Test::All) { found.len().min(limit) } else { 0 })?;
        let mut left = limit;
        for (key, value) in found {
            if left == 0 {
                break;
            }
            if test.holds(py, &key, &value)? {
                selected.push(key.into_py(py), value.into_py(py))?;
                left -= 1;
            }
        }
        Ok(selected.into_list()?.into_ptr())
    }

    fn count_where(bag, py, arguments) {
        let [access, test] = arguments.sort(&WHERE)?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let mut count = 0;
        for (key, value) in entries_of(bag, py, &access)? {
            count += usize::from(test.holds(py, &key, &value)?);
        }
        give_count(py, count)
    }

    /// Remove every entry that matches, each in a step of its own.
    fn delete_where(bag, py, arguments) {
        let [access, test] = arguments.sort(&Parameters { method: "_delete_where", ..WHERE })?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let mut count = 0;
        for (handle, key, values) in listed_of(bag, py, &access)? {
            for (ticket, value) in values {
                if test.holds(py, &key, &value)? {
                    count += usize::from(bag.discard_ticket(py, &handle, ticket, &value)?);
                }
            }
        }
        give_count(py, count)
    }
}
