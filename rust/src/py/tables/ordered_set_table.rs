//! The ordered set table: one value per key, with the keys in order.

use super::attributes;
use crate::py::class::{self, body, class_of, create, own};
use crate::py::entry::new_entry;
use crate::py::ground::object::Object;
use crate::py::object;
use crate::py::rows::Table;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, called, give, install as put_in, run};
use crate::py::verbs::ordered::{self, Ordered, hot};
use crate::py::verbs::set;
use crate::store::term::Term;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::collections::VecDeque;
use std::ffi::c_void;

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

const CREATE: Parameters<4> =
    Parameters { method: "_create", names: ["name", "clock", "ttl", "key"], positional: 4, needed: 4 };
const WALK: Parameters<0> = Parameters { method: "_walk", names: [], positional: 0, needed: 0 };

/// How many entries a walk takes hold of at a time.
const STEP: usize = 64;

fn verbs() -> Vec<Verb> {
    let mut verbs = ordered::verbs();
    verbs.push(Verb { name: "_walk", signature: "($self, /)", method: walk });
    for general in set::verbs::<Ordered>() {
        if verbs.iter().all(|verb| verb.name != general.name) {
            verbs.push(general);
        }
    }
    verbs
}

/// Make the class and put it into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let class = CLASS.get_or_try_init(py, || {
        let slots = [
            (ffi::Py_mp_length, set::whole::length::<Ordered> as *mut c_void),
            (ffi::Py_mp_subscript, hot::subscript as *mut c_void),
            (ffi::Py_mp_ass_subscript, hot::assign as *mut c_void),
            (ffi::Py_sq_contains, hot::contains as *mut c_void),
            attributes::slot::<Ordered>(),
        ];
        let class = class::make::<Ordered>(py, c"noex.kernel._native.OrderedSetTable", &slots, &verbs())?;
        class.setattr("kind", "ordered_set")?;
        class.setattr("_key", key_attribute(&class)?)?;
        class::class_method(&class, "_create", "($type, name, clock, ttl, key, /)", make)?;
        PyResult::Ok(class.unbind())
    })?;
    module.add("OrderedSetTable", class)?;
    module.add_class::<OrderedWalk>()
}

/// Give a class that stands on this one methods of its own.
pub fn install(class: &Bound<'_, PyType>, documented: &Bound<'_, PyAny>) -> PyResult<()> {
    match CLASS.get(class.py()) {
        Some(base) if class.is_subclass(base.bind(class.py()))? => {
            put_in(class, base.bind(class.py()), Some(documented), &verbs())
        }
        _ => Ok(()),
    }
}

unsafe extern "C" fn make(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: CPython calls a class method with a class, and with these arguments.
        unsafe {
            let [name, clock, ttl, key] = called(values, positional, names).sort(&CREATE)?;
            let bound = |object| Bound::from_borrowed_ptr(py, object);
            let lifetime: Option<f64> = bound(ttl).extract()?;
            let table: Ordered = Table::new(py, "ordered_set", &bound(name), &bound(clock), lifetime)?;
            if key != ffi::Py_None() {
                table.section(|state| state.rows.order_by(own(key)));
            }
            create(&class_of(py, class)?, table)
        }
    })
}

/// The attribute `_key` of the class.
fn key_attribute<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    let definition = Box::leak(Box::new(ffi::PyGetSetDef {
        name: c"_key".as_ptr(),
        get: Some(key),
        set: None,
        doc: std::ptr::null(),
        closure: std::ptr::null_mut(),
    }));
    // SAFETY: the definition is complete, and stands for good.
    unsafe { Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewGetSet(class.as_type_ptr(), definition)) }
}

/// The function that makes the places of keys, or None.
unsafe extern "C" fn key(object: *mut ffi::PyObject, _: *mut c_void) -> *mut ffi::PyObject {
    run(|_| {
        // SAFETY: CPython asks an object of the class; None is always there.
        unsafe {
            let function = body::<Ordered>(object).section(|state| state.rows.function().cloned());
            give(function.unwrap_or_else(|| own(ffi::Py_None())))
        }
    })
}

/// Walk the entries by key: what stays throughout is met exactly once, whatever comes and goes.
unsafe extern "C" fn walk(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: CPython calls a method with an object of its class, and with these arguments.
        unsafe {
            let [] = called(values, positional, names).sort(&WALK)?;
            let table = object(&Bound::from_borrowed_ptr(py, this));
            let walk =
                OrderedWalk { table: Some(table), ahead: VecDeque::new(), last: Some(Term::default()), version: 0 };
            Ok(walk.into_pyobject(py)?.into_ptr())
        }
    })
}

/// An entry that a walk comes to: its place, key and slot.
struct Ahead {
    term: Term,
    key: Object,
    slot: Object,
}

/// Goes through the entries of an ordered table. One thread at a time steps it, as with any iterator.
///
/// It takes hold of some entries at a time, and looks at each again when its turn comes, if the table has changed since.
#[pyclass(module = "noex.kernel._native")]
struct OrderedWalk {
    table: Option<Object>,
    ahead: VecDeque<Ahead>,
    last: Option<Term>, // beyond which to look for more; `None` once there are no more
    version: u64,       // of the table, when the entries ahead were as they are here
}

#[pymethods]
impl OrderedWalk {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let Some(table) = slf.borrow().table.clone() else { return Ok(None) };
        // SAFETY: only `walk` makes these, with a table of ours.
        let set: &Ordered = unsafe { body(table.as_ptr()) };
        loop {
            let (next, version) = {
                let walk = &mut *slf.borrow_mut();
                (walk.ahead.pop_front(), walk.version)
            };
            let Some(next) = next else {
                if Self::look_ahead(slf, set)? {
                    continue;
                }
                let gone = slf.borrow_mut().table.take();
                drop(gone);
                return Ok(None);
            };
            let Some((key, slot)) = current(set, next, version) else {
                set.refuse_closed(py)?;
                continue;
            };
            if let Some(value) = set::reading::value_of(set, py, slot)? {
                return new_entry(py, key.into_py(py), value.into_py(py)).map(Some);
            }
        }
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        if let Some(table) = &self.table {
            visit.call(table.as_py())?;
        }
        for Ahead { key, slot, .. } in &self.ahead {
            visit.call(key.as_py())?;
            visit.call(slot.as_py())?;
        }
        Ok(())
    }

    fn __clear__(&mut self) {
        self.table = None;
        self.ahead.clear();
    }
}

/// Key and slot of an entry as it stands now, if it does; `version` is that of the table when it was as it is given.
fn current(set: &Ordered, next: Ahead, version: u64) -> Option<(Object, Object)> {
    let Ahead { term, key, slot } = next;
    let changed = set.section(|state| {
        if state.version == version {
            return None;
        }
        // SAFETY: what stands in the tree is alive in the section.
        Some(state.rows.tree.get(&term).map(|entered| unsafe { (own(entered.key), own(entered.slot)) }))
    });
    changed.unwrap_or(Some((key, slot)))
}

impl OrderedWalk {
    /// Take hold of the entries that come next; tell whether there are any.
    fn look_ahead(slf: &Bound<'_, Self>, set: &Ordered) -> PyResult<bool> {
        let Some(last) = slf.borrow_mut().last.take() else { return Ok(false) };
        set.refuse_closed(slf.py())?;
        let (ahead, version) = set.section(|state| {
            let (mut ahead, mut next) = (VecDeque::with_capacity(STEP), state.rows.tree.after(&last));
            while let Some(found) = next.filter(|_| ahead.len() < STEP) {
                // SAFETY: what stands in the tree is alive in the section.
                let (key, slot) = unsafe { (own(found.value().key), own(found.value().slot)) };
                ahead.push_back(Ahead { term: found.term(), key, slot });
                next = found.next();
            }
            (ahead, state.version)
        });
        let found = !ahead.is_empty();
        let before = {
            let walk = &mut *slf.borrow_mut();
            walk.last = if ahead.len() < STEP { None } else { ahead.back().map(|last| last.term.clone()) };
            walk.version = version;
            std::mem::replace(&mut walk.ahead, ahead)
        };
        drop(before);
        Ok(found)
    }
}
