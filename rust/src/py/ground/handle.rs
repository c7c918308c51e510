//! Handles: what stands for a hashed key inside the kernel, so that a dict compares it without Python code.
//!
//! A *plain* key (exactly a str, bytes, int, float, bool, None, or a tuple of these) is its own handle. Any other key is
//! *foreign*: its hash and `==` may be Python code, so a `Foreign` object stands for it, which keeps the hash and is compared by
//! identity. A `Probe` finds the handle of a key, plain or foreign: the dict compares it with what has the same hash,
//! and it compares the keys. That is the one place where code of the user's runs; it does so while nothing is held.

use super::object::Object;
use super::types;
use crate::store::term::Term;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

pub const MOST_DEPTH: usize = 32;

/// Stands for a foreign key.
#[repr(C)]
struct Foreign {
    head: ffi::PyObject,
    hash: ffi::Py_hash_t,
    key: *mut ffi::PyObject,
}

/// Stands for a key of an ordered table in its row cell: the key, and its place in the order.
#[repr(C)]
struct Ordered {
    head: ffi::PyObject,
    key: *mut ffi::PyObject,
    term: Term,
}

/// The size of what stands for a key of an ordered table, in bytes.
pub const ORDERED_SIZE: usize = std::mem::size_of::<Ordered>();

/// Looks for a key.
#[repr(C)]
struct Probe {
    head: ffi::PyObject,
    hash: ffi::Py_hash_t,
    key: *mut ffi::PyObject,   // null for a probe that takes any key of its hash
    found: *mut ffi::PyObject, // the handle that was found last, or null
}

static FOREIGN: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());
static ORDERED: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());
static PROBE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

/// Make the types, once.
pub fn initialise(py: Python<'_>) -> PyResult<()> {
    if !PROBE.load(Ordering::Relaxed).is_null() {
        return Ok(());
    }
    let hashed =
        [(ffi::Py_tp_hash, foreign_hash as *mut c_void), (ffi::Py_tp_richcompare, foreign_compare as *mut c_void)];
    FOREIGN.store(
        types::make::<Foreign>(py, c"noex.kernel._native.Foreign", foreign_dealloc, &hashed)?,
        Ordering::Relaxed,
    );
    ORDERED.store(types::make::<Ordered>(py, c"noex.kernel._native.Ordered", ordered_dealloc, &[])?, Ordering::Relaxed);
    let probing =
        [(ffi::Py_tp_hash, probe_hash as *mut c_void), (ffi::Py_tp_richcompare, probe_compare as *mut c_void)];
    PROBE.store(types::make::<Probe>(py, c"noex.kernel._native.Probe", probe_dealloc, &probing)?, Ordering::Relaxed);
    Ok(())
}

/// Tell whether hashing and comparing the key runs no Python code. Tuples nested very deep are not looked through.
///
/// # Safety
/// `key` is alive.
#[inline(always)]
pub unsafe fn is_plain(key: *mut ffi::PyObject) -> bool {
    // SAFETY: alive, says the caller.
    unsafe { ffi::PyUnicode_CheckExact(key) != 0 || is_plain_otherwise(key, 0) }
}

#[inline(never)]
unsafe fn is_plain_otherwise(key: *mut ffi::PyObject, depth: usize) -> bool {
    // SAFETY: `key` is alive, and so are the items of a tuple that is.
    unsafe {
        let kind = ffi::Py_TYPE(key);
        if kind == &raw mut ffi::PyLong_Type
            || kind == &raw mut ffi::PyUnicode_Type
            || kind == &raw mut ffi::PyBytes_Type
            || kind == &raw mut ffi::PyFloat_Type
            || kind == &raw mut ffi::PyBool_Type
            || key == ffi::Py_None()
        {
            return true;
        }
        if kind != &raw mut ffi::PyTuple_Type || depth > MOST_DEPTH {
            return false;
        }
        (0..ffi::PyTuple_GET_SIZE(key)).all(|i| is_plain_otherwise(ffi::PyTuple_GET_ITEM(key, i), depth + 1))
    }
}

/// Make the handle of a foreign key.
///
/// # Safety
/// `key` is alive.
pub unsafe fn foreign(key: *mut ffi::PyObject, hash: ffi::Py_hash_t) -> Object {
    // SAFETY: the type was made by `initialise`, and all fields are filled in here.
    unsafe {
        let made: *mut Foreign = types::allocate(FOREIGN.load(Ordering::Relaxed));
        (*made).hash = hash;
        (*made).key = ffi::Py_NewRef(key);
        Object::owned(made.cast())
    }
}

/// Tell whether a handle stands for a foreign key.
///
/// # Safety
/// `handle` is alive.
#[inline(always)]
pub unsafe fn is_foreign(handle: *mut ffi::PyObject) -> bool {
    // SAFETY: alive, says the caller.
    unsafe { (*handle).ob_type == FOREIGN.load(Ordering::Relaxed) }
}

/// Make the handle that the row cell of an ordered table stands under.
///
/// # Safety
/// `key` is alive.
pub unsafe fn ordered(key: *mut ffi::PyObject, term: Term) -> Object {
    // SAFETY: as in `foreign`; the room for the term is not read before it is written.
    unsafe {
        let made: *mut Ordered = types::allocate(ORDERED.load(Ordering::Relaxed));
        (*made).key = ffi::Py_NewRef(key);
        (&raw mut (*made).term).write(term);
        Object::owned(made.cast())
    }
}

/// The place in the order of the handle that `ordered` made.
///
/// # Safety
/// `handle` was made by `ordered`, and is alive for as long as the term is used.
#[inline(always)]
pub unsafe fn term_of<'a>(handle: *mut ffi::PyObject) -> &'a Term {
    // SAFETY: says the caller.
    unsafe { &(*handle.cast::<Ordered>()).term }
}

/// The key that a handle stands for, for as long as the handle stands.
///
/// # Safety
/// `handle` is alive.
#[inline(always)]
pub unsafe fn key_of(handle: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: alive, says the caller, and the type tells the layout.
    unsafe {
        let kind = (*handle).ob_type;
        if kind == FOREIGN.load(Ordering::Relaxed) {
            (*handle.cast::<Foreign>()).key
        } else if kind == ORDERED.load(Ordering::Relaxed) {
            (*handle.cast::<Ordered>()).key
        } else {
            handle
        }
    }
}

/// What came of looking for a key.
pub struct Looked {
    /// The handle that stands for the key in the dict, or `None` where it has no equal key.
    pub handle: Option<Object>,
    /// What stands there.
    pub slot: Option<Object>,
    /// The hash of the key.
    pub hash: ffi::Py_hash_t,
}

/// Look for a key among handles. Runs the key's hash and `==`; what comes back was so at the moment of return.
///
/// # Safety
/// `dict` and `key` are alive, and stay so for the call.
pub unsafe fn look(py: Python<'_>, dict: *mut ffi::PyObject, key: *mut ffi::PyObject) -> PyResult<Looked> {
    // SAFETY: says the caller; the probe is alive for the call.
    unsafe {
        let hash = ffi::PyObject_Hash(key);
        if hash == -1 {
            return Err(PyErr::fetch(py));
        }
        let probe = probe(Some(key), hash);
        let mut slot = std::ptr::null_mut();
        if ffi::compat::PyDict_GetItemRef(dict, probe.as_ptr(), &mut slot) < 0 {
            return Err(PyErr::fetch(py));
        }
        let slot = Object::owned_or_none(slot);
        let found = (*probe.as_ptr().cast::<Probe>()).found;
        let handle = slot.is_some().then(|| Object::borrowed(found));
        Ok(Looked { handle, slot, hash })
    }
}

/// Tell whether any key of that hash is in the dict. Runs no Python code.
///
/// # Safety
/// `dict` is alive.
pub unsafe fn has_hash(dict: *mut ffi::PyObject, hash: ffi::Py_hash_t) -> bool {
    // SAFETY: says the caller; the comparison of this probe says yes without looking.
    unsafe { ffi::PyDict_Contains(dict, probe(None, hash).as_ptr()) == 1 }
}

/// The hash of a handle. Runs no Python code.
///
/// # Safety
/// `handle` is alive.
pub unsafe fn hash_of(handle: *mut ffi::PyObject) -> ffi::Py_hash_t {
    // SAFETY: a handle is a plain key or `Foreign`, whose hashes are C code.
    unsafe { ffi::PyObject_Hash(handle) }
}

unsafe fn probe(key: Option<*mut ffi::PyObject>, hash: ffi::Py_hash_t) -> Object {
    // SAFETY: as in `foreign`.
    unsafe {
        let made: *mut Probe = types::allocate(PROBE.load(Ordering::Relaxed));
        (*made).hash = hash;
        (*made).key = key.map_or(std::ptr::null_mut(), |key| ffi::Py_NewRef(key));
        (*made).found = std::ptr::null_mut();
        Object::owned(made.cast())
    }
}

unsafe extern "C" fn foreign_hash(object: *mut ffi::PyObject) -> ffi::Py_hash_t {
    // SAFETY: `object` is a `Foreign`.
    unsafe { (*object.cast::<Foreign>()).hash }
}

unsafe extern "C" fn foreign_compare(
    one: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    operation: c_int,
) -> *mut ffi::PyObject {
    // SAFETY: both are alive for the call.
    unsafe {
        if is_foreign(one) && is_foreign(other) && (operation == ffi::Py_EQ || operation == ffi::Py_NE) {
            return ffi::PyBool_FromLong(((one == other) == (operation == ffi::Py_EQ)).into());
        }
        ffi::Py_NewRef(ffi::Py_NotImplemented()) // a probe, on the other side, knows better
    }
}

unsafe extern "C" fn foreign_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: nobody refers to it any more, and it owns its key.
    unsafe {
        let key = (*object.cast::<Foreign>()).key;
        types::free(object);
        ffi::Py_DECREF(key);
    }
}

unsafe extern "C" fn ordered_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: nobody refers to it any more, and it owns its key and its term.
    unsafe {
        let handle: *mut Ordered = object.cast();
        let key = (*handle).key;
        std::ptr::drop_in_place(&raw mut (*handle).term);
        types::free(object);
        ffi::Py_DECREF(key);
    }
}

unsafe extern "C" fn probe_hash(object: *mut ffi::PyObject) -> ffi::Py_hash_t {
    // SAFETY: `object` is a `Probe`.
    unsafe { (*object.cast::<Probe>()).hash }
}

/// Compare with a handle in the dict: the same key, or `stored == key`, as a dict asks it.
unsafe extern "C" fn probe_compare(
    one: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    operation: c_int,
) -> *mut ffi::PyObject {
    // SAFETY: both are alive for the call; what `==` runs may do what it likes, the references here stand.
    unsafe {
        if operation != ffi::Py_EQ || (*one).ob_type != PROBE.load(Ordering::Relaxed) {
            return ffi::Py_NewRef(ffi::Py_NotImplemented());
        }
        let probe: *mut Probe = one.cast();
        let key = (*probe).key;
        if key.is_null() {
            return ffi::Py_NewRef(ffi::Py_True());
        }
        let handle = Object::borrowed(other);
        let stored = Object::borrowed(key_of(other));
        if stored.as_ptr() != key {
            match ffi::PyObject_RichCompareBool(stored.as_ptr(), key, ffi::Py_EQ) {
                0 => return ffi::Py_NewRef(ffi::Py_False()),
                1 => (),
                _ => return std::ptr::null_mut(),
            }
        }
        let before = std::mem::replace(&mut (*probe).found, handle.into_ptr());
        ffi::Py_XDECREF(before);
        ffi::Py_NewRef(ffi::Py_True())
    }
}

unsafe extern "C" fn probe_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: nobody refers to it any more, and it owns these two.
    unsafe {
        let (key, found) = ((*object.cast::<Probe>()).key, (*object.cast::<Probe>()).found);
        types::free(object);
        ffi::Py_XDECREF(key);
        ffi::Py_XDECREF(found);
    }
}
