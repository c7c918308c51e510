//! The lock of a table.
//!
//! Where there is a GIL, it is the GIL: a section runs no Python code, so no other thread runs meanwhile, and the lock
//! is nothing at all. Where there is none, it is CPython's own mutex, which lets go of the interpreter while it waits,
//! so that a thread that waits here holds up no collection of garbage.
//!
//! Sections are short, run no Python code, and drop nothing. Several tables are locked in the order of their addresses;
//! a walk (`walks/mod.rs`) is locked before its table, a queue of events (`watch/events/queue.rs`) after it.

#[cfg(Py_GIL_DISABLED)]
use pyo3::ffi;
#[cfg(Py_GIL_DISABLED)]
use std::cell::UnsafeCell;

/// The lock of one table.
pub struct Lock {
    #[cfg(Py_GIL_DISABLED)]
    mutex: UnsafeCell<ffi::PyMutex>,
}

// SAFETY: the mutex is made to be shared.
unsafe impl Sync for Lock {}
// SAFETY: it is not moved while it is held.
unsafe impl Send for Lock {}

/// Holds a lock until it is dropped.
pub struct Held<'a> {
    #[cfg(Py_GIL_DISABLED)]
    lock: &'a Lock,
    #[cfg(not(Py_GIL_DISABLED))]
    lock: std::marker::PhantomData<&'a Lock>,
}

impl Lock {
    /// A lock that nobody holds.
    pub const fn new() -> Self {
        Self {
            #[cfg(Py_GIL_DISABLED)]
            mutex: UnsafeCell::new(ffi::PyMutex::new()),
        }
    }

    /// Take the lock; the caller is attached to the interpreter, and does not hold it already.
    #[inline(always)]
    pub fn hold(&self) -> Held<'_> {
        #[cfg(Py_GIL_DISABLED)]
        {
            // SAFETY: the mutex lives as long as this lock.
            unsafe { ffi::PyMutex_Lock(self.mutex.get()) };
            Held { lock: self }
        }
        #[cfg(not(Py_GIL_DISABLED))]
        Held { lock: std::marker::PhantomData }
    }
}

#[cfg(Py_GIL_DISABLED)]
impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: this thread holds it, since `hold`.
        unsafe { ffi::PyMutex_Unlock(self.lock.mutex.get()) }
    }
}
