//! What transactions and recipes ask: for the places of keys, as bytes, and about their order.

use super::{Ordered, methods};
use crate::py::rows::{Entered, place, term_of_bytes};
use crate::py::terms::bytes_of_term;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count, give_none};
use crate::store::term::Term;
use crate::store::tree::{Entry, Tree};
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

const KEY: Parameters<1> = Parameters { method: "_sort_key", names: ["key"], positional: 1, needed: 1 };
const ASK: Parameters<3> =
    Parameters { method: "_ask_order", names: ["question", "first", "second"], positional: 3, needed: 1 };

pub fn verbs() -> Vec<Verb> {
    vec![
        Verb { name: "_sort_key", signature: "($self, key, /)", method: sort_key },
        Verb { name: "_ask_order", signature: "($self, question, first=..., second=..., /)", method: ask_order },
    ]
}

methods! {
    /// The bytes that stand for a key in the order.
    fn sort_key(table, py, arguments) {
        let [key] = arguments.sort(&KEY)?;
        Ok(bytes_of_term(py, &place(table, py, key)?).into_any().into_ptr())
    }

    /// Answer a question of a transaction's about the order of the handles; `transactions/base.py` has them.
    fn ask_order(table, py, arguments) {
        let [question, first, second] = arguments.sort(&ASK)?;
        table.refuse_closed(py)?;
        // SAFETY: the caller holds them, where they are given.
        let given = |object: *mut ffi::PyObject| unsafe {
            if object.is_null() { Err(unknown()) } else { Ok(Bound::from_borrowed_ptr(py, object)) }
        };
        let question: String = given(question)?.extract()?;
        let term = || term_of_bytes(&given(first)?);
        match question.as_str() {
            "__len__" => give_count(py, table.section(|state| state.rows.tree.len())),
            "first" => answer(table, py, |tree| tree.first()),
            "last" => answer(table, py, |tree| tree.last()),
            "after" => {
                let term = term()?;
                answer(table, py, |tree| tree.after(&term))
            }
            "before" => {
                let term = term()?;
                answer(table, py, |tree| tree.before(&term))
            }
            "rank" => {
                let term = term()?;
                give_count(py, table.section(|state| state.rows.tree.rank(&term)))
            }
            "slice" => {
                let (start, stop): (usize, usize) = (given(first)?.extract()?, given(second)?.extract()?);
                let terms: Vec<Term> =
                    table.section(|state| state.rows.tree.ascending(start, stop).map(|entry| entry.term()).collect());
                let handles: Vec<Bound<'_, PyBytes>> = terms.iter().map(|term| bytes_of_term(py, term)).collect();
                Ok(PyList::new(py, handles)?.into_ptr())
            }
            _ => Err(unknown()),
        }
    }
}

fn unknown() -> PyErr {
    PyValueError::new_err("no such question about an order")
}

/// The bytes of the entry that is found, or None.
fn answer(
    table: &Ordered,
    py: Python<'_>,
    search: impl for<'a> FnOnce(&'a Tree<Entered>) -> Option<Entry<'a, Entered>>,
) -> PyResult<*mut ffi::PyObject> {
    match table.section(|state| search(&state.rows.tree).map(|entry| entry.term())) {
        Some(term) => Ok(bytes_of_term(py, &term).into_any().into_ptr()),
        None => give_none(),
    }
}
