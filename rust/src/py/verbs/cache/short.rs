//! Writing and removing in the short way: one section, for a plain key in a cache of plain keys.

use super::Cache;
use crate::py::class::own;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef, is_row};
use crate::py::rows::{CachedRows, Rows, State, Trash};
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;

/// What a write in the short way has displaced, to be dropped when the table is free.
enum Displaced {
    /// Nothing.
    Nothing,
    /// A row that was evicted, or a row or value that was written over.
    One(Object),
    /// Key and value of a row that was evicted.
    Both(Object, Object),
    /// Rows that have expired, for there were more rows than there may be.
    Many(Vec<RowRef>, Trash),
}

/// Write an entry with a plain key in the short way; false if it takes more than that.
#[inline(always)]
pub unsafe fn set_plain(
    table: &Cache,
    py: Python<'_>,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    now: i64,
    deadline: i64,
) -> PyResult<bool> {
    // SAFETY: the caller holds both; what stands in the table is alive in the section.
    let done = table.section(|state| unsafe {
        if !state.fast {
            return Ok(None);
        }
        let Ok(slot) = state.rows.slot_of(key) else { return Ok(None) };
        if slot.is_null() {
            arrive(state, key, value, now, deadline).map(Some)
        } else {
            overwrite(state, slot, key, value, now, deadline)
        }
    });
    match done {
        Ok(None) => Ok(false),
        Ok(Some(Displaced::Many(gone, trash))) => {
            drop(trash);
            table.reclaimed(py, gone)?;
            Ok(true)
        }
        Ok(Some(Displaced::One(old))) => {
            drop(old);
            Ok(true)
        }
        Ok(Some(Displaced::Both(key, value))) => {
            drop((key, value));
            Ok(true)
        }
        Ok(Some(Displaced::Nothing)) => Ok(true),
        Err(displaced) => {
            let failure = PyErr::fetch(py);
            drop(displaced);
            Err(failure)
        }
    }
}

/// Let a new plain key in, and bring the cache back to its size.
#[inline(always)]
unsafe fn arrive(
    state: &mut State<CachedRows>,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    now: i64,
    deadline: i64,
) -> Result<Displaced, Displaced> {
    // SAFETY: the caller holds both.
    unsafe {
        if deadline <= now || state.deadlines.next_due() <= now {
            let slot = state.rows.fresh(own(key), own(value), deadline);
            let (mut gone, mut trash) = (Vec::new(), Trash::new());
            let entered = enter(state, key, &slot, deadline);
            trash.push(slot);
            state.shrink(now, &mut gone, &mut trash);
            let displaced = Displaced::Many(gone, trash);
            return if entered { Ok(displaced) } else { Err(displaced) };
        }
        let Some(evicted) = state.evict() else {
            let slot = state.rows.fresh(own(key), own(value), deadline);
            return if enter(state, key, &slot, deadline) { Ok(Displaced::Nothing) } else { Err(Displaced::One(slot)) };
        };
        // What had to go makes room for what comes, where nobody else has it.
        if evicted.at().is_private() {
            let row = evicted.at();
            let displaced = Displaced::Both(row.swap_handle(own(key)), row.swap_value(own(value)));
            row.set_deadline(deadline);
            let slot = evicted.into_object();
            return if enter(state, key, &slot, deadline) { Ok(displaced) } else { Err(displaced) };
        }
        let slot = state.rows.fresh(own(key), own(value), deadline);
        let displaced = Displaced::One(evicted.into_object());
        if enter(state, key, &slot, deadline) { Ok(displaced) } else { Err(displaced) }
    }
}

/// Put a row, or the value that stands for one, under a plain key that is not there; false if there is no memory.
#[inline(always)]
unsafe fn enter(state: &mut State<CachedRows>, key: *mut ffi::PyObject, slot: &Object, deadline: i64) -> bool {
    // SAFETY: the caller holds all three.
    unsafe {
        state.version += 1;
        if state.rows.add(key, slot).is_err() {
            return false;
        }
        if deadline != NO_END {
            state.deadlines.insert(RowAt::of(slot.as_ptr()));
        }
        state.cells += usize::from(deadline != NO_END || state.rows.needs_cells());
        true
    }
}

/// Write over what stands under a plain key; `None` if it takes more than that.
#[inline(always)]
unsafe fn overwrite(
    state: &mut State<CachedRows>,
    slot: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    now: i64,
    deadline: i64,
) -> Result<Option<Displaced>, Displaced> {
    // SAFETY: the caller holds key and value; the slot is alive in the section.
    unsafe {
        if !is_row(slot) {
            if deadline != NO_END {
                return Ok(None);
            }
            let old = own(slot);
            state.version += 1;
            let done = state.rows.set_value(key, &own(value)).is_ok();
            return if done { Ok(Some(Displaced::One(old))) } else { Err(Displaced::One(old)) };
        }
        let row = RowAt::of(slot);
        if row.deadline() <= now {
            return Ok(None);
        }
        state.version += 1;
        if !row.is_private() {
            let handle = own(row.handle());
            let new = CachedRows::row(handle.clone(), own(value), deadline);
            state.relist(row, new.at());
            let old = state.rows.put(&handle, new.clone().into_object());
            state.rows.used(new.as_ptr());
            return Ok(old.map(Displaced::One));
        }
        if row.deadline() != deadline {
            state.unlist(row);
            row.set_deadline(deadline);
            if deadline != NO_END {
                state.deadlines.insert(row);
            }
        }
        state.rows.used(slot);
        Ok(Some(Displaced::One(row.swap_value(own(value)))))
    }
}

/// Take out what stands under a plain key, if something does; `None` if it takes more than that.
pub unsafe fn remove(state: &mut State<CachedRows>, key: *mut ffi::PyObject, now: i64) -> Option<Option<RowRef>> {
    // SAFETY: the key is plain and alive, and what stands in the table is alive in the section.
    unsafe {
        if !state.fast {
            return None;
        }
        let slot = state.rows.slot_of(key).ok()?;
        if slot.is_null() {
            return Some(None);
        }
        if !is_row(slot) || RowAt::of(slot).deadline() <= now {
            return None;
        }
        state.version += 1;
        Some(Some(state.remove_plain(RowAt::of(slot))))
    }
}
