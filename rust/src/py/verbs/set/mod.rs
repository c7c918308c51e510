//! The verbs of set kinds, over rows of whatever sort.
//!
//! Each is a loop of *find* and *commit*: what was found is committed if it still stands, else it is found again.

mod by_handle;
mod computing;
pub mod counting;
mod indexing;
pub mod lifetimes;
mod loading;
pub mod many;
pub mod reading;
mod selecting;
pub mod transacting;
pub mod whole;
pub mod writing;

use super::install::Verb;
use crate::py::class::SetBody;

/// The verbs that every set kind has.
pub fn verbs<B: SetBody>() -> Vec<Verb> {
    let mut verbs = reading::verbs::<B>();
    verbs.extend(writing::verbs::<B>());
    verbs.extend(many::verbs::<B>());
    verbs.extend(counting::verbs::<B>());
    verbs.extend(computing::verbs::<B>());
    verbs.extend(lifetimes::verbs::<B>());
    verbs.extend(whole::verbs::<B>());
    verbs.extend(loading::verbs::<B>());
    verbs.extend(by_handle::verbs::<B>());
    verbs.extend(selecting::verbs::<B>());
    verbs.extend(indexing::verbs::<B>());
    verbs.extend(transacting::verbs::<B>());
    verbs
}

/// Define methods of set kinds: `table`, `py` and `arguments` are what the body sees.
macro_rules! methods {
    ($($(#[$meta:meta])* fn $name:ident($table:ident, $py:ident, $arguments:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            pub unsafe extern "C" fn $name<B: crate::py::class::SetBody>(
                object: *mut pyo3::ffi::PyObject,
                values: *const *mut pyo3::ffi::PyObject,
                positional: pyo3::ffi::Py_ssize_t,
                names: *mut pyo3::ffi::PyObject,
            ) -> *mut pyo3::ffi::PyObject {
                crate::py::verbs::install::run(|$py| {
                    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
                    let ($table, $arguments) = unsafe {
                        (
                            crate::py::class::body::<B>(object).table(),
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
