//! The two kinds of bag: one keeps each pair of key and value once, the other keeps all that comes.

use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::store::cell::{Hash, Mark};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::CStr;
use std::sync::atomic::AtomicPtr;

/// A kind of bag.
pub trait Kind: Sized + 'static {
    /// What a cell remembers of each value.
    type Mark: Mark;

    /// The name of the kind, as tables call themselves.
    const NAME: &'static str;

    /// The name of the type of cells.
    const CELL: &'static CStr;

    /// Whether equal values of a key are kept once.
    const UNIQUE: bool;

    /// The type of cells, once it is made.
    fn cells() -> &'static AtomicPtr<ffi::PyTypeObject>;

    /// The name of the type of walks.
    const WALK: &'static CStr;

    /// The type of walks, once it is made.
    fn walks() -> &'static AtomicPtr<ffi::PyTypeObject>;

    /// What a cell remembers of a value with that hash.
    fn mark(hash: Hash) -> Self::Mark;

    /// What finds a value among those of a key. May run its `__hash__`.
    fn hash(py: Python<'_>, value: &Object) -> PyResult<Hash>;

    /// Tell whether a value may stand for its key without a cell: what finds it again is had at any time then.
    fn stands_alone(value: *mut ffi::PyObject) -> bool;

    /// What finds a value that stands alone. Runs no Python code.
    fn hash_alone(value: *mut ffi::PyObject) -> Hash;
}

/// The bag.
pub struct Unique;

/// The duplicate_bag.
pub struct Duplicates;

static UNIQUE_WALKS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());
static DUPLICATE_WALKS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());
static UNIQUE_CELLS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());
static DUPLICATE_CELLS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

impl Kind for Unique {
    type Mark = Hash;

    const NAME: &'static str = "bag";
    const CELL: &'static CStr = c"noex.kernel._native.BagCell";
    const WALK: &'static CStr = c"noex.kernel._native.BagWalk";
    const UNIQUE: bool = true;

    fn cells() -> &'static AtomicPtr<ffi::PyTypeObject> {
        &UNIQUE_CELLS
    }

    fn walks() -> &'static AtomicPtr<ffi::PyTypeObject> {
        &UNIQUE_WALKS
    }

    #[inline(always)]
    fn mark(hash: Hash) -> Hash {
        hash
    }

    #[inline]
    fn hash(_py: Python<'_>, value: &Object) -> PyResult<Hash> {
        // SAFETY: alive.
        let hash = unsafe { ffi::PyObject_Hash(value.as_ptr()) };
        if hash != -1 {
            return Ok(Hash::new(hash as i64));
        }
        unhashed()
    }

    #[inline(always)]
    fn stands_alone(value: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller holds it.
        unsafe { is_plain(value) }
    }

    #[inline(always)]
    fn hash_alone(value: *mut ffi::PyObject) -> Hash {
        // SAFETY: the caller holds it; it is plain, so its hash is C code that raises nothing.
        Hash::new(unsafe { ffi::PyObject_Hash(value) } as i64)
    }
}

/// What came of asking a value for its hash, which raised.
#[cold]
fn unhashed() -> PyResult<Hash> {
    Python::attach(|py| {
        let failure = PyErr::fetch(py);
        let hashless = failure.is_instance_of::<PyTypeError>(py)
            && failure.value(py).str()?.to_string_lossy().contains("unhashable type");
        if hashless { Ok(Hash::NONE) } else { Err(failure) }
    })
}

impl Kind for Duplicates {
    type Mark = ();

    const NAME: &'static str = "duplicate_bag";
    const CELL: &'static CStr = c"noex.kernel._native.DuplicateBagCell";
    const WALK: &'static CStr = c"noex.kernel._native.DuplicateBagWalk";
    const UNIQUE: bool = false;

    fn cells() -> &'static AtomicPtr<ffi::PyTypeObject> {
        &DUPLICATE_CELLS
    }

    fn walks() -> &'static AtomicPtr<ffi::PyTypeObject> {
        &DUPLICATE_WALKS
    }

    #[inline(always)]
    fn mark(_hash: Hash) {}

    #[inline(always)]
    fn hash(_py: Python<'_>, _value: &Object) -> PyResult<Hash> {
        Ok(Hash::NONE)
    }

    #[inline(always)]
    fn stands_alone(_value: *mut ffi::PyObject) -> bool {
        true
    }

    #[inline(always)]
    fn hash_alone(_value: *mut ffi::PyObject) -> Hash {
        Hash::NONE
    }
}
