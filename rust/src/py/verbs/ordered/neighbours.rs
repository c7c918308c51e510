//! Both ends, neighbours, positions.

use super::{find, give_entry, methods};
use crate::py::rows::place;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count, give_none};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

const NOTHING: Parameters<0> = Parameters { method: "first", names: [], positional: 0, needed: 0 };
const KEY: Parameters<1> = Parameters { method: "next", names: ["key"], positional: 1, needed: 1 };
const POSITION: Parameters<1> = Parameters { method: "at", names: ["position"], positional: 1, needed: 1 };

pub fn verbs() -> Vec<Verb> {
    vec![
        Verb { name: "first", signature: "($self, /)", method: first },
        Verb { name: "last", signature: "($self, /)", method: last },
        Verb { name: "next", signature: "($self, /, key)", method: next },
        Verb { name: "prev", signature: "($self, /, key)", method: prev },
        Verb { name: "rank", signature: "($self, /, key)", method: rank },
        Verb { name: "at", signature: "($self, /, position)", method: at },
    ]
}

methods! {
    fn first(table, py, arguments) {
        let [] = arguments.sort(&NOTHING)?;
        table.tick_all(py)?;
        give_entry(py, find(table, py, |tree| tree.first())?)
    }

    fn last(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "last", ..NOTHING })?;
        table.tick_all(py)?;
        give_entry(py, find(table, py, |tree| tree.last())?)
    }

    fn next(table, py, arguments) {
        let [key] = arguments.sort(&KEY)?;
        let term = place(table, py, key)?;
        table.tick_all(py)?;
        give_entry(py, find(table, py, |tree| tree.after(&term))?)
    }

    fn prev(table, py, arguments) {
        let [key] = arguments.sort(&Parameters { method: "prev", ..KEY })?;
        let term = place(table, py, key)?;
        table.tick_all(py)?;
        give_entry(py, find(table, py, |tree| tree.before(&term))?)
    }

    /// How many entries stand before a key.
    fn rank(table, py, arguments) {
        let [key] = arguments.sort(&Parameters { method: "rank", ..KEY })?;
        let term = place(table, py, key)?;
        table.tick_all(py)?;
        match table.section(|state| state.rows.tree.find(&term)) {
            (rank, true) => give_count(py, rank),
            _ => {
                table.refuse_closed(py)?;
                give_none()
            }
        }
    }

    /// The entry at a position, or from the end with a negative one.
    fn at(table, py, arguments) {
        let [position] = arguments.sort(&POSITION)?;
        let wanted = whole(py, position)?;
        table.tick_all(py)?;
        let mut size = 0;
        let found = find(table, py, |tree| {
            size = tree.len();
            let wanted = wanted?;
            let index = if wanted < 0 { wanted.checked_add(size as i64)? } else { wanted };
            tree.at(usize::try_from(index).ok()?)
        })?;
        if found.is_none() {
            // SAFETY: the caller holds it.
            let position = unsafe { Bound::from_borrowed_ptr(py, position) };
            return Err(PyIndexError::new_err(format!(
                "position {} is beyond the {size} entries of {}",
                position.str()?,
                table.label(py)
            )));
        }
        give_entry(py, found)
    }
}

/// An int that was given as a position; `None` for one beyond all positions.
#[inline(always)]
fn whole(py: Python<'_>, position: *mut ffi::PyObject) -> PyResult<Option<i64>> {
    // SAFETY: the caller holds it.
    unsafe {
        let exact = ffi::PyLong_CheckExact(position) != 0;
        if !exact && (ffi::PyLong_Check(position) == 0 || ffi::PyBool_Check(position) != 0) {
            let shown = Bound::from_borrowed_ptr(py, position).repr()?;
            return Err(PyTypeError::new_err(format!("a position is an int, not {shown}")));
        }
        let mut overflow = 0;
        let whole = ffi::PyLong_AsLongLongAndOverflow(position, &mut overflow);
        Ok((overflow == 0).then_some(whole))
    }
}
