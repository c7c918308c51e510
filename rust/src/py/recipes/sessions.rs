//! Sessions: the use of one, where only being idle ends it.

use super::slot::Slot;
use super::{Call, Original, short_cuts, short_or, table_class, table_in};
use crate::py::ground::object::Object;
use crate::py::verbs::hot;
use blake2::{Blake2s256, Digest};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

struct Known {
    touch: Original,
    absolute_timeout: Slot,
    sessions: Slot,
    kind: Py<PyType>,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

pub fn shorten(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let known = Known {
        absolute_timeout: Slot::of(class, "_absolute_timeout")?,
        sessions: Slot::of(class, "_sessions")?,
        kind: table_class(py)?,
        touch: Original::replace(class, "touch", "($self, token)", touch)?,
    };
    let _ = KNOWN.set(py, known);
    Ok(())
}

short_cuts! {
    fn touch(call) {
        short_or(
            &KNOWN,
            call,
            |py, known| {
                let Call { object, values, positional, names } = call;
                if positional != 1 || !names.is_null() || known.absolute_timeout.get(object) != ffi::Py_None() {
                    return Ok(None);
                }
                let Some((table, _)) = table_in(known.sessions, object, &known.kind) else { return Ok(None) };
                let Some(digest) = digest(*values) else { return Ok(None) };
                let touched = hot::touch(table, &digest.as_ptr(), 1, std::ptr::null_mut());
                if touched.is_null() { Err(PyErr::fetch(py)) } else { Ok(Some(touched)) }
            },
            |known| &known.touch,
        )
    }
}

/// What the table knows of a token; `None` for what is none.
#[inline(always)]
unsafe fn digest(token: *mut ffi::PyObject) -> Option<Object> {
    // SAFETY: the caller holds it; its bytes stay as long as it does.
    unsafe {
        if ffi::PyUnicode_CheckExact(token) == 0 {
            return None;
        }
        let mut length = 0;
        let text = ffi::PyUnicode_AsUTF8AndSize(token, &mut length);
        if text.is_null() {
            ffi::PyErr_Clear(); // a lone surrogate
            return None;
        }
        let digest = Blake2s256::digest(std::slice::from_raw_parts(text.cast::<u8>(), length as usize));
        let made = ffi::PyBytes_FromStringAndSize(digest.as_ptr().cast(), digest.len() as ffi::Py_ssize_t);
        if made.is_null() {
            ffi::PyErr_Clear();
        }
        Object::owned_or_none(made)
    }
}
