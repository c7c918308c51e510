//! Adding entries.

use super::alike::{candidates, first_alike};
use super::bag::{Bag, Found};
use super::kind::Kind;
use super::{hot, methods};
use crate::py::class::own;
use crate::py::ground::object::Object;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count};
use crate::py::verbs::set::many::pairs_of;
use crate::store::cell::{Cell, Hash};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

const INSERT_MANY: Parameters<2> =
    Parameters { method: "insert_many", names: ["items", "ttl"], positional: 1, needed: 1 };

pub fn verbs<K: Kind>() -> Vec<Verb> {
    vec![Verb { name: "insert_many", signature: "($self, /, items, *, ttl=...)", method: insert_many::<K> }]
}

methods! {
    fn insert_many(bag, py, arguments) {
        let [items, ttl] = arguments.sort(&INSERT_MANY)?;
        refuse_lifetime(bag, py, ttl)?;
        // SAFETY: the caller holds it.
        let pairs = pairs_of(py, unsafe { own(items) })?;
        match hot::add_all(bag, py, &pairs) {
            Some(count) => give_count(py, count),
            None => give_count(py, add_all(bag, py, &pairs)?),
        }
    }
}

/// Refuse a lifetime, which entries of bags have not; null for none given.
pub fn refuse_lifetime<K: Kind>(bag: &Bag<K>, py: Python<'_>, ttl: *mut ffi::PyObject) -> PyResult<()> {
    static DEFAULT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if ttl.is_null() {
        return Ok(());
    }
    // SAFETY: the caller holds what was given.
    let ttl = unsafe { Bound::from_borrowed_ptr(py, ttl) };
    if ttl.is_none() || ttl.is(DEFAULT.import(py, "noex.typing", "DEFAULT")?) {
        return Ok(());
    }
    let (label, shown) = (bag.label(py), ttl.repr()?);
    Err(PyTypeError::new_err(format!("{label} keeps no lifetimes, but ttl={shown} was given; set kinds do")))
}

/// Add one entry, unless it is there already, or `only_new` and its key has any; tell whether it was added.
pub fn add<K: Kind>(
    bag: &Bag<K>,
    py: Python<'_>,
    key: &Object,
    value: &Object,
    hash: Hash,
    only_new: bool,
) -> PyResult<bool> {
    loop {
        let found = bag.resolve(py, key)?;
        if only_new && found.is_present() {
            return Ok(false);
        }
        if K::UNIQUE && found.is_present() {
            match bag.alike(py, &found, value, hash)? {
                None => continue,
                Some(places) if !places.is_empty() => return Ok(false),
                Some(_) => (),
            }
        }
        if bag.apply(py, std::slice::from_ref(&found), vec![(0, value.clone(), hash)])? {
            return Ok(true);
        }
    }
}

/// Add the entries that are not there yet, in order, all seen at once; return how many.
fn add_all<K: Kind>(bag: &Bag<K>, py: Python<'_>, pairs: &[(Object, Object)]) -> PyResult<usize> {
    'again: loop {
        let numbers = PyDict::new(py);
        let mut plan: Vec<Found> = Vec::new();
        let mut fresh: Vec<Cell<Object, Hash>> = Vec::new(); // what the batch adds to each key, to compare the rest of it with
        let mut chosen = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let number = planned(bag, py, key, &numbers, &mut plan)?;
            let hash = K::hash(py, value)?;
            if K::UNIQUE {
                let Some(places) = bag.alike(py, &plan[number], value, hash)? else { continue 'again };
                fresh.resize_with(plan.len(), || Cell::with_capacity(1));
                if !places.is_empty() || first_alike(py, &candidates(&fresh[number], hash), value)?.is_some() {
                    continue;
                }
                fresh[number].push(value.clone(), hash);
            }
            chosen.push((number, value.clone(), hash));
        }
        let count = chosen.len();
        if bag.apply(py, &plan, chosen)? {
            return Ok(count);
        }
    }
}

/// The number of a key in the plan, which it is entered in first; equal keys share one.
fn planned<K: Kind>(
    bag: &Bag<K>,
    py: Python<'_>,
    key: &Object,
    numbers: &Bound<'_, PyDict>,
    plan: &mut Vec<Found>,
) -> PyResult<usize> {
    if let Some(number) = numbers.get_item(key.bound(py)).map_err(|failure| bag.explain(py, failure, key))? {
        return number.extract();
    }
    let found = bag.resolve(py, key)?;
    numbers.set_item(key.bound(py), plan.len())?;
    plan.push(found);
    Ok(plan.len() - 1)
}
