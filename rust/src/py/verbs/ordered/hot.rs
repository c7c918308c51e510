//! Single entries in one section: writing, looking up, removing.
//!
//! PyO3 is not told that the thread is attached for what is no more than that; for all else it is `told`.

use super::many::is_simple;
use super::{Ordered, methods};
use crate::py::class::{body, own};
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, RowRef, is_row};
use crate::py::ground::{errors, handle};
use crate::py::rows::{OrderedRows, State, place};
use crate::py::verbs::install::{Method, Verb, give, give_bool, give_none, run_hot, run_hot_number, told};
use crate::py::verbs::set::{reading, writing};
use crate::store::deadlines::Scheduled;
use crate::store::term::Term;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

pub fn verbs() -> Vec<Verb> {
    let verb = |name, signature, method: Method| Verb { name, signature, method };
    vec![
        verb("lookup", "($self, /, key, default=None)", lookup),
        verb("member", "($self, /, key)", member),
        verb("insert", "($self, /, key, value, *, ttl=...)", insert),
        verb("delete", "($self, /, key)", delete),
        verb("take", "($self, /, key, default=None)", take),
    ]
}

/// The value of a key, if it has one.
#[inline(always)]
fn value_of(table: &Ordered, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    let term = place(table, py, key)?;
    // SAFETY: what stands in the tree is alive in the section.
    match table.section(|state| state.rows.tree.get(&term).map(|entered| unsafe { Object::borrowed(entered.slot) })) {
        Some(slot) => value_in(table, slot),
        None if table.section(|state| state.closed) => told(|py| table.refuse_closed(py).map(|()| None)),
        None => Ok(None),
    }
}

/// The value in a slot that was found; `None` where it has expired.
#[inline(always)]
fn value_in(table: &Ordered, slot: Object) -> PyResult<Option<Object>> {
    // SAFETY: the slot is held.
    if unsafe { is_row(slot.as_ptr()) } { told(|py| reading::value_of(table, py, slot)) } else { Ok(Some(slot)) }
}

/// Whether a function makes the places of keys. It is called once for a verb, so no short cut is tried in vain.
#[inline(always)]
pub fn is_keyed(table: &Ordered) -> bool {
    // SAFETY: a word of the state is read that never changes.
    unsafe { (*table.peek()).rows.is_keyed() }
}

/// Write an entry with the lifetime of the table.
#[inline(always)]
fn write(table: &Ordered, py: Python<'_>, key: *mut ffi::PyObject, value: *mut ffi::PyObject) -> PyResult<()> {
    if table.lifetime.is_none() && (!is_keyed(table) || table.section(|state| is_simple(state))) {
        let term = place(table, py, key)?;
        // SAFETY: the caller holds both.
        let done = table.section(|state| unsafe { put(state, term, key, value) });
        if let Some(displaced) = done {
            drop(displaced);
            return Ok(());
        }
    }
    told(|py| write_for(table, py, key, value, None))
}

/// Put a value without an end under a term, and return what stood there; `None` where it takes more than that.
///
/// # Safety
/// Both are alive.
#[inline(always)]
unsafe fn put(
    state: &mut State<OrderedRows>,
    term: Term,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> Option<Option<Object>> {
    if !is_simple(state) {
        return None;
    }
    state.version += 1;
    // SAFETY: says the caller.
    let displaced = unsafe { state.rows.write(term, key, value) };
    if let Some(slot) = &displaced {
        state.forget_slot(slot);
    }
    Some(displaced)
}

/// Write an entry that may have an end, in a table where there may be others.
fn write_for(
    table: &Ordered,
    py: Python<'_>,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    ttl: Option<*mut ffi::PyObject>,
) -> PyResult<()> {
    if !table.section(|state| state.fast) {
        return writing::write(table, py, key, value, ttl);
    }
    let (now, deadline) = table.begin(py, ttl)?;
    let term = place(table, py, key)?;
    loop {
        // SAFETY: the caller holds both.
        match table.section(|state| unsafe { put_until(state, &term, key, value, now, deadline) }) {
            Put::Done(displaced) => {
                drop(displaced);
                return Ok(());
            }
            Put::Expired(row) => table.expire(py, &row)?,
            // SAFETY: as above.
            Put::Watched => unsafe {
                return writing::write_until(table, py, &own(key), &own(value), now, deadline);
            },
        }
    }
}

/// What came of putting an entry in.
enum Put {
    /// It is there; this stood there, or was in what stands there.
    Done(Option<Object>),
    /// There is a row that has expired.
    Expired(RowRef),
    /// It takes more than that.
    Watched,
}

/// Put a value with that deadline under a term: into the row that is there, or as a new one.
///
/// # Safety
/// Both are alive.
unsafe fn put_until(
    state: &mut State<OrderedRows>,
    term: &Term,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    now: i64,
    deadline: i64,
) -> Put {
    if !state.fast {
        return Put::Watched;
    }
    let ends = deadline != NO_END;
    // SAFETY: says the caller; what stands in the tree is alive in the section.
    unsafe {
        let standing = state.rows.tree.get(term).copied();
        if let Some(entered) = standing
            && is_row(entered.slot)
        {
            let row = RowAt::of(entered.slot);
            if row.deadline() <= now {
                return Put::Expired(row.hold());
            }
            if ends && row.is_private() {
                state.version += 1;
                state.postpone(row, deadline);
                return Put::Done(Some(row.swap_value(own(value))));
            }
        }
        state.version += 1;
        let displaced = if ends {
            let handle =
                standing.map_or_else(|| handle::ordered(key, term.clone()), |entered| entered.handle(term.clone()));
            let row = RowRef::new(handle, own(value), deadline);
            let displaced = state.rows.write(term.clone(), key, row.as_ptr());
            state.deadlines.insert(row.at());
            state.cells += 1;
            displaced
        } else {
            state.rows.write(term.clone(), key, value)
        };
        if let Some(slot) = &displaced {
            state.forget_slot(slot);
        }
        Put::Done(displaced)
    }
}

/// Remove an entry and return its value, if there is one.
#[inline(always)]
fn remove(table: &Ordered, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Option<Object>> {
    if is_keyed(table) && !table.section(|state| is_simple(state)) {
        return told(|py| writing::remove(table, py, key));
    }
    let term = place(table, py, key)?;
    let removed = table.section(|state| {
        if !is_simple(state) {
            return None;
        }
        let Some(entered) = state.rows.tree.remove(&term) else { return Some(None) };
        // SAFETY: what is taken out gives its references over.
        let (key, slot) = unsafe { entered.owned() };
        state.forget_slot(&slot);
        state.version += 1;
        Some(Some((key, slot)))
    });
    match removed {
        None => told(|py| writing::remove(table, py, key)),
        Some(None) => Ok(None),
        Some(Some((_key, slot))) => value_in(table, slot),
    }
}

methods! {
    hot

    fn lookup(table, py, arguments) {
        let [key, default] = match arguments.exactly() {
            Some([key]) => [key, std::ptr::null_mut()],
            None => arguments.sort(&reading::LOOKUP)?,
        };
        match value_of(table, py, key)? {
            Some(value) => give(value),
            None if default.is_null() => give_none(),
            // SAFETY: the caller holds the default.
            None => give(unsafe { own(default) }),
        }
    }

    fn member(table, py, arguments) {
        let [key] = arguments.sort(&reading::MEMBER)?;
        give_bool(value_of(table, py, key)?.is_some())
    }

    fn insert(table, py, arguments) {
        let [key, value, ttl] = match arguments.exactly() {
            Some([key, value]) => [key, value, std::ptr::null_mut()],
            None => arguments.sort(&writing::INSERT)?,
        };
        match writing::given(ttl) {
            None => write(table, py, key, value)?,
            ttl => told(|py| write_for(table, py, key, value, ttl))?,
        }
        give_none()
    }

    fn delete(table, py, arguments) {
        let [key] = arguments.sort(&writing::KEYED)?;
        give_bool(remove(table, py, key)?.is_some())
    }

    fn take(table, py, arguments) {
        let [key, default] = arguments.sort(&writing::TAKE)?;
        match remove(table, py, key)? {
            Some(value) => give(value),
            None if default.is_null() => give_none(),
            // SAFETY: the caller holds the default.
            None => give(unsafe { own(default) }),
        }
    }
}

/// `key in table`.
pub unsafe extern "C" fn contains(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    // SAFETY: CPython calls it with an object of its class.
    run_hot_number(|py| Ok(c_int::from(value_of(unsafe { body(object) }, py, key)?.is_some())))
}

/// `table[key]`.
pub unsafe extern "C" fn subscript(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: CPython calls it with an object of its class.
        let table: &Ordered = unsafe { body(object) };
        value_of(table, py, key)?.map_or_else(|| Err(not_found(table, key)), give)
    })
}

/// `table[key] = value`, `del table[key]`.
pub unsafe extern "C" fn assign(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    run_hot_number(|py| {
        // SAFETY: CPython calls it with an object of its class; no value means to remove.
        let table: &Ordered = unsafe { body(object) };
        if !value.is_null() {
            write(table, py, key, value)?;
        } else if remove(table, py, key)?.is_none() {
            return Err(not_found(table, key));
        }
        Ok(0)
    })
}

fn not_found(table: &Ordered, key: *mut ffi::PyObject) -> PyErr {
    // SAFETY: the caller holds it.
    told(|py| errors::key_not_found(py, &unsafe { Bound::from_borrowed_ptr(py, key) }, &table.label(py)))
}

impl State<OrderedRows> {
    /// Strike what stood in a slot off the lists of row cells and of deadlines.
    #[inline(always)]
    pub fn forget_slot(&mut self, slot: &Object) {
        // SAFETY: the slot is held.
        unsafe {
            if is_row(slot.as_ptr()) {
                self.cells -= 1;
                self.unlist(RowAt::of(slot.as_ptr()));
            }
        }
    }
}
