//! What `_create` of a set kind does.

use crate::py::class::{class_of, create};
use crate::py::rows::{Rows, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{called, run};
use pyo3::ffi;
use pyo3::prelude::*;

/// The parameters of a kind that is made with a name, a clock and a lifetime.
pub const PLAIN: Parameters<3> =
    Parameters { method: "_create", names: ["name", "clock", "ttl"], positional: 3, needed: 3 };

/// The parameters of a kind that is made with one thing more.
pub const fn with(more: &'static str) -> Parameters<4> {
    Parameters { method: "_create", names: ["name", "clock", "ttl", more], positional: 4, needed: 4 }
}

/// Make a table of a set kind; `finish` does what is to be done before anybody sees it, with all that was given.
///
/// # Safety
/// It was called as a class method, with these arguments; name, clock and lifetime are the first of the parameters.
pub unsafe fn made<R: Rows, const N: usize>(
    kind: &'static str,
    parameters: &Parameters<N>,
    class: *mut ffi::PyObject,
    (values, positional, names): (*const *mut ffi::PyObject, ffi::Py_ssize_t, *mut ffi::PyObject),
    finish: impl FnOnce(&Bound<'_, PyAny>, &Table<R>),
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: says the caller.
        unsafe {
            let given = called(values, positional, names).sort(parameters)?;
            let bound = |place: usize| Bound::from_borrowed_ptr(py, given[place]);
            let lifetime: Option<f64> = bound(2).extract()?;
            let table: Table<R> = Table::new(py, kind, &bound(0), &bound(1), lifetime)?;
            finish(&bound(N - 1), &table);
            create(&class_of(py, class)?, table)
        }
    })
}
