//! A set kind's table: its rows, its time, what watches it, and the lock around them.

use super::{Rows, Trash};
use crate::py::ground::clock::{self, Clock, NEVER};
use crate::py::ground::errors;
use crate::py::ground::handle;
use crate::py::ground::lock::Lock;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef, is_row};
use crate::py::watch::Watch;
use crate::store::deadlines::{Deadlines, Scheduled};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};

/// How many rows that are due a write takes out.
pub const RECLAIM_PER_WRITE: usize = 4;

/// A table of a set kind.
pub struct Table<R: Rows> {
    lock: Lock,
    state: UnsafeCell<State<R>>,
    /// Where the time comes from.
    pub clock: Clock,
    /// The same, as it was given.
    pub given_clock: Object,
    /// The name in the store, or None.
    pub name: Object,
    /// The kind, as the table calls itself.
    pub kind: &'static str,
    /// The lifetime of entries that are written without one, in seconds.
    pub lifetime: Option<f64>,
}

// SAFETY: the state is touched in sections only, which hold the lock.
unsafe impl<R: Rows> Sync for Table<R> {}
// SAFETY: as above.
unsafe impl<R: Rows> Send for Table<R> {}

/// What a table changes under its lock.
pub struct State<R: Rows> {
    /// The rows.
    pub rows: R,
    /// Whether the short cuts of the hot verbs may be taken: all keys are plain, nobody watches, computes, or has closed it.
    pub fast: bool,
    /// How many slots are row cells.
    pub cells: usize,
    /// Counts changes, of lifetimes and expiry too.
    pub version: u64,
    /// The rows with an end.
    pub deadlines: Deadlines<RowAt>,
    /// Whether the table is closed.
    pub closed: bool,
    /// The keys that functions of `compute` are at work on, with their threads.
    pub computing: Vec<(u64, R::Handle)>,
    /// Indexes and subscribers.
    pub watch: Option<Box<Watch>>,
    /// Called with rows that have expired, as a list.
    pub on_reclaim: Option<Object>,
}

/// What finding a key found: its handle, its row where it has a live one, and the witness for its absence.
pub struct Found<R: Rows> {
    /// What stands for the key.
    pub handle: R::Handle,
    /// The row, which is a cell now, and does not change while it is held here.
    pub row: Option<RowRef>,
    /// The number of changes when the search began.
    pub witness: u64,
}

impl<R: Rows> Table<R> {
    /// A table without rows.
    pub fn new(
        py: Python<'_>,
        kind: &'static str,
        name: &Bound<'_, PyAny>,
        clock: &Bound<'_, PyAny>,
        lifetime: Option<f64>,
    ) -> PyResult<Self> {
        let state = State {
            rows: R::empty(py)?,
            fast: true,
            cells: 0,
            version: 0,
            deadlines: Deadlines::new(),
            closed: false,
            computing: Vec::new(),
            watch: None,
            on_reclaim: None,
        };
        // SAFETY: alive, for the caller holds it.
        let (name, given_clock) = unsafe { (Object::borrowed(name.as_ptr()), Object::borrowed(clock.as_ptr())) };
        let (lock, state) = (Lock::new(), UnsafeCell::new(state));
        Ok(Self { lock, state, clock: Clock::new(clock)?, given_clock, name, kind, lifetime })
    }

    /// Look at or change the state, while nobody else does. What is done in here runs no Python code, allocates no Python
    /// object that the collector knows, raises nothing and frees no object of the user's.
    #[inline(always)]
    pub fn section<T>(&self, work: impl FnOnce(&mut State<R>) -> T) -> T {
        let _held = self.lock.hold();
        // SAFETY: the lock is held, and no section is entered from within one, for no Python code runs in them.
        work(unsafe { &mut *self.state.get() })
    }

    /// The state, for readers that look at one word of it.
    #[inline(always)]
    pub fn peek(&self) -> *const State<R> {
        self.state.get()
    }

    /// The lock, for changes of several tables at once.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The state, for who holds the lock already.
    ///
    /// # Safety
    /// The caller holds the lock and no other reference to the state.
    #[expect(clippy::mut_from_ref, reason = "the lock is what makes it the only one")]
    pub unsafe fn held_state(&self) -> &mut State<R> {
        // SAFETY: says the caller.
        unsafe { &mut *self.state.get() }
    }

    /// How the table calls itself in messages.
    pub fn label(&self, py: Python<'_>) -> String {
        let kind = self.kind;
        // SAFETY: alive as long as the table.
        let name = unsafe { Bound::from_borrowed_ptr(py, self.name.as_ptr()) };
        if name.is_none() {
            return format!("the unnamed {kind} table");
        }
        format!("the {kind} table {}", name.repr().map(|text| text.to_string()).unwrap_or_default())
    }

    /// Say that the table is closed, if it is.
    pub fn refuse_closed(&self, py: Python<'_>) -> PyResult<()> {
        if self.section(|state| state.closed) { Err(errors::closed(py, &self.label(py))) } else { Ok(()) }
    }

    /// Explain why a key cannot be one.
    pub fn explain(&self, py: Python<'_>, failure: PyErr, key: &Object) -> PyErr {
        if !R::HASHED || !failure.is_instance_of::<PyTypeError>(py) {
            return failure;
        }
        // SAFETY: alive.
        let key = unsafe { Bound::from_borrowed_ptr(py, key.as_ptr()) };
        errors::unhashable(py, failure, &key, &self.label(py))
    }

    /// Explain why a key among many cannot be one.
    pub fn explain_items(&self, py: Python<'_>, failure: PyErr) -> PyErr {
        errors::explain(py, failure, |text| {
            format!(
                "a key given to {} cannot be one ({text}); use values that have a hash, such as tuples in place of lists; \
                 nothing was written",
                self.label(py)
            )
        })
    }

    // -- time ---------------------------------------------------------------------------------------------------

    /// Begin a verb: read the clock once, reclaim a little of what is due, return the time.
    #[inline]
    pub fn tick(&self, py: Python<'_>) -> PyResult<i64> {
        self.tick_for(py, RECLAIM_PER_WRITE)
    }

    /// Begin a verb that counts or ranks: as `tick`, and reclaim all that is due.
    #[inline]
    pub fn tick_all(&self, py: Python<'_>) -> PyResult<i64> {
        self.tick_for(py, usize::MAX)
    }

    #[inline]
    fn tick_for(&self, py: Python<'_>, limit: usize) -> PyResult<i64> {
        let next = self.section(|state| state.deadlines.next_due());
        if next == NO_END {
            return Ok(NEVER);
        }
        let now = clock::milliseconds(self.clock.coarse(py)?);
        if next <= now {
            self.reclaim(py, now, limit)?;
        }
        Ok(now)
    }

    /// Begin a verb that may start a lifetime: return the time and the deadline. `ttl` is what the caller gave.
    pub fn begin(&self, py: Python<'_>, ttl: Option<*mut ffi::PyObject>) -> PyResult<(i64, i64)> {
        let length = match ttl {
            None => self.lifetime,
            Some(ttl) => self.length(py, ttl)?,
        };
        match length {
            None => Ok((self.tick(py)?, NO_END)),
            Some(length) => {
                let now = self.clock.exact(py)?;
                let moment = clock::milliseconds(now);
                if self.section(|state| state.deadlines.next_due()) <= moment {
                    self.reclaim(py, moment, RECLAIM_PER_WRITE)?;
                }
                Ok((moment, self.deadline(py, now + length)?))
            }
        }
    }

    /// The deadline of what ends at a time of the clock.
    pub fn deadline(&self, py: Python<'_>, end: f64) -> PyResult<i64> {
        clock::deadline(end).ok_or_else(|| clock::refusal(&self.label(py), end))
    }

    /// The seconds of a lifetime that was given, None for no end.
    pub fn length(&self, py: Python<'_>, ttl: *mut ffi::PyObject) -> PyResult<Option<f64>> {
        // SAFETY: the caller holds what was given.
        unsafe {
            if ttl == default(py)? {
                return Ok(self.lifetime);
            }
            if ttl == ffi::Py_None() {
                return Ok(None);
            }
            let exact = ffi::PyFloat_CheckExact(ttl) != 0;
            if exact || (ffi::PyLong_CheckExact(ttl) != 0) {
                let given = ffi::PyFloat_AsDouble(ttl);
                if given > 0.0 && given <= 1e12 {
                    return Ok(Some(given));
                }
                ffi::PyErr_Clear();
            }
            static SECONDS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            let seconds =
                SECONDS.get_or_try_init(py, || py.import("noex.clock")?.getattr("seconds").map(Bound::unbind))?;
            let given = Bound::from_borrowed_ptr(py, ttl);
            Ok(Some(seconds.bind(py).call1((given, "ttl"))?.extract()?))
        }
    }

    // -- finding ------------------------------------------------------------------------------------------------

    /// Find a key: its handle and its row, as a cell. A row that has expired is reclaimed and not found.
    pub fn find(&self, py: Python<'_>, key: &Object, now: i64) -> PyResult<Found<R>> {
        loop {
            let found = self.resolve(py, key)?;
            match &found.row {
                // SAFETY: held here.
                Some(row) if unsafe { row_deadline(row) } <= now => {
                    self.expire(py, row)?;
                }
                _ => return Ok(found),
            }
        }
    }

    /// Find a key, expired or not. Runs the key's hash and `==`, or what makes its place in the order.
    pub fn resolve(&self, py: Python<'_>, key: &Object) -> PyResult<Found<R>> {
        loop {
            self.refuse_closed(py)?;
            let looked = R::look(self, py, key)?;
            let Some(slot) = looked.slot else {
                return Ok(Found { handle: looked.handle, row: None, witness: looked.witness });
            };
            // SAFETY: held here.
            if unsafe { is_row(slot.as_ptr()) } {
                // SAFETY: it is a row.
                let row = unsafe { RowRef::borrowed(slot.as_ptr()) };
                return Ok(Found { handle: looked.handle, row: Some(row), witness: looked.witness });
            }
            let cell = RowRef::new(R::keep(&looked.handle), slot.clone(), NO_END);
            let done = self.section(|state| {
                let same = state.rows.slot(&looked.handle) == slot.as_ptr();
                if same {
                    state.cells += 1;
                    drop(state.rows.put(&looked.handle, cell.clone().into_object())); // `slot` keeps the value
                }
                same
            });
            if done {
                return Ok(Found { handle: looked.handle, row: Some(cell), witness: looked.witness });
            }
        }
    }

    /// The row under a handle as a cell, expired or not.
    pub fn row_of(&self, handle: &R::Handle) -> Option<RowRef> {
        loop {
            // SAFETY: what stands in the table is alive in the section.
            let (slot, handle) = self.section(|state| unsafe {
                let slot = state.rows.slot(handle);
                (!slot.is_null()).then(|| (Object::borrowed(slot), state.rows.standing(handle)))
            })?;
            // SAFETY: held here.
            if unsafe { is_row(slot.as_ptr()) } {
                // SAFETY: it is a row.
                return Some(unsafe { RowRef::borrowed(slot.as_ptr()) });
            }
            let cell = RowRef::new(R::keep(&handle), slot.clone(), NO_END);
            let done = self.section(|state| {
                let same = state.rows.slot(&handle) == slot.as_ptr();
                if same {
                    state.cells += 1;
                    drop(state.rows.put(&handle, cell.clone().into_object())); // `slot` keeps the value
                }
                same
            });
            if done {
                return Some(cell);
            }
        }
    }

    // -- expiry -------------------------------------------------------------------------------------------------

    /// Take out rows that have expired, at most `limit`; return how many.
    pub fn reclaim(&self, py: Python<'_>, now: i64, limit: usize) -> PyResult<usize> {
        let (gone, trash) = self.section(|state| {
            let (mut gone, mut trash) = (Vec::new(), Trash::new());
            while gone.len() < limit {
                let Some(row) = state.deadlines.pop_due(now) else { break };
                // SAFETY: what is listed stands in the table.
                let handle = unsafe { R::handle_of(row) };
                state.take_out(&handle, row, &mut trash);
                // SAFETY: the trash holds it.
                gone.push(unsafe { row.hold() });
            }
            if !gone.is_empty() {
                state.version += 1;
                state.refresh();
            }
            (gone, trash)
        });
        drop(trash);
        let count = gone.len();
        self.reclaimed(py, gone)?;
        Ok(count)
    }

    /// Take out a row that was found expired, if it still stands.
    pub fn expire(&self, py: Python<'_>, row: &RowRef) -> PyResult<()> {
        let mut trash = Trash::new();
        let gone = self.section(|state| {
            // SAFETY: held by the caller.
            let handle = unsafe { R::handle_of(row.at()) };
            let stands = state.rows.slot(&handle) == row.as_ptr();
            if stands {
                state.unlist(row.at());
                state.take_out(&handle, row.at(), &mut trash);
                state.version += 1;
                state.refresh();
            }
            trash.push(R::keep(&handle));
            stands
        });
        drop(trash);
        if gone { self.reclaimed(py, vec![row.clone()]) } else { Ok(()) }
    }

    /// Take note, outside the lock, that these rows have expired and are gone, and tell whom it concerns.
    pub fn reclaimed(&self, py: Python<'_>, rows: Vec<RowRef>) -> PyResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let (function, watched) = self.section(|state| {
            state.rows.expired(rows.len());
            (state.on_reclaim.clone(), state.watch.is_some())
        });
        if let Some(function) = function {
            // SAFETY: alive; rows are objects.
            unsafe {
                let list = pyo3::types::PyList::empty(py);
                for row in &rows {
                    let (key, value) = (Object::borrowed(row.at().key()), Object::borrowed(row.at().value()));
                    let pair = crate::py::entry::new_entry(py, key.into_py(py), value.into_py(py))?;
                    list.append(pair)?;
                }
                Bound::from_borrowed_ptr(py, function.as_ptr()).call1((list,))?;
            }
        }
        drop(rows);
        if watched { self.deliver(py) } else { Ok(()) }
    }

    /// Deliver events that wait, outside the lock.
    pub fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        let (delivery, idle, behind) = self.section(|state| {
            let behind = state.watch.as_ref().is_some_and(|watch| watch.indexes.is_behind());
            let delivery = state.watch.as_ref().and_then(|watch| watch.to_deliver());
            let idle = state.watch.take_if(|watch| watch.is_idle());
            if idle.is_some() {
                state.refresh();
            }
            (delivery, idle, behind)
        });
        drop(idle);
        if behind {
            py.detach(|| std::thread::sleep(std::time::Duration::from_millis(1)));
        }
        match delivery {
            None => Ok(()),
            Some(delivery) => crate::py::watch::deliver(py, &delivery),
        }
    }

    /// Let rows without an end stand as plain values again, if no index needs them as cells any more. O(rows).
    pub fn make_plain(&self) {
        let trash = self.section(|state| {
            let mut trash = Trash::new();
            if state.rows.needs_cells() || state.watch.as_ref().is_some_and(|watch| watch.needs_cells()) {
                return trash;
            }
            for (handle, slot) in state.rows.all() {
                // SAFETY: the slot is held, and so is the value of a row.
                unsafe {
                    if is_row(slot.as_ptr()) && RowAt::of(slot.as_ptr()).deadline() == NO_END {
                        let value = Object::borrowed(RowAt::of(slot.as_ptr()).value());
                        trash.extend(state.rows.put(&handle, value));
                        state.cells -= 1;
                    }
                }
                trash.push(slot);
            }
            state.version += 1;
            trash
        });
        drop(trash);
    }

    // -- the whole ------------------------------------------------------------------------------------------------

    /// Let the collector see what the table refers to.
    ///
    /// # Safety
    /// As `tp_traverse` is called: nothing is being changed, no lock is taken.
    pub unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        // SAFETY: says the caller.
        unsafe {
            let state = &*self.state.get();
            let status = state.rows.traverse(visit, arg);
            if status != 0 {
                return status;
            }
            for object in
                [self.clock.function(), Some(&self.given_clock), state.on_reclaim.as_ref()].into_iter().flatten()
            {
                let status = visit(object.as_ptr(), arg);
                if status != 0 {
                    return status;
                }
            }
            state.watch.as_ref().map_or(0, |watch| watch.traverse(visit, arg))
        }
    }

    /// Let go of everything, for the collector, which found that nobody can reach the table.
    pub fn let_go(&self, _py: Python<'_>) {
        let taken = self.section(|state| {
            state.cells = 0;
            state.version += 1;
            let deadlines = std::mem::take(&mut state.deadlines);
            (deadlines, state.watch.take(), state.on_reclaim.take(), state.rows.release())
        });
        drop(taken);
    }

    /// Let go of everything: closes the table.
    pub fn shut(&self, py: Python<'_>) -> PyResult<()> {
        let fresh = R::empty(py)?;
        let (rows, deadlines, watch, function) = self.section(|state| {
            state.closed = true;
            state.cells = 0;
            state.version += 1;
            let deadlines = std::mem::take(&mut state.deadlines);
            let taken = (state.rows.swap(fresh), deadlines, state.watch.take(), state.on_reclaim.take());
            state.rows.close();
            state.refresh();
            taken
        });
        drop(deadlines);
        if let Some(watch) = watch {
            watch.end(py)?;
        }
        drop((rows, function));
        Ok(())
    }
}

impl<R: Rows> State<R> {
    /// Find out again whether the short cuts may be taken.
    pub fn refresh(&mut self) {
        self.fast = !self.closed && self.computing.is_empty() && self.watch.is_none() && self.rows.all_plain();
    }

    /// Take a row out that is not listed any more, which `trash` then holds, with what goes with it.
    pub fn take_out(&mut self, handle: &R::Handle, row: RowAt, trash: &mut Trash) {
        if let Some(watch) = &mut self.watch {
            watch.expired(row, trash);
        }
        self.cells -= 1;
        if let Some(slot) = self.rows.take(handle, trash) {
            trash.push(slot);
        }
    }

    /// Strike a row off the list of deadlines.
    #[inline]
    pub fn unlist(&mut self, row: RowAt) {
        if row.deadline() != NO_END {
            self.deadlines.remove(row);
        }
    }
}

/// The deadline of a row.
///
/// # Safety
/// None: the reference keeps it alive; it does not change while it is held.
#[inline(always)]
pub unsafe fn row_deadline(row: &RowRef) -> i64 {
    row.at().deadline()
}

/// Let the collector see what a handle and a slot refer to, beside what the dict or tree shows of them.
///
/// # Safety
/// As `tp_traverse` is called.
pub unsafe fn visit_slot(
    handle: *mut ffi::PyObject,
    slot: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    // SAFETY: both are alive.
    unsafe {
        if handle::is_foreign(handle) {
            let status = visit(handle::key_of(handle), arg);
            if status != 0 {
                return status;
            }
        }
        // A row that somebody else refers to keeps its value by itself.
        if is_row(slot) && ffi::Py_REFCNT(slot) == 1 {
            return visit(RowAt::of(slot).value(), arg);
        }
    }
    0
}

/// The `DEFAULT` of `noex.typing`.
pub fn default(py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
    sentinel(py, &DEFAULT, "DEFAULT")
}

/// The `MISSING` of `noex.typing`.
pub fn missing(py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
    sentinel(py, &MISSING, "MISSING")
}

/// The `DELETE` of `noex.typing`.
pub fn delete(py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
    sentinel(py, &DELETE, "DELETE")
}

static DEFAULT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static MISSING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static DELETE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn sentinel(py: Python<'_>, cell: &'static PyOnceLock<Py<PyAny>>, name: &str) -> PyResult<*mut ffi::PyObject> {
    let found = cell.get_or_try_init(py, || py.import("noex.typing")?.getattr(name).map(Bound::unbind))?;
    Ok(found.as_ptr())
}
