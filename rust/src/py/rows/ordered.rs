//! Rows in the order of their keys, or of what a function makes of these.
//!
//! A key is first turned into a `Term`, which is compared without Python code; so finding a row, once there is a term,
//! is one step in a section. The tree owns a reference to each key and to each slot. A row cell stands under a handle
//! that keeps key and term.

use super::{Entered, Looked, Rows, Table, Trash};
use crate::py::ground::object::Object;
use crate::py::ground::row::{ROW_SIZE, RowAt, is_row};
use crate::py::ground::{errors, handle};
use crate::py::terms;
use crate::py::verbs::install::told;
use crate::py::verbs::ordered::{self, Ends};
use crate::store::term::Term;
use crate::store::tree::Tree;
use pyo3::ffi;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ffi::{c_int, c_void};

/// A tree of keys and slots.
pub struct OrderedRows {
    /// The entries, in order.
    pub tree: Tree<Entered>,
    key: Option<Object>,
    keyed: bool, // never changes, once the table is made
}

impl OrderedRows {
    /// Have the places of keys made by a function. Called once, before anybody sees the table.
    pub fn order_by(&mut self, function: Object) {
        self.keyed = true;
        self.key = Some(function);
    }

    /// The function that makes the places of keys.
    pub fn function(&self) -> Option<&Object> {
        self.key.as_ref()
    }

    /// Whether a function makes the places of keys.
    #[inline(always)]
    pub fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// Put a value under a term; return what stood there, or `None` for a key that is new. The references are new ones.
    ///
    /// # Safety
    /// Both are alive.
    #[inline(always)]
    pub unsafe fn write(&mut self, term: Term, key: *mut ffi::PyObject, slot: *mut ffi::PyObject) -> Option<Object> {
        // SAFETY: says the caller; what is displaced gives its reference over.
        unsafe {
            match self.tree.upsert(term, Entered { key, slot }) {
                Some(present) => {
                    ffi::Py_INCREF(slot);
                    Some(Object::owned(std::mem::replace(&mut present.slot, slot)))
                }
                None => {
                    ffi::Py_INCREF(key);
                    ffi::Py_INCREF(slot);
                    None
                }
            }
        }
    }
}

impl Drop for OrderedRows {
    fn drop(&mut self) {
        for entry in &std::mem::take(&mut self.tree) {
            // SAFETY: nobody else has this tree any more, and each entry is met once.
            drop(unsafe { entry.value().owned() });
        }
    }
}

/// Turn a key into its place in the order. Runs the table's `key=`, so not called under the lock.
///
/// PyO3 need not be told that the thread is attached: it is, unless the key is plain.
#[inline(always)]
pub fn place(table: &Table<OrderedRows>, py: Python<'_>, key: *mut ffi::PyObject) -> PyResult<Term> {
    // SAFETY: the caller holds the key; a word of the state is read that never changes.
    unsafe {
        let key = Borrowed::from_ptr(py, key);
        if (*table.peek()).rows.keyed {
            return told(|py| place_of_what_is_made(table, py, &key));
        }
        let plain = handle::is_plain(key.as_ptr());
        let term = if plain { terms::encode(&key, false) } else { told(|_| terms::encode(&key, false)) };
        term.map_err(|failure| told(|_| refusal(table, &key, failure)))
    }
}

fn place_of_what_is_made(table: &Table<OrderedRows>, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Term> {
    let Some(function) = table.section(|state| state.rows.key.clone()) else {
        return Err(errors::closed(py, &table.label(py))); // the collector has taken it
    };
    let made = function.bound(py).call1((key,)).and_then(|made| terms::encode(&made, true));
    made.map_err(|failure| refusal(table, key, failure))
}

fn refusal(table: &Table<OrderedRows>, key: &Bound<'_, PyAny>, failure: PyErr) -> PyErr {
    let label = || table.label(key.py());
    errors::explain_unorderable(key.py(), failure, |text| {
        format!("{} cannot be a key of {}: {text}", errors::shown(key), label())
    })
}

impl Rows for OrderedRows {
    type Handle = Object;

    type Batch = BTreeMap<Term, usize>;

    fn joined(batch: &mut Self::Batch, _py: Python<'_>, handle: &Object, number: usize) -> PyResult<Option<usize>> {
        // SAFETY: the handles of ordered rows are all made by `ordered`.
        match batch.entry(unsafe { handle::term_of(handle.as_ptr()) }.clone()) {
            btree_map::Entry::Occupied(known) => Ok(Some(*known.get())),
            btree_map::Entry::Vacant(room) => {
                room.insert(number);
                Ok(None)
            }
        }
    }

    /// The places of keys, and not their `==`, say which are equal: nothing is merged here.
    fn distinct(_py: Python<'_>, pairs: Vec<(Object, Object)>) -> PyResult<Vec<(Object, Object)>> {
        Ok(pairs)
    }

    const ORDERED: bool = true;

    fn ends(table: &Table<Self>, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<(Option<Term>, Option<Term>)> {
        let Some(Ends { low, high }) = ordered::ends_of(table, py, access)? else { return Ok((None, None)) };
        Ok((
            low.map(|(term, belongs)| if belongs { term } else { above(&term) }),
            high.map(|(term, belongs)| if belongs { above(&term) } else { term }),
        ))
    }

    fn between(&self, low: Option<&Term>, high: Option<&Term>, mut visit: impl FnMut(Object, *mut ffi::PyObject)) {
        let mut next = match low {
            Some(low) => self.tree.from(low),
            None => self.tree.first(),
        };
        while let Some(entry) = next.filter(|entry| high.is_none_or(|high| entry.is_below(high))) {
            // SAFETY: what stands in the tree is alive.
            visit(unsafe { entry.value().handle(entry.term()) }, entry.value().slot);
            next = entry.next();
        }
    }

    const HASHED: bool = false;

    const CELL_SIZE: usize = ROW_SIZE + handle::ORDERED_SIZE;

    fn empty(_py: Python<'_>) -> PyResult<Self> {
        Ok(Self { tree: Tree::new(), key: None, keyed: false })
    }

    fn look(table: &Table<Self>, py: Python<'_>, key: &Object) -> PyResult<Looked<Object>> {
        let term = place(table, py, key.as_ptr())?;
        // SAFETY: what stands in the tree is alive in the section, and the key is held.
        Ok(table.section(|state| unsafe {
            let witness = state.version;
            match state.rows.tree.get(&term).copied() {
                Some(entered) => {
                    Looked { slot: Some(Object::borrowed(entered.slot)), handle: entered.handle(term), witness }
                }
                None => Looked { slot: None, handle: handle::ordered(key.as_ptr(), term), witness },
            }
        }))
    }

    #[inline]
    fn slot(&self, handle: &Object) -> *mut ffi::PyObject {
        // SAFETY: as in `joined`.
        let term = unsafe { handle::term_of(handle.as_ptr()) };
        self.tree.get(term).map_or(std::ptr::null_mut(), |entered| entered.slot)
    }

    fn put(&mut self, handle: &Object, slot: Object) -> Option<Object> {
        // SAFETY: as in `joined`; both are alive.
        unsafe {
            let term = handle::term_of(handle.as_ptr()).clone();
            self.write(term, handle::key_of(handle.as_ptr()), slot.as_ptr()) // `slot` is dropped, and stands here
        }
    }

    fn rekey(&mut self, handle: &Object, key: *mut ffi::PyObject, trash: &mut Trash) {
        // SAFETY: as in `joined`; the displaced key gives its reference over.
        unsafe {
            if let Some(entered) = self.tree.get_mut(handle::term_of(handle.as_ptr())) {
                ffi::Py_INCREF(key);
                trash.push(Object::owned(std::mem::replace(&mut entered.key, key)));
            }
        }
    }

    fn take(&mut self, handle: &Object, trash: &mut Trash) -> Option<Object> {
        // SAFETY: as in `joined`; what is taken out gives its references over.
        unsafe {
            let entered = self.tree.remove(handle::term_of(handle.as_ptr()))?;
            let (key, slot) = entered.owned();
            trash.push(key);
            Some(slot)
        }
    }

    fn may_have_come(&self, _handle: &Object) -> bool {
        false // the tree itself finds an equal one
    }

    unsafe fn handle_of(row: RowAt) -> Object {
        // SAFETY: alive, says the caller.
        unsafe { Object::borrowed(row.handle()) }
    }

    fn keep(handle: &Object) -> Object {
        handle.clone()
    }

    fn key(handle: &Object) -> Object {
        // SAFETY: the handle stands, and so does its key.
        unsafe { Object::borrowed(handle::key_of(handle.as_ptr())) }
    }

    fn with_key(handle: &Object, key: &Object) -> Object {
        // SAFETY: as in `joined`; the key is held.
        unsafe { handle::ordered(key.as_ptr(), handle::term_of(handle.as_ptr()).clone()) }
    }

    fn standing(&self, handle: &Object) -> Object {
        // SAFETY: as in `joined`; what stands in the tree is alive.
        unsafe {
            let term = handle::term_of(handle.as_ptr());
            self.tree.get(term).map_or_else(|| handle.clone(), |entered| entered.handle(term.clone()))
        }
    }

    fn alike(_py: Python<'_>, one: &Object, other: &Object) -> PyResult<bool> {
        // SAFETY: as in `joined`.
        Ok(unsafe { handle::term_of(one.as_ptr()) == handle::term_of(other.as_ptr()) })
    }

    #[inline]
    fn all_plain(&self) -> bool {
        true
    }

    #[inline]
    fn len(&self) -> usize {
        self.tree.len()
    }

    fn each(&self, mut visit: impl FnMut(*mut ffi::PyObject, *mut ffi::PyObject)) {
        for entry in &self.tree {
            let Entered { key, slot } = entry.value();
            visit(key, slot);
        }
    }

    fn all(&self) -> Vec<(Object, Object)> {
        // SAFETY: what stands in the tree is alive.
        let held = |entry: crate::store::tree::Entry<'_, Entered>| unsafe {
            (entry.value().handle(entry.term()), Object::borrowed(entry.value().slot))
        };
        self.tree.iter().map(held).collect()
    }

    fn swap(&mut self, mut fresh: Self) -> Self {
        std::mem::swap(&mut self.tree, &mut fresh.tree);
        fresh
    }

    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        let shown = |object: *mut ffi::PyObject| {
            // SAFETY: as this is called; the object is alive.
            match unsafe { visit(object, arg) } {
                0 => Ok(()),
                status => Err(status),
            }
        };
        let all = || {
            if let Some(function) = &self.key {
                shown(function.as_ptr())?;
            }
            for entry in &self.tree {
                let Entered { key, slot } = entry.value();
                shown(key)?;
                shown(slot)?;
                // SAFETY: both are alive. What somebody else refers to keeps what it refers to by itself.
                unsafe {
                    if is_row(slot) && ffi::Py_REFCNT(slot) == 1 {
                        let row = RowAt::of(slot);
                        shown(row.value())?;
                        if ffi::Py_REFCNT(row.handle()) == 1 {
                            shown(row.key())?;
                        }
                    }
                }
            }
            Ok(())
        };
        all().err().unwrap_or(0)
    }

    fn close(&mut self) {}

    fn release(&mut self) -> Trash {
        let tree = std::mem::take(&mut self.tree);
        let mut trash: Trash = self.key.take().into_iter().collect();
        for entry in &tree {
            // SAFETY: the tree is gone, and each entry is met once.
            let (key, slot) = unsafe { entry.value().owned() };
            trash.extend([key, slot]);
        }
        trash
    }

    /// The bytes of the term.
    fn to_python(py: Python<'_>, handle: &Object) -> PyResult<Object> {
        // SAFETY: as in `joined`.
        let term = unsafe { handle::term_of(handle.as_ptr()) };
        Ok(crate::py::object(&terms::bytes_of_term(py, term)))
    }

    /// A handle with those bytes, and without a key: see `with_key`.
    fn from_python(_py: Python<'_>, handle: &Bound<'_, PyAny>) -> PyResult<Object> {
        let term = term_of_bytes(handle)?;
        // SAFETY: None is always there.
        Ok(unsafe { handle::ordered(ffi::Py_None(), term) })
    }

    fn check(&self) {
        self.tree.check();
        for entry in &self.tree {
            let Entered { key, slot } = entry.value();
            // SAFETY: both are alive.
            unsafe {
                if is_row(slot) {
                    let row = RowAt::of(slot);
                    assert_eq!(row.key(), key, "a row has another key than it stands under");
                    assert!(
                        *handle::term_of(row.handle()) == entry.term(),
                        "a row stands in another place than it says"
                    );
                }
            }
        }
    }

    fn memory(&self) -> usize {
        self.tree.memory()
    }
}

/// The lowest bound above a term.
fn above(term: &Term) -> Term {
    let mut bytes = term.to_bytes();
    bytes.push(0);
    Term::from_bytes(&bytes)
}

/// The term of bytes that Python code was given.
pub fn term_of_bytes(bytes: &Bound<'_, PyAny>) -> PyResult<Term> {
    Ok(terms::term_from_bytes(bytes.cast::<pyo3::types::PyBytes>()?.as_bytes()))
}
