//! Walking a set table.

use super::handles::Handles;
use super::{Met, Next, Part, Walk, Walker};
use crate::py::class::{body, own};
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, is_row};
use crate::py::rows::{HashedRows, Rows, Table, Trash};
use crate::py::verbs::set::reading::value_of;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::AtomicPtr;

type Set = Table<HashedRows>;

/// Goes through the entries of a set table.
pub struct SetWalk {
    table: Option<Object>,
    handles: Handles,
}

impl Walk for SetWalk {
    const NAME: &'static CStr = c"noex.kernel._native.SetWalk";

    fn class() -> &'static AtomicPtr<ffi::PyTypeObject> {
        static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());
        &CLASS
    }

    fn of(table: Object) -> Self {
        Self { table: Some(table), handles: Handles::default() }
    }

    #[inline(always)]
    fn step(&mut self, part: Part) -> Option<Met> {
        let Self { table, handles } = self;
        // SAFETY: walks are made with tables of this kind.
        let table: &Set = unsafe { body(table.as_ref()?.as_ptr()) };
        table.section(|state| {
            if !handles.reads_on(state.version) || state.deadlines.next_due() != NO_END {
                return None;
            }
            let value = if part.has_value() {
                // SAFETY: what stands in the table is alive in the section. No row has an end.
                unsafe {
                    let slot = handles.slot(state.rows.dict())?;
                    Some(own(if is_row(slot) { RowAt::of(slot).value() } else { slot }))
                }
            } else {
                None
            };
            Some(Met { key: handles.pass(part), value })
        })
    }

    fn go_on(walk: &Walker<Self>, py: Python<'_>, part: Part) -> PyResult<Next> {
        let Some(table) = walk.section(|walk| walk.table.clone()) else { return Ok(Next::Over) };
        // SAFETY: as in `step`.
        let set: &Set = unsafe { body(table.as_ptr()) };
        if !walk.section(|walk| walk.handles.is_begun()) {
            set.refuse_closed(py)?;
            let (handles, version) = set.section(|state| (state.rows.handles(), state.version));
            let unneeded = walk.section(|walk| walk.handles.begin(handles, version));
            drop(unneeded);
            return Ok(Next::Ahead);
        }
        while let Some(handle) = walk.section(|walk| walk.handles.look_up()) {
            // SAFETY: what stands in the table is alive in the section.
            let slot = set.section(|state| unsafe {
                let slot = state.rows.slot(&handle);
                (!slot.is_null()).then(|| own(slot))
            });
            let Some(slot) = slot else {
                set.refuse_closed(py)?;
                continue;
            };
            if let Some(value) = value_of(set, py, slot)? {
                let key = part.has_key().then(|| HashedRows::key(&handle));
                return Ok(Next::Met(Met { key, value: part.has_value().then_some(value) }));
            }
        }
        walk.end();
        Ok(Next::Over)
    }

    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        // SAFETY: says the caller.
        unsafe {
            match super::visit_all(&self.table, visit, arg) {
                0 => self.handles.traverse(visit, arg),
                status => status,
            }
        }
    }

    fn release(&mut self) -> Trash {
        let mut trash = self.handles.release();
        trash.extend(self.table.take());
        trash
    }
}
