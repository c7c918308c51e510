//! Time, as tables ask for it: seconds of a clock, as whole milliseconds for deadlines.
//!
//! The arithmetic is that of `noex.clock`: a deadline is rounded up, and half a microsecond is taken back from what
//! binary fractions add.

use super::object::Object;
use super::row::NO_END;
use crate::py::recipes::slot::Slot;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyInt, PyType};

/// In milliseconds: what is closer than this to a whole millisecond counts as that millisecond.
pub const TOLERANCE: f64 = 0.0005;

/// In seconds from zero: beyond it, nothing can end. `noex.clock` has the same.
const FARTHEST: f64 = 1e15;

/// Before all time: when nothing has expired yet.
pub const NEVER: i64 = i64::MIN;

/// After all time: when all that has an end has expired. What has none is later still.
const AFTER_ALL: i64 = NO_END - 2;

/// The time of a clock that returns NaN: all that has an end is as if it had expired, but nothing is due.
pub const NO_TIME: i64 = NO_END - 1;

static MANUAL: PyOnceLock<(Py<PyType>, Slot)> = PyOnceLock::new();

/// Take note of the class of clocks that are set by hand: objects of this very class are read without a call.
pub fn know_manual(class: &Bound<'_, PyType>) -> PyResult<()> {
    let known = (class.clone().unbind(), Slot::of(class, "_seconds")?);
    let _ = MANUAL.set(class.py(), known); // the first one stands
    Ok(())
}

/// Where a table has its time from.
pub enum Clock {
    /// The system's monotonic clock, read without Python.
    System,
    /// A function of the user's.
    Function(Object),
    /// A clock that is set by hand, which keeps its reading in a slot.
    Manual(Object, Slot),
}

impl Clock {
    /// Take what `check_clock` returned.
    pub fn new(clock: &Bound<'_, PyAny>) -> PyResult<Self> {
        static MONOTONIC: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = clock.py();
        let monotonic = MONOTONIC.get_or_try_init(py, || py.import("time")?.getattr("monotonic").map(Bound::unbind))?;
        if cfg!(target_os = "linux") && clock.is(monotonic) {
            return Ok(Self::System);
        }
        // SAFETY: alive, for the caller holds it.
        let function = unsafe { Object::borrowed(clock.as_ptr()) };
        match MANUAL.get(py) {
            // Without a GIL, a slot that others change is not to be read like this.
            Some((class, slot)) if cfg!(not(Py_GIL_DISABLED)) && clock.get_type().is(class) => {
                Ok(Self::Manual(function, *slot))
            }
            _ => Ok(Self::Function(function)),
        }
    }

    /// Read the time exactly, in seconds: what deadlines are counted from.
    #[inline(always)]
    pub fn exact(&self, py: Python<'_>) -> PyResult<f64> {
        match self {
            #[cfg(target_os = "linux")]
            Self::System => Ok(system::read(libc::CLOCK_MONOTONIC)),
            #[cfg(not(target_os = "linux"))]
            Self::System => unreachable!("only Linux has a clock that is read without Python"),
            Self::Function(function) => ask(py, function),
            Self::Manual(clock, slot) => read(py, clock, *slot),
        }
    }

    /// What a function of the user's returns, which is called once; `None` for a clock that is read without a call.
    #[inline(always)]
    pub fn asked(&self, py: Python<'_>) -> PyResult<Option<Object>> {
        match self {
            Self::Function(function) => call(py, function).map(Some),
            Self::System | Self::Manual(..) => Ok(None),
        }
    }

    /// Read the time, in seconds, up to a tick late: what deadlines are compared with.
    #[inline(always)]
    pub fn coarse(&self, py: Python<'_>) -> PyResult<f64> {
        match self {
            #[cfg(target_os = "linux")]
            Self::System => Ok(system::read(libc::CLOCK_MONOTONIC_COARSE)),
            #[cfg(not(target_os = "linux"))]
            Self::System => unreachable!("only Linux has a clock that is read without Python"),
            Self::Function(function) => ask(py, function),
            Self::Manual(clock, slot) => read(py, clock, *slot),
        }
    }

    /// The function, where it is one.
    pub fn function(&self) -> Option<&Object> {
        match self {
            Self::System => None,
            Self::Function(function) | Self::Manual(function, _) => Some(function),
        }
    }
}

/// The whole milliseconds of a reading: expired is what has a deadline that is not greater.
#[inline(always)]
pub fn milliseconds(seconds: f64) -> i64 {
    floor(seconds * 1000.0 + TOLERANCE)
}

/// A time in milliseconds, in whole ones: as floats, these compare with deadlines alike.
#[inline(always)]
pub fn floor(time: f64) -> i64 {
    if time < AFTER_ALL as f64 {
        let whole = time as i64; // towards zero; `floor` is a call of a function on processors that need not have it
        return whole.saturating_sub(i64::from(time < whole as f64));
    }
    if time.is_nan() { NO_TIME } else { AFTER_ALL }
}

/// The time up to which rows are taken out: no row is because of a clock that returns NaN.
#[inline(always)]
pub fn due_by(now: i64) -> i64 {
    if now == NO_TIME { NEVER } else { now }
}

/// The deadline of what ends at that time; `None` if nothing can end then.
#[inline(always)]
pub fn deadline(end: f64) -> Option<i64> {
    if !(-FARTHEST..=FARTHEST).contains(&end) {
        return None; // nor does NaN come through here
    }
    let end = end * 1000.0 - TOLERANCE;
    let whole = end as i64; // towards zero
    Some(whole + i64::from(end > whole as f64))
}

/// What to say of a clock that leads nowhere.
pub fn refusal(py: Python<'_>, label: &str, end: f64) -> PyErr {
    let end = PyFloat::new(py, end).repr().map(|text| text.to_string()).unwrap_or_default();
    PyValueError::new_err(format!(
        "the clock of {label} leads to the time {end}, at which nothing can end; \
         a clock returns seconds as a number from -1e15 to 1e15"
    ))
}

/// Read a clock that is set by hand.
#[inline(always)]
fn read(py: Python<'_>, clock: &Object, slot: Slot) -> PyResult<f64> {
    // SAFETY: the clock is of the class that has the slot; its type is looked at before what it says is used.
    unsafe {
        let seconds = slot.get(clock.as_ptr());
        if !seconds.is_null() && ffi::PyFloat_CheckExact(seconds) != 0 {
            return Ok(ffi::PyFloat_AS_DOUBLE(seconds));
        }
    }
    ask(py, clock)
}

#[cold]
fn ask(py: Python<'_>, function: &Object) -> PyResult<f64> {
    let now = call(py, function)?;
    // SAFETY: alive; the type is looked at before what it says is used.
    unsafe {
        if ffi::PyFloat_CheckExact(now.as_ptr()) != 0 {
            return Ok(ffi::PyFloat_AS_DOUBLE(now.as_ptr()));
        }
    }
    number(now.bound(py))
}

fn call(py: Python<'_>, function: &Object) -> PyResult<Object> {
    let function = function.clone(); // the table may be closed meanwhile
    // SAFETY: alive; a new reference or null comes back.
    let now = unsafe { Object::owned_or_none(ffi::PyObject_CallNoArgs(function.as_ptr())) };
    now.ok_or_else(|| PyErr::fetch(py))
}

/// The number that a clock returned: whatever can be reckoned with as a number can, and nothing else.
fn number(now: &Bound<'_, PyAny>) -> PyResult<f64> {
    if !now.is_instance_of::<PyFloat>() && !now.is_instance_of::<PyInt>() {
        now.mul(1000)?.add(TOLERANCE)?; // what only turns into a number, as a text may, is none
    }
    now.extract()
}

#[cfg(target_os = "linux")]
mod system {
    /// Read one of the system's clocks, in seconds.
    #[inline(always)]
    pub fn read(clock: libc::clockid_t) -> f64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the room is there, and these two clocks are on every Linux.
        unsafe { libc::clock_gettime(clock, &mut time) };
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }
}
