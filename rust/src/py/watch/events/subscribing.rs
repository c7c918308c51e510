//! Becoming a subscriber.

use super::{Channel, Events};
use crate::py::ground::errors;
use crate::py::ground::object::Object;
use crate::py::rows::{Rows, Table};
use crate::py::watch::Watch;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A table that has events.
pub trait Watched {
    /// Do something to the events, which are made where there are none, under the lock; `None` if the table is closed.
    fn events<T>(&self, work: impl FnOnce(&mut Events) -> T) -> Option<T>;

    /// How the table calls itself in messages.
    fn name(&self, py: Python<'_>) -> String;
}

impl<R: Rows> Watched for Table<R> {
    fn events<T>(&self, work: impl FnOnce(&mut Events) -> T) -> Option<T> {
        self.section(|state| {
            if state.closed {
                return None;
            }
            let watch = state.watch.get_or_insert_with(|| Box::new(Watch::new()));
            let result = work(&mut watch.events);
            state.refresh();
            Some(result)
        })
    }

    fn name(&self, py: Python<'_>) -> String {
        self.label(py)
    }
}

/// Have a function called with each event of these kinds; return the `Subscription`. Not called under the lock.
pub fn subscribe<W: Watched>(
    py: Python<'_>,
    table: &W,
    callback: &Bound<'_, PyAny>,
    kinds: &Bound<'_, PyAny>,
) -> PyResult<Object> {
    let mut spare = Some(Channel::new(py)?);
    let delivery = table.events(|events| {
        events.subscribing += 1; // so that nobody takes the events for idle
        if events.channel.is_none() {
            events.channel = spare.take();
        }
        events.channel.as_ref().map(|channel| channel.delivery.clone())
    });
    drop(spare);
    let Some(Some(delivery)) = delivery else { return Err(errors::closed(py, &table.name(py))) };
    let subscription = add(py, &delivery, callback, kinds);
    let open = table.events(|events| events.subscribing = events.subscribing.saturating_sub(1)).is_some();
    let subscription = subscription?;
    if !open {
        subscription.call_method0("cancel")?; // whoever has closed the table did not see it
        return Err(errors::closed(py, &table.name(py)));
    }
    Ok(crate::py::object(&subscription))
}

/// Add a subscriber, under the lock of the kernel's Python code.
fn add<'py>(
    py: Python<'py>,
    delivery: &Object,
    callback: &Bound<'py, PyAny>,
    kinds: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    static ACQUIRE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static RELEASE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let acquire = ACQUIRE.import(py, "noex.kernel._pure.ground.lock", "acquire")?;
    let release = RELEASE.import(py, "noex.kernel._pure.ground.lock", "release")?;
    acquire.call0()?;
    let subscription = delivery.bound(py).call_method1("subscribe", (callback, kinds));
    release.call0()?;
    subscription
}
