//! Short cuts of recipes: the verbs that are asked most, for the ordinary case.
//!
//! A recipe is a Python class over tables, and stays one: its methods say what happens. A short cut takes the place of a
//! method and does the same for the arguments that are usual, in one C function. For all others, and for whatever takes
//! more, such as a key that is new, it calls the method. What several parts are kept in step by is the lock that the Python
//! code takes, so that the two may take turns; under it, no Python code runs here, and nothing is made that the
//! collector knows.

mod counters;
mod leaderboard;
mod metrics;
mod rates;
mod sessions;
pub mod slot;

use super::ground::clock;
use super::ground::object::Object;
use super::rows::{HashedRows, Table};
use super::verbs::install::{Method, Verb, descriptor, run_hot};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Put the function into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(shorten, module)?)
}

/// Give a class of a recipe its short cuts; `parts` are the classes of what is in its tables.
#[pyfunction]
#[pyo3(signature = (class, /, *parts))]
fn shorten(class: &Bound<'_, PyType>, parts: Vec<Bound<'_, PyType>>) -> PyResult<()> {
    let name = class.name()?;
    match (name.to_str()?, parts.as_slice()) {
        ("ManualClock", []) => clock::know_manual(class),
        ("Counters", []) => counters::shorten(class),
        ("Leaderboard", [record, standing]) => leaderboard::shorten(class, record, standing),
        ("RateCounter", []) => rates::shorten(class),
        ("Metrics", [series, histogram]) => metrics::shorten(class, series, histogram),
        ("SessionStore", []) => sessions::shorten(class),
        _ => Err(PyTypeError::new_err(format!("there are no short cuts for {name} with {} parts", parts.len()))),
    }
}

/// The method of a class that a short cut stands for.
struct Original(Py<PyAny>);

impl Original {
    /// A method that stays in its place.
    fn of(class: &Bound<'_, PyType>, name: &str) -> PyResult<Self> {
        Ok(Self(class.getattr("__dict__")?.get_item(name)?.unbind()))
    }

    /// Put a short cut in the place of a method, with its documentation.
    fn replace(
        class: &Bound<'_, PyType>,
        name: &'static str,
        signature: &'static str,
        method: Method,
    ) -> PyResult<Self> {
        let original = Self::of(class, name)?;
        let text: String = class.py().import("inspect")?.getattr("getdoc")?.call1((&original.0,))?.extract()?;
        class.setattr(name, descriptor(class, &Verb { name, signature, method }, &text)?)?;
        Ok(original)
    }

    /// Call the method with what the short cut was called with; null with an error set where it fails.
    ///
    /// # Safety
    /// The call is going on.
    #[inline(never)]
    unsafe fn call(&self, Call { object, values, positional, names }: Call) -> *mut ffi::PyObject {
        // SAFETY: behind the positional arguments stands one value for each name.
        unsafe {
            let named = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) };
            let count = (positional + named) as usize;
            let given = if count == 0 { &[][..] } else { std::slice::from_raw_parts(values, count) };
            let all: Vec<_> = std::iter::once(object).chain(given.iter().copied()).collect();
            ffi::PyObject_Vectorcall(self.0.as_ptr(), all.as_ptr(), positional as usize + 1, names)
        }
    }
}

/// A call of a method as CPython makes it: receiver, arguments, how many of them are positional, names of the others.
#[derive(Clone, Copy)]
struct Call {
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
}

/// Do what is short, and where that is not possible, what is general. `None` says that nothing was done.
///
/// All that a short cut does is done in here, where a panic becomes an error: one that left a C function would end the process.
///
/// # Safety
/// The call is going on.
#[inline(always)]
unsafe fn short_or<K>(
    known: &PyOnceLock<K>,
    call: Call,
    short: impl FnOnce(Python<'_>, &K) -> PyResult<Option<*mut ffi::PyObject>>,
    original: impl FnOnce(&K) -> &Original,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        let known = known.get(py).unwrap_or_else(|| unreachable!("there before the method is"));
        match short(py, known)? {
            Some(result) => Ok(result),
            // SAFETY: says the caller.
            None => Ok(unsafe { original(known).call(call) }),
        }
    })
}

/// Define methods that are short cuts: `call` is what the body sees.
macro_rules! short_cuts {
    ($($(#[$meta:meta])* fn $name:ident($call:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            unsafe extern "C" fn $name(
                object: *mut pyo3::ffi::PyObject,
                values: *const *mut pyo3::ffi::PyObject,
                positional: pyo3::ffi::Py_ssize_t,
                names: *mut pyo3::ffi::PyObject,
            ) -> *mut pyo3::ffi::PyObject {
                let $call = $crate::py::recipes::Call { object, values, positional, names };
                // SAFETY: CPython calls a method with an object of its class, and with these arguments; behind the positional
                // ones stands one value for each name.
                unsafe { $body }
            }
        )*
    };
}
use short_cuts;

/// The table in a slot of a recipe; `None` before the recipe is made, or if it is another table than recipes make.
///
/// # Safety
/// `object` is of a class that has the slot, and outlives the table's use.
#[inline(always)]
unsafe fn table_in<'a>(
    place: slot::Slot,
    object: *mut ffi::PyObject,
    class: &Py<PyType>,
) -> Option<(*mut ffi::PyObject, &'a Table<HashedRows>)> {
    // SAFETY: says the caller; the class is the public one over ours.
    unsafe {
        let table = place.get(object);
        (!table.is_null() && ffi::Py_TYPE(table).cast() == class.as_ptr())
            .then(|| (table, super::class::body::<Table<HashedRows>>(table)))
    }
}

/// The public class of the tables that recipes make.
fn table_class(py: Python<'_>) -> PyResult<Py<PyType>> {
    Ok(py.import("noex.ets")?.getattr("SetTable")?.cast_into::<PyType>()?.unbind())
}

/// The lock of the recipes, held until this is dropped.
struct Held {
    release: *mut ffi::PyObject,
}

impl Held {
    /// Wait for the lock, which lets go of the interpreter meanwhile.
    #[inline(always)]
    fn wait(py: Python<'_>) -> PyResult<Self> {
        static LOCK: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
        let (acquire, release) = LOCK.get_or_try_init(py, || {
            let module = py.import("noex.kernel._pure.ground.lock")?;
            PyResult::Ok((module.getattr("acquire")?.unbind(), module.getattr("release")?.unbind()))
        })?;
        // SAFETY: both stand for good; a new reference or null comes back.
        match unsafe { Object::owned_or_none(ffi::PyObject_CallNoArgs(acquire.as_ptr())) } {
            Some(_) => Ok(Self { release: release.as_ptr() }),
            None => Err(PyErr::fetch(py)), // a signal's handler may raise while the thread waits
        }
    }
}

impl Drop for Held {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the method stands for good; letting go of a lock that is held returns None.
        unsafe { drop(Object::owned_or_none(ffi::PyObject_CallNoArgs(self.release))) }
    }
}

/// Put an object into a list, and return what stood there.
///
/// # Safety
/// The place is in the list, and the caller has the lock that everybody takes who changes it.
#[inline(always)]
unsafe fn swap(list: *mut ffi::PyObject, place: ffi::Py_ssize_t, object: Object) -> Object {
    // SAFETY: says the caller; the references of both go over.
    unsafe {
        let old = Object::owned(ffi::PyList_GET_ITEM(list, place));
        ffi::PyList_SET_ITEM(list, place, object.into_ptr());
        old
    }
}
