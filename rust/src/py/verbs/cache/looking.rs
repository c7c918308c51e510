//! Looking entries up: counted, and a use; or neither.

use super::Cache;
use crate::py::class::{body, own};
use crate::py::ground::clock::{self, Clock, NEVER};
use crate::py::ground::errors;
use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, is_row};
use crate::py::rows::{CachedRows, Rows, State};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{called, give, give_none, run, run_hot, run_hot_number};
use crate::py::verbs::set::reading;
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

const GET: Parameters<2> = Parameters { method: "get", names: ["key", "default"], positional: 2, needed: 1 };
const PEEK: Parameters<1> = Parameters { method: "_peek", names: ["key"], positional: 1, needed: 1 };

/// The value of a key, or the default.
pub unsafe extern "C" fn get(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        unsafe {
            let table: &Cache = body(object);
            let [key, default] = if positional == 1 && names.is_null() {
                [*values, std::ptr::null_mut()]
            } else {
                called(values, positional, names).sort(&GET)?
            };
            match value_of(table, py, key)? {
                Some(value) => give(value),
                None if default.is_null() => give_none(),
                None => give(own(default)),
            }
        }
    })
}

/// The value of a key, counted as a hit and used, or counted as a miss.
#[inline(always)]
unsafe fn value_of(table: &Cache, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    let time = Time::begin(table, py)?;
    // SAFETY: the caller holds the key; what stands in the table is alive in the section.
    unsafe {
        if is_plain(key) {
            let met = table.section(|state| {
                if !state.fast {
                    return None;
                }
                let slot = state.rows.slot_of(key).ok()?;
                Some(meet(table, py, state, slot, time))
            });
            if let Some(met) = met {
                return Ok(met);
            }
        }
        Python::attach(|py| look(table, py, &own(key), time))
    }
}

/// As `value_of`, for any key.
#[inline(never)]
fn look(table: &Cache, py: Python<'_>, key: &Object, time: Time) -> PyResult<Option<Object>> {
    let looked = CachedRows::look(table, py, key).map_err(|failure| table.explain(py, failure, key))?;
    let met = table.section(|state| {
        let slot = state.rows.slot(&looked.handle);
        if state.closed { None } else { Some(meet(table, py, state, slot, time)) }
    });
    met.ok_or_else(|| errors::closed(py, &table.label(py)))
}

/// The value in a slot, if there is one that has not expired: count, and note the use.
#[inline(always)]
fn meet(
    table: &Cache,
    py: Python<'_>,
    state: &mut State<CachedRows>,
    slot: *mut ffi::PyObject,
    time: Time,
) -> Option<Object> {
    // SAFETY: the slot stands in the table, and is alive in the section.
    unsafe {
        let mut value = slot;
        if !slot.is_null() && (state.rows.needs_cells() || is_row(slot)) {
            let row = RowAt::of(slot);
            let deadline = row.deadline();
            value =
                if deadline != NO_END && deadline <= time.now(table, py) { std::ptr::null_mut() } else { row.value() };
        }
        if value.is_null() {
            state.rows.counts.misses += 1;
            return None;
        }
        state.rows.counts.hits += 1;
        state.rows.used(slot);
        Some(Object::borrowed(value))
    }
}

/// The time to compare deadlines with.
#[derive(Clone, Copy)]
enum Time {
    /// It was read before, by Python code or not at all.
    Known(i64),
    /// The system's, which is read where a deadline is met: that runs no Python code.
    System,
}

impl Time {
    #[inline(always)]
    fn begin(table: &Cache, py: Python<'_>) -> PyResult<Self> {
        match table.clock {
            Clock::System => Ok(Self::System),
            Clock::Function(_) | Clock::Manual(..) => Self::ask(table, py),
        }
    }

    #[cold]
    fn ask(table: &Cache, py: Python<'_>) -> PyResult<Self> {
        let next = table.section(|state| state.deadlines.next_due());
        Ok(Self::Known(if next == NO_END { NEVER } else { clock::milliseconds(table.clock.coarse(py)?) }))
    }

    #[inline(always)]
    fn now(self, table: &Cache, py: Python<'_>) -> i64 {
        match self {
            Self::Known(now) => now,
            Self::System => table.clock.coarse(py).map_or(NEVER, clock::milliseconds),
        }
    }
}

/// The value of a key, or `ABSENT`.
pub unsafe extern "C" fn peek(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: as in `get`.
        unsafe {
            let [key] = called(values, positional, names).sort(&PEEK)?;
            match peeked(body(object), py, key)? {
                Some(value) => give(value),
                None => crate::py::absent(py),
            }
        }
    })
}

/// `key in cache`: counts nothing, and is no use.
pub unsafe extern "C" fn contains(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    run_hot_number(|py| {
        // SAFETY: CPython calls it with an object of its class.
        Ok(c_int::from(peeked(unsafe { body(object) }, py, key)?.is_some()))
    })
}

fn peeked(table: &Cache, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    match reading::look(table, py, key)? {
        Some(slot) => reading::value_of(table, py, slot),
        None => Ok(None),
    }
}
