//! The queue of events: filled under the lock of a table, where no Python object may be made, and emptied by Python code.

use crate::py::ground::lock::Lock;
use crate::py::ground::object::Object;
use crate::py::ground::sentinels::missing;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit, intern};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

/// What can happen to an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value was written.
    Insert,
    /// It was removed.
    Delete,
    /// Its lifetime has ended.
    Expire,
    /// All entries were removed.
    Clear,
}

/// What has happened: a `TableEvent` in the making, with `None` for `MISSING`.
pub struct Happened {
    pub kind: Kind,
    pub key: Option<Object>,
    pub value: Option<Object>,
    pub previous: Option<Object>,
}

enum Told {
    Raw(Happened),
    Made(Object),
}

/// Something to be told, who had subscribed when it happened, and the generation of the process in which it did.
struct Item {
    told: Told,
    subscriptions: Object,
    generation: i64,
}

#[derive(Default)]
struct Inside {
    items: VecDeque<Item>,
    subscriptions: Option<Object>, // `None` for no subscribers
}

/// The events of one table that wait for delivery.
#[pyclass(frozen, module = "noex.kernel._native")]
pub struct EventQueue {
    lock: Lock,
    inside: UnsafeCell<Inside>,
}

// SAFETY: what is inside is touched with the lock held, by code that runs no Python code.
unsafe impl Sync for EventQueue {}
// SAFETY: as above.
unsafe impl Send for EventQueue {}

impl EventQueue {
    /// An empty queue, to which nobody listens.
    pub fn new() -> Self {
        Self { lock: Lock::new(), inside: UnsafeCell::new(Inside::default()) }
    }

    /// As the section of a table, within which it may be.
    fn section<T>(&self, work: impl FnOnce(&mut Inside) -> T) -> T {
        let _held = self.lock.hold();
        // SAFETY: the lock is held, and no section of this queue is entered from within one.
        work(unsafe { &mut *self.inside.get() })
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.section(|inside| inside.items.is_empty())
    }

    /// Whether nobody listens, and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.section(|inside| inside.subscriptions.is_none() && inside.items.is_empty())
    }

    /// Add something, if anybody listens.
    pub fn push(&self, happened: impl FnOnce() -> Happened) {
        self.section(|inside| {
            if let Some(subscriptions) = inside.subscriptions.clone() {
                let generation = GENERATION.load(Ordering::Relaxed);
                inside.items.push_back(Item { told: Told::Raw(happened()), subscriptions, generation });
            }
        });
    }
}

#[pymethods]
impl EventQueue {
    /// Take note of who listens from now on, in a tuple.
    fn listen(&self, subscriptions: &Bound<'_, PyTuple>) {
        let now = (!subscriptions.is_empty()).then(|| crate::py::object(subscriptions.as_any()));
        let before = self.section(|inside| std::mem::replace(&mut inside.subscriptions, now));
        drop(before);
    }

    /// Take the first event out: with who had subscribed, and the generation of the process.
    fn popleft<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, i64)> {
        let Some(item) = self.section(|inside| inside.items.pop_front()) else {
            return Err(PyIndexError::new_err("no event waits"));
        };
        let event = match item.told {
            Told::Raw(happened) => event(py, happened)?,
            Told::Made(event) => event.bound(py).clone(),
        };
        Ok((event, item.subscriptions.bound(py).clone(), item.generation))
    }

    /// Put one back that `popleft` returned, for others than those who have heard of it.
    fn appendleft(&self, item: (Bound<'_, PyAny>, Bound<'_, PyAny>, i64)) {
        let (event, subscriptions, generation) = item;
        let (told, subscriptions) = (Told::Made(crate::py::object(&event)), crate::py::object(&subscriptions));
        self.section(|inside| inside.items.push_front(Item { told, subscriptions, generation }));
    }

    fn __len__(&self) -> usize {
        self.section(|inside| inside.items.len())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: the collector calls this when nothing is being changed.
        let inside = unsafe { &*self.inside.get() };
        for item in &inside.items {
            visit.call(item.subscriptions.as_py())?;
            match &item.told {
                Told::Made(event) => visit.call(event.as_py())?,
                Told::Raw(happened) => {
                    for object in [&happened.key, &happened.value, &happened.previous].into_iter().flatten() {
                        visit.call(object.as_py())?;
                    }
                }
            }
        }
        match &inside.subscriptions {
            Some(subscriptions) => visit.call(subscriptions.as_py()),
            None => Ok(()),
        }
    }

    fn __clear__(&self) {
        drop(self.section(std::mem::take));
    }
}

static GENERATION: AtomicI64 = AtomicI64::new(0);

/// Which generation of processes this is: 0, and one more after each fork.
#[pyfunction]
fn learn(generation: i64) {
    GENERATION.store(generation, Ordering::Relaxed);
}

/// Be told of forks from now on.
pub fn learn_generation(py: Python<'_>) -> PyResult<()> {
    static DONE: PyOnceLock<()> = PyOnceLock::new();
    let teach = || {
        let teach = py.import("noex.kernel._pure.watch.delivery")?.getattr("teach_generation")?;
        teach.call1((wrap_pyfunction!(learn, py)?,)).map(drop)
    };
    DONE.get_or_try_init(py, teach).map(|_| ())
}

/// Make the event of what happened.
fn event(py: Python<'_>, happened: Happened) -> PyResult<Bound<'_, PyAny>> {
    static EVENT: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = EVENT.import(py, "noex.typing", "TableEvent")?;
    let kind = match happened.kind {
        Kind::Insert => intern!(py, "insert"),
        Kind::Delete => intern!(py, "delete"),
        Kind::Expire => intern!(py, "expire"),
        Kind::Clear => intern!(py, "clear"),
    };
    let nothing = missing(py)?;
    // SAFETY: `MISSING` stands for good.
    let or_missing = |object: Option<Object>| object.unwrap_or_else(|| unsafe { Object::borrowed(nothing) });
    let items = [or_missing(happened.key), or_missing(happened.value), or_missing(happened.previous)];
    let class = class.as_type_ptr();
    // SAFETY: the class is a named tuple with nothing of its own in front of the items. The object is a new tuple of four
    // empty places, which nothing else refers to, and each is filled once, with a reference that it takes over.
    unsafe {
        let Some(allocate) = (*class).tp_alloc else {
            return Err(PyTypeError::new_err("noex.typing.TableEvent cannot be made"));
        };
        let made = Bound::from_owned_ptr_or_err(py, allocate(class, 4))?;
        ffi::PyTuple_SET_ITEM(made.as_ptr(), 0, kind.clone().into_ptr());
        for (place, item) in (1..).zip(items) {
            ffi::PyTuple_SET_ITEM(made.as_ptr(), place, item.into_ptr());
        }
        Ok(made)
    }
}
