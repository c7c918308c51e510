//! The exceptions of `noex.errors`, raised from here with the messages that the pure kernel gives.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;

static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

fn module(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    Ok(ERRORS.get_or_try_init(py, || py.import("noex.errors").map(Bound::unbind))?.bind(py))
}

/// Make an exception of `noex.errors`.
pub fn error(py: Python<'_>, name: &str, message: String) -> PyErr {
    match module(py).and_then(|errors| errors.getattr(name)).and_then(|kind| kind.call1((message,))) {
        Ok(made) => PyErr::from_value(made),
        Err(failure) => failure,
    }
}

/// The `KeyNotFound` of a key.
pub fn key_not_found(py: Python<'_>, key: &Bound<'_, PyAny>, label: &str) -> PyErr {
    match module(py).and_then(|errors| errors.getattr("KeyNotFound")).and_then(|kind| kind.call1((key, label))) {
        Ok(made) => PyErr::from_value(made),
        Err(failure) => failure,
    }
}

/// The `TableClosed` of a table.
pub fn closed(py: Python<'_>, label: &str) -> PyErr {
    error(py, "TableClosed", format!("{label} is closed; use it before close(), or make a new one"))
}

/// A value as messages show it: `noex.errors.shown`.
pub fn shown(value: &Bound<'_, PyAny>) -> String {
    let text = module(value.py()).and_then(|errors| errors.getattr("shown")).and_then(|shown| shown.call1((value,)));
    text.and_then(|text| text.extract()).unwrap_or_else(|_| "a value that cannot be shown".to_owned())
}

/// Turn "unhashable type" into an error that names table and remedy; leave other errors as they are.
pub fn explain(py: Python<'_>, failure: PyErr, message: impl FnOnce(&str) -> String) -> PyErr {
    if failure.is_instance_of::<pyo3::exceptions::PyTypeError>(py) {
        let text = failure.value(py).str().map(|text| text.to_string()).unwrap_or_default();
        if text.contains("unhashable type") {
            return error(py, "UnhashableKey", message(&text));
        }
    }
    failure
}

/// Turn an `UnorderableKey` into one that names the table; leave other errors as they are.
pub fn explain_unorderable(py: Python<'_>, failure: PyErr, message: impl FnOnce(&str) -> String) -> PyErr {
    let unorderable = module(py).and_then(|errors| errors.getattr("UnorderableKey"));
    match unorderable.and_then(|kind| failure.value(py).is_instance(&kind)) {
        Ok(true) => {
            let text = failure.value(py).str().map(|text| text.to_string()).unwrap_or_default();
            error(py, "UnorderableKey", message(&text))
        }
        _ => failure,
    }
}

/// Explain a key without a hash.
pub fn unhashable(py: Python<'_>, failure: PyErr, key: &Bound<'_, PyAny>, label: &str) -> PyErr {
    explain(py, failure, |text| {
        format!(
            "{} cannot be a key of {label} ({text}); use a value that has a hash, such as a tuple in place of a list",
            shown(key)
        )
    })
}

/// Tell whether it is that exception of `noex.errors`.
pub fn is(py: Python<'_>, failure: &PyErr, name: &str) -> bool {
    module(py).and_then(|errors| errors.getattr(name)).is_ok_and(|kind| failure.is_instance(py, &kind))
}
