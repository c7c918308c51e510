//! What a transaction has written to several tables, of whatever kinds, done in one step.
//!
//! Each table makes a *part* of what was written to it. *Prepare* them outside the locks (index functions run here); then,
//! with the locks of all tables held that were read or written, in the order of their addresses: has each the version that
//! the transaction has seen, and do all parts agree? Then all are applied. *Drop* and tell when the locks are free.

mod rows_part;

use super::class::{class_method, class_of};
use super::ground::lock::Lock;
use super::ground::object::Object;
use super::rows::{HashedRows, OrderedRows, Table, Trash};
use super::verbs::arguments::Parameters;
use super::verbs::install::{called, give_bool, run};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::sync::{Mutex, PoisonError};

const COMMIT_ALL: Parameters<3> =
    Parameters { method: "_commit_all", names: ["parts", "versions", "holds"], positional: 3, needed: 3 };

/// A table, as a commit of several sees it.
pub trait Member {
    /// Its lock.
    fn lock(&self) -> &Lock;

    /// The number of its changes, `None` if it is closed; the lock is held.
    ///
    /// # Safety
    /// The caller holds the lock.
    unsafe fn version(&self) -> Option<u64>;

    /// What is to be done to it: a `RowsWritten` or `BagWritten`.
    fn part(&self, py: Python<'_>, written: &Bound<'_, PyAny>) -> PyResult<Box<dyn Part>>;
}

/// What is to be done to one table.
pub trait Part {
    /// Work out, outside the lock, what code of the user's is needed for.
    fn prepare(&mut self, py: Python<'_>) -> PyResult<()>;

    /// Tell whether all is as it was found, and nothing objects.
    ///
    /// # Safety
    /// The caller holds the lock of the table, in a section: see `Table::section`.
    unsafe fn agree(&mut self) -> bool;

    /// Do it, now that all parts agree.
    ///
    /// # Safety
    /// As `agree`, in the same section.
    unsafe fn apply(&mut self, trash: &mut Trash);

    /// Tell subscribers, outside the lock.
    fn deliver(&self, py: Python<'_>) -> PyResult<()>;

    /// Raise for what objects, outside the lock, if anything does.
    fn refuse(&self, py: Python<'_>) -> PyResult<()>;
}

/// Sees a table of a class as a member.
pub type Maker = fn(table: Object) -> Box<dyn Member>;

/// Let the tables of set kinds take part in transactions; bags see to it themselves.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    rows_part::offer::<Table<HashedRows>>(module.getattr("SetTable")?.cast()?)?;
    rows_part::offer::<Table<OrderedRows>>(module.getattr("OrderedSetTable")?.cast()?)
}

static CLASSES: Mutex<Vec<(usize, Maker)>> = Mutex::new(Vec::new());

/// Let tables of a class take part in transactions.
pub fn offer_class(class: &Bound<'_, PyType>, maker: Maker) -> PyResult<()> {
    let mut classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
    classes.push((class.as_ptr() as usize, maker));
    drop(classes);
    class_method(class, "_commit_all", "($type, parts, versions, holds, /)", commit_all)
}

/// See a table as a member.
fn member(table: &Bound<'_, PyAny>) -> PyResult<Box<dyn Member>> {
    let classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
    let kind = table.get_type().as_type_ptr();
    // SAFETY: classes that were offered stand for good; asking whether one is below another runs no Python code.
    let known = classes.iter().find(|(class, _)| unsafe { ffi::PyType_IsSubtype(kind, *class as *mut _) != 0 });
    match known.map(|(_, maker)| *maker) {
        Some(maker) => Ok(maker(crate::py::object(table))),
        None => Err(PyTypeError::new_err(format!(
            "{} is no table of the native kernel; a transaction is about tables of one kernel",
            table.repr()?
        ))),
    }
}

/// Do all that the parts say in one step, or nothing and return False.
unsafe extern "C" fn commit_all(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    run(|py| {
        // SAFETY: CPython calls a class method with a class, and with these arguments, which the caller holds.
        unsafe {
            class_of(py, class)?;
            let [parts, versions, _] = called(values, positional, names).sort(&COMMIT_ALL)?;
            let bound = |object| Bound::from_borrowed_ptr(py, object);
            give_bool(commit(py, &bound(parts), &bound(versions))?)
        }
    })
}

fn commit(py: Python<'_>, written: &Bound<'_, PyAny>, versions: &Bound<'_, PyAny>) -> PyResult<bool> {
    let mut parts: Vec<Box<dyn Part>> = Vec::new();
    for part in written.try_iter()? {
        let part = part?;
        parts.push(member(&part.get_item(0)?)?.part(py, &part)?);
    }
    let mut members: Vec<(Box<dyn Member>, u64)> = Vec::new();
    for pair in versions.try_iter()? {
        let (table, version): (Bound<'_, PyAny>, i64) = pair?.extract()?;
        members.push((member(&table)?, version as u64));
    }
    members.sort_by_key(|(member, _)| std::ptr::from_ref(member.lock()) as usize);
    for part in &mut parts {
        part.prepare(py)?;
    }
    let mut trash = Trash::new();
    let done = do_all(&members, &mut parts, &mut trash);
    drop(trash);
    if done {
        let mut results: Vec<PyResult<()>> = parts.iter().map(|part| part.deliver(py)).collect();
        drop(parts); // and with them what was displaced
        results.drain(..).collect::<PyResult<()>>()?;
    } else {
        for part in &parts {
            part.refuse(py)?;
        }
    }
    Ok(done)
}

/// With all locks held: do it all, if all is as it was found.
fn do_all(members: &[(Box<dyn Member>, u64)], parts: &mut [Box<dyn Part>], trash: &mut Trash) -> bool {
    let held: Vec<_> = members.iter().map(|(member, _)| member.lock().hold()).collect();
    // SAFETY: the locks are held of all tables, those of the parts among them; nothing below runs Python code.
    let done = unsafe {
        let current = members.iter().all(|(member, version)| member.version() == Some(*version));
        let agreed = current && parts.iter_mut().all(|part| part.agree());
        if agreed {
            for part in parts {
                part.apply(trash);
            }
        }
        agreed
    };
    drop(held);
    done
}
