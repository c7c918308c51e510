//! Metrics: an observation in a histogram without labels that is there already.

use super::slot::Slot;
use super::{Call, Held, Original, short_cuts, short_or, swap, table_class, table_in};
use crate::py::ground::number::{int, small};
use crate::py::ground::object::Object;
use crate::py::ground::row::is_row;
use crate::py::verbs::hot::slot_of;
use crate::py::verbs::install::give_none;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Ints up to here are floats without loss.
const MOST_EXACT: i64 = 1 << 53;

struct Known {
    observe: Original,
    series: Slot,
    kind: Py<PyType>,
    series_class: Py<PyType>,
    histogram: Slot,
    histogram_class: Py<PyType>,
    bounds: Slot,
    slots: Slot,
    sum: Slot,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

pub fn shorten(class: &Bound<'_, PyType>, series: &Bound<'_, PyType>, histogram: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let known = Known {
        series: Slot::of(class, "_series")?,
        kind: table_class(py)?,
        series_class: series.clone().unbind(),
        histogram: Slot::of(series, "histogram")?,
        histogram_class: histogram.clone().unbind(),
        bounds: Slot::of(histogram, "bounds")?,
        slots: Slot::of(histogram, "slots")?,
        sum: Slot::of(histogram, "sum")?,
        observe: Original::replace(class, "observe", "($self, name, value, labels=None, *, buckets=None)", observe)?,
    };
    let _ = KNOWN.set(py, known);
    Ok(())
}

short_cuts! {
    fn observe(call) {
        short_or(
            &KNOWN,
            call,
            |py, known| {
                let Call { object, values, positional, names } = call;
                let named = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) };
                // A name that is given, `labels` or `buckets`, leaves things as they are if it is None.
                if positional != 2 || named > 1 || (named == 1 && *values.add(2) != ffi::Py_None()) {
                    return Ok(None);
                }
                if named == 1 && !known_name(ffi::PyTuple_GET_ITEM(names, 0)) {
                    return Ok(None);
                }
                count(py, known, object, *values, *values.add(1))
            },
            |known| &known.observe,
        )
    }
}

unsafe fn known_name(name: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller has it from CPython, and these are C strings.
    unsafe {
        ffi::PyUnicode_CompareWithASCIIString(name, c"buckets".as_ptr()) == 0
            || ffi::PyUnicode_CompareWithASCIIString(name, c"labels".as_ptr()) == 0
    }
}

/// Count a number in a histogram that is there already.
#[inline(always)]
unsafe fn count(
    py: Python<'_>,
    known: &Known,
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> PyResult<Option<*mut ffi::PyObject>> {
    // SAFETY: the object is of the recipe's class; name and value are alive. A type is looked at before what it says is used.
    unsafe {
        let Some(number) = Number::of(value) else { return Ok(None) };
        let Some((_, table)) = table_in(known.series, object, &known.kind) else { return Ok(None) };
        if ffi::PyUnicode_CheckExact(name) == 0 {
            return Ok(None);
        }
        let Some(Some(series)) = slot_of(table, name) else { return Ok(None) };
        if is_row(series.as_ptr()) || ffi::Py_TYPE(series.as_ptr()).cast() != known.series_class.as_ptr() {
            return Ok(None);
        }
        let histogram = known.histogram.get(series.as_ptr()); // as long as the series
        if histogram.is_null() || ffi::Py_TYPE(histogram).cast() != known.histogram_class.as_ptr() {
            return Ok(None);
        }
        let Some(slot) = slot_for(known.bounds.get(histogram), number.as_float()) else { return Ok(None) };
        let held = Held::wait(py)?;
        let displaced = add(known, histogram, slot, number);
        drop(held);
        if displaced.is_none() { Ok(None) } else { give_none().map(Some) }
    }
}

/// Where `bisect_left` finds a number among the bounds.
#[inline(always)]
unsafe fn slot_for(bounds: *mut ffi::PyObject, number: f64) -> Option<ffi::Py_ssize_t> {
    // SAFETY: a tuple does not change; a type is looked at before what it says is used.
    unsafe {
        if bounds.is_null() || ffi::PyTuple_CheckExact(bounds) == 0 {
            return None;
        }
        let (mut low, mut high) = (0, ffi::PyTuple_GET_SIZE(bounds));
        while low < high {
            let middle = low + (high - low) / 2;
            let bound = ffi::PyTuple_GET_ITEM(bounds, middle);
            if ffi::PyFloat_CheckExact(bound) == 0 {
                return None;
            }
            if ffi::PyFloat_AS_DOUBLE(bound) < number {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low)
    }
}

/// Add to a slot and to the sum; `None` says that nothing was done, else what was displaced comes back.
///
/// # Safety
/// `histogram` is one, and the caller has the lock.
#[inline(always)]
unsafe fn add(
    known: &Known,
    histogram: *mut ffi::PyObject,
    slot: ffi::Py_ssize_t,
    number: Number,
) -> Option<(Object, Object)> {
    // SAFETY: everybody who uses slots and sum has the lock, so they stay as they are found.
    unsafe {
        let slots = known.slots.get(histogram);
        let place = known.sum.place(histogram);
        if slots.is_null()
            || (*place).is_null()
            || ffi::PyList_CheckExact(slots) == 0
            || slot >= ffi::PyList_GET_SIZE(slots)
        {
            return None;
        }
        let count = int(small(ffi::PyList_GET_ITEM(slots, slot))?.checked_add(1)?)?;
        let sum = number.added_to(*place)?;
        let count = swap(slots, slot, count);
        Some((count, Object::owned(std::mem::replace(&mut *place, sum.into_ptr()))))
    }
}

/// A number that is a float without loss, and not NaN.
#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// What a Python number is; `None` for another one.
    #[inline(always)]
    unsafe fn of(value: *mut ffi::PyObject) -> Option<Self> {
        // SAFETY: the caller holds it.
        unsafe {
            if ffi::PyFloat_CheckExact(value) != 0 {
                let float = ffi::PyFloat_AS_DOUBLE(value);
                return (!float.is_nan()).then_some(Self::Float(float));
            }
            small(value).filter(|int| (-MOST_EXACT..=MOST_EXACT).contains(int)).map(Self::Int)
        }
    }

    #[inline(always)]
    fn as_float(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    /// The sum with a Python number, as Python adds them; `None` where that takes more.
    #[inline(always)]
    unsafe fn added_to(self, sum: *mut ffi::PyObject) -> Option<Object> {
        // SAFETY: the caller holds it; a new reference, or null with an error set.
        unsafe {
            if let (Self::Int(amount), Some(sum)) = (self, small(sum)) {
                return int(sum.checked_add(amount)?);
            }
            let sum =
                if ffi::PyFloat_CheckExact(sum) != 0 { ffi::PyFloat_AS_DOUBLE(sum) } else { Self::of(sum)?.as_float() };
            let made = Object::owned_or_none(ffi::PyFloat_FromDouble(sum + self.as_float()));
            if made.is_none() {
                ffi::PyErr_Clear();
            }
            made
        }
    }
}
