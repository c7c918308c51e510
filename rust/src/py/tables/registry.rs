//! What a class of tables is made of, and the list of them.

use super::{bag_tables, cache_table, ordered_set_table, set_table};
use crate::py::class;
use crate::py::verbs::install::{Method, Verb, install};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::ffi::{CStr, c_int, c_void};

/// A slot of a class.
pub type Slot = (c_int, *mut c_void);

/// What makes a class, of its name, slots and methods.
pub type Make = for<'py> fn(Python<'py>, &'static CStr, &[Slot], &[Verb]) -> PyResult<Bound<'py, PyType>>;

/// A class of tables.
pub struct TableClass {
    /// Its full name.
    pub name: &'static CStr,
    /// The kind of its tables, as they call themselves.
    pub kind: &'static str,
    /// The parameters of `_create`.
    pub created_with: &'static str,
    /// `_create`, which makes a table.
    pub create: Method,
    /// Its slots; what these need is made first.
    pub slots: fn(Python<'_>) -> PyResult<Vec<Slot>>,
    /// Its methods, which each class that stands on it gets anew.
    pub verbs: fn() -> Vec<Verb>,
    /// What makes the class: `class::make` of what its tables hold.
    pub make: Make,
    /// What else the class is given.
    pub finish: fn(&Bound<'_, PyType>) -> PyResult<()>,
    /// The class, once it is made.
    pub made: PyOnceLock<Py<PyType>>,
}

static CLASSES: [&TableClass; 5] =
    [&set_table::CLASS, &bag_tables::BAG, &bag_tables::DUPLICATE_BAG, &ordered_set_table::CLASS, &cache_table::CLASS];

impl TableClass {
    fn make(&self, py: Python<'_>) -> PyResult<Py<PyType>> {
        let class = (self.make)(py, self.name, &(self.slots)(py)?, &(self.verbs)())?;
        class.setattr("kind", self.kind)?;
        class::class_method(&class, "_create", self.created_with, self.create)?;
        (self.finish)(&class)?;
        Ok(class.unbind())
    }
}

/// Make the classes and put them into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for class in CLASSES {
        let made = class.made.get_or_try_init(module.py(), || class.make(module.py()))?.bind(module.py());
        module.add(made.name()?, made)?;
    }
    module.add_function(wrap_pyfunction!(install_in, module)?)
}

/// Give a class that stands on one of ours methods of its own, which CPython calls faster than inherited ones.
///
/// `documented` is a class with the same methods, whose documentation they get.
#[pyfunction]
#[pyo3(name = "install", signature = (class, documented, /))]
fn install_in(class: &Bound<'_, PyType>, documented: &Bound<'_, PyAny>) -> PyResult<()> {
    for known in CLASSES {
        if let Some(base) = known.made.get(class.py())
            && class.is_subclass(base.bind(class.py()))?
        {
            install(class, base.bind(class.py()), Some(documented), &(known.verbs)())?;
        }
    }
    Ok(())
}

/// Methods, and of those that all set kinds have the ones that are not among them.
pub fn with_general(mut verbs: Vec<Verb>, general: Vec<Verb>) -> Vec<Verb> {
    for verb in general {
        if verbs.iter().all(|known| known.name != verb.name) {
            verbs.push(verb);
        }
    }
    verbs
}
