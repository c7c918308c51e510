//! Rows by hash and `==`, in CPython's own dict.
//!
//! The dict's keys are handles (`ground/handle.rs`), its values slots. While every key is plain, no probe runs Python code,
//! and verbs ask the dict directly.

use super::{Looked, Rows, Table, Trash};
use crate::py::ground::object::Object;
use crate::py::ground::row::{RowAt, is_row};
use crate::py::ground::{handle, headroom};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{c_int, c_void};
#[cfg(Py_GIL_DISABLED)]
use std::sync::atomic::AtomicU32;
use std::sync::atomic::{AtomicBool, Ordering};

/// There is no room on the stack to compare keys.
pub struct NoRoom;

/// A dict of handles and slots.
pub struct HashedRows {
    dict: Object,
    /// How many handles stand for foreign keys.
    foreign: usize,
    open: bool,
    /// Whether keys may be looked up in the dict as they are: all are plain, and the table is open.
    direct: AtomicBool,
    /// Odd while many rows change: where there is no GIL, who reads without the lock looks at it before and after.
    #[cfg(Py_GIL_DISABLED)]
    disturbances: AtomicU32,
}

impl HashedRows {
    /// The dict, for as long as the table stands.
    #[inline(always)]
    pub fn dict(&self) -> *mut ffi::PyObject {
        self.dict.as_ptr()
    }

    /// The dict, where a key can be looked up in it as it is.
    #[inline(always)]
    pub fn direct(&self) -> Option<*mut ffi::PyObject> {
        self.direct.load(Ordering::Acquire).then(|| self.dict.as_ptr())
    }

    /// A number that changes, and is odd meanwhile, when many rows change at once.
    #[cfg(Py_GIL_DISABLED)]
    pub fn disturbances(&self) -> u32 {
        self.disturbances.load(Ordering::SeqCst)
    }

    fn set_foreign(&mut self, foreign: usize) {
        self.foreign = foreign;
        self.direct.store(foreign == 0 && self.open, Ordering::Release);
    }

    /// Look for a key, as `Rows::look`, where these are `of` the rows of a table.
    pub fn look_in<R: Rows>(
        table: &Table<R>,
        of: impl Fn(&R) -> &Self,
        py: Python<'_>,
        key: &Object,
    ) -> PyResult<Looked<Object>> {
        let (dict, foreign, witness) =
            table.section(|state| (of(&state.rows).dict.clone(), of(&state.rows).foreign, state.version));
        // SAFETY: all are alive for the call.
        unsafe {
            let plain = handle::is_plain(key.as_ptr());
            if plain && foreign == 0 {
                // SAFETY: what stands in the table is alive in the section.
                let slot = table.section(|state| {
                    let slot = of(&state.rows).slot_of(key.as_ptr()).ok()?;
                    Some((!slot.is_null()).then(|| Object::borrowed(slot)))
                });
                let Some(slot) = slot else { return Err(headroom::refusal(py)) };
                match &slot {
                    Some(row) if is_row(row.as_ptr()) => {
                        let handle = Object::borrowed(RowAt::of(row.as_ptr()).handle());
                        return Ok(Looked { handle, slot, witness });
                    }
                    Some(_) if !is_text(key.as_ptr()) => (), // 1 may stand there as True: see which it is
                    _ => return Ok(Looked { handle: key.clone(), slot, witness }),
                }
            }
            let looked = handle::look(py, dict.as_ptr(), key.as_ptr())?;
            #[cfg(Py_GIL_DISABLED)]
            table.section(|_| ()); // what was found may be one of many rows that are changing: let them all have changed
            let handle = match looked.handle {
                Some(handle) => handle,
                None if plain => key.clone(),
                None => handle::foreign(key.as_ptr(), looked.hash),
            };
            Ok(Looked { handle, slot: looked.slot, witness })
        }
    }

    /// The handles, in the order in which their keys came.
    pub fn handles(&self) -> Vec<Object> {
        let mut handles = Vec::with_capacity(self.len());
        let (mut position, mut handle) = (0, std::ptr::null_mut());
        // SAFETY: nothing changes the dict meanwhile, says the rule.
        unsafe {
            while ffi::PyDict_Next(self.dict.as_ptr(), &mut position, &mut handle, std::ptr::null_mut()) != 0 {
                handles.push(Object::borrowed(handle));
            }
        }
        handles
    }

    /// The dict, for who asks it outside the lock.
    pub fn shared_dict(&self) -> Object {
        self.dict.clone()
    }

    /// What stands under a plain key, or null. It is an error where there was no room on the stack to compare keys: then the
    /// general way, which looks again outside the section, raises it.
    ///
    /// # Safety
    /// The key is alive and plain.
    #[inline(always)]
    pub unsafe fn slot_of(&self, key: *mut ffi::PyObject) -> Result<*mut ffi::PyObject, NoRoom> {
        // SAFETY: says the caller.
        unsafe {
            let slot = ffi::PyDict_GetItemWithError(self.dict.as_ptr(), key);
            if slot.is_null() && !ffi::PyErr_Occurred().is_null() {
                ffi::PyErr_Clear();
                return Err(NoRoom);
            }
            Ok(slot)
        }
    }

    /// Put something under a plain key that is not there.
    ///
    /// # Errors
    /// There is no memory: a Python error is set.
    ///
    /// # Safety
    /// The key is alive and plain.
    #[inline(always)]
    pub unsafe fn add(&mut self, key: *mut ffi::PyObject, slot: &Object) -> Result<(), ()> {
        // SAFETY: says the caller.
        if unsafe { ffi::PyDict_SetItem(self.dict.as_ptr(), key, slot.as_ptr()) } < 0 { Err(()) } else { Ok(()) }
    }
}

impl Rows for HashedRows {
    type Handle = Object;

    type Batch = HashMap<usize, usize>;

    fn joined(batch: &mut Self::Batch, _py: Python<'_>, handle: &Object, number: usize) -> PyResult<Option<usize>> {
        match batch.entry(handle.as_ptr() as usize) {
            Entry::Occupied(known) => Ok(Some(*known.get())),
            Entry::Vacant(room) => {
                room.insert(number);
                Ok(None)
            }
        }
    }

    /// Merge pairs of equal keys, as `dict` does: the first key, the last value.
    fn distinct(py: Python<'_>, pairs: Vec<(Object, Object)>) -> PyResult<Vec<(Object, Object)>> {
        let merged = PyDict::new(py);
        for (key, value) in &pairs {
            merged.set_item(key.bound(py), value.bound(py))?;
        }
        drop(pairs);
        // SAFETY: the dict holds them.
        Ok(merged
            .iter()
            .map(|(k, v)| unsafe { (Object::borrowed(k.as_ptr()), Object::borrowed(v.as_ptr())) })
            .collect())
    }

    fn empty(py: Python<'_>) -> PyResult<Self> {
        // SAFETY: a new dict, or null.
        let dict = unsafe { Object::owned_or_none(ffi::PyDict_New()) };
        Ok(Self {
            dict: dict.ok_or_else(|| PyErr::fetch(py))?,
            foreign: 0,
            open: true,
            direct: AtomicBool::new(true),
            #[cfg(Py_GIL_DISABLED)]
            disturbances: AtomicU32::new(0),
        })
    }

    unsafe fn levels(handle: &Object) -> usize {
        // SAFETY: says the caller.
        unsafe { headroom::levels(handle.as_ptr()) }
    }

    fn look(table: &Table<Self>, py: Python<'_>, key: &Object) -> PyResult<Looked<Object>> {
        Self::look_in(table, |rows| rows, py, key)
    }

    #[inline]
    fn slot(&self, handle: &Object) -> *mut ffi::PyObject {
        // SAFETY: a handle is compared by C code, for which there is room.
        unsafe { ffi::PyDict_GetItemWithError(self.dict.as_ptr(), handle.as_ptr()) }
    }

    fn put(&mut self, handle: &Object, slot: Object) -> Option<Object> {
        let old = self.slot(handle);
        // SAFETY: what stood there is kept alive across the call that displaces it.
        unsafe {
            let old = (!old.is_null()).then(|| Object::borrowed(old));
            if old.is_none() && handle::is_foreign(handle.as_ptr()) {
                self.set_foreign(self.foreign + 1);
            }
            if ffi::PyDict_SetItem(self.dict.as_ptr(), handle.as_ptr(), slot.as_ptr()) < 0 {
                out_of_memory();
            }
            old
        }
    }

    fn take(&mut self, handle: &Object, trash: &mut Trash) -> Option<Object> {
        let old = self.slot(handle);
        if old.is_null() {
            return None;
        }
        // SAFETY: the slot is kept alive by the reference that is returned, a foreign key by its handle in the trash.
        unsafe {
            let old = Object::borrowed(old);
            trash.push(handle.clone());
            ffi::PyDict_DelItem(self.dict.as_ptr(), handle.as_ptr());
            if handle::is_foreign(handle.as_ptr()) {
                self.set_foreign(self.foreign - 1);
            }
            Some(old)
        }
    }

    fn may_have_come(&self, handle: &Object) -> bool {
        // SAFETY: alive.
        unsafe {
            if !handle::is_foreign(handle.as_ptr()) && self.foreign == 0 {
                return false; // the dict itself finds an equal one
            }
            handle::has_hash(self.dict.as_ptr(), handle::hash_of(handle.as_ptr()))
        }
    }

    unsafe fn handle_of(row: RowAt) -> Object {
        // SAFETY: alive, says the caller.
        unsafe { Object::borrowed(row.handle()) }
    }

    fn keep(handle: &Object) -> Object {
        handle.clone()
    }

    fn key(handle: &Object) -> Object {
        // SAFETY: the handle stands, and so does its key.
        unsafe { Object::borrowed(handle::key_of(handle.as_ptr())) }
    }

    fn with_key(handle: &Object, key: &Object) -> Object {
        let (known, key) = (Self::key(handle), key.as_ptr());
        // SAFETY: all are held. Equal keys have equal hashes.
        unsafe {
            let alike = ffi::PyUnicode_CheckExact(key) != 0 || ffi::PyBytes_CheckExact(key) != 0;
            if known.as_ptr() == key || (alike && ffi::Py_TYPE(known.as_ptr()) == ffi::Py_TYPE(key)) {
                return handle.clone();
            }
            if handle::is_plain(key) {
                Object::borrowed(key)
            } else {
                handle::foreign(key, handle::hash_of(handle.as_ptr()))
            }
        }
    }

    fn alike(py: Python<'_>, one: &Object, other: &Object) -> PyResult<bool> {
        if one.as_ptr() == other.as_ptr() {
            return Ok(true);
        }
        let (one, other) = (Self::key(one), Self::key(other));
        // SAFETY: both stand.
        unsafe {
            if ffi::PyObject_Hash(one.as_ptr()) != ffi::PyObject_Hash(other.as_ptr()) {
                ffi::PyErr_Clear();
                return Ok(false);
            }
            match ffi::PyObject_RichCompareBool(one.as_ptr(), other.as_ptr(), ffi::Py_EQ) {
                -1 => Err(PyErr::fetch(py)),
                same => Ok(same == 1),
            }
        }
    }

    #[inline]
    fn all_plain(&self) -> bool {
        self.foreign == 0
    }

    #[inline]
    fn len(&self) -> usize {
        // SAFETY: a dict.
        unsafe { ffi::PyDict_Size(self.dict.as_ptr()) as usize }
    }

    fn each(&self, mut visit: impl FnMut(*mut ffi::PyObject, *mut ffi::PyObject)) {
        let (mut position, mut handle, mut slot) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: nothing changes the dict meanwhile, says the rule.
        while unsafe { ffi::PyDict_Next(self.dict.as_ptr(), &mut position, &mut handle, &mut slot) } != 0 {
            // SAFETY: the handle stands in the dict.
            visit(unsafe { handle::key_of(handle) }, slot);
        }
    }

    fn all(&self) -> Vec<(Object, Object)> {
        let mut all = Vec::with_capacity(self.len());
        let (mut position, mut handle, mut slot) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: as in `each`.
        unsafe {
            while ffi::PyDict_Next(self.dict.as_ptr(), &mut position, &mut handle, &mut slot) != 0 {
                all.push((Object::borrowed(handle), Object::borrowed(slot)));
            }
        }
        all
    }

    #[cfg(not(Py_GIL_DISABLED))]
    fn swap(&mut self, fresh: Self) -> Self {
        std::mem::replace(self, fresh)
    }

    /// Where readers hold no lock, the dict itself stays, and what was in it goes over to the other.
    #[cfg(Py_GIL_DISABLED)]
    fn swap(&mut self, mut fresh: Self) -> Self {
        // SAFETY: both are dicts of handles; what is cleared stands in the copy, so nothing is freed.
        unsafe {
            if ffi::PyDict_Update(fresh.dict.as_ptr(), self.dict.as_ptr()) < 0 {
                out_of_memory();
            }
            ffi::PyDict_Clear(self.dict.as_ptr());
        }
        fresh.set_foreign(self.foreign);
        self.set_foreign(0);
        fresh
    }

    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        // The dict shows its keys and values itself; what row cells and handles refer to is for the table to show.
        // SAFETY: as this is called.
        unsafe {
            let status = visit(self.dict.as_ptr(), arg);
            if status != 0 {
                return status;
            }
        }
        let (mut position, mut handle, mut slot) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the collector calls this when nothing is being changed.
        unsafe {
            while ffi::PyDict_Next(self.dict.as_ptr(), &mut position, &mut handle, &mut slot) != 0 {
                let status = super::table::visit_slot(handle, slot, visit, arg);
                if status != 0 {
                    return status;
                }
            }
        }
        0
    }

    fn close(&mut self) {
        self.open = false;
        self.set_foreign(self.foreign);
    }

    #[cfg(Py_GIL_DISABLED)]
    fn disturb(&self) {
        self.disturbances.fetch_add(1, Ordering::SeqCst);
    }

    fn release(&mut self) -> Trash {
        self.set_foreign(0);
        let trash = self.all().into_iter().flat_map(|(handle, slot)| [handle, slot]).collect();
        // SAFETY: a dict, and the trash keeps what was in it.
        unsafe { ffi::PyDict_Clear(self.dict.as_ptr()) }
        trash
    }

    fn to_python(_py: Python<'_>, handle: &Object) -> PyResult<Object> {
        Ok(handle.clone())
    }

    fn from_python(_py: Python<'_>, handle: &Bound<'_, PyAny>) -> PyResult<Object> {
        // SAFETY: alive, for the caller holds it.
        Ok(unsafe { Object::borrowed(handle.as_ptr()) })
    }

    fn check(&self) {
        let mut foreign = 0;
        for (handle, _) in self.all() {
            // SAFETY: held.
            foreign += usize::from(unsafe { handle::is_foreign(handle.as_ptr()) });
        }
        assert_eq!(foreign, self.foreign, "the count of foreign keys is wrong");
    }

    fn memory(&self) -> usize {
        0
    }

    fn ground(&self) -> Option<Object> {
        Some(self.shared_dict())
    }
}

/// Tell whether keys that are equal to this plain one cannot be told from it.
unsafe fn is_text(key: *mut ffi::PyObject) -> bool {
    // SAFETY: alive, says the caller.
    unsafe { ffi::PyUnicode_CheckExact(key) != 0 || ffi::PyBytes_CheckExact(key) != 0 || key == ffi::Py_None() }
}

#[cold]
fn out_of_memory() -> ! {
    // SAFETY: the error is set; what comes of the panic says the same.
    unsafe { ffi::PyErr_Clear() }
    panic!("no memory is left for the rows of a table")
}
