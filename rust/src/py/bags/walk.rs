//! Walking a bag: what stays throughout is met exactly once, whatever comes and goes.

use super::bag::Bag;
use super::cell;
use super::change::values_in;
use super::kind::Kind;
use super::reading::listed;
use crate::py::class::{body, own};
use crate::py::ground::object::Object;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, called, run};
use pyo3::ffi;
use pyo3::prelude::*;

const NOTHING: Parameters<0> = Parameters { method: "_walk", names: [], positional: 0, needed: 0 };

pub fn verbs<K: Kind>() -> Vec<Verb> {
    vec![Verb { name: "_walk", signature: "($self, /)", method: walk::<K> }]
}

/// A key with its values.
type Keyed = (Object, Vec<Object>);

/// What a walk asks of its bag.
struct Asks {
    handles: fn(Python<'_>, &Object) -> PyResult<Vec<Object>>,
    entry: fn(Python<'_>, &Object, &Object) -> PyResult<Option<Keyed>>,
}

fn handles<K: Kind>(py: Python<'_>, bag: &Object) -> PyResult<Vec<Object>> {
    // SAFETY: only `walk` makes walks, with a bag of this kind.
    let bag: &Bag<K> = unsafe { body(bag.as_ptr()) };
    bag.refuse_closed(py)?;
    Ok(bag.section(|state| state.slots.handles()))
}

fn entry<K: Kind>(py: Python<'_>, bag: &Object, handle: &Object) -> PyResult<Option<Keyed>> {
    // SAFETY: as above.
    let bag: &Bag<K> = unsafe { body(bag.as_ptr()) };
    let (closed, entry) = bag.section(|state| {
        let slot = state.slot(handle);
        let entry = (!slot.is_null()).then(|| {
            // SAFETY: both stand in the bag.
            let key = unsafe { Object::borrowed(cell::key_under::<K>(handle.as_ptr(), slot)) };
            (key, values_in::<K>(slot))
        });
        (state.closed, entry)
    });
    if closed { Err(bag.closed(py)) } else { Ok(entry) }
}

/// Walk the keys with their values.
unsafe extern "C" fn walk<K: Kind>(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        let bag = unsafe {
            let [] = called(values, positional, names).sort(&NOTHING)?;
            own(object)
        };
        let asks = Asks { handles: handles::<K>, entry: entry::<K> };
        Ok(Walk { bag: Some(bag), asks, handles: None, next: 0 }.into_pyobject(py)?.into_ptr())
    })
}

/// Goes through the keys of a bag. One thread at a time steps it, as with any iterator.
#[pyclass(module = "noex.kernel._native", name = "BagWalk")]
pub struct Walk {
    bag: Option<Object>,
    asks: Asks,
    handles: Option<Vec<Object>>,
    next: usize,
}

impl Walk {
    /// The next handle, and the bag; `None` at the end, when both are let go of.
    fn step(slf: &Bound<'_, Self>) -> PyResult<Option<(Object, Object)>> {
        let Some(bag) = slf.borrow().bag.clone() else { return Ok(None) };
        if slf.borrow().handles.is_none() {
            let asked = (slf.borrow().asks.handles)(slf.py(), &bag)?;
            slf.borrow_mut().handles = Some(asked);
        }
        let mut walk = slf.borrow_mut();
        let place = walk.next;
        walk.next += 1;
        if let Some(handle) = walk.handles.as_ref().and_then(|handles| handles.get(place).cloned()) {
            return Ok(Some((bag, handle)));
        }
        let done = (walk.bag.take(), walk.handles.take());
        drop(walk);
        drop(done);
        Ok(None)
    }
}

#[pymethods]
impl Walk {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
        let py = slf.py();
        while let Some((bag, handle)) = Self::step(slf)? {
            let asked = (slf.borrow().asks.entry)(py, &bag, &handle)?;
            if let Some((key, values)) = asked {
                return Ok(Some((key.into_py(py), listed(py, values)?.into_any())));
            }
        }
        Ok(None)
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        for object in self.bag.iter().chain(self.handles.iter().flatten()) {
            visit.call(object.as_py())?;
        }
        Ok(())
    }

    fn __clear__(&mut self) {
        self.bag = None;
        self.handles = None;
    }
}
