//! Bags: several values per key, in the order in which they came.
//!
//! A bag stands on CPython's own dict of handles, as the set table does. What stands there for a key is its *slot*: the
//! value itself where there is but one, else a cell of ours (`cell.rs`) with all of them. A bag that keeps each pair of
//! key and value once compares values by `==`, which may be Python code: outside the lock, on what it has taken hold of
//! before, and what it found is done only if the slot is still as it was.

mod alike;
mod bag;
mod cell;
mod change;
mod hot;
mod kind;
mod reading;
mod removing;
mod selecting;
mod standing;
mod transacting;
mod whole;
mod writing;
mod written;

pub use bag::Bag;
pub use cell::{initialise, is_cell, key_under, of as cell_of};
pub use change::values_in;
pub use kind::{Duplicates, Kind, Unique};
pub use reading::listed;
pub use transacting::attributes;
pub use whole::length;
pub use written::offer;

use super::verbs::install::Verb;
use super::walks::{self, BagWalk};

/// The verbs of a bag: short cuts, and what they are short cuts of.
pub fn verbs<K: Kind>() -> Vec<Verb> {
    let mut verbs = hot::verbs::<K>();
    verbs.extend(writing::verbs::<K>());
    verbs.extend(reading::verbs::<K>());
    verbs.extend(removing::verbs::<K>());
    verbs.extend(selecting::verbs::<K>());
    verbs.extend(transacting::verbs::<K>());
    verbs.extend(walks::bag_verbs::<BagWalk<K>>());
    verbs.extend(whole::verbs::<K>());
    verbs
}

/// `key in bag`.
pub use hot::contains;

/// Define methods of bags: `bag`, `py` and `arguments` are what the body sees. PyO3 is not told of those that follow `hot`.
macro_rules! methods {
    (hot $($methods:tt)*) => { crate::py::bags::methods_by! { run_hot $($methods)* } };
    ($($methods:tt)*) => { crate::py::bags::methods_by! { run $($methods)* } };
}

/// As `methods`, run by a function of `verbs::install`.
macro_rules! methods_by {
    ($run:ident $($(#[$meta:meta])* fn $name:ident($bag:ident, $py:ident, $arguments:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            pub unsafe extern "C" fn $name<K: crate::py::bags::Kind>(
                object: *mut pyo3::ffi::PyObject,
                values: *const *mut pyo3::ffi::PyObject,
                positional: pyo3::ffi::Py_ssize_t,
                names: *mut pyo3::ffi::PyObject,
            ) -> *mut pyo3::ffi::PyObject {
                crate::py::verbs::install::$run(|$py| {
                    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
                    let ($bag, $arguments) = unsafe {
                        (
                            crate::py::class::body::<crate::py::bags::Bag<K>>(object),
                            crate::py::verbs::install::called(values, positional, names),
                        )
                    };
                    $body
                })
            }
        )*
    };
}
pub(crate) use methods;
pub(crate) use methods_by;
