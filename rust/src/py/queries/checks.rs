//! What is asked of a part of an entry: a comparison, one of several, a beginning, a content, a glob, or nothing.

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyStringData, PyTuple,
};

use super::comparisons::{Comparison, comparable};
use super::globs::Glob;

/// A question that a test asks of what its path leads to.
pub enum Check {
    Comparison(Comparison),
    OneOf(OneOf),
    Beginning(Beginning),
    Containing(Py<PyAny>),
    Matching(Glob),
    Exists,
}

impl Check {
    /// Return what makes the check of this name from its operand; comparisons are not among them.
    pub fn maker(name: &str) -> Option<fn(Bound<'_, PyAny>) -> PyResult<Self>> {
        Some(match name {
            "in" => |values| OneOf::new(&values).map(Self::OneOf),
            "startswith" => |prefix| Beginning::new(prefix).map(Self::Beginning),
            "contains" => |item| Ok(Self::Containing(item.unbind())),
            "matches" => |glob| glob_of(&glob).map(Self::Matching),
            _ => return None,
        })
    }

    /// Show the garbage collector what is held.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Comparison(comparison) => comparison.traverse(visit),
            Self::OneOf(values) => values.traverse(visit),
            Self::Beginning(beginning) => visit.call(&beginning.prefix),
            Self::Containing(item) => visit.call(item),
            Self::Matching(_) | Self::Exists => Ok(()),
        }
    }

    /// Tell whether it holds of what was found.
    #[inline]
    pub fn holds(&self, found: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self {
            Self::Comparison(comparison) => comparison.holds(found),
            Self::OneOf(values) => values.have(found),
            Self::Beginning(beginning) => beginning.begins(found),
            Self::Containing(item) => contains(found, item.bind(found.py())),
            Self::Matching(glob) => covers(glob, found),
            Self::Exists => Ok(true),
        }
    }
}

/// Values one of which is `==`: not `in`, for which NaN would be NaN.
pub struct OneOf {
    values: Py<PyTuple>,
    hashed: Py<PyFrozenSet>,
    others: Py<PyTuple>,
}

impl OneOf {
    fn new(values: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = values.py();
        let values: Vec<_> = values.try_iter()?.collect::<PyResult<_>>()?;
        let (plain, others): (Vec<_>, Vec<_>) = values.iter().partition(|value| is_plain(value));
        let is_nan = |value: &Bound<'_, PyAny>| value.cast_exact::<PyFloat>().is_ok_and(|float| float.value().is_nan());
        Ok(Self {
            hashed: PyFrozenSet::new(py, plain.into_iter().filter(|value| !is_nan(value)))?.unbind(),
            others: PyTuple::new(py, others)?.unbind(),
            values: PyTuple::new(py, values)?.unbind(),
        })
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.values)?;
        visit.call(&self.hashed)?;
        visit.call(&self.others)
    }

    fn have(&self, found: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = found.py();
        let mut candidates = &self.values;
        if is_plain(found) {
            if self.hashed.bind(py).as_any().contains(found)? {
                return Ok(true);
            }
            candidates = &self.others;
        }
        for candidate in candidates.bind(py).iter_borrowed() {
            let is_equal = found.rich_compare(candidate, CompareOp::Eq).and_then(|answer| answer.is_truthy());
            if comparable(py, is_equal)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Tell whether a value is of the types whose `==` and hash are known.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_none()
}

/// A beginning of texts, bytes or tuples.
pub struct Beginning {
    prefix: Py<PyAny>,
    size: usize,
    kind: BeginningKind,
}

enum BeginningKind {
    Text,
    Bytes,
    Tuple,
    Other,
}

impl Beginning {
    fn new(prefix: Bound<'_, PyAny>) -> PyResult<Self> {
        let size = prefix.len()?;
        let kind = if prefix.is_instance_of::<PyString>() {
            BeginningKind::Text
        } else if prefix.is_instance_of::<PyBytes>() {
            BeginningKind::Bytes
        } else if prefix.is_exact_instance_of::<PyTuple>() {
            BeginningKind::Tuple
        } else {
            BeginningKind::Other
        };
        Ok(Self { prefix: prefix.unbind(), size, kind })
    }

    fn begins(&self, found: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = found.py();
        let prefix = self.prefix.bind(py);
        match self.kind {
            BeginningKind::Text => found.cast::<PyString>().map_or(Ok(false), |found| text_begins(found, prefix)),
            BeginningKind::Bytes => Ok(match (found.cast::<PyBytes>(), prefix.cast::<PyBytes>()) {
                (Ok(found), Ok(prefix)) => found.as_bytes().starts_with(prefix.as_bytes()),
                _ => false,
            }),
            BeginningKind::Tuple => match (found.cast::<PyTuple>(), prefix.cast::<PyTuple>()) {
                (Ok(found), Ok(prefix)) => comparable(py, tuple_begins(found, prefix)),
                _ => Ok(false),
            },
            BeginningKind::Other => match found.cast::<PyTuple>() {
                Ok(found) => {
                    let part = found.get_slice(0, self.size);
                    comparable(py, part.rich_compare(prefix, CompareOp::Eq).and_then(|answer| answer.is_truthy()))
                }
                Err(_) => Ok(false),
            },
        }
    }
}

fn text_begins(found: &Bound<'_, PyString>, prefix: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: the thread is attached and both are str, as the caller has found out.
    match unsafe { ffi::PyUnicode_Tailmatch(found.as_ptr(), prefix.as_ptr(), 0, ffi::PY_SSIZE_T_MAX, -1) } {
        -1 => Err(PyErr::fetch(found.py())),
        answer => Ok(answer == 1),
    }
}

/// Compare as tuples do: the same object is equal to itself, and the first two that differ decide, sizes come last.
fn tuple_begins(found: &Bound<'_, PyTuple>, prefix: &Bound<'_, PyTuple>) -> PyResult<bool> {
    for (item, wanted) in found.iter_borrowed().zip(prefix.iter_borrowed()) {
        if !item.is(wanted) && !item.rich_compare(wanted, CompareOp::Eq)?.is_truthy()? {
            return Ok(false);
        }
    }
    Ok(found.len() >= prefix.len())
}

/// Tell whether the item is in what was found; not in an iterator, which looking would use up.
fn contains(found: &Bound<'_, PyAny>, item: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = found.py();
    let answer = if is_container(found) || has_contains(found)? {
        found.contains(item)
    } else {
        return Ok(false);
    };
    match comparable(py, answer) {
        // A number that is no byte.
        Err(error)
            if error.is_instance_of::<PyValueError>(py)
                && (found.is_instance_of::<PyBytes>() || found.is_instance_of::<PyByteArray>()) =>
        {
            Ok(false)
        }
        answer => answer,
    }
}

/// Tell whether a value is one of the containers that Python has itself.
fn is_container(found: &Bound<'_, PyAny>) -> bool {
    found.is_exact_instance_of::<PyString>()
        || found.is_exact_instance_of::<PyList>()
        || found.is_exact_instance_of::<PyTuple>()
        || found.is_exact_instance_of::<PySet>()
        || found.is_exact_instance_of::<PyDict>()
        || found.is_exact_instance_of::<PyBytes>()
        || found.is_exact_instance_of::<PyFrozenSet>()
}

fn has_contains(found: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = found.py();
    match found.get_type().getattr_opt(pyo3::intern!(py, "__contains__")) {
        Err(error) if error.is_instance_of::<PyAttributeError>(py) => Ok(false),
        answer => comparable(py, answer.map(|method| method.is_some())),
    }
}

fn glob_of(glob: &Bound<'_, PyAny>) -> PyResult<Glob> {
    let Ok(text) = glob.cast::<PyString>() else {
        return Err(PyTypeError::new_err(
            if glob.is_instance_of::<PyBytes>() || glob.is_instance_of::<PyByteArray>() {
                "cannot use a string pattern on a bytes-like object".to_owned()
            } else {
                format!("expected string or bytes-like object, got '{}'", glob.get_type().name()?)
            },
        ));
    };
    // SAFETY: a str never changes, and the glob of it is made before it can go.
    Ok(match unsafe { text.data() }? {
        PyStringData::Ucs1(text) => Glob::new(text.iter().copied().map(u32::from)),
        PyStringData::Ucs2(text) => Glob::new(text.iter().copied().map(u32::from)),
        PyStringData::Ucs4(text) => Glob::new(text.iter().copied()),
    })
}

fn covers(glob: &Glob, found: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Ok(text) = found.cast::<PyString>() else {
        return Ok(false);
    };
    // SAFETY: a str never changes, and the caller keeps it alive.
    Ok(match unsafe { text.data() }? {
        PyStringData::Ucs1(text) => glob.covers(text),
        PyStringData::Ucs2(text) => glob.covers(text),
        PyStringData::Ucs4(text) => glob.covers(text),
    })
}
