//! The bags: hashed keys, several values each.

use super::registry::{Slot, TableClass};
use crate::py::bags::{self, Bag, Duplicates, Kind, Unique};
use crate::py::class::{self, class_of, create};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{called, run};
use crate::py::walks::{self, BagWalk};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::ffi::{CStr, c_void};

/// The class of bags.
pub static BAG: TableClass = class_of_bags::<Unique>(c"noex.kernel._native.BagTable");

/// The class of duplicate bags.
pub static DUPLICATE_BAG: TableClass = class_of_bags::<Duplicates>(c"noex.kernel._native.DuplicateBagTable");

const CREATE: Parameters<1> = Parameters { method: "_create", names: ["name"], positional: 1, needed: 1 };

const fn class_of_bags<K: Kind>(name: &'static CStr) -> TableClass {
    TableClass {
        name,
        kind: K::NAME,
        created_with: "($type, name, /)",
        create: make::<K>,
        slots: slots::<K>,
        verbs: bags::verbs::<K>,
        make: class::make::<Bag<K>>,
        finish: bags::offer::<K>,
        made: PyOnceLock::new(),
    }
}

fn slots<K: Kind>(py: Python<'_>) -> PyResult<Vec<Slot>> {
    bags::initialise::<K>(py)?;
    walks::initialise::<BagWalk<K>>(py)?;
    Ok(vec![
        (ffi::Py_mp_length, bags::length::<K> as *mut c_void),
        (ffi::Py_sq_contains, bags::contains::<K> as *mut c_void),
        walks::slot::<BagWalk<K>>(),
        bags::attributes::<K>(),
    ])
}

unsafe extern "C" fn make<K: Kind>(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: CPython calls a class method with a class, and with these arguments.
        unsafe {
            let [name] = called(values, positional, names).sort(&CREATE)?;
            let bag = Bag::<K>::new(py, &Bound::from_borrowed_ptr(py, name))?;
            create(&class_of(py, class)?, bag)
        }
    })
}
