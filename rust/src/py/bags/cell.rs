//! The bag cell: what stands in a bag for a key with several values.
//!
//! Only its bag refers to it, but for moments, and changes it in place under the lock. Its version is the number that the
//! changes of the bag had come to when it was changed last, so that no two states of a key have the same one.

use super::kind::Kind;
use crate::py::ground::handle::key_of;
use crate::py::ground::object::Object;
use crate::py::ground::types;
use crate::store::cell::{Cell, Hash};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering;

/// The layout of a bag cell. 64 bytes, beside the values.
#[repr(C)]
pub struct BagCell<K: Kind> {
    head: ffi::PyObject,
    /// Tells this state of the key's values from all others.
    pub version: u64,
    /// The key, where it is another object than that of the handle; null else.
    key: *mut ffi::PyObject,
    /// The values.
    pub values: Cell<Object, K::Mark>,
}

/// Make the type of the cells of a kind, once.
pub fn initialise<K: Kind>(py: Python<'_>) -> PyResult<()> {
    if K::cells().load(Ordering::Relaxed).is_null() {
        let made = types::make::<BagCell<K>>(py, K::CELL, dealloc::<K>, &[])?;
        K::cells().store(made, Ordering::Relaxed);
    }
    Ok(())
}

/// Make a cell without values, with room for some. Runs no Python code.
pub fn new<K: Kind>(version: u64, room: usize) -> Object {
    // SAFETY: the type was made by `initialise`, and all fields are filled in here.
    unsafe {
        let cell: *mut BagCell<K> = types::allocate(K::cells().load(Ordering::Relaxed));
        (*cell).version = version;
        (*cell).key = std::ptr::null_mut();
        (&raw mut (*cell).values).write(Cell::with_capacity(room));
        Object::owned(cell.cast())
    }
}

/// How many values a cell has room for at first: as many as a list.
const ROOM: usize = 4;

/// Make a cell in the place of a value that stands alone, with room for others. Runs no Python code.
pub fn of_value<K: Kind>(value: Object, version: u64) -> Object {
    let cell = new::<K>(version, ROOM);
    let mark = K::mark(K::hash_alone(value.as_ptr()));
    // SAFETY: nobody else has it yet.
    unsafe { at::<K>(cell.as_ptr()).values.push(value, mark) }
    cell
}

/// Tell whether what stands in a bag is a cell, and not a value.
///
/// # Safety
/// `slot` is alive.
#[inline(always)]
pub unsafe fn is_cell<K: Kind>(slot: *mut ffi::PyObject) -> bool {
    // SAFETY: alive, says the caller.
    unsafe { (*slot).ob_type == K::cells().load(Ordering::Relaxed) }
}

/// The cell that this object is.
///
/// # Safety
/// It is a cell, and for as long as the reference is used it stands and is not changed: the lock of its bag is held, or it was
/// taken out of it.
#[inline(always)]
pub unsafe fn of<'a, K: Kind>(slot: *mut ffi::PyObject) -> &'a BagCell<K> {
    // SAFETY: says the caller.
    unsafe { &*slot.cast::<BagCell<K>>() }
}

/// The cell that this object is, to change it.
///
/// # Safety
/// It is a cell, and for as long as the reference is used the lock of its bag is held, or nobody else has it yet, and there is
/// no other reference.
#[inline(always)]
pub unsafe fn at<'a, K: Kind>(slot: *mut ffi::PyObject) -> &'a mut BagCell<K> {
    // SAFETY: says the caller.
    unsafe { &mut *slot.cast::<BagCell<K>>() }
}

impl<K: Kind> BagCell<K> {
    /// Add a value.
    #[inline(always)]
    pub fn push(&mut self, value: Object, hash: Hash) {
        self.values.push(value, K::mark(hash));
    }

    /// The key, where it is another object than that of the handle.
    pub fn key(&self) -> Option<*mut ffi::PyObject> {
        (!self.key.is_null()).then_some(self.key)
    }

    /// Take another key than that of the handle; return the one before, if there was one.
    pub fn set_key(&mut self, key: Object) -> Option<Object> {
        // SAFETY: the cell owns its key.
        unsafe { Object::owned_or_none(std::mem::replace(&mut self.key, key.into_ptr())) }
    }

    /// The bytes of the cell.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.values.memory()
    }

    /// Let the collector see what the cell refers to.
    ///
    /// # Safety
    /// As `tp_traverse` is called.
    pub unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        let key = if self.key.is_null() { None } else { Some(self.key) };
        for object in key.into_iter().chain(self.values.values().map(Object::as_ptr)) {
            // SAFETY: says the caller; the cell owns them all.
            let status = unsafe { visit(object, arg) };
            if status != 0 {
                return status;
            }
        }
        0
    }
}

/// The key that a handle and what stands under it have, for as long as they stand.
///
/// # Safety
/// Both are alive.
pub unsafe fn key_under<K: Kind>(handle: *mut ffi::PyObject, slot: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: alive, says the caller.
    unsafe {
        let own = if is_cell::<K>(slot) { of::<K>(slot).key() } else { None };
        own.unwrap_or_else(|| key_of(handle))
    }
}

unsafe extern "C" fn dealloc<K: Kind>(object: *mut ffi::PyObject) {
    // SAFETY: nobody refers to the cell any more, which owns its key and values. The values go last, for their finalizers may
    // run Python code.
    unsafe {
        let cell: *mut BagCell<K> = object.cast();
        let key = (*cell).key;
        let values = std::ptr::read(&raw const (*cell).values);
        types::free(object);
        drop(values);
        ffi::Py_XDECREF(key);
    }
}
