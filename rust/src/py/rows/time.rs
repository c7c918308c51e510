//! How a verb begins: it reads the clock once, if at all, takes out a little of what is due, and has a deadline for what it writes.

use super::{Rows, Table};
use crate::py::ground::clock::{self, NEVER};
use crate::py::ground::row::NO_END;
use crate::py::ground::sentinels;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// How many rows that are due a write takes out.
pub const RECLAIM_PER_WRITE: usize = 4;

impl<R: Rows> Table<R> {
    /// Begin a verb: read the clock once, reclaim a little of what is due, return the time.
    #[inline]
    pub fn tick(&self, py: Python<'_>) -> PyResult<i64> {
        self.tick_for(py, RECLAIM_PER_WRITE)
    }

    /// Begin a verb that counts or ranks: as `tick`, and reclaim all that is due.
    #[inline]
    pub fn tick_all(&self, py: Python<'_>) -> PyResult<i64> {
        self.tick_for(py, usize::MAX)
    }

    #[inline]
    fn tick_for(&self, py: Python<'_>, limit: usize) -> PyResult<i64> {
        let next = self.section(|state| state.deadlines.next_due());
        if next == NO_END {
            return Ok(NEVER);
        }
        let now = clock::milliseconds(self.clock.coarse(py)?);
        if next <= now {
            self.reclaim_due(now, limit)?;
        }
        Ok(now)
    }

    /// Reclaim what is due, in a hot verb, too: it may run code of the user's, and so PyO3 is told that the thread is attached.
    #[cold]
    #[inline(never)]
    fn reclaim_due(&self, now: i64, limit: usize) -> PyResult<()> {
        Python::attach(|py| self.reclaim(py, now, limit)).map(drop)
    }

    /// Begin a verb that may start a lifetime: return the time and the deadline. `ttl` is what the caller gave.
    pub fn begin(&self, py: Python<'_>, ttl: Option<*mut ffi::PyObject>) -> PyResult<(i64, i64)> {
        let length = match ttl {
            None => self.lifetime,
            Some(ttl) => self.length(py, ttl)?,
        };
        self.begin_for(py, length)
    }

    /// As `begin`, where the seconds of the lifetime are known: `None` for no end.
    #[inline]
    pub fn begin_for(&self, py: Python<'_>, length: Option<f64>) -> PyResult<(i64, i64)> {
        let Some(length) = length else { return Ok((self.tick(py)?, NO_END)) };
        let now = self.clock.exact(py)?;
        let moment = clock::milliseconds(now);
        if self.section(|state| state.deadlines.next_due()) <= moment {
            self.reclaim_due(moment, RECLAIM_PER_WRITE)?;
        }
        Ok((moment, self.deadline(py, now + length)?))
    }

    /// The deadline of what ends at a time of the clock.
    pub fn deadline(&self, py: Python<'_>, end: f64) -> PyResult<i64> {
        clock::deadline(end).ok_or_else(|| clock::refusal(py, &self.label(py), end))
    }

    /// The seconds of a lifetime that was given, None for no end.
    pub fn length(&self, py: Python<'_>, ttl: *mut ffi::PyObject) -> PyResult<Option<f64>> {
        // SAFETY: the caller holds what was given.
        unsafe {
            if ttl == sentinels::default(py)? {
                return Ok(self.lifetime);
            }
            if ttl == ffi::Py_None() {
                return Ok(None);
            }
            let exact = ffi::PyFloat_CheckExact(ttl) != 0;
            if exact || (ffi::PyLong_CheckExact(ttl) != 0) {
                let given = ffi::PyFloat_AsDouble(ttl);
                if given > 0.0 && given <= 1e12 {
                    return Ok(Some(given));
                }
                ffi::PyErr_Clear();
            }
            static SECONDS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            let seconds =
                SECONDS.get_or_try_init(py, || py.import("noex.clock")?.getattr("seconds").map(Bound::unbind))?;
            let given = Bound::from_borrowed_ptr(py, ttl);
            Ok(Some(seconds.bind(py).call1((given, "ttl"))?.extract()?))
        }
    }
}
