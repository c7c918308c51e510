//! Writing many entries at once into a set table of plain keys: a dict's own update, or one pass of it.

use super::arguments::Parameters;
use super::install::{Method, Verb, called, give_count, run_hot};
use super::set::many;
use crate::py::class::{body, own};
use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::py::rows::{HashedRows, Rows, Table, Trash};
use pyo3::ffi;
use pyo3::prelude::*;

type Set = Table<HashedRows>;

const ITEMS: Parameters<2> = Parameters { method: "insert_many", names: ["items", "ttl"], positional: 1, needed: 1 };

/// The short cut; it stands before the general verb of the same name.
pub fn verbs() -> Vec<Verb> {
    vec![Verb { name: "insert_many", signature: "($self, /, items, *, ttl=...)", method: insert_many as Method }]
}

unsafe extern "C" fn insert_many(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
    unsafe {
        let table: &Set = body(object);
        let short = names.is_null() && positional == 1 && table.lifetime.is_none();
        if short && let Some(batch) = plain_batch(*values) {
            return run_hot(|py| match write(table, py, &batch)? {
                Some(count) => give_count(py, count),
                None => give_count(py, write_in_general(table, py, values, positional, names)?),
            });
        }
        many::insert_many::<Set>(object, values, positional, names)
    }
}

fn write_in_general(
    table: &Set,
    py: Python<'_>,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> PyResult<usize> {
    // SAFETY: the arguments are those of the call that goes on.
    let [items, _] = unsafe { called(values, positional, names).sort(&ITEMS)? };
    // SAFETY: the caller holds it.
    many::insert_items(table, py, unsafe { own(items) }, None)
}

/// Entries with plain keys only, each key once: a dict that nobody else changes while it is used.
struct Batch(Object);

/// Make a batch of a dict, or of a list of pairs; `None` if there is more to it than plain keys. Runs no Python code.
unsafe fn plain_batch(items: *mut ffi::PyObject) -> Option<Batch> {
    // SAFETY: the caller holds the items; what is read off them is held, or used before anything else runs.
    unsafe {
        if ffi::PyDict_CheckExact(items) != 0 {
            #[cfg(not(Py_GIL_DISABLED))]
            let batch = own(items);
            #[cfg(Py_GIL_DISABLED)]
            let batch = made(ffi::PyDict_Copy(items))?; // another thread may write to it
            let (mut position, mut key) = (0, std::ptr::null_mut());
            while ffi::PyDict_Next(batch.as_ptr(), &mut position, &mut key, std::ptr::null_mut()) != 0 {
                if !is_plain(key) {
                    return None;
                }
            }
            return Some(Batch(batch));
        }
        if ffi::PyList_CheckExact(items) == 0 {
            return None;
        }
        let batch = made(ffi::PyDict_New())?;
        for place in 0..ffi::PyList_GET_SIZE(items) {
            let pair = made(ffi::compat::PyList_GetItemRef(items, place))?;
            if ffi::PyTuple_CheckExact(pair.as_ptr()) == 0 || ffi::PyTuple_GET_SIZE(pair.as_ptr()) != 2 {
                return None;
            }
            let (key, value) = (ffi::PyTuple_GET_ITEM(pair.as_ptr(), 0), ffi::PyTuple_GET_ITEM(pair.as_ptr(), 1));
            if !is_plain(key) {
                return None;
            }
            if ffi::PyDict_SetItem(batch.as_ptr(), key, value) < 0 {
                ffi::PyErr_Clear();
                return None;
            }
        }
        Some(Batch(batch))
    }
}

/// A new object; an error is forgotten, since the general way meets it again.
unsafe fn made(object: *mut ffi::PyObject) -> Option<Object> {
    // SAFETY: says the caller; a new reference, or null with an error set.
    unsafe {
        let made = Object::owned_or_none(object);
        if made.is_none() {
            ffi::PyErr_Clear();
        }
        made
    }
}

/// Write a batch in one step; `None` if the table has more to it than plain keys.
fn write(table: &Set, py: Python<'_>, batch: &Batch) -> PyResult<Option<usize>> {
    let batch = batch.0.as_ptr();
    // SAFETY: the batch is held; keys are plain, so nothing in here runs Python code, and what is displaced is kept.
    let done = table.section(|state| unsafe {
        if !state.fast || state.cells > 0 {
            return Ok(None);
        }
        state.version += 1;
        let dict = state.rows.dict();
        let mut displaced = Trash::new();
        #[cfg(Py_GIL_DISABLED)]
        state.rows.disturb();
        if state.rows.len() > 0 {
            let (mut position, mut key) = (0, std::ptr::null_mut());
            while ffi::PyDict_Next(batch, &mut position, &mut key, std::ptr::null_mut()) != 0 {
                let old = state.rows.slot_of(key);
                if !old.is_null() {
                    displaced.push(Object::borrowed(old));
                }
            }
        }
        let status = ffi::PyDict_Update(dict, batch);
        #[cfg(Py_GIL_DISABLED)]
        state.rows.disturb();
        if status < 0 { Err(()) } else { Ok(Some(displaced)) }
    });
    match done {
        Ok(None) => Ok(None),
        Ok(Some(displaced)) => {
            drop(displaced);
            // SAFETY: a dict.
            Ok(Some(unsafe { ffi::PyDict_Size(batch) } as usize))
        }
        Err(()) => Err(PyErr::fetch(py)),
    }
}
