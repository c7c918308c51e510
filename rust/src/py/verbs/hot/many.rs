//! Writing many entries at once into a set table of plain keys: the entries are read, then written in one step.
//!
//! Neither runs Python code, so nothing comes between the two. The objects of entries to come are asked for while the ones
//! before are at work, for most of the time goes into waiting for memory.

use super::Set;
use super::census::Census;
use crate::py::class::{body, own};
use crate::py::ground::handle::is_plain;
use crate::py::ground::headroom;
use crate::py::ground::object::Object;
use crate::py::rows::{Rows, Trash};
use crate::py::verbs::install::{give_count, short_or};
use crate::py::verbs::set::many as general;
use crate::store::prefetch::prefetch;
use pyo3::ffi;
use pyo3::prelude::*;

/// How many entries are asked for together.
const CHUNK: usize = 32;

/// `insert_many` of set tables.
pub unsafe extern "C" fn insert_many(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    short_or(
        |py| {
            // SAFETY: CPython calls a method with an object of its class, and with these arguments.
            unsafe {
                let table: &Set = body(object);
                if !names.is_null() || positional != 1 || table.lifetime.is_some() {
                    return Ok(None);
                }
                let Some(batch) = Batch::of(*values) else { return Ok(None) };
                match write(table, py, &batch) {
                    None => Ok(None),
                    Some(Ok(count)) => give_count(py, count).map(Some),
                    Some(Err(())) => Err(PyErr::fetch(py)),
                }
            }
        },
        // SAFETY: as above.
        || unsafe { general::insert_many::<Set>(object, values, positional, names) },
    )
}

/// Entries that nobody changes while they are read.
pub enum Batch {
    /// A dict.
    Mapping(Object),
    /// A list, of pairs as it seems.
    Pairs(Object),
}

pub type Entry = (*mut ffi::PyObject, *mut ffi::PyObject);

impl Batch {
    /// Make a batch of a dict or a list.
    #[cfg(not(Py_GIL_DISABLED))]
    unsafe fn of(items: *mut ffi::PyObject) -> Option<Self> {
        // SAFETY: the caller holds the items.
        unsafe {
            if ffi::PyDict_CheckExact(items) != 0 {
                return Some(Self::Mapping(own(items)));
            }
            (ffi::PyList_CheckExact(items) != 0).then(|| Self::Pairs(own(items)))
        }
    }

    /// Make a batch of a dict or a list: a copy, for other threads may change what was given.
    #[cfg(Py_GIL_DISABLED)]
    unsafe fn of(items: *mut ffi::PyObject) -> Option<Self> {
        // SAFETY: the caller holds the items; a copy is a new object, or null with an error set.
        unsafe {
            let copy = if ffi::PyDict_CheckExact(items) != 0 {
                Object::owned_or_none(ffi::PyDict_Copy(items)).map(Self::Mapping)
            } else if ffi::PyList_CheckExact(items) != 0 {
                let whole = ffi::PyList_GetSlice(items, 0, ffi::Py_ssize_t::MAX);
                Object::owned_or_none(whole).map(Self::Pairs)
            } else {
                return None;
            };
            if copy.is_none() {
                ffi::PyErr_Clear(); // the general way meets it again
            }
            copy
        }
    }

    fn is_mapping(&self) -> bool {
        matches!(self, Self::Mapping(_))
    }

    unsafe fn size(&self) -> usize {
        // SAFETY: the batch is held.
        unsafe {
            match self {
                Self::Mapping(dict) => ffi::PyDict_Size(dict.as_ptr()) as usize,
                Self::Pairs(list) => ffi::PyList_GET_SIZE(list.as_ptr()) as usize,
            }
        }
    }

    /// Go through the entries until the visitor has had enough, or something is no pair: then it is `None`.
    #[inline(always)]
    pub unsafe fn each(&self, mut visit: impl FnMut(Entry) -> Option<()>) -> Option<()> {
        let mut chunk: [Entry; CHUNK] = [(std::ptr::null_mut(), std::ptr::null_mut()); CHUNK];
        // SAFETY: the batch is held, and nobody changes it.
        unsafe {
            match self {
                Self::Mapping(dict) => {
                    let (mut position, mut more) = (0, true);
                    while more {
                        let mut size = 0;
                        while size < CHUNK {
                            let (key, value) = &mut chunk[size];
                            more = ffi::PyDict_Next(dict.as_ptr(), &mut position, key, value) != 0;
                            if !more {
                                break;
                            }
                            prefetch::<64>(key.cast());
                            prefetch::<16>(value.cast());
                            size += 1;
                        }
                        chunk[..size].iter().try_for_each(|entry| visit(*entry))?;
                    }
                }
                Self::Pairs(list) => {
                    let (list, size) = (list.as_ptr(), ffi::PyList_GET_SIZE(list.as_ptr()));
                    let mut start = 0;
                    while start < size {
                        let end = size.min(start + CHUNK as isize);
                        for place in start..size.min(end + CHUNK as isize) {
                            prefetch::<64>(ffi::PyList_GET_ITEM(list, place).cast());
                        }
                        for place in start..end {
                            let pair = ffi::PyList_GET_ITEM(list, place);
                            if ffi::PyTuple_CheckExact(pair) == 0 || ffi::PyTuple_GET_SIZE(pair) != 2 {
                                return None;
                            }
                            let entry = (ffi::PyTuple_GET_ITEM(pair, 0), ffi::PyTuple_GET_ITEM(pair, 1));
                            prefetch::<64>(entry.0.cast());
                            prefetch::<16>(entry.1.cast());
                            chunk[(place - start) as usize] = entry;
                        }
                        chunk[..(end - start) as usize].iter().try_for_each(|entry| visit(*entry))?;
                        start = end;
                    }
                }
            }
        }
        Some(())
    }
}

/// Write a batch in one step; return how many keys were written. `None` if there is more to the table or to the batch than plain keys.
///
/// # Safety
/// The caller is attached to the interpreter.
unsafe fn write(table: &Set, py: Python<'_>, batch: &Batch) -> Option<Result<usize, ()>> {
    // SAFETY: the batch is held.
    let size = unsafe { batch.size() };
    // In a dict, or where all keys turn out to be new, no key is there twice.
    let mut census = (!batch.is_mapping() && table.section(|state| state.rows.len() > 0)).then(|| Census::new(size));
    // SAFETY: what the batch gives is alive.
    unsafe {
        batch.each(|(key, _)| {
            if let Some(census) = &mut census {
                return is_plain(key).then(|| census.count(key));
            }
            is_plain(key).then_some(())
        })?;
    }
    if headroom::ensure(py, headroom::FOR_ANY_KEY).is_err() {
        return None; // the general way raises it
    }
    let mut displaced = Trash::new();
    // SAFETY: all keys are plain, so nothing in here runs Python code, and what is displaced is kept.
    let written = table.section(|state| unsafe {
        if !state.fast || state.cells > 0 {
            return None;
        }
        state.version += 1;
        let (dict, before) = (state.rows.dict(), state.rows.len());
        #[cfg(Py_GIL_DISABLED)]
        state.rows.disturb();
        let done = match batch {
            Batch::Mapping(mapping) if before == 0 => (ffi::PyDict_Update(dict, mapping.as_ptr()) == 0).then_some(()),
            _ => batch.each(|entry| put(dict, entry, &mut displaced)),
        };
        #[cfg(Py_GIL_DISABLED)]
        state.rows.disturb();
        Some(done.map(|()| state.rows.len() - before))
    })?;
    let Some(fresh) = written else { return Some(Err(())) };
    let count = if fresh == size || batch.is_mapping() {
        size
    } else {
        // SAFETY: the batch is as it was, for nothing that was displaced has been dropped.
        unsafe { census.unwrap_or_else(|| Census::of(batch, size)).different(batch) }
    };
    drop(displaced);
    Some(Ok(count))
}

/// Put an entry into a dict; `None` if there is no memory for it.
#[cfg(not(Py_GIL_DISABLED))]
#[inline(always)]
unsafe fn put(dict: *mut ffi::PyObject, (key, value): Entry, displaced: &mut Trash) -> Option<()> {
    unsafe extern "C" {
        fn PyDict_SetDefault(
            dict: *mut ffi::PyObject,
            key: *mut ffi::PyObject,
            value: *mut ffi::PyObject,
        ) -> *mut ffi::PyObject;
    }
    // SAFETY: all are alive; what comes back stands in the dict.
    unsafe {
        let standing = PyDict_SetDefault(dict, key, value);
        if standing == value {
            return Some(());
        }
        if standing.is_null() {
            return None;
        }
        displaced.push(Object::borrowed(standing));
        (ffi::PyDict_SetItem(dict, key, value) == 0).then_some(())
    }
}

/// Put an entry into a dict; `None` if there is no memory for it.
#[cfg(Py_GIL_DISABLED)]
unsafe fn put(dict: *mut ffi::PyObject, (key, value): Entry, displaced: &mut Trash) -> Option<()> {
    // SAFETY: all are alive, and so is what stands in the dict, while the table is locked.
    unsafe {
        let standing = ffi::PyDict_GetItemWithError(dict, key);
        if !standing.is_null() {
            displaced.push(Object::borrowed(standing));
        }
        (ffi::PyDict_SetItem(dict, key, value) == 0).then_some(())
    }
}
