//! The verbs that ordered tables have beside those of all set kinds, and short cuts for those that are asked most.
//!
//! A key is turned into a term first, which may run code of the user's; all the rest of a read is one section. Where
//! nobody watches a table or computes in it, a write is one section, too; else it does as the general one of `set/`.

pub mod asking;
mod counting;
mod ends;
pub mod hot;
mod many;
mod neighbours;
mod popping;
mod ranges;
pub mod renumber;
mod selecting;

pub use ends::{Ends, ends_of};

use super::install::{Verb, give_none};
use crate::py::entry::new_entry;
use crate::py::ground::object::Object;
use crate::py::rows::{Entered, OrderedRows, Table};
use crate::store::tree::{Entry, Tree};
use pyo3::ffi;
use pyo3::prelude::*;

/// An ordered table.
pub type Ordered = Table<OrderedRows>;

/// The verbs; they stand before the general ones of the same names.
pub fn verbs() -> Vec<Verb> {
    let mut verbs = hot::verbs();
    verbs.extend(counting::verbs());
    verbs.extend(neighbours::verbs());
    verbs.extend(popping::verbs());
    verbs.extend(ranges::verbs());
    verbs.extend(many::verbs());
    verbs.extend(asking::verbs());
    verbs.extend(renumber::verbs());
    verbs.extend(selecting::verbs());
    verbs
}

/// Define methods of ordered tables: `table`, `py` and `arguments` are what the body sees. PyO3 is not told of those that follow
/// `hot`.
macro_rules! methods {
    (hot $($methods:tt)*) => { crate::py::verbs::ordered::methods_by! { run_hot $($methods)* } };
    ($($methods:tt)*) => { crate::py::verbs::ordered::methods_by! { run $($methods)* } };
}

/// As `methods`, run by a function of `verbs::install`.
macro_rules! methods_by {
    ($run:ident $($(#[$meta:meta])* fn $name:ident($table:ident, $py:ident, $arguments:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            pub unsafe extern "C" fn $name(
                object: *mut pyo3::ffi::PyObject,
                values: *const *mut pyo3::ffi::PyObject,
                positional: pyo3::ffi::Py_ssize_t,
                names: *mut pyo3::ffi::PyObject,
            ) -> *mut pyo3::ffi::PyObject {
                crate::py::verbs::install::$run(|$py| {
                    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
                    let ($table, $arguments) = unsafe {
                        (
                            crate::py::class::body::<crate::py::verbs::ordered::Ordered>(object),
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

/// Key and value of the entry that is found in the tree; `None`, and no error, where the table is open and has none.
#[inline(always)]
fn find(
    table: &Ordered,
    py: Python<'_>,
    search: impl for<'a> FnOnce(&'a Tree<Entered>) -> Option<Entry<'a, Entered>>,
) -> PyResult<Option<(Object, Object)>> {
    // SAFETY: what stands in the tree is alive in the section.
    let found = table.section(|state| search(&state.rows.tree).map(|entry| unsafe { entry.value().held() }));
    if found.is_none() {
        table.refuse_closed(py)?;
    }
    Ok(found)
}

/// The `Entry` that was found, or None, for the caller of a method.
#[inline(always)]
fn give_entry(py: Python<'_>, found: Option<(Object, Object)>) -> PyResult<*mut ffi::PyObject> {
    match found {
        Some((key, value)) => Ok(new_entry(py, key.into_py(py), value.into_py(py))?.into_ptr()),
        None => give_none(),
    }
}
