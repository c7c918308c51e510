//! The row cell: what stands in a table for an entry that is more than a key and a value.
//!
//! A row says which handle it stands under, its value, its deadline, and where the deadline is listed. It is private to
//! its table for as long as nobody else refers to it, and then its value may be changed in place. Whoever holds one, to see
//! later whether it is still the row of its key, holds one that never changes again: it is replaced instead. So the identity
//! of a row is its version.

use super::object::Object;
use super::types;
use crate::store::deadlines::{Place, Scheduled};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A deadline that never comes.
pub const NO_END: i64 = i64::MAX;

/// The layout of a row cell. 48 bytes.
#[repr(C)]
pub struct Row {
    head: ffi::PyObject,
    handle: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    deadline: i64,
    place: Place,
}

static ROW: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

/// Make the type, once.
pub fn initialise(py: Python<'_>) -> PyResult<()> {
    if ROW.load(Ordering::Relaxed).is_null() {
        let slots = [
            (ffi::Py_sq_item, item as *mut c_void),
            (ffi::Py_sq_length, length as *mut c_void),
            (ffi::Py_mp_subscript, subscript as *mut c_void),
        ];
        ROW.store(types::make::<Row>(py, c"noex.kernel._native.Row", dealloc, &slots)?, Ordering::Relaxed);
    }
    Ok(())
}

/// Tell whether what stands in a table is a row cell, and not a value.
///
/// # Safety
/// `object` is alive.
#[inline(always)]
pub unsafe fn is_row(object: *mut ffi::PyObject) -> bool {
    // SAFETY: alive, says the caller.
    unsafe { (*object).ob_type == ROW.load(Ordering::Relaxed) }
}

/// Where a row is, without a reference of one's own: what the list of deadlines holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct RowAt(pub *mut Row);

/// A reference to a row.
#[repr(transparent)]
#[derive(Clone)]
pub struct RowRef(Object);

impl RowRef {
    /// Make a row.
    pub fn new(handle: Object, value: Object, deadline: i64) -> Self {
        // SAFETY: there is nothing more to fill in.
        unsafe { Self::larger::<Row>(handle, value, deadline) }
    }

    /// Make a row with room for more behind it.
    ///
    /// # Safety
    /// `T` begins with a `Row`, the caller fills in the rest, and nothing in it need be dropped.
    #[inline(always)]
    pub unsafe fn larger<T>(handle: Object, value: Object, deadline: i64) -> Self {
        // SAFETY: the type was made by `initialise`, and all fields of the row are filled in here.
        unsafe {
            let row: *mut Row = types::allocate::<T>(ROW.load(Ordering::Relaxed)).cast();
            (*row).handle = handle.into_ptr();
            (*row).value = value.into_ptr();
            (*row).deadline = deadline;
            (*row).place = Place::NOWHERE;
            Self(Object::owned(row.cast()))
        }
    }

    /// Refer to a row that somebody else holds.
    ///
    /// # Safety
    /// `object` is a row that is alive.
    #[inline(always)]
    pub unsafe fn borrowed(object: *mut ffi::PyObject) -> Self {
        // SAFETY: says the caller.
        Self(unsafe { Object::borrowed(object) })
    }

    /// The same as an object.
    #[inline(always)]
    pub fn into_object(self) -> Object {
        self.0
    }

    /// The row as an object, for as long as this reference stands.
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }

    /// The row.
    #[inline(always)]
    pub fn at(&self) -> RowAt {
        RowAt(self.0.as_ptr().cast())
    }
}

impl RowAt {
    /// The row that this object is.
    ///
    /// # Safety
    /// `object` is a row.
    #[inline(always)]
    pub unsafe fn of(object: *mut ffi::PyObject) -> Self {
        Self(object.cast())
    }

    /// The value, for as long as the row stands and is not changed.
    ///
    /// # Safety
    /// The row is alive.
    #[inline(always)]
    pub unsafe fn value(self) -> *mut ffi::PyObject {
        // SAFETY: alive, says the caller.
        unsafe { (*self.0).value }
    }

    /// The handle that it stands under, for as long as the row stands.
    ///
    /// # Safety
    /// The row is alive.
    #[inline(always)]
    pub unsafe fn handle(self) -> *mut ffi::PyObject {
        // SAFETY: alive, says the caller.
        unsafe { (*self.0).handle }
    }

    /// The key, for as long as the row stands.
    ///
    /// # Safety
    /// The row is alive.
    #[inline(always)]
    pub unsafe fn key(self) -> *mut ffi::PyObject {
        // SAFETY: alive, says the caller.
        unsafe { super::handle::key_of((*self.0).handle) }
    }

    /// Put another value in the place of the one there is, which is returned.
    ///
    /// # Safety
    /// The row is alive and nobody but its table refers to it, or the caller is the only one who reads it.
    #[inline(always)]
    pub unsafe fn swap_value(self, value: Object) -> Object {
        // SAFETY: says the caller; the reference to the old value becomes the returned one.
        unsafe { Object::owned(std::mem::replace(&mut (*self.0).value, value.into_ptr())) }
    }

    /// Let it stand under another handle than the one it had, which is returned.
    ///
    /// # Safety
    /// As `swap_value`, and the row stands nowhere.
    #[inline(always)]
    pub unsafe fn swap_handle(self, handle: Object) -> Object {
        // SAFETY: says the caller; the reference to the old handle becomes the returned one.
        unsafe { Object::owned(std::mem::replace(&mut (*self.0).handle, handle.into_ptr())) }
    }

    /// Give it another deadline.
    ///
    /// # Safety
    /// As `swap_value`, and the row is not listed under the one it had.
    #[inline(always)]
    pub unsafe fn set_deadline(self, deadline: i64) {
        // SAFETY: says the caller.
        unsafe { (*self.0).deadline = deadline }
    }

    /// Tell whether only its table refers to it, so that it may be changed in place.
    ///
    /// # Safety
    /// The row is alive, and the caller holds the lock of its table.
    #[inline(always)]
    pub unsafe fn is_private(self) -> bool {
        // Without a GIL readers look at rows without a lock: there a row never changes.
        #[cfg(Py_GIL_DISABLED)]
        return false;
        #[cfg(not(Py_GIL_DISABLED))]
        // SAFETY: alive, says the caller.
        unsafe {
            ffi::Py_REFCNT(self.0.cast()) == 1
        }
    }

    /// A reference of one's own.
    ///
    /// # Safety
    /// The row is alive.
    #[inline(always)]
    pub unsafe fn hold(self) -> RowRef {
        // SAFETY: says the caller.
        unsafe { RowRef::borrowed(self.0.cast()) }
    }
}

impl Scheduled for RowAt {
    #[inline(always)]
    fn deadline(self) -> i64 {
        // SAFETY: what is listed stands in the table.
        unsafe { (*self.0).deadline }
    }

    #[inline(always)]
    fn place(self) -> Place {
        // SAFETY: as above.
        unsafe { (*self.0).place }
    }

    #[inline(always)]
    fn set_place(self, place: Place) {
        // SAFETY: as above; only the list of deadlines uses it, under the lock of the table.
        unsafe { (*self.0).place = place }
    }
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: nobody refers to the row any more, which owns these two references.
    unsafe {
        let row: *mut Row = object.cast();
        let (handle, value) = ((*row).handle, (*row).value);
        types::free(object);
        ffi::Py_DECREF(value);
        ffi::Py_DECREF(handle);
    }
}

// Transactions, which are Python code, read rows as sequences: key, value, deadline or None, and again.

unsafe extern "C" fn length(_object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    4
}

unsafe extern "C" fn item(object: *mut ffi::PyObject, position: ffi::Py_ssize_t) -> *mut ffi::PyObject {
    // SAFETY: `object` is a row, alive for the call; it does not change while Python code holds it.
    unsafe {
        let row = RowAt::of(object);
        match position {
            0 => ffi::Py_NewRef(row.key()),
            1 => ffi::Py_NewRef(row.value()),
            2 | 3 if row.deadline() == NO_END => ffi::Py_NewRef(ffi::Py_None()),
            2 | 3 => ffi::PyLong_FromLongLong(row.deadline()),
            _ => {
                ffi::PyErr_SetString(ffi::PyExc_IndexError, c"a row has four items".as_ptr());
                std::ptr::null_mut()
            }
        }
    }
}

unsafe extern "C" fn subscript(object: *mut ffi::PyObject, index: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: both are objects, alive for the call.
    unsafe {
        if ffi::PyLong_Check(index) != 0 {
            let position = ffi::PyLong_AsSsize_t(index);
            if position == -1 && !ffi::PyErr_Occurred().is_null() {
                return std::ptr::null_mut();
            }
            return item(object, position);
        }
        let whole = ffi::PyTuple_New(4);
        if whole.is_null() {
            return whole;
        }
        for position in 0..4 {
            let part = item(object, position);
            if part.is_null() {
                ffi::Py_DECREF(whole);
                return part;
            }
            ffi::PyTuple_SET_ITEM(whole, position, part);
        }
        let sliced = ffi::PyObject_GetItem(whole, index);
        ffi::Py_DECREF(whole);
        sliced
    }
}

/// The size of a row cell, in bytes.
pub const ROW_SIZE: usize = std::mem::size_of::<Row>();

const _: () =
    assert!(std::mem::size_of::<Row>() as c_int == 48 || cfg!(Py_GIL_DISABLED) || cfg!(target_pointer_width = "32"));
