//! Which values of a key equal another one: taken hold of under the lock, compared outside it.

use super::bag::{Bag, Found, Seen, State};
use super::cell;
use super::kind::Kind;
use crate::py::ground::object::Object;
use crate::py::verbs::set::writing::equal;
use crate::store::cell::{Cell, Hash, Mark};
use pyo3::prelude::*;

/// Values that may equal another one, each with its place among those of its key.
type Candidates = Vec<(usize, Object)>;

/// The values of a cell that may equal one of that hash. A set may equal a frozenset, which has a hash: what has none may equal
/// any value, and any value may equal it.
pub fn candidates<M: Mark>(values: &Cell<Object, M>, hash: Hash) -> Candidates {
    let mut candidates = Candidates::new();
    match hash.hash() {
        Some(hash) if M::FINDS => {
            let nothing: Option<()> = values.find_hash(hash, |place, value| {
                candidates.push((place, value.clone()));
                None
            });
            debug_assert!(nothing.is_none());
            candidates.extend(values.without_hash().map(|(place, value)| (place, value.clone())));
        }
        _ => candidates.extend(values.iter().map(|(place, value, _)| (place, value.clone()))),
    }
    candidates
}

/// The first of the candidates that is, or equals, a value. Runs code of the user's.
pub fn first_alike(py: Python<'_>, candidates: &Candidates, value: &Object) -> PyResult<Option<usize>> {
    for (place, other) in candidates {
        if equal(py, other.as_ptr(), value.as_ptr())? {
            return Ok(Some(*place));
        }
    }
    Ok(None)
}

impl<K: Kind> State<K> {
    /// The values of a key that may equal one of that hash; `None` if the key is not as it was seen any more.
    fn candidates(&self, found: &Found, hash: Hash) -> Option<Candidates> {
        match &found.seen {
            Seen::Nothing => Some(Vec::new()),
            Seen::Value(alone) => {
                let differs = K::UNIQUE && hash != Hash::NONE && K::hash_alone(alone.as_ptr()) != hash;
                Some(if differs { Vec::new() } else { vec![(0, alone.clone())] })
            }
            Seen::Version(_) => {
                let slot = self.agreed(found)?;
                // SAFETY: what was seen as a cell is one, and the lock is held.
                Some(candidates(unsafe { &cell::of::<K>(slot).values }, hash))
            }
        }
    }
}

impl<K: Kind> Bag<K> {
    /// The places of the values of a key that equal one of that hash, in a bag the first; `None` if the key was written
    /// meanwhile, so that it has to be found again. Not called under the lock.
    pub fn alike(&self, py: Python<'_>, found: &Found, value: &Object, hash: Hash) -> PyResult<Option<Vec<usize>>> {
        let Some(candidates) = self.section(|state| state.candidates(found, hash)) else {
            self.refuse_closed(py)?;
            return Ok(None);
        };
        if K::UNIQUE {
            return Ok(Some(first_alike(py, &candidates, value)?.into_iter().collect()));
        }
        let mut places = Vec::new();
        for (place, other) in &candidates {
            if equal(py, other.as_ptr(), value.as_ptr())? {
                places.push(*place);
            }
        }
        Ok(Some(places))
    }
}
