//! Looking entries up.

use super::bag::{Bag, Found};
use super::change::values_in;
use super::kind::Kind;
use super::methods;
use crate::py::class::own;
use crate::py::entry::new_list;
use crate::py::ground::object::Object;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::Verb;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

const LOOKUP_MANY: Parameters<1> = Parameters { method: "lookup_many", names: ["keys"], positional: 1, needed: 1 };

pub fn verbs<K: Kind>() -> Vec<Verb> {
    vec![Verb { name: "lookup_many", signature: "($self, /, keys)", method: lookup_many::<K> }]
}

/// A list of values.
pub fn listed(py: Python<'_>, values: Vec<Object>) -> PyResult<Py<PyList>> {
    new_list(py, values.into_iter().map(|value| value.into_py(py)).collect())
}

/// What a caller gave as keys.
pub fn keys_of(py: Python<'_>, keys: &Bound<'_, PyAny>) -> PyResult<Vec<Object>> {
    let _ = py;
    keys.try_iter()?.map(|key| Ok(crate::py::object(&key?))).collect()
}

/// The values of a key that was found, if it is there.
pub fn values_of<K: Kind>(bag: &Bag<K>, py: Python<'_>, handle: &Object) -> PyResult<Option<Vec<Object>>> {
    let (closed, values) = bag.section(|state| {
        let slot = state.slot(handle);
        (state.closed, (!slot.is_null()).then(|| values_in::<K>(slot)))
    });
    if closed { Err(bag.closed(py)) } else { Ok(values) }
}

methods! {
    fn lookup_many(bag, py, arguments) {
        let [keys] = arguments.sort(&LOOKUP_MANY)?;
        // SAFETY: the caller holds it.
        let keys = keys_of(py, &unsafe { own(keys) }.bound(py).clone())?;
        loop {
            let found = keys.iter().map(|key| bag.resolve(py, key)).collect::<PyResult<Vec<Found>>>()?;
            let current = bag.section(|state| {
                if state.closed {
                    return Err(());
                }
                let mut current = Vec::with_capacity(found.len());
                for found in &found {
                    let slot = state.slot(&found.handle);
                    if slot.is_null() && !state.still_absent(&found.handle, found.witness) {
                        return Ok(None);
                    }
                    current.push((!slot.is_null()).then(|| values_in::<K>(slot)));
                }
                Ok(Some(current))
            });
            let current = match current {
                Err(()) => return Err(bag.closed(py)),
                Ok(None) => continue,
                Ok(Some(current)) => current,
            };
            let values = PyDict::new(py);
            for (key, current) in keys.iter().zip(current) {
                if let Some(current) = current {
                    values.set_item(key.bound(py), listed(py, current)?)?;
                }
            }
            return Ok(values.into_ptr());
        }
    }
}
