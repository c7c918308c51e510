//! What Python code of noex reads off a set kind: name, clock, lifetime, version; and whom it tells of expired rows.

use crate::py::class::{SetBody, body, own};
use crate::py::ground::object::Object;
use crate::py::verbs::install::{give, run, run_number};
use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyType};
use std::ffi::{CStr, c_int, c_void};

type Getter = unsafe extern "C" fn(*mut ffi::PyObject, *mut c_void) -> *mut ffi::PyObject;
type Setter = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject, *mut c_void) -> c_int;

/// The attributes, as a slot of the class.
pub fn slot<B: SetBody>() -> (c_int, *mut c_void) {
    let attribute = |name: &'static CStr, get: Getter, set: Option<Setter>| ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set,
        doc: std::ptr::null(),
        closure: std::ptr::null_mut(),
    };
    // SAFETY: zeroes end the list, as CPython asks for.
    let end = unsafe { std::mem::zeroed() };
    let attributes = Box::leak(Box::new([
        attribute(c"_name", name::<B>, None),
        attribute(c"_clock", clock::<B>, None),
        attribute(c"_ttl", ttl::<B>, None),
        attribute(c"_version", version::<B>, None),
        attribute(c"_terms", crate::py::verbs::set::transacting::terms, None),
        attribute(c"_on_reclaim", on_reclaim::<B>, Some(set_on_reclaim::<B>)),
        end,
    ]));
    (ffi::Py_tp_getset, attributes.as_mut_ptr().cast())
}

/// Give a class an attribute that can be read.
pub fn add(class: &Bound<'_, PyType>, name: &'static CStr, get: Getter) -> PyResult<()> {
    let definition = Box::leak(Box::new(ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(get),
        set: None,
        doc: std::ptr::null(),
        closure: std::ptr::null_mut(),
    }));
    // SAFETY: the definition is complete, and stands for good, as the class does.
    let made =
        unsafe { Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewGetSet(class.as_type_ptr(), definition))? };
    class.setattr(name.to_str()?, made)
}

unsafe extern "C" fn name<B: SetBody>(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: CPython asks an object of the class, here and below.
    run(|_| give(unsafe { body::<B>(object) }.table().name.clone()))
}

unsafe extern "C" fn clock<B: SetBody>(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: as above.
    run(|_| give(unsafe { body::<B>(object) }.table().given_clock.clone()))
}

unsafe extern "C" fn ttl<B: SetBody>(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: as above; None is always there.
    run(|py| match unsafe { body::<B>(object) }.table().lifetime {
        // SAFETY: None is always there.
        None => give(unsafe { own(ffi::Py_None()) }),
        Some(lifetime) => Ok(PyFloat::new(py, lifetime).into_ptr()),
    })
}

/// Counts changes; -1 for a closed table.
unsafe extern "C" fn version<B: SetBody>(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: as above.
        let table = unsafe { body::<B>(object) }.table();
        let version = table.section(|state| if state.closed { -1 } else { state.version as i64 });
        Ok(version.into_pyobject(py)?.into_ptr())
    })
}

/// Called with the rows that have expired, as a list of entries; None if nobody is.
unsafe extern "C" fn on_reclaim<B: SetBody>(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: as above; None is always there.
    run(|_| {
        // SAFETY: as above.
        let function = unsafe { body::<B>(object) }.table().section(|state| state.on_reclaim.clone());
        // SAFETY: None is always there.
        give(function.unwrap_or_else(|| unsafe { own(ffi::Py_None()) }))
    })
}

unsafe extern "C" fn set_on_reclaim<B: SetBody>(
    object: *mut ffi::PyObject,
    function: *mut ffi::PyObject,
    _: *mut c_void,
) -> c_int {
    run_number(|_| {
        if function.is_null() {
            return Err(PyAttributeError::new_err("_on_reclaim cannot be deleted; set it to None"));
        }
        // SAFETY: as above; the caller holds the function.
        let function = unsafe { (function != ffi::Py_None()).then(|| Object::borrowed(function)) };
        // SAFETY: as above.
        let before =
            unsafe { body::<B>(object) }.table().section(|state| std::mem::replace(&mut state.on_reclaim, function));
        drop(before);
        Ok(0)
    })
}
