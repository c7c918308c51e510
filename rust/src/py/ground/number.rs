//! Ints that are machine numbers: read, made and added without Python code, and out of the collector's sight.

use super::object::Object;
use pyo3::ffi;

/// An exact int as a machine number; `None` for what is none, or is greater.
///
/// # Safety
/// It is alive.
#[inline(always)]
pub unsafe fn small(number: *mut ffi::PyObject) -> Option<i64> {
    // SAFETY: says the caller.
    unsafe {
        if ffi::PyLong_CheckExact(number) == 0 {
            return None;
        }
        let mut overflow = 0;
        let small = ffi::PyLong_AsLongLongAndOverflow(number, &mut overflow);
        (overflow == 0).then_some(small)
    }
}

/// A Python int; `None` where there is no memory.
///
/// # Safety
/// The thread is attached to the interpreter.
#[inline(always)]
pub unsafe fn int(number: i64) -> Option<Object> {
    // SAFETY: a new int, or null with an error set.
    unsafe {
        let made = Object::owned_or_none(ffi::PyLong_FromLongLong(number));
        if made.is_none() {
            ffi::PyErr_Clear();
        }
        made
    }
}

/// The sum of an exact int and a step; `None` where either is greater than a machine number.
///
/// # Safety
/// It is alive.
#[inline(always)]
pub unsafe fn plus(number: *mut ffi::PyObject, step: i64) -> Option<Object> {
    // SAFETY: says the caller.
    unsafe { int(small(number)?.checked_add(step)?) }
}
