//! Giving an entry a lifetime anew, in its row cell.

use super::Set;
use crate::py::class::body;
use crate::py::ground::handle::is_plain;
use crate::py::ground::row::{NO_END, RowAt, is_row};
use crate::py::rows::{HashedRows, Rows, State};
use crate::py::verbs::install::{called, give_bool, run_hot, told};
use crate::py::verbs::set::lifetimes as general;
use crate::store::deadlines::Scheduled;
use pyo3::ffi;

/// `touch` of set tables.
pub unsafe extern "C" fn touch(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
    unsafe {
        let table: &Set = body(object);
        let arguments = called(values, positional, names);
        if let (Some([key]), Some(length)) = (arguments.exactly(), table.lifetime)
            && is_plain(key)
        {
            return run_hot(|py| {
                let (now, deadline) = table.begin_for(py, Some(length))?;
                match table.section(|state| postpone(state, key, now, deadline)) {
                    Some(done) => give_bool(done),
                    None => give_bool(told(|py| general::reschedule(table, py, key, deadline, now, false))?),
                }
            });
        }
        general::touch::<Set>(object, values, positional, names)
    }
}

/// Give the row of a plain key another deadline, in place; `None` where it takes more than that.
unsafe fn postpone(state: &mut State<HashedRows>, key: *mut ffi::PyObject, now: i64, deadline: i64) -> Option<bool> {
    // SAFETY: the key is plain and alive; what stands in the table is alive in the section.
    unsafe {
        if state.closed || !state.computing.is_empty() || !state.rows.all_plain() {
            return None;
        }
        let Ok(slot) = state.rows.slot_of(key) else { return None };
        if slot.is_null() {
            return Some(false);
        }
        if !is_row(slot) {
            return None;
        }
        let row = RowAt::of(slot);
        if !row.is_private() || row.deadline() <= now || row.deadline() == NO_END {
            return None;
        }
        state.version += 1;
        state.postpone(row, deadline);
        Some(true)
    }
}
