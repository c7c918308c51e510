//! Types that Python code cannot name: made once, never collected. Objects of most take no part in the collection of garbage.

use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{CStr, c_int, c_uint, c_ulong, c_void};

/// Make a type whose objects have the layout of `T`, cannot be made by Python code, and are freed by `dealloc`.
pub fn make<T>(
    py: Python<'_>,
    name: &'static CStr,
    dealloc: ffi::destructor,
    more: &[(c_int, *mut c_void)],
) -> PyResult<*mut ffi::PyTypeObject> {
    make_with::<T>(py, name, dealloc, more, 0)
}

/// As `make`, for objects that take part in the collection of garbage: `more` has `tp_traverse`.
pub fn make_collected<T>(
    py: Python<'_>,
    name: &'static CStr,
    dealloc: ffi::destructor,
    more: &[(c_int, *mut c_void)],
) -> PyResult<*mut ffi::PyTypeObject> {
    make_with::<T>(py, name, dealloc, more, ffi::Py_TPFLAGS_HAVE_GC)
}

fn make_with<T>(
    py: Python<'_>,
    name: &'static CStr,
    dealloc: ffi::destructor,
    more: &[(c_int, *mut c_void)],
    flags: c_ulong,
) -> PyResult<*mut ffi::PyTypeObject> {
    let mut slots: Vec<ffi::PyType_Slot> =
        vec![ffi::PyType_Slot { slot: ffi::Py_tp_dealloc, pfunc: dealloc as *mut c_void }];
    slots.extend(more.iter().map(|&(slot, pfunc)| ffi::PyType_Slot { slot, pfunc }));
    slots.push(ffi::PyType_Slot { slot: 0, pfunc: std::ptr::null_mut() });
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: std::mem::size_of::<T>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION
            | ffi::Py_TPFLAGS_IMMUTABLETYPE
            | flags) as c_uint,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec is complete and its slots end with a zero.
    let made = unsafe { ffi::PyType_FromSpec(&mut spec) };
    if made.is_null() {
        return Err(PyErr::fetch(py));
    }
    Ok(made.cast()) // never freed: objects of it may be anywhere
}

/// Take room for an object of that type; its count of references is one, the rest is the caller's to fill in.
///
/// Runs no Python code: such objects take no part in the collection of garbage, so none begins here.
///
/// # Safety
/// `kind` was made by `make::<T>`, and the caller fills in the whole object before anybody sees it.
#[inline(always)]
pub unsafe fn allocate<T>(kind: *mut ffi::PyTypeObject) -> *mut T {
    // SAFETY: the size is that of the type; `PyObject_Init` fills in the head.
    unsafe {
        let room = ffi::PyObject_Malloc(std::mem::size_of::<T>());
        if room.is_null() {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<T>());
        }
        ffi::PyObject_Init(room.cast(), kind).cast()
    }
}

/// Give the room of an object back.
///
/// # Safety
/// `object` came from `allocate`, and nobody refers to it any more.
#[inline(always)]
pub unsafe fn free(object: *mut ffi::PyObject) {
    // SAFETY: says the caller. The reference to the type, which `PyObject_Init` took, goes with it.
    unsafe {
        let kind = ffi::Py_TYPE(object);
        ffi::PyObject_Free(object.cast());
        ffi::Py_DECREF(kind.cast());
    }
}
