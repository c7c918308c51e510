//! The rows of set kinds: where they are, how they are found, and how they change.

mod cached;
mod change;
mod entered;
mod expiry;
mod finding;
mod hashed;
mod linked;
mod ordered;
mod table;
mod time;

pub use cached::CachedRows;
pub use change::{Change, Outcome, Prepared, this_thread};
pub use entered::Entered;
pub use finding::Found;
pub use hashed::{HashedRows, NoRoom};
pub use ordered::{OrderedRows, place, term_of_bytes};
pub use table::{State, Table};

use super::ground::object::Object;
use super::ground::row::{ROW_SIZE, RowAt, RowRef};
use crate::store::term::Term;
use pyo3::ffi;
use pyo3::prelude::*;

/// What stood in a table and was taken out: dropped by whoever has it, when the table is free.
pub type Trash = Vec<Object>;

/// Where the rows of a set kind are: by hash in a dict, or in order in a tree.
///
/// What stands there for a key is its *slot*: the value itself, or a row cell. Except for `look`, nothing here runs Python code.
pub trait Rows: Sized + 'static {
    /// What stands for a key between looking for it and changing its row.
    type Handle: Clone;

    /// Which handles a batch of changes has already, each with its number.
    type Batch: Default;

    /// Tell which change of a batch is of that handle already; if none is, note that the one of this number is.
    fn joined(batch: &mut Self::Batch, py: Python<'_>, handle: &Self::Handle, number: usize)
    -> PyResult<Option<usize>>;

    /// Merge pairs of equal keys: the first key, the last value. May run the keys' hash and `==`.
    fn distinct(py: Python<'_>, pairs: Vec<(Object, Object)>) -> PyResult<Vec<(Object, Object)>>;

    /// Whether rows are in the order of their keys: what they keep as their handle is then made by `handle::ordered`.
    const ORDERED: bool = false;

    /// Between which terms stand the keys of an access that begins with "range" or "prefix": low taken in, high left out,
    /// `None` for an open side. May run code of the user's. Asked of ordered rows alone.
    fn ends(
        _table: &Table<Self>,
        _py: Python<'_>,
        access: &Bound<'_, PyAny>,
    ) -> PyResult<(Option<Term>, Option<Term>)> {
        Err(pyo3::exceptions::PyValueError::new_err(format!("rows without an order have no {access}")))
    }

    /// Go through the slots between two terms, in order. Asked of ordered rows alone.
    fn between(&self, _low: Option<&Term>, _high: Option<&Term>, _visit: impl FnMut(Self::Handle, *mut ffi::PyObject)) {
    }

    /// Whether keys need a hash, and errors about it an explanation.
    const HASHED: bool = true;

    /// The bytes of a row cell, with what it keeps as its handle.
    const CELL_SIZE: usize = ROW_SIZE;

    /// Rows of which there are none.
    fn empty(py: Python<'_>) -> PyResult<Self>;

    /// How many levels of recursion it takes to compare a handle in a section.
    ///
    /// # Safety
    /// It is alive.
    unsafe fn levels(_handle: &Self::Handle) -> usize {
        0
    }

    /// Look for a key. Runs code of the user's; what comes back was so at the moment of return, when the state is as
    /// it is then. Not called under the lock.
    fn look(table: &Table<Self>, py: Python<'_>, key: &Object) -> PyResult<Looked<Self::Handle>>;

    /// What stands under a handle, or null, for as long as the table does not change.
    fn slot(&self, handle: &Self::Handle) -> *mut ffi::PyObject;

    /// Put something under a handle; return what stood there.
    fn put(&mut self, handle: &Self::Handle, slot: Object) -> Option<Object>;

    /// Have what stands under a handle stand for this key; the one that it stood for goes into the trash.
    fn rekey(&mut self, _handle: &Self::Handle, _key: *mut ffi::PyObject, _trash: &mut Trash) {}

    /// Take out what stands under a handle, and what stood for its key: both go into the trash.
    fn take(&mut self, handle: &Self::Handle, trash: &mut Trash) -> Option<Object>;

    /// Tell whether a key that was not found may have come in since, under another handle.
    fn may_have_come(&self, handle: &Self::Handle) -> bool;

    /// The handle that a row stands under.
    ///
    /// # Safety
    /// The row is alive.
    unsafe fn handle_of(row: RowAt) -> Self::Handle;

    /// What a row cell is to keep as its handle.
    fn keep(handle: &Self::Handle) -> Object;

    /// Make a row.
    fn row(handle: Object, value: Object, deadline: i64) -> RowRef {
        RowRef::new(handle, value, deadline)
    }

    /// Tell whether every slot is to be a row cell, made by `row`.
    fn needs_cells(&self) -> bool {
        false
    }

    /// Take note of how many rows have expired and are gone.
    fn expired(&mut self, _count: usize) {}

    /// The key that a new row under that handle has.
    fn key(handle: &Self::Handle) -> Object;

    /// The handle of the same place for another key, which is equal to the one there may be: a handle that came from
    /// Python code may have none.
    fn with_key(handle: &Self::Handle, _key: &Object) -> Self::Handle {
        handle.clone()
    }

    /// What stands for the key that is there: a handle that came from Python code may have none, or an equal one.
    fn standing(&self, handle: &Self::Handle) -> Self::Handle {
        handle.clone()
    }

    /// Tell whether two handles stand for equal keys. May run the `==` of keys, so not called under the lock.
    fn alike(py: Python<'_>, one: &Self::Handle, other: &Self::Handle) -> PyResult<bool>;

    /// Tell whether looking for a plain key runs no Python code.
    fn all_plain(&self) -> bool;

    /// How many slots there are.
    fn len(&self) -> usize;

    /// Go through all slots, in the order of the table: handle, key and slot, for as long as the table does not change.
    fn each(&self, visit: impl FnMut(*mut ffi::PyObject, *mut ffi::PyObject));

    /// All handles with their slots, in the order of the table.
    fn all(&self) -> Vec<(Self::Handle, Object)>;

    /// Take everything out; `fresh` is what comes in its place.
    fn swap(&mut self, fresh: Self) -> Self;

    /// Let the collector see what is referred to from here.
    ///
    /// # Safety
    /// As `tp_traverse` is called.
    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut std::ffi::c_void) -> std::ffi::c_int;

    /// Take note that many rows begin to change, or have changed.
    #[cfg(Py_GIL_DISABLED)]
    fn disturb(&self) {}

    /// Take note that the table is closed.
    fn close(&mut self);

    /// Give everything away, for the collector: what is returned is dropped when the table is free.
    fn release(&mut self) -> Trash;

    /// The handle as Python code of the kernel's sees it.
    fn to_python(py: Python<'_>, handle: &Self::Handle) -> PyResult<Object>;

    /// The handle that `to_python` returned.
    fn from_python(py: Python<'_>, handle: &Bound<'_, PyAny>) -> PyResult<Self::Handle>;

    /// Panic unless the structures hold together.
    fn check(&self);

    /// The bytes of the structures of our own: neither keys nor values, nor row cells.
    fn memory(&self) -> usize;

    /// The dict that the rows stand in, if they do. It is not for Python code to see.
    fn ground(&self) -> Option<Object> {
        None
    }
}

/// What looking for a key found.
pub struct Looked<H> {
    /// What stands for the key.
    pub handle: H,
    /// What stands there.
    pub slot: Option<Object>,
    /// The number of changes when the search began.
    pub witness: u64,
}
