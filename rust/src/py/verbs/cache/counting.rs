//! What a cache has counted.

use super::Cache;
use crate::py::class::body;
use crate::py::rows::Rows;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{called, give_none, run};
use pyo3::ffi;
use pyo3::prelude::*;

const COUNT_LOAD: Parameters<1> = Parameters { method: "_count_load", names: ["failed"], positional: 0, needed: 1 };
const COUNTS: Parameters<0> = Parameters { method: "_counts", names: [], positional: 0, needed: 0 };

/// Take note of a call of a factory.
pub unsafe extern "C" fn count_load(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: as in `get`.
        unsafe {
            let table: &Cache = body(object);
            let [failed] = called(values, positional, names).sort(&COUNT_LOAD)?;
            let failed = Bound::from_borrowed_ptr(py, failed).is_truthy()?;
            table.section(|state| {
                state.rows.counts.loads += 1;
                state.rows.counts.load_failures += u64::from(failed);
            });
            give_none()
        }
    })
}

/// Size, hits, misses, evictions, expirations, loads and failed loads, of one instant.
pub unsafe extern "C" fn counts(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: as in `get`.
        let table: &Cache = unsafe {
            let [] = called(values, positional, names).sort(&COUNTS)?;
            body(object)
        };
        table.tick_all(py)?;
        table.refuse_closed(py)?;
        let (size, counts) = table.section(|state| (state.rows.len(), state.rows.counts));
        let counts = (
            size,
            counts.hits,
            counts.misses,
            counts.evictions,
            counts.expirations,
            counts.loads,
            counts.load_failures,
        );
        Ok(counts.into_pyobject(py)?.into_ptr())
    })
}
