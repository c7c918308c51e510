//! Paths: the key, the value, or a part of the value - items of mappings, attributes, positions in tuples and lists.

use std::sync::OnceLock;

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyAttributeError, PyIndexError, PyKeyError, PyTypeError};
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use super::unpacked;

/// Where a test looks.
pub enum Path {
    Key,
    Value,
    Field(Field),
}

/// Who follows a path: a comparison, or anything else. They differ in nothing but what an exotic key may raise.
#[derive(Clone, Copy, PartialEq)]
pub enum For {
    Comparison,
    Other,
}

impl Path {
    /// Return the path that a tuple of names says.
    pub fn new(path: &Bound<'_, PyAny>, user: For) -> PyResult<Self> {
        let (kind, parts) = unpacked(path)?;
        Ok(match super::text_of(&kind).as_deref() {
            Some("key") => Self::Key,
            Some("value") => Self::Value,
            _ => Self::Field(Field::new(path.py(), parts, user)?),
        })
    }

    /// Show the garbage collector what is held.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Key | Self::Value => Ok(()),
            Self::Field(field) => field.parts.iter().try_for_each(|part| part.traverse(visit)),
        }
    }
}

/// The way to a part of a value, one name for each level.
pub struct Field {
    parts: Box<[Part]>,
    /// What a lookup in a dict raises goes through: with a single name it can only come from a key of that dict.
    lookup_raises: bool,
    /// The single name is text, and what the question for the type of the value raises goes through.
    question_raises: bool,
}

impl Field {
    fn new(py: Python<'_>, parts: Vec<Bound<'_, PyAny>>, user: For) -> PyResult<Self> {
        let Some(first) = parts.first() else {
            return Err(PyIndexError::new_err(match user {
                For::Comparison => "list index out of range",
                For::Other => "tuple index out of range",
            }));
        };
        let is_single = parts.len() == 1;
        let is_single_text = is_single && first.is_exact_instance_of::<PyString>();
        let mapping = mapping(py)?;
        Ok(Self {
            parts: parts.into_iter().map(|name| Part::new(name, mapping)).collect(),
            lookup_raises: is_single && (is_single_text || user == For::Comparison),
            question_raises: is_single_text,
        })
    }

    /// Return what the path leads to in a value, or nothing where it leads nowhere.
    #[inline]
    pub fn read<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.lookup_raises {
            if let Ok(dict) = value.cast_exact::<PyDict>() {
                return dict.get_item(self.parts[0].name.bind(value.py()));
            }
        }
        self.follow(value)
    }

    fn follow<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut found: Option<Bound<'py, PyAny>> = None;
        for part in &self.parts {
            let here = found.as_ref().unwrap_or(value);
            let next = match part.is_mapping(here) {
                Ok(is_mapping) => part.step(here, is_mapping),
                Err(error) if self.question_raises => return Err(error),
                Err(error) => Err(error),
            };
            match next {
                Ok(Some(next)) => found = Some(next),
                Ok(None) => return Ok(None),
                Err(error) if is_absence(value.py(), &error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

/// One name of a path.
struct Part {
    name: Py<PyAny>,
    is_text: bool,
    mapping: Py<PyType>,
    /// The first types seen here that are no mappings, as asking takes long: written once each, and never asked again.
    without_items: [OnceLock<Py<PyType>>; 4],
}

impl Part {
    fn new(name: Bound<'_, PyAny>, mapping: &Bound<'_, PyType>) -> Self {
        Self {
            is_text: name.is_exact_instance_of::<PyString>(),
            name: name.unbind(),
            mapping: mapping.clone().unbind(),
            without_items: [const { OnceLock::new() }; 4],
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.name)?;
        visit.call(&self.mapping)?;
        self.without_items.iter().filter_map(OnceLock::get).try_for_each(|kind| visit.call(kind))
    }

    /// Tell whether a value has items by key.
    fn is_mapping(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let kind = value.get_type();
        // Python marks whatever inherits from `Mapping`, or is registered and can be marked.
        // SAFETY: `kind` is a type, and kept alive here.
        if unsafe { ffi::PyType_HasFeature(kind.as_type_ptr(), ffi::Py_TPFLAGS_MAPPING) } != 0 {
            return Ok(true);
        }
        if self.without_items.iter().map_while(OnceLock::get).any(|known| known.is(&kind)) {
            return Ok(false);
        }
        let is_mapping = value.is_instance(self.mapping.bind(value.py()))?;
        if !is_mapping {
            self.remember(value, kind);
        }
        Ok(is_mapping)
    }

    /// Remember a type that is no mapping; not that of a proxy, whose answer depends on what it stands for.
    #[cold]
    fn remember(&self, value: &Bound<'_, PyAny>, kind: Bound<'_, PyType>) {
        let Some(free) = self.without_items.iter().find(|slot| slot.get().is_none()) else {
            return;
        };
        if value.getattr(pyo3::intern!(value.py(), "__class__")).is_ok_and(|claimed| claimed.is(&kind)) {
            let _ = free.set(kind.unbind());
        }
    }

    fn step<'py>(&self, value: &Bound<'py, PyAny>, is_mapping: bool) -> PyResult<Option<Bound<'py, PyAny>>> {
        let name = self.name.bind(value.py());
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            return dict.get_item(name);
        }
        if is_mapping {
            // `in` first: reading a defaultdict must not write into it.
            return if value.contains(name)? { value.get_item(name).map(Some) } else { Ok(None) };
        }
        if self.is_text {
            // SAFETY: `is_text` says that the name is a str.
            return value.getattr_opt(unsafe { name.cast_unchecked::<PyString>() });
        }
        if is_sequence(value)? { value.get_item(name).map(Some) } else { Ok(None) }
    }
}

/// Tell whether a value is a tuple or a list, or says so.
fn is_sequence(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_instance_of::<PyTuple>() || value.is_instance_of::<PyList>() {
        return Ok(true);
    }
    let py = value.py();
    Ok(value.is_instance(&py.get_type::<PyTuple>())? || value.is_instance(&py.get_type::<PyList>())?)
}

/// Tell whether an exception is how Python says that there is no such part.
fn is_absence(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyError>(py)
        || error.is_instance_of::<PyIndexError>(py)
        || error.is_instance_of::<PyAttributeError>(py)
        || error.is_instance_of::<PyTypeError>(py)
}

fn mapping(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static MAPPING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    MAPPING.import(py, "collections.abc", "Mapping")
}
