//! A set kind's table: its rows, its time, what watches it, and the lock around them.

use super::{Rows, Trash};
use crate::py::ground::clock::Clock;
use crate::py::ground::errors;
use crate::py::ground::handle;
use crate::py::ground::lock::Lock;
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, is_row};
use crate::py::watch::Watch;
use crate::store::deadlines::{Deadlines, Scheduled};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};

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

    /// Strike a row off the list of deadlines.
    #[inline]
    pub fn unlist(&mut self, row: RowAt) {
        if row.deadline() != NO_END {
            self.deadlines.remove(row);
        }
    }
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
