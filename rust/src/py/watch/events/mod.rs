//! Events on their way to subscribers.
//!
//! A commit puts what has happened into a queue, under the lock of its table. Whoever has committed then lets the events be
//! delivered, which is Python's business: `Delivery` of `noex/kernel/_pure/watch/delivery.py` takes them out of the queue and calls the
//! subscribers, one event at a time.

mod queue;
mod subscribing;

pub use queue::Kind;
pub use subscribing::{Watched, subscribe};

use crate::py::ground::object::Object;
use crate::py::ground::row::{RowAt, RowRef};
use crate::store::deadlines::Scheduled;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use queue::{EventQueue, Happened};
use std::ffi::{c_int, c_void};

/// The subscribers of a table, and what they have yet to be told.
pub struct Events {
    channel: Option<Channel>,
    subscribing: usize, // how many are about to become subscribers
}

/// What delivers, and what it takes events from.
struct Channel {
    delivery: Object,
    queue: Py<EventQueue>,
}

impl Channel {
    fn new(py: Python<'_>) -> PyResult<Self> {
        static DELIVERY: pyo3::sync::PyOnceLock<Py<PyType>> = pyo3::sync::PyOnceLock::new();
        let class = DELIVERY.import(py, "noex.kernel._pure.watch.delivery", "QueueDelivery")?;
        queue::learn_generation(py)?;
        let queue = Py::new(py, EventQueue::new())?;
        Ok(Self { delivery: crate::py::object(&class.call1((&queue,))?), queue })
    }
}

/// Deliver events that wait. Not called under the lock.
pub fn deliver(py: Python<'_>, delivery: &Object) -> PyResult<()> {
    delivery.bound(py).call_method0("deliver").map(drop)
}

impl Events {
    /// No subscribers, and nothing to tell.
    pub fn new() -> Self {
        Self { channel: None, subscribing: 0 }
    }

    /// Whether nobody listens, and nothing waits to be told.
    pub fn is_idle(&self) -> bool {
        self.subscribing == 0 && self.channel.as_ref().is_none_or(|channel| channel.queue.get().is_idle())
    }

    /// What is to be called for events that wait, if there are any.
    pub fn to_deliver(&self) -> Option<Object> {
        let channel = self.channel.as_ref()?;
        (!channel.queue.get().is_empty()).then(|| channel.delivery.clone())
    }

    /// Take note, under the lock, of what happened to an entry: its key, its value, and the value before, `None` for none.
    pub fn happened(&mut self, kind: Kind, key: &Object, value: &Object, previous: Option<&Object>) {
        if let Some(channel) = &self.channel {
            channel.queue.get().push(|| Happened {
                kind,
                key: Some(key.clone()),
                value: Some(value.clone()),
                previous: previous.cloned(),
            });
        }
    }

    /// Take note, under the lock, of a row in the place of another, which may have expired by now.
    pub fn changed(&mut self, old: Option<&RowRef>, new: Option<&RowRef>, now: i64) {
        let Some(channel) = &self.channel else { return };
        let queue = channel.queue.get();
        let mut previous = None;
        if let Some(old) = old {
            let expired = old.at().deadline() <= now;
            if expired || new.is_none() {
                let kind = if expired { Kind::Expire } else { Kind::Delete };
                queue.push(|| of_row(kind, old.at(), Some(value_of(old.at()))));
            }
            if !expired {
                previous = Some(old.at());
            }
        }
        if let Some(new) = new {
            queue.push(|| of_row(Kind::Insert, new.at(), previous.map(value_of)));
        }
    }

    /// Take note, under the lock, of a row that has expired and goes.
    pub fn expired(&mut self, row: RowAt) {
        if let Some(channel) = &self.channel {
            channel.queue.get().push(|| of_row(Kind::Expire, row, Some(value_of(row))));
        }
    }

    /// Take note, under the lock, that all entries go, of which there are so many.
    pub fn cleared(&mut self, size: usize) {
        if let Some(channel) = self.channel.as_ref().filter(|_| size > 0) {
            channel.queue.get().push(|| Happened { kind: Kind::Clear, key: None, value: None, previous: None });
        }
    }

    /// Let the collector see what is referred to from here.
    ///
    /// # Safety
    /// As `tp_traverse` is called.
    pub unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        let Some(channel) = &self.channel else { return 0 };
        // SAFETY: says the caller; both are alive.
        unsafe {
            match visit(channel.delivery.as_ptr(), arg) {
                0 => visit(channel.queue.as_ptr(), arg),
                status => status,
            }
        }
    }

    /// The table is closed: nobody listens any more.
    pub fn end(self, py: Python<'_>) -> PyResult<()> {
        match self.channel {
            Some(channel) => channel.delivery.bound(py).call_method0("end").map(drop),
            None => Ok(()),
        }
    }
}

/// What happened to a row. The row stands, and does not change meanwhile: the lock of its table is held.
fn of_row(kind: Kind, row: RowAt, previous: Option<Object>) -> Happened {
    // SAFETY: as said above.
    let key = unsafe { Object::borrowed(row.key()) };
    Happened { kind, key: Some(key), value: Some(value_of(row)), previous }
}

fn value_of(row: RowAt) -> Object {
    // SAFETY: as in `of_row`.
    unsafe { Object::borrowed(row.value()) }
}
