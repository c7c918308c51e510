//! Counters: a small step of a counter that is there already.

use super::slot::Slot;
use super::{Call, Original, short_cuts, short_or, table_class, table_in};
use crate::py::ground::number::small;
use crate::py::verbs::hot::count_up;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

struct Known {
    increment: Original,
    decrement: Original,
    table: Slot,
    kind: Py<PyType>,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

pub fn shorten(class: &Bound<'_, PyType>) -> PyResult<()> {
    const SIGNATURE: &str = "($self, key, amount=1)";
    let py = class.py();
    let known = Known {
        table: Slot::of(class, "_table")?,
        kind: table_class(py)?,
        increment: Original::replace(class, "increment", SIGNATURE, increment)?,
        decrement: Original::replace(class, "decrement", SIGNATURE, decrement)?,
    };
    let _ = KNOWN.set(py, known); // the first one stands: a class that is made again is the same one
    Ok(())
}

short_cuts! {
    fn increment(call) {
        short_or(&KNOWN, call, |_, known| Ok(counted(known, call, Some)), |known| &known.increment)
    }

    fn decrement(call) {
        short_or(&KNOWN, call, |_, known| Ok(counted(known, call, i64::checked_neg)), |known| &known.decrement)
    }
}

/// Count a small step of a counter that is there; the step goes in the direction that the function says.
#[inline(always)]
unsafe fn counted(
    known: &Known,
    Call { object, values, positional, names }: Call,
    direction: impl FnOnce(i64) -> Option<i64>,
) -> Option<*mut ffi::PyObject> {
    // SAFETY: the call is going on, and its receiver is of the recipe's class.
    unsafe {
        if !names.is_null() || !(positional == 1 || positional == 2) {
            return None;
        }
        let step = direction(if positional == 1 { 1 } else { small(*values.add(1))? })?;
        let (_, table) = table_in(known.table, object, &known.kind)?;
        count_up(table, *values, step)
    }
}
