//! The boundary: Python objects in, Python objects out.

mod bags;
mod class;
pub mod entry;
mod ground;
mod queries;
mod recipes;
mod rows;
mod tables;
mod terms;
mod transact;
mod verbs;
mod walks;
mod watch;

use ground::object::Object;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The number of the contract between this module and the Python around it; `noex.kernel` has the same one.
pub const CONTRACT: u32 = 2;

/// The native kernel.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("CONTRACT", CONTRACT)?;
    ground::handle::initialise(module.py())?;
    ground::row::initialise(module.py())?;
    queries::register(module)?;
    watch::indexes::register(module)?;
    terms::register(module)?;
    tables::register(module)?;
    transact::register(module)?;
    recipes::register(module)
}

/// `ABSENT`, which private verbs return for a key that is not there: the pure kernel's own.
pub(crate) fn absent(py: Python<'_>) -> PyResult<*mut ffi::PyObject> {
    static ABSENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let absent = ABSENT
        .get_or_try_init(py, || py.import("noex.kernel._pure.verbs.set_verbs")?.getattr("ABSENT").map(Bound::unbind))?;
    Ok(absent.clone_ref(py).into_ptr())
}

/// A strong reference to what PyO3 has.
pub(crate) fn object(any: &Bound<'_, PyAny>) -> Object {
    // SAFETY: alive, for the caller holds it.
    unsafe { Object::borrowed(any.as_ptr()) }
}
