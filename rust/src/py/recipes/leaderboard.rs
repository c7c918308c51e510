//! Leaderboards: another score of a player who is on the board and moves by it.
//!
//! The Python code marks a player as busy while it moves them, since it makes objects that the collector knows, so that a
//! finalizer may strike. Here they are made beforehand, for the score that the player has then. Under the lock it is
//! seen whether that still holds.

use super::slot::Slot;
use super::{Call, Held, Original, table_class, table_in};
use crate::py::class::body;
use crate::py::ground::handle::is_plain;
use crate::py::ground::number::{int, small};
use crate::py::ground::object::Object;
use crate::py::ground::row::is_row;
use crate::py::rows::{place, term_of_bytes};
use crate::py::terms::bytes_of_term;
use crate::py::verbs::hot::slot_of;
use crate::py::verbs::install::run;
use crate::py::verbs::ordered::Ordered;
use crate::py::verbs::ordered::renumber::{Moved, step};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

struct Known {
    submit: Original,
    history_length: Slot,
    mode: Slot,
    ranking: Slot,
    records: Slot,
    kind: Py<PyType>,
    ordered_kind: Py<PyType>,
    record: Py<PyType>,
    standing: Py<PyType>,
    place: Slot,
    handle: Slot,
    member: Slot,
    position: Slot,
    score: Slot,
    history: Slot,
    gone: Slot,
    busy: Slot,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

pub fn shorten(class: &Bound<'_, PyType>, record: &Bound<'_, PyType>, standing: &Bound<'_, PyType>) -> PyResult<()> {
    if cfg!(Py_GIL_DISABLED) {
        return Ok(()); // a player's record is looked at before the lock is taken
    }
    let py = class.py();
    let known = Known {
        history_length: Slot::of(class, "_history")?,
        mode: Slot::of(class, "_mode")?,
        ranking: Slot::of(class, "_ranking")?,
        records: Slot::of(class, "_records")?,
        kind: table_class(py)?,
        ordered_kind: py.import("noex.ets")?.getattr("OrderedSetTable")?.cast_into::<PyType>()?.unbind(),
        record: record.clone().unbind(),
        standing: standing.clone().unbind(),
        place: Slot::of(record, "place")?,
        handle: Slot::of(record, "handle")?,
        member: Slot::of(record, "member")?,
        position: Slot::of(record, "position")?,
        score: Slot::of(record, "score")?,
        history: Slot::of(record, "history")?,
        gone: Slot::of(record, "gone")?,
        busy: Slot::of(record, "busy")?,
        submit: Original::replace(class, "submit", "($self, player, score)", submit)?,
    };
    let _ = KNOWN.set(py, known);
    Ok(())
}

unsafe extern "C" fn submit(
    object: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython calls a method with an object of its class, and with these arguments. PyO3 is told, for errors and terms
    // are dropped on the way.
    run(|py| unsafe {
        let known = KNOWN.get(py).unwrap_or_else(|| unreachable!("there before the method is"));
        let standing = match small_score(values, positional, names) {
            Some(score) => move_player(py, known, object, *values, *values.add(1), score)?,
            None => None,
        };
        Ok(match standing {
            Some(standing) => standing.into_ptr(),
            None => known.submit.call(Call { object, values, positional, names }),
        })
    })
}

/// The score of a call with a player and a small int.
unsafe fn small_score(
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> Option<i64> {
    // SAFETY: these are the arguments of a call that is going on.
    unsafe { if positional == 2 && names.is_null() { small(*values.add(1)) } else { None } }
}

/// Move a player who is on the board to another place; `None` says that nothing was done.
unsafe fn move_player(
    py: Python<'_>,
    known: &Known,
    object: *mut ffi::PyObject,
    player: *mut ffi::PyObject,
    given: *mut ffi::PyObject,
    score: i64,
) -> PyResult<Option<Object>> {
    // SAFETY: the object is of the recipe's class; player and score are alive. With a GIL, nothing changes between two steps
    // here but where Python objects are made or the lock is waited for; a type is looked at before what it says is used.
    unsafe {
        let Some((_, records)) = table_in(known.records, object, &known.kind) else { return Ok(None) };
        let ranking = known.ranking.get(object);
        if ranking.is_null() || ffi::Py_TYPE(ranking).cast() != known.ordered_kind.as_ptr() || !is_plain(player) {
            return Ok(None);
        }
        let Some(Some(record)) = slot_of(records, player) else { return Ok(None) };
        let kept = record; // its reference stands until the end
        let record = kept.as_ptr();
        if is_row(record) || ffi::Py_TYPE(record).cast() != known.record.as_ptr() {
            return Ok(None);
        }

        // Resolve: the new place, as things stand.
        let (Some(old_place), Some(old_score), Some(member), Some(handle)) = (
            held(known.place.get(record)),
            held(known.score.get(record)),
            held(known.member.get(record)),
            held(known.handle.get(record)),
        ) else {
            return Ok(None);
        };
        let Some(score) = small(old_score.as_ptr()).and_then(|old| counted(known.mode.get(object), old, score)) else {
            return Ok(None);
        };
        let (Some(negated), Some(number)) = (score.checked_neg().and_then(|number| int(number)), int(score)) else {
            return Ok(None);
        };
        if ffi::PyTuple_CheckExact(old_place.as_ptr()) == 0 || ffi::PyTuple_GET_SIZE(old_place.as_ptr()) != 2 {
            return Ok(None);
        }
        let player = Object::borrowed(ffi::PyTuple_GET_ITEM(old_place.as_ptr(), 1)); // the one that came first stays
        let new_place = pair(py, &negated, &player)?;
        let value = pair(py, &number, &member)?;
        let (Ok(old), Ok(new)) = (term_of_bytes(handle.bound(py)), {
            let table: &Ordered = body(ranking);
            place(table, py, new_place.as_ptr())
        }) else {
            return Ok(None);
        };
        let new_handle = crate::py::object(&bytes_of_term(py, &new));
        let standing = Object::owned_or_none(new_tuple(known.standing.as_ptr().cast(), 3));
        let Some(standing) = standing else { return Err(PyErr::fetch(py)) };
        for (place, object) in [(0, negated), (1, player), (2, number.clone())] {
            ffi::PyTuple_SET_ITEM(standing.as_ptr(), place, object.into_ptr()); // the rank is put in the first place later
        }
        let most = small(known.history_length.get(object));

        // Commit.
        let lock = Held::wait(py)?;
        let truth = ffi::Py_False();
        if known.place.get(record) != old_place.as_ptr()
            || known.score.get(record) != old_score.as_ptr()
            || known.gone.get(record) != truth
            || known.busy.get(record) != truth
        {
            return Ok(None);
        }
        let history = known.history.get(record);
        let keeps = history != ffi::Py_None();
        if keeps && (history.is_null() || ffi::PyList_CheckExact(history) == 0 || most.is_none()) {
            return Ok(None);
        }
        if keeps && ffi::PyList_Append(history, given) < 0 {
            ffi::PyErr_Clear();
            return Ok(None);
        }
        let table: &Ordered = body(ranking);
        let moved = table.section(|state| step(state, &old, &new, new_place.as_ptr(), value.as_ptr()));
        let Moved::To(position, displaced) = moved else {
            if keeps {
                let length = ffi::PyList_GET_SIZE(history);
                ffi::PyList_SetSlice(history, length - 1, length, std::ptr::null_mut());
            }
            drop(lock);
            drop(moved);
            return Ok(None);
        };
        if keeps && most.is_some_and(|most| ffi::PyList_GET_SIZE(history) as i64 > most) {
            ffi::PyList_SetSlice(history, 0, 1, std::ptr::null_mut()); // an int or a float goes
        }
        let here = int(position as i64);
        let old = [
            std::mem::replace(&mut *known.place.place(record), new_place.into_ptr()),
            std::mem::replace(&mut *known.handle.place(record), new_handle.into_ptr()),
            std::mem::replace(&mut *known.score.place(record), number.into_ptr()),
            here.map_or(std::ptr::null_mut(), |here| {
                std::mem::replace(&mut *known.position.place(record), here.into_ptr())
            }),
        ];

        // Drop.
        drop(lock);
        drop(displaced);
        for object in old {
            drop(Object::owned_or_none(object));
        }
        let rank = ffi::PyLong_FromSize_t(position + 1);
        let Some(rank) = Object::owned_or_none(rank) else { return Err(PyErr::fetch(py)) };
        drop(swap_first(&standing, rank));
        Ok(Some(standing))
    }
}

/// The score that counts; `None` where the player stays where they are, or it takes more.
unsafe fn counted(mode: *mut ffi::PyObject, old: i64, score: i64) -> Option<i64> {
    // SAFETY: the mode is a text, and these are C strings.
    let is = |name: &std::ffi::CStr| unsafe {
        !mode.is_null() && ffi::PyUnicode_CompareWithASCIIString(mode, name.as_ptr()) == 0
    };
    let new = if is(c"sum") { old.checked_add(score)? } else { score };
    if new == old || (new < old && is(c"best")) { None } else { Some(new) }
}

/// A reference to what is in a slot, if anything is.
unsafe fn held(object: *mut ffi::PyObject) -> Option<Object> {
    // SAFETY: the caller has it from a slot, and nothing ran since.
    unsafe { if object.is_null() { None } else { Some(Object::borrowed(object)) } }
}

/// A tuple of two.
fn pair(py: Python<'_>, one: &Object, other: &Object) -> PyResult<Object> {
    // SAFETY: both are alive, and a reference to each goes over.
    unsafe {
        let Some(made) = Object::owned_or_none(ffi::PyTuple_New(2)) else { return Err(PyErr::fetch(py)) };
        ffi::PyTuple_SET_ITEM(made.as_ptr(), 0, one.clone().into_ptr());
        ffi::PyTuple_SET_ITEM(made.as_ptr(), 1, other.clone().into_ptr());
        Ok(made)
    }
}

/// An empty tuple of a class below `tuple`; null with an error set where there is no room.
unsafe fn new_tuple(class: *mut ffi::PyTypeObject, length: ffi::Py_ssize_t) -> *mut ffi::PyObject {
    // SAFETY: as `tuple.__new__` does it: the class allocates, and its room is zeroed.
    unsafe {
        let allocate = (*class).tp_alloc.unwrap_or(ffi::PyType_GenericAlloc);
        allocate(class, length)
    }
}

/// Put an object in the first place of a tuple that nobody else has seen, and return what was there.
unsafe fn swap_first(tuple: &Object, object: Object) -> Option<Object> {
    // SAFETY: the tuple has a first place; its reference goes over.
    unsafe {
        let old = ffi::PyTuple_GET_ITEM(tuple.as_ptr(), 0);
        ffi::PyTuple_SET_ITEM(tuple.as_ptr(), 0, object.into_ptr());
        Object::owned_or_none(old)
    }
}
