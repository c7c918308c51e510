//! Where a value stands among those of its key, told under the lock: where both are plain, comparing runs no Python code.

use super::cell;
use super::kind::Kind;
use crate::py::ground::handle::is_plain;
use crate::py::ground::object::Object;
use crate::store::cell::{Hash, Mark};
use pyo3::ffi;

/// Where a value stands among those of its key.
pub enum Standing {
    /// At this place.
    At(usize),
    /// It is not there.
    Nowhere,
    /// It takes code of the user's to tell.
    Unknown,
}

/// Find a value among those in a slot of a bag, under the lock.
#[inline]
pub fn standing<K: Kind>(slot: *mut ffi::PyObject, value: &Object, hash: Hash) -> Standing {
    let Some(wanted) = hash.hash() else { return Standing::Unknown };
    // SAFETY: the slot stands in the bag, and the lock is held.
    unsafe {
        if !cell::is_cell::<K>(slot) {
            return if slot == value.as_ptr() {
                Standing::At(0)
            } else if K::hash_alone(slot) != hash {
                Standing::Nowhere
            } else {
                equal(slot, value, 0)
            };
        }
        let values = &cell::of::<K>(slot).values;
        if values.has_hashless() {
            return Standing::Unknown;
        }
        let standing = values.find_hash(wanted, |place, other| match equal(other.as_ptr(), value, place) {
            Standing::Nowhere => None,
            known => Some(known),
        });
        standing.unwrap_or(Standing::Nowhere)
    }
}

/// Compare with one value.
///
/// # Safety
/// `other` is alive.
unsafe fn equal(other: *mut ffi::PyObject, value: &Object, place: usize) -> Standing {
    // SAFETY: both are alive; comparing plain values runs no Python code.
    unsafe {
        if other == value.as_ptr() {
            return Standing::At(place);
        }
        if !is_plain(other) || !is_plain(value.as_ptr()) {
            return Standing::Unknown;
        }
        match ffi::PyObject_RichCompareBool(other, value.as_ptr(), ffi::Py_EQ) {
            0 => Standing::Nowhere,
            1 => Standing::At(place),
            _ => {
                ffi::PyErr_Clear(); // the general way says what is wrong
                Standing::Unknown
            }
        }
    }
}

/// The places of all that equals a plain value, under the lock; `None` if it takes code of the user's to tell.
pub fn places_of<K: Kind>(slot: *mut ffi::PyObject, value: &Object) -> Option<Vec<usize>> {
    let mut places = Vec::new();
    let mut ask = |other: *mut ffi::PyObject, place: usize| {
        // SAFETY: the slot stands in the bag, and so does what is in it.
        match unsafe { equal(other, value, place) } {
            Standing::Nowhere => Some(()),
            Standing::At(place) => {
                places.push(place);
                Some(())
            }
            Standing::Unknown => None,
        }
    };
    // SAFETY: as above, and the lock is held.
    unsafe {
        if cell::is_cell::<K>(slot) {
            cell::of::<K>(slot).values.iter().try_for_each(|(place, other, _)| ask(other.as_ptr(), place))?;
        } else {
            ask(slot, 0)?;
        }
    }
    Some(places)
}
