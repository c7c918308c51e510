//! Queries as programs that run without Python frames.
//!
//! The same as `_pure/queries/predicates.py`, which says what programs and paths are made of and what they mean.

mod checks;
mod comparisons;
mod globs;
mod paths;
mod programs;

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyString;

use paths::{For, Path};
use programs::Steps;

/// Put the functions of this module into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Predicate>()?;
    module.add_class::<Reader>()?;
    module.add_function(wrap_pyfunction!(compile_predicate, module)?)?;
    module.add_function(wrap_pyfunction!(compile_reader, module)?)
}

/// A query as a function of key and value: whether an entry matches. Keeps nothing, changes nothing.
#[pyclass(frozen, module = "noex.kernel._native")]
pub struct Predicate {
    steps: Steps,
}

impl Predicate {
    /// Return the predicate that a Python object is, if it is one: then `test` can be called in its stead.
    pub fn from_python<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Self> {
        object.cast_exact::<Self>().ok().map(Bound::get)
    }

    /// Tell whether an entry matches.
    ///
    /// May run Python code, which may remove the row: key and value are references of the caller's own, and nothing is
    /// under way.
    #[inline]
    pub fn test(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.steps.test(key, value)
    }
}

#[pymethods]
impl Predicate {
    #[pyo3(signature = (key, value, /))]
    fn __call__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.test(key, value)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.steps.traverse(&visit)
    }
}

/// A path as a function of key and value: what it leads to. Keeps nothing, changes nothing.
#[pyclass(frozen, module = "noex.kernel._native")]
pub struct Reader {
    path: Path,
}

impl Reader {
    /// Return the reader that a Python object is, if it is one: then `read` can be called in its stead.
    pub fn from_python<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a Self> {
        object.cast_exact::<Self>().ok().map(Bound::get)
    }

    /// Return what the path leads to, or nothing where it leads nowhere.
    ///
    /// May run Python code, as `Predicate::test`.
    #[inline]
    pub fn read<'py>(&self, key: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match &self.path {
            Path::Key => Ok(Some(key.clone())),
            Path::Value => Ok(Some(value.clone())),
            Path::Field(field) => field.read(value),
        }
    }
}

#[pymethods]
impl Reader {
    #[pyo3(signature = (key, value, /))]
    fn __call__<'py>(&self, key: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.read(key, value)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.path.traverse(&visit)
    }
}

/// Return the function of key and value that tells whether an entry matches.
#[pyfunction]
fn compile_predicate(program: &Bound<'_, PyAny>) -> PyResult<Predicate> {
    Ok(Predicate { steps: Steps::new(program)? })
}

/// Return the function of key and value that gives what the path leads to, or None where it leads nowhere.
#[pyfunction]
fn compile_reader(path: &Bound<'_, PyAny>) -> PyResult<Reader> {
    Ok(Reader { path: Path::new(path, For::Other)? })
}

/// What a part of a program is made of: its name and its arguments.
type Unpacked<'py> = (Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>);

/// Return the first item and the others, as `first, *others = items` does.
fn unpacked<'py>(items: &Bound<'py, PyAny>) -> PyResult<Unpacked<'py>> {
    let iterator = items.try_iter().map_err(|error| {
        // SAFETY: the thread is attached, and both are of a live object.
        let (can_iterate, is_sequence) =
            unsafe { ((*items.get_type_ptr()).tp_iter.is_some(), ffi::PySequence_Check(items.as_ptr()) != 0) };
        if can_iterate || is_sequence || !error.is_instance_of::<PyTypeError>(items.py()) {
            return error;
        }
        match items.get_type().name() {
            Ok(name) => PyTypeError::new_err(format!("cannot unpack non-iterable {name} object")),
            Err(error) => error,
        }
    })?;
    let mut items = iterator;
    let Some(first) = items.next().transpose()? else {
        return Err(PyValueError::new_err("not enough values to unpack (expected at least 1, got 0)"));
    };
    Ok((first, items.collect::<PyResult<_>>()?))
}

/// Return the text that a name is.
fn text_of(name: &Bound<'_, PyAny>) -> Option<String> {
    name.cast::<PyString>().ok()?.to_str().ok().map(str::to_owned)
}
