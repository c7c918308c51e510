//! The bags: hashed keys, several values each.

use crate::py::bags::{self, Bag, Duplicates, Kind, Unique};
use crate::py::class::{self, class_of, create};
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{called, install as put_in, run};
use crate::py::walks::{self, BagWalk};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::ffi::{CStr, c_void};

static BAG: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static DUPLICATE_BAG: PyOnceLock<Py<PyType>> = PyOnceLock::new();

const CREATE: Parameters<1> = Parameters { method: "_create", names: ["name"], positional: 1, needed: 1 };

/// Make the classes and put them into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let bag = BAG.get_or_try_init(py, || class_for::<Unique>(py, c"noex.kernel._native.BagTable"))?;
    module.add("BagTable", bag)?;
    let duplicates = || class_for::<Duplicates>(py, c"noex.kernel._native.DuplicateBagTable");
    module.add("DuplicateBagTable", DUPLICATE_BAG.get_or_try_init(py, duplicates)?)
}

fn class_for<K: Kind>(py: Python<'_>, name: &'static CStr) -> PyResult<Py<PyType>> {
    bags::initialise::<K>(py)?;
    walks::initialise::<BagWalk<K>>(py)?;
    let slots = [
        (ffi::Py_mp_length, bags::length::<K> as *mut c_void),
        (ffi::Py_sq_contains, bags::contains::<K> as *mut c_void),
        walks::slot::<BagWalk<K>>(),
        bags::attributes::<K>(),
    ];
    let class = class::make::<Bag<K>>(py, name, &slots, &bags::verbs::<K>())?;
    class.setattr("kind", K::NAME)?;
    class::class_method(&class, "_create", "($type, name, /)", make::<K>)?;
    bags::offer::<K>(&class)?;
    Ok(class.unbind())
}

/// Give a class that stands on one of these methods of its own.
pub fn install(class: &Bound<'_, PyType>, documented: &Bound<'_, PyAny>) -> PyResult<()> {
    for (base, verbs) in [(&BAG, bags::verbs::<Unique>()), (&DUPLICATE_BAG, bags::verbs::<Duplicates>())] {
        if let Some(base) = base.get(class.py())
            && class.is_subclass(base.bind(class.py()))?
        {
            put_in(class, base.bind(class.py()), Some(documented), &verbs)?;
        }
    }
    Ok(())
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
