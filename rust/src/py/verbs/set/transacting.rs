//! What set kinds offer to subscribers and transactions; `noex/kernel/_pure/transactions/base.py` says what is asked.
//!
//! The version of a table is its count of changes, which every change adds to, so there is nothing to begin or to end.

use super::methods;
use crate::py::class::{SetBody, own};
use crate::py::ground::clock::{NEVER, NO_TIME};
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowRef, is_row};
use crate::py::rows::{Found, Rows, State};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give, give_bool, give_count, give_none, run};
use crate::py::watch;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFloat};
use std::ffi::c_void;

const SUBSCRIBE: Parameters<2> =
    Parameters { method: "_subscribe", names: ["callback", "kinds"], positional: 2, needed: 2 };
const NOTHING: Parameters<0> = Parameters { method: "_begin_reading", names: [], positional: 0, needed: 0 };
const KEY: Parameters<1> = Parameters { method: "_resolve", names: ["key"], positional: 1, needed: 1 };
const STANDS: Parameters<3> =
    Parameters { method: "_stands", names: ["handle", "found", "witness"], positional: 3, needed: 3 };
const HANDLE: Parameters<2> = Parameters { method: "_handle_for", names: ["handle", "key"], positional: 2, needed: 2 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "_subscribe", signature: "($self, callback, kinds, /)", method: subscribe::<B> },
        Verb { name: "_begin_reading", signature: "($self, /)", method: begin_reading::<B> },
        Verb { name: "_end_reading", signature: "($self, /)", method: end_reading::<B> },
        Verb { name: "_resolve", signature: "($self, key, /)", method: resolve::<B> },
        Verb { name: "_row_of", signature: "($self, handle, /)", method: row_of::<B> },
        Verb { name: "_handle_for", signature: "($self, handle, key, /)", method: handle_for::<B> },
        Verb { name: "_stands", signature: "($self, handle, found, witness, /)", method: stands::<B> },
        Verb { name: "_all_stand", signature: "($self, reads, /)", method: all_stand::<B> },
        Verb { name: "_all_rows", signature: "($self, /)", method: all_rows::<B> },
        Verb { name: "_are_all_rows", signature: "($self, rows, /)", method: are_all_rows::<B> },
        Verb { name: "_stored", signature: "($self, /)", method: stored::<B> },
        Verb { name: "_tick_all", signature: "($self, /)", method: tick_all::<B> },
    ]
}

/// The `_terms` of a table: sort keys are bytes here.
pub unsafe extern "C" fn terms(_object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    static TERMS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    run(|py| {
        let found = TERMS.get_or_try_init(py, || {
            py.import("noex.kernel._pure.terms.byte_terms")?.getattr("BYTE_TERMS").map(Bound::unbind)
        })?;
        give(crate::py::object(found.bind(py)))
    })
}

methods! {
    fn subscribe(table, py, arguments) {
        let [callback, kinds] = arguments.sort(&SUBSCRIBE)?;
        // SAFETY: the caller holds both.
        let (callback, kinds) = unsafe { (Bound::from_borrowed_ptr(py, callback), Bound::from_borrowed_ptr(py, kinds)) };
        watch::subscribe(py, table, &callback, &kinds).and_then(give)
    }

    fn begin_reading(table, py, arguments) {
        let [] = arguments.sort(&NOTHING)?;
        table.refuse_closed(py)?;
        give_none()
    }

    fn end_reading(_table, _py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_end_reading", ..NOTHING })?;
        give_none()
    }

    /// Return the handle of a key, the row there or None, and the witness.
    fn resolve(table, py, arguments) {
        let [key] = arguments.sort(&KEY)?;
        // SAFETY: the caller holds it.
        let key = unsafe { own(key) };
        let Found { handle, row, witness } =
            table.resolve(py, &key).map_err(|failure| table.explain(py, failure, &key))?;
        let handle = B::Rows::to_python(py, &handle)?;
        Ok((handle.into_py(py), shown(py, row), witness).into_pyobject(py)?.into_ptr())
    }

    /// Return the row of a handle or None, and the witness.
    fn row_of(table, py, arguments) {
        let [handle] = arguments.sort(&Parameters { method: "_row_of", names: ["handle"], ..KEY })?;
        // SAFETY: the caller holds it.
        let handle = B::Rows::from_python(py, &unsafe { Bound::from_borrowed_ptr(py, handle) })?;
        table.refuse_closed(py)?;
        let witness = table.section(|state| state.version); // of a moment before, which is on the safe side
        let row = table.row_of(&handle);
        Ok((shown(py, row), witness).into_pyobject(py)?.into_ptr())
    }

    /// Return the handle for an entry in the place of an equal one, and the witness: handles can get other keys here.
    fn handle_for(table, py, arguments) {
        let [handle, _] = arguments.sort(&HANDLE)?;
        table.refuse_closed(py)?;
        let witness = table.section(|state| state.version);
        // SAFETY: the caller holds it.
        let handle = unsafe { own(handle) };
        Ok((handle.into_py(py), witness).into_pyobject(py)?.into_ptr())
    }

    /// Tell whether what was found under a handle is still there; of None, whether no equal key has come.
    fn stands(table, py, arguments) {
        let [handle, found, witness] = arguments.sort(&STANDS)?;
        // SAFETY: the caller holds them.
        let (handle, found, witness) = unsafe {
            let bound = |object| Bound::from_borrowed_ptr(py, object);
            (bound(handle), bound(found), bound(witness))
        };
        let read = Read::<B::Rows>::new(py, &handle, &found, &witness)?;
        table.refuse_closed(py)?;
        give_bool(table.section(|state| read.holds(state)))
    }

    /// Tell whether all that was found still stands, at one instant.
    fn all_stand(table, py, arguments) {
        let [reads] = arguments.sort(&Parameters { method: "_all_stand", names: ["reads"], ..KEY })?;
        // SAFETY: the caller holds it.
        let reads = unsafe { Bound::from_borrowed_ptr(py, reads) };
        let reads = reads.cast::<PyDict>()?;
        let mut asked = Vec::with_capacity(reads.len());
        for (handle, read) in reads {
            asked.push(Read::<B::Rows>::new(py, &handle, &read.get_item(0)?, &read.get_item(1)?)?);
        }
        table.refuse_closed(py)?;
        give_bool(table.section(|state| asked.iter().all(|read| read.holds(state))))
    }

    /// Return all rows of one instant by handle, in the order of the table.
    fn all_rows(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_all_rows", ..NOTHING })?;
        table.refuse_closed(py)?;
        let rows = table.section(cells);
        let all = PyDict::new(py);
        for (handle, row) in rows {
            all.set_item(B::Rows::to_python(py, &handle)?.bound(py), row.bound(py))?;
        }
        Ok(all.into_ptr())
    }

    /// Tell whether these are still all the rows.
    fn are_all_rows(table, py, arguments) {
        let [rows] = arguments.sort(&Parameters { method: "_are_all_rows", names: ["rows"], ..KEY })?;
        // SAFETY: the caller holds it.
        let rows = unsafe { Bound::from_borrowed_ptr(py, rows) };
        let rows = rows.cast::<PyDict>()?;
        let mut known = Vec::with_capacity(rows.len());
        for (handle, row) in rows {
            known.push((B::Rows::from_python(py, &handle)?, row.as_ptr()));
        }
        table.refuse_closed(py)?;
        give_bool(table.section(|state| {
            state.rows.len() == known.len() && known.iter().all(|(handle, row)| state.rows.slot(handle) == *row)
        }))
    }

    /// Return the number of entries, expired ones included.
    fn stored(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_stored", ..NOTHING })?;
        table.refuse_closed(py)?;
        give_count(py, table.section(|state| state.rows.len()))
    }

    /// Reclaim all that has expired; return the time in milliseconds.
    fn tick_all(table, py, arguments) {
        let [] = arguments.sort(&Parameters { method: "_tick_all", ..NOTHING })?;
        table.refuse_closed(py)?;
        let now = table.tick_all(py)?;
        let now = match now {
            NEVER => f64::NEG_INFINITY,
            NO_TIME => f64::NAN,
            now => now as f64,
        };
        Ok(PyFloat::new(py, now).into_ptr())
    }
}

/// Something that was read: what stood under a handle.
struct Read<R: Rows> {
    handle: R::Handle,
    found: *mut ffi::PyObject, // null for nothing; compared, and not looked at
    witness: u64,
}

impl<R: Rows> Read<R> {
    fn new(
        py: Python<'_>,
        handle: &Bound<'_, PyAny>,
        found: &Bound<'_, PyAny>,
        witness: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let found = if found.is_none() { std::ptr::null_mut() } else { found.as_ptr() };
        Ok(Self { handle: R::from_python(py, handle)?, found, witness: witness.extract::<i64>()? as u64 })
    }

    fn holds(&self, state: &State<R>) -> bool {
        state.rows.slot(&self.handle) == self.found
            && (!self.found.is_null() || self.witness == state.version || !state.rows.may_have_come(&self.handle))
    }
}

/// All rows, as cells: those that were values become cells.
fn cells<R: Rows>(state: &mut State<R>) -> Vec<(R::Handle, Object)> {
    let mut all = state.rows.all();
    for (handle, slot) in &mut all {
        // SAFETY: held here.
        if !unsafe { is_row(slot.as_ptr()) } {
            let cell = RowRef::new(R::keep(handle), slot.clone(), NO_END).into_object();
            state.cells += 1;
            drop(state.rows.put(handle, cell.clone())); // the cell keeps the value
            *slot = cell;
        }
    }
    all
}

/// A row, or None, for Python code.
fn shown(py: Python<'_>, row: Option<RowRef>) -> Option<Py<PyAny>> {
    row.map(|row| row.into_object().into_py(py))
}
