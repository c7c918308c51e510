//! Methods that CPython calls as fast as those of a dict.
//!
//! A method is a C function. CPython 3.11 and later call one without detours where the type of the receiver is the very type that
//! the method was made for, so each public class gets methods of its own, made from the same functions. Their
//! documentation is that of the pure kernel.

use super::arguments::Arguments;
use crate::py::ground::object::Object;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A method as CPython calls it: receiver, arguments, how many of them are positional, names of the others.
pub type Method = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// A method, before it is in a class.
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// Its parameters, as `inspect.signature` reads them.
    pub signature: &'static str,
    /// What it does.
    pub method: Method,
}

/// Put methods into a class, with the documentation that those of `documented` have.
///
/// A class that has a method of that name already, or inherits another one than `base` has, keeps it.
pub fn install(
    class: &Bound<'_, PyType>,
    base: &Bound<'_, PyType>,
    documented: Option<&Bound<'_, PyAny>>,
    verbs: &[Verb],
) -> PyResult<()> {
    let py = class.py();
    let find = py.import("inspect")?.getattr("getattr_static")?;
    let document = py.import("inspect")?.getattr("getdoc")?; // an override may leave it to what it overrides
    let mine = class.getattr("__dict__")?;
    for verb in verbs {
        if !class.is(base) {
            let inherited = find.call1((class, verb.name))?;
            let ours = base.getattr("__dict__")?.get_item(verb.name)?;
            if mine.contains(verb.name)? || !inherited.is(&ours) {
                continue;
            }
        }
        let known = documented.and_then(|other| other.getattr(verb.name).ok());
        let text = known.and_then(|known| document.call1((known,)).ok());
        let text: String = text.and_then(|text| text.extract().ok()).unwrap_or_default();
        class.setattr(verb.name, descriptor(class, verb, &text)?)?;
    }
    Ok(())
}

/// Make a method of that class.
pub fn descriptor<'py>(class: &Bound<'py, PyType>, verb: &Verb, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let document = CString::new(format!("{}{}\n--\n\n{text}", verb.name, verb.signature))?;
    let definition = Box::new(ffi::PyMethodDef {
        ml_name: CString::new(verb.name)?.into_raw(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: verb.method },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: document.into_raw(),
    });
    // SAFETY: the definition is complete, and stands for good, as classes do.
    unsafe {
        let made = ffi::PyDescr_NewMethod(class.as_type_ptr(), Box::into_raw(definition));
        Bound::from_owned_ptr_or_err(class.py(), made)
    }
}

/// Run what a method does: an error is raised, and a panic becomes one.
#[inline]
pub fn run(work: impl FnOnce(Python<'_>) -> PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    caught(std::ptr::null_mut(), || Python::attach(work))
}

/// As `run`, for what returns a number that is -1 on failure.
#[inline]
pub fn run_number<T: From<i8>>(work: impl FnOnce(Python<'_>) -> PyResult<T>) -> T {
    caught(T::from(-1), || Python::attach(work))
}

/// As `run`, without telling PyO3 that the thread is attached, which takes longer than a hot verb does.
///
/// PyO3 then puts off what it would drop (`Py`, errors) until it is told. So a hot verb holds nothing but `Object`s, and does what is more
/// than its short cut in `told`.
#[inline(always)]
pub fn run_hot(work: impl FnOnce(Python<'_>) -> PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    // SAFETY: CPython calls methods in threads that are attached.
    let py = unsafe { Python::assume_attached() };
    caught(std::ptr::null_mut(), || work(py))
}

/// As `run_hot`, for what returns a number that is -1 on failure.
#[inline(always)]
pub fn run_hot_number<T: From<i8>>(work: impl FnOnce(Python<'_>) -> PyResult<T>) -> T {
    // SAFETY: as in `run_hot`.
    let py = unsafe { Python::assume_attached() };
    caught(T::from(-1), || work(py))
}

/// Do what is short, and where that is not possible, what is general. `None` says that nothing was done.
#[inline(always)]
pub fn short_or(
    short: impl FnOnce(Python<'_>) -> PyResult<Option<*mut ffi::PyObject>>,
    general: impl FnOnce() -> *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let result = run_hot(|py| Ok(short(py)?.unwrap_or(std::ptr::null_mut())));
    // SAFETY: the thread is attached.
    if result.is_null() && unsafe { ffi::PyErr_Occurred() }.is_null() { general() } else { result }
}

/// Run what is more than a hot verb's short cut: PyO3 is told that the thread is attached.
#[cold]
#[inline(never)]
pub fn told<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    Python::attach(work)
}

#[inline(always)]
fn caught<T>(failed: T, work: impl FnOnce() -> PyResult<T>) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(result)) => result,
        Ok(Err(failure)) => {
            fail(failure);
            failed
        }
        Err(panic) => {
            raise(&*panic);
            failed
        }
    }
}

#[cold]
fn fail(failure: PyErr) {
    Python::attach(|py| failure.restore(py)); // what led to it may have been put off, and is dropped now
}

#[cold]
fn raise(panic: &(dyn std::any::Any + Send)) {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("no reason is known");
    fail(PyRuntimeError::new_err(format!("a defect of noex's native kernel: {text}; please report it")));
}

/// A reference for the caller of a method.
#[inline(always)]
pub fn give(object: Object) -> PyResult<*mut ffi::PyObject> {
    Ok(object.into_ptr())
}

/// None, for the caller of a method.
#[inline(always)]
pub fn give_none() -> PyResult<*mut ffi::PyObject> {
    // SAFETY: None is always there.
    Ok(unsafe { ffi::Py_NewRef(ffi::Py_None()) })
}

/// True or False, for the caller of a method.
#[inline(always)]
pub fn give_bool(truth: bool) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: both are always there.
    Ok(unsafe { ffi::PyBool_FromLong(truth.into()) })
}

/// A count, for the caller of a method.
pub fn give_count(py: Python<'_>, count: usize) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: a new int, or null with an error set.
    let made = unsafe { ffi::PyLong_FromSize_t(count) };
    if made.is_null() { Err(PyErr::fetch(py)) } else { Ok(made) }
}

/// Sort the arguments of a call out.
///
/// # Safety
/// The three are those of a call that is going on.
#[inline(always)]
pub unsafe fn called(
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> Arguments {
    // SAFETY: says the caller.
    unsafe { Arguments::new(values, positional, names) }
}
