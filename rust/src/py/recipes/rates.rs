//! Rates: events of a key that is counted already.

use super::slot::Slot;
use super::{Call, Held, Original, short_cuts, short_or, swap, table_class, table_in};
use crate::py::ground::handle::is_plain;
use crate::py::ground::number::{int, small};
use crate::py::ground::object::Object;
use crate::py::ground::row::is_row;
use crate::py::rows::{HashedRows, Table};
use crate::py::verbs::hot::slot_of;
use crate::py::verbs::install::give_none;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Readings of a clock, in microseconds, are whole numbers up to here.
const MOST_MICROSECONDS: f64 = 9e15;

struct Known {
    increment: Original,
    increment_at: Original,
    table: Slot,
    buckets: Slot,
    window: Slot,
    kind: Py<PyType>,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

pub fn shorten(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let known = Known {
        table: Slot::of(class, "_table")?,
        buckets: Slot::of(class, "_buckets")?,
        window: Slot::of(class, "_window")?,
        kind: table_class(py)?,
        increment_at: Original::of(class, "_increment_at")?,
        increment: Original::replace(class, "increment", "($self, key, amount=1)", increment)?,
    };
    let _ = KNOWN.set(py, known);
    Ok(())
}

short_cuts! {
    fn increment(call) {
        short_or(
            &KNOWN,
            call,
            |py, known| {
                let Call { values, positional, names, .. } = call;
                if !names.is_null() || !(positional == 1 || positional == 2) {
                    return Ok(None);
                }
                let amount = if positional == 1 { Some(1) } else { small(*values.add(1)) };
                match amount {
                    Some(amount) if amount >= 0 => count(py, known, call, amount),
                    _ => Ok(None),
                }
            },
            |known| &known.increment,
        )
    }
}

/// Count events of a key that has buckets already.
///
/// # Safety
/// The call, of a key and perhaps that amount, is going on.
#[inline(always)]
unsafe fn count(
    py: Python<'_>,
    known: &Known,
    Call { object, values, positional, .. }: Call,
    amount: i64,
) -> PyResult<Option<*mut ffi::PyObject>> {
    // SAFETY: the object is of the recipe's class; the key is alive.
    unsafe {
        let key = *values;
        let Some((_, table)) = table_in(known.table, object, &known.kind) else { return Ok(None) };
        let (buckets, window) = (small(known.buckets.get(object)), small(known.window.get(object)));
        let (Some(buckets), Some(window), true) = (buckets, window, is_plain(key)) else { return Ok(None) };
        let reading = table.clock.asked(py)?;
        let now = match &reading {
            None => table.clock.exact(py)?,
            Some(reading) if ffi::PyFloat_CheckExact(reading.as_ptr()) != 0 => ffi::PyFloat_AS_DOUBLE(reading.as_ptr()),
            Some(_) => f64::NAN, // a number of another kind, which the general way knows to use
        };
        let done = match bucket(now, buckets, window) {
            Some(number) => count_in(py, table, key, number, buckets, amount)?,
            None => false,
        };
        match reading {
            _ if done => give_none().map(Some),
            None => Ok(None),
            Some(reading) => {
                // A clock of the user's is read once, whatever it takes.
                let one = if positional == 1 { int(1) } else { Some(Object::borrowed(*values.add(1))) };
                let Some(amount) = one else { return Ok(None) };
                let values = [key, amount.as_ptr(), reading.as_ptr()];
                let call = Call { object, values: values.as_ptr(), positional: 3, names: std::ptr::null_mut() };
                Ok(Some(known.increment_at.call(call)))
            }
        }
    }
}

/// Count events in the bucket of that number; `false` says that nothing was done.
#[inline(always)]
unsafe fn count_in(
    py: Python<'_>,
    table: &Table<HashedRows>,
    key: *mut ffi::PyObject,
    number: i64,
    buckets: i64,
    amount: i64,
) -> PyResult<bool> {
    // SAFETY: the key is plain and alive.
    unsafe {
        let Some(Some(ring)) = slot_of(table, key) else { return Ok(false) };
        if is_row(ring.as_ptr()) || ffi::PyList_CheckExact(ring.as_ptr()) == 0 {
            return Ok(false);
        }
        let held = Held::wait(py)?;
        let added = add(ring.as_ptr(), number, number.saturating_sub(buckets), amount);
        drop(held);
        Ok(added.is_some()) // what was displaced is dropped here
    }
}

/// The number of the bucket that a reading of the clock is in.
#[inline(always)]
fn bucket(now: f64, buckets: i64, window: i64) -> Option<i64> {
    let microseconds = (now * 1e6).round_ties_even();
    if window <= 0 || microseconds.is_nan() || microseconds.abs() > MOST_MICROSECONDS {
        return None;
    }
    let (whole, buckets) = (microseconds as i64, buckets);
    match whole.checked_mul(buckets) {
        Some(product) => Some(product.div_euclid(window)),
        None => i64::try_from((i128::from(whole) * i128::from(buckets)).div_euclid(i128::from(window))).ok(),
    }
}

/// Add to the bucket of that number; `None` says that nothing was done, else what was displaced comes back.
///
/// # Safety
/// `ring` is a list, and the caller has the lock.
unsafe fn add(ring: *mut ffi::PyObject, number: i64, oldest: i64, amount: i64) -> Option<Option<Object>> {
    // SAFETY: everybody who uses the list has the lock, so it stays as it is found.
    unsafe {
        let length = ffi::PyList_GET_SIZE(ring);
        if length < 2 {
            return None; // it was given up
        }
        if number <= small(ffi::PyList_GET_ITEM(ring, length - 2))? {
            let sum = small(ffi::PyList_GET_ITEM(ring, length - 1))?.checked_add(amount)?;
            return Some(Some(swap(ring, length - 1, int(sum)?)));
        }
        let (number, amount) = (int(number)?, int(amount)?);
        if ffi::PyList_Append(ring, number.as_ptr()) < 0 {
            ffi::PyErr_Clear();
            return None;
        }
        if ffi::PyList_Append(ring, amount.as_ptr()) < 0 {
            ffi::PyErr_Clear();
            ffi::PyList_SetSlice(ring, length, length + 1, std::ptr::null_mut());
            return None;
        }
        let mut left = 0;
        while left < length && small(ffi::PyList_GET_ITEM(ring, left)).is_some_and(|number| number < oldest) {
            left += 2;
        }
        if left > 0 && ffi::PyList_SetSlice(ring, 0, left, std::ptr::null_mut()) < 0 {
            ffi::PyErr_Clear(); // they are left out of every count all the same
        }
        Some(None)
    }
}
