//! The classes of tables.

mod attributes;
mod bag_tables;
mod cache_table;
mod ordered_set_table;
mod set_table;

use pyo3::prelude::*;
use pyo3::types::PyType;

/// Put the classes into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    set_table::register(module)?;
    bag_tables::register(module)?;
    ordered_set_table::register(module)?;
    cache_table::register(module)?;
    module.add_function(wrap_pyfunction!(install, module)?)
}

/// Give a class that stands on one of ours methods of its own, which CPython calls faster than inherited ones.
///
/// `documented` is a class with the same methods, whose documentation they get.
#[pyfunction]
#[pyo3(signature = (class, documented, /))]
fn install(class: &Bound<'_, PyType>, documented: &Bound<'_, PyAny>) -> PyResult<()> {
    ordered_set_table::install(class, documented)?;
    cache_table::install(class, documented)?;
    bag_tables::install(class, documented)?;
    set_table::install(class, documented)
}
