//! What transactions ask of an index (`_pure/transactions/base.py`, `_ask_index`). Spots and marks of an ordered one are bytes
//! to them.

use super::reading::{stands, unordered, using, using_order};
use super::spec::{IndexSpec, Mark};
use crate::py::ground::row::{RowAt, is_row};
use crate::py::rows::{Rows, State, Table};
use crate::py::{object, terms};
use crate::store::term::Term;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// Answer a question about an index.
pub fn ask<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    spec: &IndexSpec,
    question: &str,
    arguments: &[*mut ffi::PyObject],
) -> PyResult<*mut ffi::PyObject> {
    let argument = |number: usize| match arguments.get(number) {
        // SAFETY: the caller holds the arguments.
        Some(&given) => Ok(unsafe { Bound::from_borrowed_ptr(py, given) }),
        None => Err(PyValueError::new_err(format!("the question {question:?} asks about something"))),
    };
    match question {
        "size" => give(py, using(table, py, spec, |_, rows| rows.len())?),
        "entered" => {
            let handles = handles_of::<R>(&argument(0)?)?;
            super::refuse_dropped(table, py, spec)?;
            let here =
                |state: &mut State<R>| handles.iter().filter(|handle| number(state, spec, handle).is_some()).count();
            give(py, table.section(here))
        }
        "handles" => {
            let mark = if spec.ordered {
                Mark::Ordered(term(&argument(0)?)?)
            } else {
                Mark::Hashed(object(&argument(0)?), argument(1)?.extract()?)
            };
            let found = using(table, py, spec, |indexes, rows| {
                let mut found = Vec::new();
                rows.marked(&spec.marks, &mark, |number| {
                    // SAFETY: a row with a number stands in the table.
                    found.push(unsafe { R::handle_of(indexes.row(number)) });
                    true
                });
                (!found.is_empty() || stands(spec, &mark)).then_some(found)
            })?;
            match found {
                Some(found) => Ok(list::<R>(py, found.iter().map(Some))?.into_any().into_ptr()),
                None => Ok(py.None().into_ptr()),
            }
        }
        _ if !spec.ordered => {
            super::refuse_dropped(table, py, spec)?;
            Err(unordered(spec))
        }
        "spot" => {
            let handle = R::from_python(py, &argument(0)?)?;
            super::refuse_dropped(table, py, spec)?;
            let spot = table.section(|state| {
                let number = number(state, spec, &handle)?;
                // SAFETY: the lock is held.
                match unsafe { spec.rows() } {
                    super::spec::IndexRows::Ordered(rows) => rows.spot(number).cloned(),
                    super::spec::IndexRows::Hashed(_) => None,
                }
            });
            give_spot(py, spot)
        }
        "at" => {
            let spots = argument(0)?.try_iter()?.map(|spot| term(&spot?)).collect::<PyResult<Vec<Term>>>()?;
            let found = using_order(table, py, spec, |indexes, rows| {
                // SAFETY: a row with a number stands in the table.
                let handle = |&number: &u32| unsafe { R::handle_of(indexes.row(number)) };
                spots.iter().map(|spot| rows.tree().get(spot).map(handle)).collect::<Vec<_>>()
            })?;
            Ok(list::<R>(py, found.iter().map(Option::as_ref))?.into_any().into_ptr())
        }
        "__len__" => give(py, using_order(table, py, spec, |_, rows| rows.tree().len())?),
        "first" => give_spot(py, using_order(table, py, spec, |_, rows| rows.tree().first().map(|it| it.term()))?),
        "last" => give_spot(py, using_order(table, py, spec, |_, rows| rows.tree().last().map(|it| it.term()))?),
        "after" | "before" => {
            let spot = term(&argument(0)?)?;
            let after = question == "after";
            give_spot(
                py,
                using_order(table, py, spec, |_, rows| {
                    let found = if after { rows.tree().after(&spot) } else { rows.tree().before(&spot) };
                    found.map(|found| found.term())
                })?,
            )
        }
        "rank" => {
            let spot = term(&argument(0)?)?;
            give(py, using_order(table, py, spec, |_, rows| rows.tree().rank(&spot))?)
        }
        "slice" => {
            let (start, stop): (usize, usize) = (argument(0)?.extract()?, argument(1)?.extract()?);
            let spots = using_order(table, py, spec, |_, rows| {
                rows.tree().ascending(start, stop).map(|entry| entry.term()).collect::<Vec<_>>()
            })?;
            let spots = spots.iter().map(|spot| terms::bytes_of_term(py, spot));
            Ok(PyList::new(py, spots.collect::<Vec<_>>())?.into_any().into_ptr())
        }
        _ => Err(PyValueError::new_err(format!("an index has no answer to {question:?}"))),
    }
}

/// The number of the row under a handle, if it is in the index; under the lock.
fn number<R: Rows>(state: &State<R>, spec: &IndexSpec, handle: &R::Handle) -> Option<u32> {
    let watch = state.watch.as_ref().filter(|watch| watch.indexes.has(spec))?;
    let slot = state.rows.slot(handle);
    // SAFETY: what stands there is alive, and the lock is held.
    unsafe {
        if slot.is_null() || !is_row(slot) {
            return None;
        }
        watch.indexes.number(RowAt::of(slot)).filter(|&number| spec.rows().has(number))
    }
}

fn handles_of<R: Rows>(handles: &Bound<'_, PyAny>) -> PyResult<Vec<R::Handle>> {
    handles.try_iter()?.map(|handle| R::from_python(handles.py(), &handle?)).collect()
}

/// A list of handles, None where there is none.
fn list<'a, 'py, R: Rows>(
    py: Python<'py>,
    handles: impl Iterator<Item = Option<&'a R::Handle>>,
) -> PyResult<Bound<'py, PyList>> {
    let mut seen = Vec::new();
    for handle in handles {
        seen.push(match handle {
            Some(handle) => R::to_python(py, handle)?.into_py(py),
            None => py.None(),
        });
    }
    PyList::new(py, seen)
}

fn term(bytes: &Bound<'_, PyAny>) -> PyResult<Term> {
    Ok(terms::term_from_bytes(bytes.cast::<PyBytes>()?.as_bytes()))
}

fn give(py: Python<'_>, count: usize) -> PyResult<*mut ffi::PyObject> {
    crate::py::verbs::install::give_count(py, count)
}

fn give_spot(py: Python<'_>, spot: Option<Term>) -> PyResult<*mut ffi::PyObject> {
    Ok(match spot {
        Some(spot) => terms::bytes_of_term(py, &spot).into_any().into_ptr(),
        None => py.None().into_ptr(),
    })
}
