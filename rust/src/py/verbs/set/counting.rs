//! Counting: a number under a key, and a step.

use super::methods;
use super::writing::{find, given, new_row, replace};
use crate::py::class::{SetBody, own};
use crate::py::ground::errors::{self, shown};
use crate::py::ground::object::Object;
use crate::py::rows::{Rows, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give};
use crate::store::deadlines::Scheduled;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt};

const COUNT: Parameters<6> = Parameters {
    method: "update_counter",
    names: ["key", "step", "default", "threshold", "reset_to", "ttl"],
    positional: 2,
    needed: 1,
};

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    let signature = "($self, /, key, step=1, *, default=0, threshold=None, reset_to=None, ttl=...)";
    vec![
        Verb { name: "update_counter", signature, method: update_counter::<B> },
        Verb { name: "_count", signature: "($self, key, step=1, /)", method: count::<B> },
    ]
}

/// What counting is to do, with its numbers checked.
struct Counting {
    step: Object,
    default: Option<Object>,
    limit: Option<(Object, Object)>,
}

methods! {
    fn update_counter(table, py, arguments) {
        let [key, step, default, threshold, reset_to, ttl] = arguments.sort(&COUNT)?;
        let counting = Counting {
            step: number(py, step, 1, "step")?,
            default: if default.is_null() { None } else { Some(number(py, default, 0, "default")?) },
            limit: limit(py, threshold, reset_to)?,
        };
        // SAFETY: the caller holds it.
        count_with(table, py, &unsafe { own(key) }, counting, given(ttl))
    }

    fn count(table, py, arguments) {
        let [key, step, ..] = arguments.sort(&Parameters { method: "_count", ..COUNT })?;
        // SAFETY: the caller holds both; the step is a number, say those who call it.
        let (key, step) = unsafe {
            (own(key), if step.is_null() { Object::owned(ffi::PyLong_FromLong(1)) } else { own(step) })
        };
        let counting = Counting { step: number(py, step.as_ptr(), 1, "step")?, default: None, limit: None };
        count_with(table, py, &key, counting, None)
    }
}

/// Count, by finding and committing.
fn count_with<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    key: &Object,
    counting: Counting,
    ttl: Option<*mut ffi::PyObject>,
) -> PyResult<*mut ffi::PyObject> {
    let (now, deadline) = table.begin(py, ttl)?;
    count_from(table, py, key, &counting, now, deadline)
}

/// Count up by a small int, from 0 where there is nothing, when the verb has begun.
pub fn count_by<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    key: &Object,
    step: i64,
    now: i64,
    deadline: i64,
) -> PyResult<*mut ffi::PyObject> {
    let step = number(py, std::ptr::null_mut(), step, "step")?;
    count_from(table, py, key, &Counting { step, default: None, limit: None }, now, deadline)
}

fn count_from<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    key: &Object,
    counting: &Counting,
    now: i64,
    deadline: i64,
) -> PyResult<*mut ffi::PyObject> {
    loop {
        let found = find(table, py, key, now)?;
        // SAFETY: a row that is held does not change; an int is always to be had.
        let stored = unsafe {
            match (&found.row, &counting.default) {
                (Some(row), _) => Object::borrowed(row.at().value()),
                (None, Some(default)) => default.clone(),
                (None, None) => Object::owned(ffi::PyLong_FromLong(0)),
            }
        };
        refuse_uncountable(table, py, key, &stored)?;
        let mut result = added(table, py, key, &stored, &counting.step)?;
        if let Some((threshold, reset_to)) = &counting.limit
            && beyond(py, &result, &counting.step, threshold)?
        {
            result = reset_to.clone();
        }
        let deadline = found.row.as_ref().map_or(deadline, |row| row.at().deadline());
        let new = new_row(&found, result.clone(), deadline);
        if replace(table, py, found, Some(new), now)? {
            return give(result);
        }
    }
}

/// Read a number that was given, or take the one that stands for none.
fn number(py: Python<'_>, given: *mut ffi::PyObject, otherwise: i64, what: &str) -> PyResult<Object> {
    // SAFETY: the caller holds what was given; an int is always to be had.
    unsafe {
        if given.is_null() {
            return Ok(Object::owned(ffi::PyLong_FromLongLong(otherwise)));
        }
        if ffi::PyLong_CheckExact(given) == 0 {
            check(py, given, what, false)?;
        }
        Ok(own(given))
    }
}

fn limit(
    py: Python<'_>,
    threshold: *mut ffi::PyObject,
    reset_to: *mut ffi::PyObject,
) -> PyResult<Option<(Object, Object)>> {
    // SAFETY: the caller holds both, where they are given.
    unsafe {
        let none = ffi::Py_None();
        let or_none = |object: *mut ffi::PyObject| if object.is_null() { none } else { object };
        let (threshold, reset_to) = (or_none(threshold), or_none(reset_to));
        if (threshold == none) != (reset_to == none) {
            let text = |object| Bound::from_borrowed_ptr(py, object).repr().map(|text| text.to_string());
            return Err(PyTypeError::new_err(format!(
                "threshold and reset_to go together; got threshold={}, reset_to={}",
                text(threshold)?,
                text(reset_to)?
            )));
        }
        if threshold == none {
            return Ok(None);
        }
        check(py, threshold, "threshold", true)?;
        check(py, reset_to, "reset_to", false)?;
        Ok(Some((own(threshold), own(reset_to))))
    }
}

fn check(py: Python<'_>, given: *mut ffi::PyObject, what: &str, infinite: bool) -> PyResult<()> {
    static CHECK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let check =
        CHECK.get_or_try_init(py, || py.import("noex._arguments")?.getattr("check_number").map(Bound::unbind))?;
    let options = PyDict::new(py);
    if infinite {
        options.set_item("infinite", true)?;
    }
    // SAFETY: the caller holds it.
    let given = unsafe { Bound::from_borrowed_ptr(py, given) };
    check.bind(py).call((given, what), Some(&options))?;
    Ok(())
}

/// Refuse to count with what is no number, or no number to count with.
fn refuse_uncountable<R: Rows>(table: &Table<R>, py: Python<'_>, key: &Object, stored: &Object) -> PyResult<()> {
    // SAFETY: both are held.
    let (key, stored) =
        unsafe { (Bound::from_borrowed_ptr(py, key.as_ptr()), Bound::from_borrowed_ptr(py, stored.as_ptr())) };
    if stored.is_exact_instance_of::<PyInt>() {
        return Ok(());
    }
    let counts = stored.is_instance_of::<PyInt>() || stored.is_instance_of::<PyFloat>();
    if counts && !stored.is_instance_of::<PyBool>() && stored.eq(&stored)? {
        return Ok(());
    }
    let message = format!(
        "cannot count with {}, the value of {} in {}: a counter is an int or a float; \
         insert a number there, or count under another key",
        shown(&stored),
        shown(&key),
        table.label(py)
    );
    Err(errors::error(py, "CounterTypeError", message))
}

/// The sum, which must be a finite number.
fn added<R: Rows>(table: &Table<R>, py: Python<'_>, key: &Object, stored: &Object, step: &Object) -> PyResult<Object> {
    // SAFETY: all are held.
    unsafe {
        let sum = Object::owned_or_none(ffi::PyNumber_Add(stored.as_ptr(), step.as_ptr()));
        let sum = match sum {
            Some(sum) if ffi::PyFloat_Check(sum.as_ptr()) == 0 || ffi::PyFloat_AS_DOUBLE(sum.as_ptr()).is_finite() => {
                return Ok(sum);
            }
            Some(sum) => Some(sum),
            None => {
                let failure = PyErr::fetch(py);
                if !failure.is_instance_of::<PyOverflowError>(py) {
                    return Err(failure);
                }
                None
            }
        };
        drop(sum);
        let bound = |object: &Object| Bound::from_borrowed_ptr(py, object.as_ptr());
        Err(PyValueError::new_err(format!(
            "{} and {} add up to no finite float, for {} in {}; count in ints, which have no largest one",
            shown(&bound(stored)),
            shown(&bound(step)),
            shown(&bound(key)),
            table.label(py)
        )))
    }
}

/// Tell whether a result is beyond its threshold, in the direction of the step.
fn beyond(py: Python<'_>, result: &Object, step: &Object, threshold: &Object) -> PyResult<bool> {
    let compare = |one: &Object, other: *mut ffi::PyObject, how| {
        // SAFETY: all are held.
        match unsafe { ffi::PyObject_RichCompareBool(one.as_ptr(), other, how) } {
            -1 => Err(PyErr::fetch(py)),
            truth => Ok(truth == 1),
        }
    };
    // SAFETY: an int is always to be had.
    let zero = unsafe { Object::owned(ffi::PyLong_FromLong(0)) };
    let upwards = compare(step, zero.as_ptr(), ffi::Py_GE)?;
    compare(result, threshold.as_ptr(), if upwards { ffi::Py_GT } else { ffi::Py_LT })
}
