//! The verbs that a set table is asked most: in one step for a plain key in a table of plain keys.
//!
//! Such a table is a dict, and nothing but the dict is touched: no lock where there is a GIL, no clock, no object made. Whatever
//! else a table has (other keys, lifetimes, indexes, subscribers), the verb does as the general one of `set/`.

use super::arguments::Arguments;
use super::install::{Method, Verb, called, give, give_bool, give_none, run_hot, run_hot_number};
use super::set::{reading, writing};
use crate::py::class::{body, own};
use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef, is_row};
use crate::py::ground::{clock, errors};
use crate::py::rows::{HashedRows, Rows, State, Table};
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

type Set = Table<HashedRows>;

/// The short cuts; they stand before the general verbs of the same names.
pub fn verbs() -> Vec<Verb> {
    let verb = |name, signature, method: Method| Verb { name, signature, method };
    vec![
        verb("lookup", "($self, /, key, default=None)", lookup),
        verb("member", "($self, /, key)", member),
        verb("insert", "($self, /, key, value, *, ttl=...)", insert),
        verb(
            "update_counter",
            "($self, /, key, step=1, *, default=0, threshold=None, reset_to=None, ttl=...)",
            update_counter,
        ),
        verb("_count", "($self, key, step=1, /)", count),
        verb("touch", "($self, /, key, ttl=...)", touch),
        verb("delete", "($self, /, key)", delete),
        verb("take", "($self, /, key, default=None)", take),
    ]
}

/// What stands under a key, where nothing but the dict need be asked; null if it is to be asked in the general way.
#[inline(always)]
unsafe fn slot_of(table: &Set, key: *mut ffi::PyObject) -> Option<Option<Object>> {
    // SAFETY: `key` is alive; a word of the state is read.
    unsafe {
        if !is_plain(key) {
            return None; // its `==` may be Python code, which may do anything to this very dict
        }
        let state = table.peek();
        let dict = (*state).rows.direct()?;
        #[cfg(not(Py_GIL_DISABLED))]
        {
            let slot = ffi::PyDict_GetItemWithError(dict, key);
            if !slot.is_null() {
                return Some(Some(Object::borrowed(slot)));
            }
        }
        #[cfg(Py_GIL_DISABLED)]
        {
            let before = (*state).rows.disturbances();
            let mut slot = std::ptr::null_mut();
            let status = ffi::PyDict_GetItemRef(dict, key, &mut slot);
            let slot = Object::owned_or_none(slot);
            if status >= 0 && (before % 2 == 1 || (*state).rows.disturbances() != before) {
                return None; // many rows change: the general way waits for them
            }
            if status == 1 {
                return Some(slot);
            }
        }
        if ffi::PyErr_Occurred().is_null() {
            return Some(None);
        }
        ffi::PyErr_Clear(); // the general way says what is wrong
        None
    }
}

/// The value of a key in the short way; `Err` says to go the general one.
#[inline(always)]
unsafe fn value_of(table: &Set, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Option<Object>>> {
    // SAFETY: as `slot_of`; a row that is held does not change.
    unsafe {
        match slot_of(table, key) {
            Some(Some(slot)) if !is_row(slot.as_ptr()) => Ok(Some(Some(slot))),
            Some(Some(slot)) => reading::value_of(table, py, slot).map(Some),
            Some(None) => Ok(Some(None)),
            None => match reading::look(table, py, key)? {
                None => Ok(Some(None)),
                Some(slot) => reading::value_of(table, py, slot).map(Some),
            },
        }
    }
}

unsafe extern "C" fn lookup(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        unsafe {
            let table: &Set = body(object);
            if positional == 1 && names.is_null() {
                return match value_of(table, py, *values)? {
                    Some(Some(value)) => give(value),
                    _ => give_none(),
                };
            }
            let [key, default] = called(values, positional, names).sort(&reading::LOOKUP)?;
            match value_of(table, py, key)? {
                Some(Some(value)) => give(value),
                _ if default.is_null() => give_none(),
                _ => give(own(default)),
            }
        }
    })
}

unsafe extern "C" fn member(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: as in `lookup`.
        unsafe {
            let table: &Set = body(object);
            let [key] = match called(values, positional, names).exactly() {
                Some(given) => given,
                None => called(values, positional, names).sort(&reading::MEMBER)?,
            };
            give_bool(matches!(value_of(table, py, key)?, Some(Some(_))))
        }
    })
}

/// `key in table`.
pub unsafe extern "C" fn contains(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    run_hot_number(|py| {
        // SAFETY: CPython calls it with an object of its class.
        unsafe { Ok(c_int::from(matches!(value_of(body(object), py, key)?, Some(Some(_))))) }
    })
}

/// `table[key]`.
pub unsafe extern "C" fn subscript(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: CPython calls it with an object of its class.
        unsafe {
            let table: &Set = body(object);
            match value_of(table, py, key)? {
                Some(Some(value)) => give(value),
                _ => Err(errors::key_not_found(py, &Bound::from_borrowed_ptr(py, key), &table.label(py))),
            }
        }
    })
}

/// `table[key] = value`, `del table[key]`.
pub unsafe extern "C" fn assign(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    run_hot_number(|py| {
        // SAFETY: CPython calls it with an object of its class; no value means to remove.
        unsafe {
            let table: &Set = body(object);
            if value.is_null() {
                if remove(table, py, key)?.is_none() {
                    return Err(errors::key_not_found(py, &Bound::from_borrowed_ptr(py, key), &table.label(py)));
                }
            } else {
                write(table, py, key, value)?;
            }
            Ok(0)
        }
    })
}

unsafe extern "C" fn insert(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: as in `lookup`.
        unsafe {
            let table: &Set = body(object);
            if positional == 2 && names.is_null() {
                write(table, py, *values, *values.add(1))?;
            } else {
                let [key, value, ttl] = called(values, positional, names).sort(&writing::INSERT)?;
                match writing::given(ttl) {
                    None => write(table, py, key, value)?,
                    Some(ttl) => {
                        let length = table.length(py, ttl)?;
                        write_for(table, py, key, value, length, Some(ttl))?;
                    }
                }
            }
            give_none()
        }
    })
}

/// Write an entry with the lifetime of the table.
#[inline(always)]
unsafe fn write(table: &Set, py: Python<'_>, key: *mut ffi::PyObject, value: *mut ffi::PyObject) -> PyResult<()> {
    // SAFETY: the caller holds both.
    unsafe {
        if table.lifetime.is_none() && is_plain(key) {
            let dict = table.section(|state| {
                let alone = state.fast && state.cells == 0;
                state.version += u64::from(alone);
                alone.then(|| state.rows.dict())
            });
            if let Some(dict) = dict {
                return set(table, py, dict, key, value);
            }
        }
        write_for(table, py, key, value, table.lifetime, None)
    }
}

/// Put a value into a dict without row cells, which drops what stood there when all is done.
#[cfg(not(Py_GIL_DISABLED))]
#[inline(always)]
unsafe fn set(
    _table: &Set,
    py: Python<'_>,
    dict: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> PyResult<()> {
    // SAFETY: the caller holds both; the dict stands, for nothing has run since it was asked for.
    if unsafe { ffi::PyDict_SetItem(dict, key, value) } < 0 { Err(PyErr::fetch(py)) } else { Ok(()) }
}

/// Put a value into a dict without row cells; what stood there is dropped after the lock.
#[cfg(Py_GIL_DISABLED)]
unsafe fn set(
    table: &Set,
    py: Python<'_>,
    _dict: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> PyResult<()> {
    // SAFETY: the caller holds both; what stands in the table is alive in the section.
    let done = table.section(|state| unsafe {
        if !state.fast || state.cells > 0 {
            return Ok(None); // others have been here since
        }
        let old = state.rows.slot_of(key);
        let old = (!old.is_null()).then(|| Object::borrowed(old));
        state.version += 1; // once more: others may have looked since it was asked for
        state.rows.add(key, &own(value)).map(|()| Some(old))
    });
    match done {
        Ok(Some(displaced)) => {
            drop(displaced);
            Ok(())
        }
        // SAFETY: the caller holds both.
        Ok(None) => unsafe { write_for(table, py, key, value, table.lifetime, None) },
        Err(()) => Err(PyErr::fetch(py)),
    }
}

/// Write an entry that may have an end, over a row cell that is changed in place, or as a new one.
#[inline(never)]
unsafe fn write_for(
    table: &Set,
    py: Python<'_>,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    length: Option<f64>,
    ttl: Option<*mut ffi::PyObject>,
) -> PyResult<()> {
    // SAFETY: the caller holds all that was given.
    unsafe {
        if !is_plain(key) {
            return writing::write(table, py, key, value, ttl);
        }
        let (now, deadline) = match length {
            None => (table.tick(py)?, NO_END),
            Some(length) => {
                let now = table.clock.exact(py)?;
                let moment = clock::milliseconds(now);
                if table.section(|state| state.deadlines.next_due()) <= moment {
                    table.reclaim(py, moment, crate::py::rows::RECLAIM_PER_WRITE)?;
                }
                (moment, table.deadline(py, now + length)?)
            }
        };
        let mut value = Some(own(value));
        let done = table.section(|state| {
            if !state.fast {
                return Ok(None);
            }
            let slot = state.rows.slot_of(key);
            if slot.is_null() {
                state.version += 1;
                let Some(value) = value.take() else { return Ok(None) };
                if deadline == NO_END {
                    return state.rows.add(key, &value).map(|()| Some(value));
                }
                let row = RowRef::new(own(key), value, deadline);
                state.rows.add(key, &row.clone().into_object())?;
                state.deadlines.insert(row.at());
                state.cells += 1;
                return Ok(Some(row.into_object()));
            }
            if !is_row(slot) {
                if deadline != NO_END {
                    return Ok(None);
                }
                let displaced = Object::borrowed(slot);
                state.version += 1;
                let Some(value) = value.take() else { return Ok(None) };
                return state.rows.add(key, &value).map(|()| Some(displaced));
            }
            let row = RowAt::of(slot);
            if !row.is_private() || row.deadline() <= now || (row.deadline() == NO_END) != (deadline == NO_END) {
                return Ok(None);
            }
            state.version += 1;
            if row.deadline() != deadline {
                state.deadlines.remove(row);
                row.set_deadline(deadline);
                state.deadlines.insert(row);
            }
            Ok(value.take().map(|value| row.swap_value(value)))
        });
        match done {
            Ok(Some(displaced)) => {
                drop(displaced);
                Ok(())
            }
            Ok(None) => {
                let Some(value) = value else { return Ok(()) };
                writing::write_until(table, py, &own(key), &value, now, deadline)
            }
            Err(()) => Err(PyErr::fetch(py)),
        }
    }
}

unsafe extern "C" fn update_counter(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `lookup`.
    unsafe { counted(object, values, positional, names, super::set::counting::update_counter::<Set>) }
}

unsafe extern "C" fn count(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `lookup`.
    unsafe { counted(object, values, positional, names, super::set::counting::count::<Set>) }
}

/// Count a plain key up by a small int, or do as the general verb.
#[inline(always)]
unsafe fn counted(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    general: Method,
) -> *mut ffi::PyObject {
    // SAFETY: as in `lookup`.
    unsafe {
        if names.is_null() && (positional == 1 || positional == 2) {
            let table: &Set = body(object);
            let key = *values;
            let step = if positional == 1 { Some(1) } else { small(*values.add(1)) };
            if let Some(step) = step
                && is_plain(key)
                && let Some(sum) = table.section(|state| add(state, key, step))
            {
                return sum;
            }
        }
        general(object, values, positional, names)
    }
}

/// Add to an int that stands under a key; `None` where it takes more than that.
#[inline(always)]
unsafe fn add(state: &mut State<HashedRows>, key: *mut ffi::PyObject, step: i64) -> Option<*mut ffi::PyObject> {
    // SAFETY: the key is plain and alive; what stands in the table is alive in the section. Ints are freed without Python code.
    unsafe {
        if !state.fast {
            return None;
        }
        let slot = state.rows.slot_of(key);
        if slot.is_null() || ffi::PyLong_CheckExact(slot) == 0 {
            return None;
        }
        let sum = small(slot)?.checked_add(step)?;
        let sum = ffi::PyLong_FromLongLong(sum);
        if sum.is_null() || ffi::PyDict_SetItem(state.rows.dict(), key, sum) < 0 {
            ffi::PyErr_Clear();
            return None;
        }
        state.version += 1;
        Some(sum)
    }
}

/// An exact int as a machine number; `None` for what is none, or is greater.
#[inline(always)]
unsafe fn small(number: *mut ffi::PyObject) -> Option<i64> {
    // SAFETY: the caller holds it.
    unsafe {
        if ffi::PyLong_CheckExact(number) == 0 {
            return None;
        }
        let mut overflow = 0;
        let small = ffi::PyLong_AsLongLongAndOverflow(number, &mut overflow);
        (overflow == 0).then_some(small)
    }
}

unsafe extern "C" fn touch(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as in `lookup`.
    unsafe {
        let table: &Set = body(object);
        let arguments: Arguments = called(values, positional, names);
        if let (Some([key]), Some(length)) = (arguments.exactly(), table.lifetime)
            && is_plain(key)
        {
            return run_hot(|py| {
                let now = table.clock.exact(py)?;
                let moment = clock::milliseconds(now);
                if table.section(|state| state.deadlines.next_due()) <= moment {
                    table.reclaim(py, moment, crate::py::rows::RECLAIM_PER_WRITE)?;
                }
                let deadline = table.deadline(py, now + length)?;
                match table.section(|state| postpone(state, key, moment, deadline)) {
                    Some(done) => give_bool(done),
                    None => give_bool(super::set::lifetimes::reschedule(table, py, key, deadline, moment, false)?),
                }
            });
        }
        super::set::lifetimes::touch::<Set>(object, values, positional, names)
    }
}

/// Give the row of a plain key another deadline, in place; `None` where it takes more than that.
unsafe fn postpone(state: &mut State<HashedRows>, key: *mut ffi::PyObject, now: i64, deadline: i64) -> Option<bool> {
    // SAFETY: the key is plain and alive; what stands in the table is alive in the section.
    unsafe {
        if state.closed || !state.computing.is_empty() || !state.rows.all_plain() {
            return None;
        }
        let slot = state.rows.slot_of(key);
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
        if row.deadline() != deadline {
            state.deadlines.remove(row);
            row.set_deadline(deadline);
            state.deadlines.insert(row);
        }
        Some(true)
    }
}

/// Remove an entry and return its value, if there is one.
#[inline(always)]
unsafe fn remove(table: &Set, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    // SAFETY: the caller holds the key.
    unsafe {
        if is_plain(key) {
            let done = table.section(|state| {
                if !state.fast || state.cells > 0 {
                    return None;
                }
                let slot = state.rows.slot_of(key);
                if slot.is_null() {
                    return Some(None);
                }
                let value = Object::borrowed(slot);
                state.version += 1;
                ffi::PyDict_DelItem(state.rows.dict(), key);
                Some(Some(value))
            });
            if let Some(done) = done {
                return Ok(done);
            }
        }
        writing::remove(table, py, key)
    }
}

unsafe extern "C" fn delete(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: as in `lookup`.
        unsafe {
            let [key] = called(values, positional, names).sort(&writing::KEYED)?;
            give_bool(remove(body(object), py, key)?.is_some())
        }
    })
}

unsafe extern "C" fn take(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: as in `lookup`.
        unsafe {
            let [key, default] = called(values, positional, names).sort(&writing::TAKE)?;
            match remove(body(object), py, key)? {
                Some(value) => give(value),
                None if default.is_null() => give_none(),
                None => give(own(default)),
            }
        }
    })
}
