//! Indexes: adding them, taking them away, and asking them.

use super::methods;
use crate::py::class::{SetBody, own};
use crate::py::entry::{Entries, new_entry};
use crate::py::ground::row::RowRef;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Method, Verb, give_count, give_none, run};
use crate::py::watch::indexes::{self, Ends, IndexSpec};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

const ADD: Parameters<5> = Parameters {
    method: "_add_index",
    names: ["name", "source", "function", "ordered", "unique"],
    positional: 3,
    needed: 5,
};
const NAMED: Parameters<1> = Parameters { method: "_spec", names: ["name"], positional: 1, needed: 1 };
const NOTHING: Parameters<0> = Parameters { method: "_indexes", names: [], positional: 0, needed: 0 };
const VALUE: Parameters<2> = Parameters { method: "_indexed", names: ["spec", "value"], positional: 2, needed: 2 };
const KEY: Parameters<2> = Parameters { method: "_index_rank", names: ["spec", "key"], positional: 2, needed: 2 };
const AT: Parameters<2> = Parameters { method: "_index_at", names: ["spec", "position"], positional: 2, needed: 2 };
const SIZE: Parameters<1> = Parameters { method: "_index_size", names: ["spec"], positional: 1, needed: 1 };
const BETWEEN: Parameters<4> =
    Parameters { method: "_index_between", names: ["spec", "ends", "reverse", "limit"], positional: 2, needed: 2 };
const ACCESS: Parameters<1> = Parameters { method: "_candidate_count", names: ["access"], positional: 1, needed: 1 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    let verbs: [(&'static str, &'static str, Method); 13] = [
        ("_add_index", "($self, name, source, function, /, *, ordered, unique)", add_index::<B>),
        ("_remove_index", "($self, name, /)", remove_index::<B>),
        ("_spec", "($self, name, /)", spec::<B>),
        ("_indexes", "($self, /)", all::<B>),
        ("_indexed", "($self, spec, value, /)", indexed::<B>),
        ("_index_count", "($self, spec, value, /)", count::<B>),
        ("_delete_indexed", "($self, spec, value, /)", delete_indexed::<B>),
        ("_index_between", "($self, spec, ends, /, *, reverse=False, limit=None)", between::<B>),
        ("_index_rank", "($self, spec, key, /)", rank::<B>),
        ("_index_at", "($self, spec, position, /)", at::<B>),
        ("_index_size", "($self, spec, /)", size::<B>),
        ("_ask_index", "($self, spec, question, /, *arguments)", ask::<B>),
        ("_candidate_count", "($self, access, /)", candidate_count::<B>),
    ];
    verbs.map(|(name, signature, method)| Verb { name, signature, method }).into()
}

/// What an argument is, for as long as the call lasts.
fn bound(py: Python<'_>, argument: *mut ffi::PyObject) -> Bound<'_, PyAny> {
    // SAFETY: the caller of the method holds its arguments.
    unsafe { Bound::from_borrowed_ptr(py, argument) }
}

/// The index that an argument is.
fn index(py: Python<'_>, argument: *mut ffi::PyObject) -> PyResult<Bound<'_, IndexSpec>> {
    Ok(bound(py, argument).cast_into::<IndexSpec>()?)
}

/// A list of the entries of rows, which are held and so do not change.
fn entries(py: Python<'_>, rows: &[RowRef]) -> PyResult<*mut ffi::PyObject> {
    let mut entries = Entries::with_capacity(py, rows.len())?;
    for row in rows {
        // SAFETY: the row is held.
        let (key, value) = unsafe { (own(row.at().key()), own(row.at().value())) };
        entries.push(key.into_py(py), value.into_py(py))?;
    }
    Ok(entries.into_list()?.into_ptr())
}

methods! {
    fn add_index(table, py, arguments) {
        let [name, source, function, ordered, unique] = arguments.sort(&ADD)?;
        let kind = (bound(py, ordered).is_truthy()?, bound(py, unique).is_truthy()?);
        let (name, source, function) = (bound(py, name), bound(py, source), bound(py, function));
        Ok(indexes::add(table, py, &name, &source, &function, kind)?.into_ptr())
    }

    fn remove_index(table, py, arguments) {
        let [name] = arguments.sort(&Parameters { method: "_remove_index", ..NAMED })?;
        indexes::remove(table, py, &bound(py, name))?;
        give_none()
    }

    fn spec(table, py, arguments) {
        let [name] = arguments.sort(&NAMED)?;
        Ok(indexes::by_name(table, py, &bound(py, name))?.into_ptr())
    }

    fn all(table, py, arguments) {
        let [] = arguments.sort(&NOTHING)?;
        Ok(PyTuple::new(py, indexes::specs(table, py)?)?.into_ptr())
    }

    fn indexed(table, py, arguments) {
        let [spec, value] = arguments.sort(&VALUE)?;
        entries(py, &indexes::indexed(table, py, index(py, spec)?.get(), &bound(py, value))?)
    }

    fn count(table, py, arguments) {
        let [spec, value] = arguments.sort(&Parameters { method: "_index_count", ..VALUE })?;
        give_count(py, indexes::counted(table, py, index(py, spec)?.get(), &bound(py, value))?)
    }

    fn delete_indexed(table, py, arguments) {
        let [spec, value] = arguments.sort(&Parameters { method: "_delete_indexed", ..VALUE })?;
        give_count(py, indexes::delete_marked(table, py, index(py, spec)?.get(), &bound(py, value))?)
    }

    fn between(table, py, arguments) {
        let [spec, ends, reverse, limit] = arguments.sort(&BETWEEN)?;
        let reverse = !reverse.is_null() && bound(py, reverse).is_truthy()?;
        let limit = super::lifetimes::checked_limit(py, limit)?.unwrap_or(usize::MAX);
        let ends = bound(py, ends);
        let (low, high, bounds): (Bound<'_, PyAny>, Bound<'_, PyAny>, String) = ends.extract()?;
        let ends = Ends { low: &low, high: &high, bounds: &bounds };
        entries(py, &indexes::between(table, py, index(py, spec)?.get(), &ends, reverse, limit)?)
    }

    fn rank(table, py, arguments) {
        let [spec, key] = arguments.sort(&KEY)?;
        // SAFETY: the caller holds it.
        let key = unsafe { own(key) };
        match indexes::rank_of(table, py, index(py, spec)?.get(), &key)? {
            Some(rank) => give_count(py, rank),
            None => give_none(),
        }
    }

    fn at(table, py, arguments) {
        let [spec, position] = arguments.sort(&AT)?;
        let row = indexes::entry_at(table, py, index(py, spec)?.get(), &bound(py, position))?;
        // SAFETY: the row is held.
        let (key, value) = unsafe { (own(row.at().key()), own(row.at().value())) };
        Ok(new_entry(py, key.into_py(py), value.into_py(py))?.into_ptr())
    }

    fn size(table, py, arguments) {
        let [spec] = arguments.sort(&SIZE)?;
        give_count(py, indexes::size_of_index(table, py, index(py, spec)?.get())?)
    }

    /// How many rows a query looks at where the access says, or about so many.
    fn candidate_count(table, py, arguments) {
        let [access] = arguments.sort(&ACCESS)?;
        give_count(py, indexes::candidate_count(table, py, &bound(py, access))?)
    }
}

/// Answer a question of a transaction's about an index.
unsafe extern "C" fn ask<B: SetBody>(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    _names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: CPython calls a method with an object of its class, and with so many arguments.
        let (table, arguments) = unsafe {
            let arguments = match positional {
                0 => &[],
                count => std::slice::from_raw_parts(values, count as usize),
            };
            (crate::py::class::body::<B>(object).table(), arguments)
        };
        let [spec, question, rest @ ..] = arguments else {
            return Err(pyo3::exceptions::PyTypeError::new_err("_ask_index() takes an index and a question"));
        };
        let question: String = bound(py, *question).extract()?;
        indexes::ask(table, py, index(py, *spec)?.get(), &question, rest)
    })
}
