//! The objects of `noex.typing` that stand for something else than themselves.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The `DEFAULT` of `noex.typing`.
pub fn default(py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
    sentinel(py, &DEFAULT, "DEFAULT")
}

/// The `MISSING` of `noex.typing`.
pub fn missing(py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
    sentinel(py, &MISSING, "MISSING")
}

/// The `DELETE` of `noex.typing`.
pub fn delete(py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
    sentinel(py, &DELETE, "DELETE")
}

static DEFAULT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static MISSING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static DELETE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn sentinel(py: Python<'_>, cell: &'static PyOnceLock<Py<PyAny>>, name: &str) -> PyResult<*mut ffi::PyObject> {
    let found = cell.get_or_try_init(py, || py.import("noex.typing")?.getattr(name).map(Bound::unbind))?;
    Ok(found.as_ptr())
}
