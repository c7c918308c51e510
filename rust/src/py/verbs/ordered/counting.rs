//! Counting with small ints, in one section.

use super::Ordered;
use super::hot::is_keyed;
use super::many::is_simple;
use crate::py::class::body;
use crate::py::ground::number::{int, plus, small};
use crate::py::ground::object::Object;
use crate::py::rows::{OrderedRows, State, place};
use crate::py::verbs::install::{Method, Verb, give, give_none, run_hot};
use crate::py::verbs::set::counting as general;
use crate::store::term::Term;
use pyo3::ffi;

pub fn verbs() -> Vec<Verb> {
    let signature = "($self, /, key, step=1, *, default=0, threshold=None, reset_to=None, ttl=...)";
    vec![
        Verb { name: "update_counter", signature, method: update_counter },
        Verb { name: "_count", signature: "($self, key, step=1, /)", method: count },
    ]
}

unsafe extern "C" fn update_counter(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
    unsafe { counted(object, values, positional, names, general::update_counter::<Ordered>) }
}

unsafe extern "C" fn count(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a method with an object of its class, and with these arguments.
    unsafe { counted(object, values, positional, names, general::count::<Ordered>) }
}

/// Count a key up by a small int, or do as the general verb.
#[inline(always)]
unsafe fn counted(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    otherwise: Method,
) -> *mut ffi::PyObject {
    // SAFETY: as in `update_counter`.
    unsafe {
        let table: &Ordered = body(object);
        let step = match positional {
            1 if names.is_null() => Some(1),
            2 if names.is_null() => small(*values.add(1)),
            _ => None,
        };
        if let Some(step) = step
            && !is_keyed(table)
        {
            let mut general_is_needed = false;
            let sum = run_hot(|py| {
                let key = *values;
                let term = place(table, py, key)?;
                match table.section(|state| add(state, term, key, step, table.lifetime.is_none())) {
                    Some(sum) => give(sum),
                    None => {
                        general_is_needed = true;
                        give_none()
                    }
                }
            });
            if !general_is_needed {
                return sum;
            }
            ffi::Py_DECREF(sum);
        }
        otherwise(object, values, positional, names)
    }
}

/// Add to a small int that stands under a term, or count from zero; `None` where it takes more than that.
///
/// # Safety
/// The key is alive.
#[inline(always)]
unsafe fn add(
    state: &mut State<OrderedRows>,
    term: Term,
    key: *mut ffi::PyObject,
    step: i64,
    endless: bool,
) -> Option<Object> {
    // SAFETY: what stands in the tree is alive in the section. Ints are made and freed without Python code.
    unsafe {
        if !is_simple(state) {
            return None;
        }
        let Some(entered) = state.rows.tree.get_mut(&term) else {
            if !endless {
                return None;
            }
            let sum = int(step)?;
            state.version += 1;
            state.rows.write(term, key, sum.as_ptr());
            return Some(sum);
        };
        let sum = plus(entered.slot, step)?;
        drop(Object::owned(std::mem::replace(&mut entered.slot, sum.clone().into_ptr())));
        state.version += 1;
        Some(sum)
    }
}
