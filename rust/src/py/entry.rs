//! `noex.typing.Entry`, made without calling it, and lists of what was found.
//!
//! An `Entry` is a named tuple: a tuple whose class is another one. Calling the class costs some hundred nanoseconds in
//! Python frames; here its memory is taken as that of a plain tuple is, and the two items are put in.
//!
//! Everything here allocates Python objects, and so may run a garbage collection and with it Python code: never call
//! it while something is being changed.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyTuple, PyType};

/// The class, imported when it is first wanted and kept for good.
static ENTRY: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Return the class `noex.typing.Entry`; the first call imports it.
pub fn entry_type<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyType>> {
    Ok(ENTRY.get_or_try_init(py, || imported(py))?.bind(py))
}

#[cold]
fn imported(py: Python<'_>) -> PyResult<Py<PyType>> {
    let class = py.import("noex.typing")?.getattr("Entry")?.cast_into::<PyType>()?;
    // The items are put where a tuple has them, and nothing else is, so it must be one with nothing of its own.
    // SAFETY: both are types that are ready.
    let plain = unsafe {
        let (kind, tuple) = (class.as_type_ptr(), &raw const ffi::PyTuple_Type);
        (*kind).tp_basicsize == (*tuple).tp_basicsize && (*kind).tp_dictoffset == 0 && (*kind).tp_weaklistoffset == 0
    };
    if !class.is_subclass_of::<PyTuple>()? || !plain {
        return Err(PyTypeError::new_err("noex.typing.Entry must be a named tuple"));
    }
    Ok(class.unbind())
}

/// Return an `Entry` of a key and a value.
#[inline]
pub fn new_entry(py: Python<'_>, key: Py<PyAny>, value: Py<PyAny>) -> PyResult<Py<PyAny>> {
    let entry = untracked(entry_type(py)?, key, value)?;
    // SAFETY: it is new.
    unsafe { track(entry.as_ptr()) }
    Ok(entry.unbind())
}

/// Return a new `Entry` that takes over the references, and of which the garbage collector has yet to be told.
#[inline]
fn untracked<'py>(class: &Bound<'py, PyType>, key: Py<PyAny>, value: Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the thread is attached and `class` is a ready type of tuples, which is kept for good and has nothing but
    // two items. Both are filled in here, and take over the references to key and value.
    unsafe {
        let entry: *mut ffi::PyObject = ffi::PyObject_GC_NewVar(class.as_type_ptr(), 2);
        let entry = Bound::from_owned_ptr_or_err(class.py(), entry)?;
        ffi::PyTuple_SET_ITEM(entry.as_ptr(), 0, key.into_ptr());
        ffi::PyTuple_SET_ITEM(entry.as_ptr(), 1, value.into_ptr());
        Ok(entry)
    }
}

/// Tell the garbage collector of an `Entry`.
///
/// # Safety
/// It was made by `untracked`, and has not been told of before.
#[inline]
unsafe fn track(entry: *mut ffi::PyObject) {
    // SAFETY: says the caller.
    unsafe { ffi::PyObject_GC_Track(entry.cast()) }
}

/// Entries in the making, to become a list.
///
/// The garbage collector hears of them when all are there, and not before. Otherwise it would go through them again
/// and again while they become more, for nothing, which takes as long as to make them.
pub struct Entries<'py> {
    class: &'py Bound<'py, PyType>,
    untracked: Vec<Py<PyAny>>,
}

impl<'py> Entries<'py> {
    /// Begin a list of about so many.
    pub fn with_capacity(py: Python<'py>, size: usize) -> PyResult<Self> {
        Ok(Self { class: entry_type(py)?, untracked: Vec::with_capacity(size) })
    }

    /// Add the `Entry` of a key and a value.
    #[inline]
    pub fn push(&mut self, key: Py<PyAny>, value: Py<PyAny>) -> PyResult<()> {
        self.untracked.push(untracked(self.class, key, value)?.unbind());
        Ok(())
    }

    /// Return the list.
    pub fn into_list(self) -> PyResult<Py<PyList>> {
        for entry in &self.untracked {
            // SAFETY: each was made by `push`.
            unsafe { track(entry.as_ptr()) }
        }
        new_list(self.class.py(), self.untracked)
    }
}

/// Return a list that has taken over the items, in their order.
///
/// Gather in a `Vec` first, as no Python code can see that; the list is made whole in one step.
pub fn new_list(py: Python<'_>, items: Vec<Py<PyAny>>) -> PyResult<Py<PyList>> {
    let size = ffi::Py_ssize_t::try_from(items.len())?;
    // SAFETY: the thread is attached; the list has as many empty places as there are items, each is filled once with a
    // reference that it takes over, and no Python code runs from the allocation until the last is filled.
    unsafe {
        let list = Bound::from_owned_ptr_or_err(py, ffi::PyList_New(size))?;
        for (place, item) in (0..size).zip(items) {
            ffi::PyList_SET_ITEM(list.as_ptr(), place, item.into_ptr());
        }
        Ok(list.cast_into_unchecked::<PyList>().unbind())
    }
}
