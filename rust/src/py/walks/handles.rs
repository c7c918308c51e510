//! The handles of a table as it was when a walk began, and how far the walk has come.
//!
//! Each entry is returned as it stands when its turn comes. While the table has not changed since, its dict is in the order
//! of the handles, and is read on from one place to the next; once it has changed, each handle is looked up.

use super::Part;
use crate::py::class::own;
use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::rows::Trash;
use pyo3::ffi;
use std::ffi::{c_int, c_void};

/// Handles that a walk goes through.
#[derive(Default)]
pub struct Handles {
    all: Vec<Option<Object>>, // those that were returned as keys are not here any more
    next: usize,
    place: ffi::Py_ssize_t, // of the next in the dict, for a walk that reads what stands there
    version: Option<u64>,   // of the table, while the dict is as it was when the walk began
    begun: bool,
}

impl Handles {
    /// Whether the walk has begun.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// Begin, with the handles of a table of that version; return what is not needed: these, if the walk has begun already.
    pub fn begin(&mut self, handles: Vec<Object>, version: u64) -> Self {
        let all = handles.into_iter().map(Some).collect();
        let ours = Self { all, next: 0, place: 0, version: Some(version), begun: true };
        if self.begun { ours } else { std::mem::replace(self, ours) }
    }

    /// Whether there are more, and the table, which has that version, is as it was.
    #[inline(always)]
    pub fn reads_on(&self, version: u64) -> bool {
        self.version == Some(version) && self.next < self.all.len()
    }

    /// What stands in the dict of the table at the next place.
    ///
    /// # Safety
    /// The dict is that of the table, and the table `reads_on`; the section goes on.
    #[inline(always)]
    pub unsafe fn slot(&mut self, dict: *mut ffi::PyObject) -> Option<*mut ffi::PyObject> {
        let mut slot = std::ptr::null_mut();
        // SAFETY: says the caller.
        let found = unsafe { ffi::PyDict_Next(dict, &mut self.place, std::ptr::null_mut(), &mut slot) };
        (found != 0).then_some(slot)
    }

    /// Go one further; return the key, if it is asked for. Drops nothing.
    #[inline(always)]
    pub fn pass(&mut self, part: Part) -> Option<Object> {
        let room = &mut self.all[self.next];
        self.next += 1;
        if !part.has_key() {
            return None;
        }
        // SAFETY: a handle stands, and so does its key.
        unsafe {
            match room {
                Some(known) if handle::is_foreign(known.as_ptr()) => Some(own(handle::key_of(known.as_ptr()))),
                _ => room.take(),
            }
        }
    }

    /// Go one further, to what is looked up by its handle, as is all that follows; `None` at the end.
    pub fn look_up(&mut self) -> Option<Object> {
        self.version = None;
        let handle = self.all.get_mut(self.next)?.take();
        self.next += 1;
        handle
    }

    /// Let the collector see the handles.
    ///
    /// # Safety
    /// As `tp_traverse` is called.
    pub unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        for known in self.all.iter().flatten().map(Object::as_ptr) {
            // SAFETY: says the caller. The key of a handle is shown by the table, while that has it.
            unsafe {
                let shown = if !handle::is_foreign(known) {
                    known
                } else if ffi::Py_REFCNT(known) == 1 {
                    handle::key_of(known)
                } else {
                    continue;
                };
                let status = visit(shown, arg);
                if status != 0 {
                    return status;
                }
            }
        }
        0
    }

    /// Give the handles away.
    pub fn release(&mut self) -> Trash {
        self.version = None;
        std::mem::take(&mut self.all).into_iter().flatten().collect()
    }
}
