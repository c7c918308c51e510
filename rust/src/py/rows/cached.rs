//! Rows of a cache: those of a set table, of which there is a limit, in the order of their last use.
//!
//! Every way in which a row comes or goes is here, so the order is that of what is there. A row of a cache with a limit
//! is a larger cell, which remembers its neighbours in the order; a cache without a limit has no order, and rows like
//! those of a set table.

use super::linked::{LINKED_ROW_SIZE, LinkedAt, linked_row};
use super::{HashedRows, Looked, NoRoom, Rows, State, Table, Trash};
use crate::py::ground::headroom;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, ROW_SIZE, RowAt, RowRef};
use crate::store::recency::Recency;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};

/// What a cache has counted.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Lookups that found something.
    pub hits: u64,
    /// Lookups that found nothing.
    pub misses: u64,
    /// Live rows that had to go.
    pub evictions: u64,
    /// Rows that have expired and are gone.
    pub expirations: u64,
    /// Calls of factories.
    pub loads: u64,
    /// Those of them that failed.
    pub load_failures: u64,
}

/// Rows by hash, at most so many.
pub struct CachedRows {
    hashed: HashedRows,
    limit: Option<usize>,
    given_limit: Option<Object>,
    recency: Recency<LinkedAt>,
    /// What has happened so far.
    pub counts: Counts,
    /// How often somebody asked that a key, or all, be gone.
    pub removals: u64,
}

// SAFETY: rows are touched under the lock of their table only.
unsafe impl Send for CachedRows {}
// SAFETY: as above.
unsafe impl Sync for CachedRows {}

impl CachedRows {
    /// Set how many rows there may be, before there are any; `given` is the same as it was given.
    pub fn set_limit(&mut self, limit: usize, given: Object) {
        assert!(self.hashed.len() == 0 && self.given_limit.is_none(), "a cache gets its limit once, before its rows");
        self.limit = Some(limit);
        self.given_limit = Some(given);
    }

    /// How many rows there may be, as it was given.
    pub fn given_limit(&self) -> Option<Object> {
        self.given_limit.clone()
    }

    /// Tell whether there are more rows than there may be.
    #[inline(always)]
    pub fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.recency.len() > limit)
    }

    /// Tell whether there are as many rows as there may be.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.recency.len() >= limit)
    }

    /// What stands under a plain key.
    ///
    /// # Safety
    /// The key is alive and plain.
    #[inline(always)]
    pub unsafe fn slot_of(&self, key: *mut ffi::PyObject) -> Result<*mut ffi::PyObject, NoRoom> {
        // SAFETY: says the caller.
        unsafe { self.hashed.slot_of(key) }
    }

    /// Put something under a plain key that is not there: a row that `fresh` made, or a value where that is no row.
    ///
    /// # Errors
    /// There is no memory: a Python error is set.
    ///
    /// # Safety
    /// The key is alive and plain.
    #[inline(always)]
    pub unsafe fn add(&mut self, key: *mut ffi::PyObject, slot: &Object) -> Result<(), ()> {
        // SAFETY: says the caller.
        unsafe { self.hashed.add(key, slot)? };
        if self.limit.is_some() {
            self.recency.insert(LinkedAt::of(slot.as_ptr()));
        }
        Ok(())
    }

    /// Put a value into the place of one, under a plain key, in a cache without a limit.
    ///
    /// # Errors
    /// There is no memory: a Python error is set.
    ///
    /// # Safety
    /// The key is alive and plain, and the caller holds what stands there.
    #[inline(always)]
    pub unsafe fn set_value(&mut self, key: *mut ffi::PyObject, value: &Object) -> Result<(), ()> {
        // SAFETY: says the caller.
        unsafe { self.hashed.add(key, value) }
    }

    /// What is to stand under a key: a row, or the value where no more need be known.
    #[inline(always)]
    pub fn fresh(&self, handle: Object, value: Object, deadline: i64) -> Object {
        if self.limit.is_some() {
            Self::row(handle, value, deadline).into_object()
        } else if deadline != NO_END {
            RowRef::new(handle, value, deadline).into_object()
        } else {
            value
        }
    }

    /// Take note that what stands in the table is used just now.
    #[inline(always)]
    pub fn used(&mut self, slot: *mut ffi::PyObject) {
        if self.limit.is_some() {
            self.recency.used(LinkedAt::of(slot));
        }
    }

    /// The row whose last use is longest ago.
    #[inline(always)]
    fn oldest(&self) -> Option<RowAt> {
        self.recency.oldest().map(LinkedAt::row)
    }

    /// Take out the row of a plain key, which is not listed among those with an end any more.
    ///
    /// # Safety
    /// The row stands in the table, and its key is plain.
    #[inline(always)]
    unsafe fn take_plain(&mut self, row: RowAt) -> RowRef {
        // SAFETY: says the caller; the reference that is returned holds what the dict lets go of.
        unsafe {
            let held = row.hold();
            ffi::PyDict_DelItem(self.hashed.dict(), row.handle());
            if self.limit.is_some() {
                self.recency.remove(LinkedAt::of(row.0.cast()));
            }
            held
        }
    }
}

impl State<CachedRows> {
    /// Make room for one row in a cache of plain keys in which none has expired: what had to go, if the cache was full.
    #[inline(always)]
    pub fn evict(&mut self) -> Option<RowRef> {
        if !self.rows.is_full() {
            return None;
        }
        let row = self.rows.oldest()?;
        self.rows.counts.evictions += 1;
        // SAFETY: what is in the order stands in the table, and all keys are plain, says the caller.
        Some(unsafe { self.remove_plain(row) })
    }

    /// Take out the row of a plain key.
    ///
    /// # Safety
    /// The row stands in the table, and its key is plain.
    pub unsafe fn remove_plain(&mut self, row: RowAt) -> RowRef {
        self.unlist(row);
        self.cells -= 1;
        // SAFETY: says the caller.
        unsafe { self.rows.take_plain(row) }
    }

    /// Bring the cache back to its size. What has expired goes first, into `gone`.
    pub fn shrink(&mut self, now: i64, gone: &mut Vec<RowRef>, trash: &mut Trash) {
        while self.rows.is_over() {
            let row = match self.deadlines.pop_due(now) {
                Some(row) => {
                    // SAFETY: what is listed stands in the table.
                    gone.push(unsafe { row.hold() });
                    row
                }
                None => {
                    let Some(row) = self.rows.oldest() else { return };
                    self.unlist(row);
                    self.rows.counts.evictions += 1;
                    row
                }
            };
            // SAFETY: it still stands in the table; after that the trash holds it, and its handle.
            let handle = unsafe { CachedRows::handle_of(row) };
            self.take_out(&handle, row, trash);
        }
    }
}

impl Rows for CachedRows {
    type Handle = Object;

    type Batch = <HashedRows as Rows>::Batch;

    fn joined(batch: &mut Self::Batch, py: Python<'_>, handle: &Object, number: usize) -> PyResult<Option<usize>> {
        HashedRows::joined(batch, py, handle, number)
    }

    fn distinct(py: Python<'_>, pairs: Vec<(Object, Object)>) -> PyResult<Vec<(Object, Object)>> {
        HashedRows::distinct(py, pairs)
    }

    fn empty(py: Python<'_>) -> PyResult<Self> {
        let hashed = HashedRows::empty(py)?;
        Ok(Self {
            hashed,
            limit: None,
            given_limit: None,
            recency: Recency::new(),
            counts: Counts::default(),
            removals: 0,
        })
    }

    unsafe fn levels(handle: &Object) -> usize {
        // SAFETY: says the caller.
        unsafe { headroom::levels(handle.as_ptr()) }
    }

    fn look(table: &Table<Self>, py: Python<'_>, key: &Object) -> PyResult<Looked<Object>> {
        HashedRows::look_in(table, |rows| &rows.hashed, py, key)
    }

    #[inline]
    fn slot(&self, handle: &Object) -> *mut ffi::PyObject {
        self.hashed.slot(handle)
    }

    fn put(&mut self, handle: &Object, slot: Object) -> Option<Object> {
        let new = slot.as_ptr();
        let old = self.hashed.put(handle, slot);
        if self.limit.is_some() {
            match &old {
                Some(old) => self.recency.replace(LinkedAt::of(old.as_ptr()), LinkedAt::of(new)),
                None => self.recency.insert(LinkedAt::of(new)),
            }
        }
        old
    }

    fn take(&mut self, handle: &Object, trash: &mut Trash) -> Option<Object> {
        let old = self.hashed.take(handle, trash);
        if self.limit.is_some()
            && let Some(old) = &old
        {
            self.recency.remove(LinkedAt::of(old.as_ptr()));
        }
        old
    }

    fn row(handle: Object, value: Object, deadline: i64) -> RowRef {
        linked_row(handle, value, deadline)
    }

    #[inline]
    fn needs_cells(&self) -> bool {
        self.limit.is_some()
    }

    fn expired(&mut self, count: usize) {
        self.counts.expirations += count as u64;
    }

    fn may_have_come(&self, handle: &Object) -> bool {
        self.hashed.may_have_come(handle)
    }

    unsafe fn handle_of(row: RowAt) -> Object {
        // SAFETY: alive, says the caller.
        unsafe { HashedRows::handle_of(row) }
    }

    fn keep(handle: &Object) -> Object {
        HashedRows::keep(handle)
    }

    fn key(handle: &Object) -> Object {
        HashedRows::key(handle)
    }

    fn alike(py: Python<'_>, one: &Object, other: &Object) -> PyResult<bool> {
        HashedRows::alike(py, one, other)
    }

    #[inline]
    fn all_plain(&self) -> bool {
        self.hashed.all_plain()
    }

    #[inline]
    fn len(&self) -> usize {
        self.hashed.len()
    }

    fn each(&self, visit: impl FnMut(*mut ffi::PyObject, *mut ffi::PyObject)) {
        self.hashed.each(visit);
    }

    fn all(&self) -> Vec<(Object, Object)> {
        self.hashed.all()
    }

    /// Limit and counts stay: they are those of the cache, not of what is in it.
    fn swap(&mut self, fresh: Self) -> Self {
        self.removals += 1;
        let recency = std::mem::replace(&mut self.recency, fresh.recency);
        Self { hashed: self.hashed.swap(fresh.hashed), recency, given_limit: None, ..*self }
    }

    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        // SAFETY: as this is called; the order refers to nothing that the dict does not.
        unsafe { self.hashed.traverse(visit, arg) }
    }

    #[cfg(Py_GIL_DISABLED)]
    fn disturb(&self) {
        self.hashed.disturb();
    }

    fn close(&mut self) {
        self.hashed.close();
    }

    fn release(&mut self) -> Trash {
        self.recency = Recency::new();
        self.hashed.release()
    }

    fn to_python(py: Python<'_>, handle: &Object) -> PyResult<Object> {
        HashedRows::to_python(py, handle)
    }

    fn from_python(py: Python<'_>, handle: &Bound<'_, PyAny>) -> PyResult<Object> {
        HashedRows::from_python(py, handle)
    }

    fn check(&self) {
        self.hashed.check();
        self.recency.check();
        let Some(limit) = self.limit else {
            assert!(self.recency.is_empty(), "a cache without a limit has an order");
            return;
        };
        assert!(self.len() <= limit, "a cache is larger than it may be");
        assert_eq!(self.len(), self.recency.len(), "the order and the rows differ");
        for linked in self.recency.iter() {
            // SAFETY: what is in the order stands in the table, which this is to show; handles are held meanwhile.
            let handle = unsafe { Self::handle_of(linked.row()) };
            assert!(self.slot(&handle).cast() == linked.row().0, "what is in the order is no row");
        }
    }

    fn memory(&self) -> usize {
        if self.limit.is_some() { self.len() * (LINKED_ROW_SIZE - ROW_SIZE) } else { 0 }
    }

    fn ground(&self) -> Option<Object> {
        self.hashed.ground()
    }
}
