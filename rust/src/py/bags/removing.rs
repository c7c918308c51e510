//! Removing entries.

use super::bag::Bag;
use super::change::Gone;
use super::kind::Kind;
use super::methods;
use super::reading::{keys_of, listed};
use crate::py::class::own;
use crate::py::ground::object::Object;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_bool, give_count};
use pyo3::prelude::*;

const KEYED: Parameters<1> = Parameters { method: "delete", names: ["key"], positional: 1, needed: 1 };
const DELETE_MANY: Parameters<1> = Parameters { method: "delete_many", names: ["keys"], positional: 1, needed: 1 };

pub fn verbs<K: Kind>() -> Vec<Verb> {
    vec![
        Verb { name: "take", signature: "($self, /, key)", method: take::<K> },
        Verb { name: "delete", signature: "($self, /, key)", method: delete::<K> },
        Verb { name: "delete_many", signature: "($self, /, keys)", method: delete_many::<K> },
    ]
}

methods! {
    fn take(bag, py, arguments) {
        let [key] = arguments.sort(&Parameters { method: "take", ..KEYED })?;
        // SAFETY: the caller holds it.
        let gone = bag.remove(py, &[unsafe { own(key) }])?;
        let values: Vec<Object> = gone.iter().flat_map(Gone::values::<K>).collect();
        Ok(listed(py, values)?.into_ptr())
    }

    fn delete(bag, py, arguments) {
        let [key] = arguments.sort(&KEYED)?;
        // SAFETY: the caller holds it.
        let gone = bag.remove(py, &[unsafe { own(key) }])?;
        give_bool(!gone.is_empty())
    }

    fn delete_many(bag, py, arguments) {
        let [keys] = arguments.sort(&DELETE_MANY)?;
        // SAFETY: the caller holds it.
        let keys = keys_of(py, &unsafe { own(keys) }.bound(py).clone())?;
        let gone = bag.remove(py, &keys)?;
        give_count(py, gone.iter().map(Gone::len::<K>).sum())
    }
}

/// Remove the entries of a key that equal a value; return how many there were.
pub fn delete_object<K: Kind>(bag: &Bag<K>, py: Python<'_>, key: &Object, value: &Object) -> PyResult<usize> {
    let mut hashed = None;
    loop {
        let found = bag.resolve(py, key)?;
        if !found.is_present() {
            return Ok(0);
        }
        let hash = match hashed {
            Some(hash) => hash,
            None => *hashed.insert(K::hash(py, value)?),
        };
        let Some(places) = bag.alike(py, &found, value, hash)? else { continue };
        if let Some(count) = bag.discard(py, &found, &places)? {
            return Ok(count);
        }
    }
}
