//! Looking entries up.

use super::methods;
use crate::py::class::{SetBody, own};
use crate::py::ground::clock::{self, NEVER};
use crate::py::ground::errors;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, is_row};
use crate::py::rows::{Rows, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give, give_bool};
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;

pub const LOOKUP: Parameters<2> = Parameters { method: "lookup", names: ["key", "default"], positional: 2, needed: 1 };
pub const MEMBER: Parameters<1> = Parameters { method: "member", names: ["key"], positional: 1, needed: 1 };
const LOOKUP_MANY: Parameters<1> = Parameters { method: "lookup_many", names: ["keys"], positional: 1, needed: 1 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "lookup", signature: "($self, /, key, default=None)", method: lookup::<B> },
        Verb { name: "member", signature: "($self, /, key)", method: member::<B> },
        Verb { name: "lookup_many", signature: "($self, /, keys)", method: lookup_many::<B> },
        Verb { name: "expires_in", signature: "($self, /, key)", method: expires_in::<B> },
    ]
}

/// The value in a slot that was found; `None` where it has expired. Reads the clock only for a row with an end.
pub fn value_of<R: Rows>(table: &Table<R>, py: Python<'_>, slot: Object) -> PyResult<Option<Object>> {
    // SAFETY: the slot is held; a row that is held does not change.
    unsafe {
        if !is_row(slot.as_ptr()) {
            return Ok(Some(slot));
        }
        let row = RowAt::of(slot.as_ptr());
        if row.deadline() != NO_END && row.deadline() <= clock::milliseconds(table.clock.coarse(py)?) {
            return Ok(None);
        }
        Ok(Some(Object::borrowed(row.value())))
    }
}

/// Look for a key, outside every lock.
pub fn look<R: Rows>(table: &Table<R>, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    // SAFETY: the caller holds the key.
    let key = unsafe { own(key) };
    let looked = R::look(table, py, &key).map_err(|failure| table.explain(py, failure, &key))?;
    if looked.slot.is_none() {
        table.refuse_closed(py)?;
    }
    Ok(looked.slot)
}

methods! {
    /// The value of a key, or what was given for its absence.
    fn lookup(table, py, arguments) {
        let [key, default] = arguments.sort(&LOOKUP)?;
        if let Some(slot) = look(table, py, key)?
            && let Some(value) = value_of(table, py, slot)?
        {
            return give(value);
        }
        // SAFETY: None is always there, and the caller holds the default.
        give(unsafe { own(if default.is_null() { ffi::Py_None() } else { default }) })
    }

    fn member(table, py, arguments) {
        let [key] = arguments.sort(&MEMBER)?;
        match look(table, py, key)? {
            None => give_bool(false),
            Some(slot) => give_bool(value_of(table, py, slot)?.is_some()),
        }
    }

    fn expires_in(table, py, arguments) {
        let [key] = arguments.sort(&Parameters { method: "expires_in", ..MEMBER })?;
        let slot = look(table, py, key)?;
        // SAFETY: the slot is held; a row that is held does not change.
        let deadline = slot.as_ref().map_or(NO_END, |slot| unsafe {
            if is_row(slot.as_ptr()) { RowAt::of(slot.as_ptr()).deadline() } else { NO_END }
        });
        if deadline == NO_END {
            return super::super::install::give_none();
        }
        let left = deadline as f64 - table.clock.exact(py)? * 1000.0;
        if left > clock::TOLERANCE {
            return Ok(pyo3::types::PyFloat::new(py, left / 1000.0).into_ptr());
        }
        super::super::install::give_none()
    }

    fn lookup_many(table, py, arguments) {
        let [keys] = arguments.sort(&LOOKUP_MANY)?;
        // SAFETY: the caller holds it.
        let keys = unsafe { Bound::from_borrowed_ptr(py, keys) };
        // SAFETY: each is held by `item`.
        let asked = keys.try_iter()?.map(|item| Ok(unsafe { own(item?.as_ptr()) })).collect::<PyResult<Vec<Object>>>()?;
        lookup_all(table, py, &asked)
    }
}

/// The values of those keys that are present, all of one instant.
fn lookup_all<R: Rows>(table: &Table<R>, py: Python<'_>, asked: &[Object]) -> PyResult<*mut ffi::PyObject> {
    loop {
        let now = if table.section(|state| state.deadlines.next_due()) == NO_END { NEVER } else { table.tick(py)? };
        table.refuse_closed(py)?;
        let mut looked = Vec::with_capacity(asked.len());
        for key in asked {
            looked.push(R::look(table, py, key).map_err(|failure| table.explain(py, failure, key))?);
        }
        let current = table.section(|state| {
            looked.iter().all(|found| {
                let slot = state.rows.slot(&found.handle);
                match &found.slot {
                    Some(known) => slot == known.as_ptr(),
                    None => {
                        slot.is_null() && (found.witness == state.version || !state.rows.may_have_come(&found.handle))
                    }
                }
            })
        });
        if !current {
            continue;
        }
        let values = pyo3::types::PyDict::new(py);
        for (key, found) in asked.iter().zip(looked) {
            let Some(slot) = found.slot else { continue };
            // SAFETY: all are held; a row that is held does not change.
            unsafe {
                let value = if is_row(slot.as_ptr()) {
                    let row = RowAt::of(slot.as_ptr());
                    if row.deadline() <= now {
                        continue;
                    }
                    row.value()
                } else {
                    slot.as_ptr()
                };
                if ffi::PyDict_SetItem(values.as_ptr(), key.as_ptr(), value) < 0 {
                    return Err(errors::explain(py, PyErr::fetch(py), |text| {
                        format!(
                            "lookup_many of {} returns a dict, which cannot hold such keys ({text}); look them up one by one",
                            table.label(py)
                        )
                    }));
                }
            }
        }
        return Ok(values.into_ptr());
    }
}
