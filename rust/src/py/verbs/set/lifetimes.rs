//! How long an entry has: giving it longer, taking the end away, reclaiming what is over.

use super::methods;
use super::writing::{find, given, new_row};
use crate::py::class::{SetBody, own};
use crate::py::ground::clock::{self};
use crate::py::ground::object::Object;
use crate::py::ground::row::NO_END;
use crate::py::rows::{Change, Outcome, Rows, Table};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_bool, give_count};
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

const TOUCH: Parameters<2> = Parameters { method: "touch", names: ["key", "ttl"], positional: 2, needed: 1 };
const PERSIST: Parameters<1> = Parameters { method: "persist", names: ["key"], positional: 1, needed: 1 };
const SWEEP: Parameters<1> = Parameters { method: "sweep", names: ["limit"], positional: 1, needed: 0 };

pub fn verbs<B: SetBody>() -> Vec<Verb> {
    vec![
        Verb { name: "touch", signature: "($self, /, key, ttl=...)", method: touch::<B> },
        Verb { name: "persist", signature: "($self, /, key)", method: persist::<B> },
        Verb { name: "sweep", signature: "($self, /, limit=None)", method: sweep::<B> },
    ]
}

/// Give an entry another deadline; tell whether it is there, and had an end if it must.
pub fn reschedule<R: Rows>(
    table: &Table<R>,
    py: Python<'_>,
    key: *mut ffi::PyObject,
    deadline: i64,
    now: i64,
    ended: bool,
) -> PyResult<bool> {
    // SAFETY: the caller holds it.
    let key = unsafe { own(key) };
    loop {
        let found = find(table, py, &key, now)?;
        let Some(row) = found.row.clone() else { return Ok(false) };
        if ended && row.at().deadline() == NO_END {
            return Ok(false);
        }
        // SAFETY: a row that is held does not change.
        let value = unsafe { Object::borrowed(row.at().value()) };
        let new = Some(new_row(&found, value, deadline));
        let change = Change { handle: found.handle, old: found.row, new, witness: found.witness, quiet: true };
        if matches!(table.commit(py, change, now)?, Outcome::Done) {
            return Ok(true);
        }
    }
}

methods! {
    fn touch(table, py, arguments) {
        let [key, ttl] = arguments.sort(&TOUCH)?;
        let (now, deadline) = table.begin(py, given(ttl))?;
        give_bool(reschedule(table, py, key, deadline, now, false)?)
    }

    fn persist(table, py, arguments) {
        let [key] = arguments.sort(&PERSIST)?;
        let now = table.tick(py)?;
        give_bool(reschedule(table, py, key, NO_END, now, true)?)
    }

    fn sweep(table, py, arguments) {
        let [limit] = arguments.sort(&SWEEP)?;
        let limit = checked_limit(py, limit)?.unwrap_or(usize::MAX);
        table.refuse_closed(py)?;
        if table.section(|state| state.deadlines.next_due()) == NO_END {
            return give_count(py, 0);
        }
        let now = clock::milliseconds(table.clock.coarse(py)?);
        give_count(py, table.reclaim(py, now, limit)?)
    }
}

/// Read a limit: None, or an int of zero or more.
pub fn checked_limit(py: Python<'_>, limit: *mut ffi::PyObject) -> PyResult<Option<usize>> {
    static CHECK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    // SAFETY: None is always there; the caller holds what was given.
    unsafe {
        if limit.is_null() || limit == ffi::Py_None() {
            return Ok(None);
        }
        let check =
            CHECK.get_or_try_init(py, || py.import("noex._arguments")?.getattr("check_limit").map(Bound::unbind))?;
        let limit = Bound::from_borrowed_ptr(py, limit);
        check.bind(py).call1((&limit,))?;
        Ok(Some(limit.extract().unwrap_or(usize::MAX)))
    }
}
