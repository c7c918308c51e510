//! An index as it was declared, and what it knows.

use super::hashed::HashedIndex;
use super::marks::Marks;
use super::ordered::OrderedIndex;
use crate::py::ground::errors;
use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::queries::Reader;
use crate::py::rows::Trash;
use crate::py::{object, terms};
use crate::store::term::Term;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyString, PyTuple};
use std::cell::UnsafeCell;

/// An index of a set kind, as it was declared. Made by `_add_index` alone.
#[pyclass(frozen, module = "noex.kernel._native")]
pub struct IndexSpec {
    name: Object,
    source: Object,
    function: Object,
    label: String,
    pub ordered: bool,
    pub unique: bool,
    /// Whether rows of one value are in the order of their keys.
    pub by_key: bool,
    /// The values of a hashed index.
    pub marks: Marks,
    rows: UnsafeCell<IndexRows>,
}

// SAFETY: the rows are touched under the lock of the table alone, or while nobody else knows the index.
unsafe impl Sync for IndexSpec {}
// SAFETY: as above.
unsafe impl Send for IndexSpec {}

/// The rows of an index, by their numbers.
pub enum IndexRows {
    /// By the hash and `==` of their value.
    Hashed(HashedIndex),
    /// In the order of their value.
    Ordered(OrderedIndex),
}

/// What stands for a value in an index.
pub enum Mark {
    /// The handle of a hashed value, and the number of values that had come when it was looked for.
    Hashed(Object, u64),
    /// The place of the value in the order.
    Ordered(Term),
}

/// Where a row is to be entered: the mark, and the value that it stands for.
pub struct Place {
    /// What stands for the value.
    pub mark: Mark,
    /// The value, for messages.
    pub value: Object,
}

impl IndexSpec {
    /// An index that has no rows yet.
    pub fn new(
        name: &Bound<'_, PyAny>,
        source: &Bound<'_, PyAny>,
        function: &Bound<'_, PyAny>,
        kind: (bool, bool, bool),
        label: String,
    ) -> PyResult<Self> {
        let (ordered, unique, by_key) = kind;
        let rows = match ordered {
            true => IndexRows::Ordered(OrderedIndex::new()),
            false => IndexRows::Hashed(HashedIndex::new()),
        };
        let marks = Marks::new(name.py())?;
        let (name, source, function) = (object(name), object(source), object(function));
        let by_key = ordered && by_key;
        Ok(Self { name, source, function, label, ordered, unique, by_key, marks, rows: UnsafeCell::new(rows) })
    }

    /// Its name.
    pub fn name(&self) -> &Object {
        &self.name
    }

    /// How it calls itself in messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it knows.
    ///
    /// # Safety
    /// The caller holds the lock of the table, or nobody else knows the index; and has no other reference to the rows.
    #[expect(clippy::mut_from_ref, reason = "the lock is what makes it the only one")]
    pub unsafe fn rows(&self) -> &mut IndexRows {
        // SAFETY: says the caller.
        unsafe { &mut *self.rows.get() }
    }

    /// Work out what a row is indexed by; `None` for one that is kept out. Runs code of the user's.
    pub fn value_for<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let function = self.function.bound(key.py());
        let indexed = match Reader::from_python(function) {
            Some(reader) => reader.read(key, value)?,
            None => Some(function.call1((key, value))?),
        };
        Ok(indexed.filter(|indexed| !indexed.is_none()))
    }

    /// Work out what stands for a value. Runs code of the user's.
    pub fn mark_of(&self, value: &Bound<'_, PyAny>) -> PyResult<Mark> {
        let py = value.py();
        if self.ordered {
            return match terms::encode(value, true) {
                Ok(term) => Ok(Mark::Ordered(term)),
                Err(failure) if errors::is(py, &failure, "UnorderableKey") => {
                    let reason = failure.value(py).str()?;
                    let shown = errors::shown(value);
                    let message = format!("{shown} has no place in {}: {reason}; nothing was changed", self.label);
                    Err(errors::error(py, "UnorderableKey", message))
                }
                Err(failure) => Err(failure),
            };
        }
        if is_mirrored(value)? {
            return Err(PyTypeError::new_err(format!(
                "{} is reversed, and {} has no order to reverse; add it with ordered=True, or leave desc() out; nothing was \
                 changed",
                errors::shown(value),
                self.label
            )));
        }
        let (mark, witness) = self.marks.look(py, &object(value)).map_err(|failure| {
            errors::explain(py, failure, |text| {
                format!(
                    "{} cannot be a value in {} ({text}); index by a value that has a hash, such as a tuple in place of a \
                     list; nothing was changed",
                    errors::shown(value),
                    self.label
                )
            })
        })?;
        Ok(Mark::Hashed(mark, witness))
    }

    /// Work out where a row is entered; `None` for one that is kept out. Runs code of the user's.
    pub fn place(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<Option<Place>> {
        let Some(indexed) = self.value_for(key, value)? else { return Ok(None) };
        Ok(Some(Place { mark: self.mark_of(&indexed)?, value: object(&indexed) }))
    }

    /// Enter a row, under the lock of the table, or take it out where it has no place. `key` is its own place, where keys break
    /// ties.
    ///
    /// # Safety
    /// As `rows`.
    pub unsafe fn enter(&self, number: u32, place: Option<Place>, key: Option<&Term>, trash: &mut Trash) {
        let Some(Place { mark, value }) = place else {
            // SAFETY: says the caller.
            return unsafe { self.leave(number, trash) };
        };
        trash.push(value);
        // SAFETY: says the caller.
        match (unsafe { self.rows() }, mark) {
            (IndexRows::Hashed(rows), Mark::Hashed(mark, _)) => rows.enter(&self.marks, number, mark, trash),
            (IndexRows::Ordered(rows), Mark::Ordered(mark)) => rows.enter(number, &mark, key),
            _ => unreachable!("a mark of another kind of index"),
        }
    }

    /// Take a row out, under the lock of the table, if it is in the index.
    ///
    /// # Safety
    /// As `rows`.
    pub unsafe fn leave(&self, number: u32, trash: &mut Trash) {
        // SAFETY: says the caller.
        match unsafe { self.rows() } {
            IndexRows::Hashed(rows) => rows.leave(&self.marks, number, trash),
            IndexRows::Ordered(rows) => rows.leave(number),
        }
    }

    /// Take all rows out, under the lock of the table.
    ///
    /// # Safety
    /// As `rows`.
    pub unsafe fn clear(&self, trash: &mut Trash) {
        // SAFETY: says the caller.
        match unsafe { self.rows() } {
            IndexRows::Hashed(rows) => *rows = HashedIndex::new(),
            IndexRows::Ordered(rows) => *rows = OrderedIndex::new(),
        }
        self.marks.clear(trash);
    }
}

impl IndexRows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Hashed(rows) => rows.len(),
            Self::Ordered(rows) => rows.tree().len(),
        }
    }

    /// Tell whether a row is here.
    pub fn has(&self, number: u32) -> bool {
        match self {
            Self::Hashed(rows) => rows.has(number),
            Self::Ordered(rows) => rows.spot(number).is_some(),
        }
    }

    /// Go through the rows with that mark, until the visitor says stop by returning false.
    pub fn marked(&self, marks: &Marks, mark: &Mark, mut visit: impl FnMut(u32) -> bool) {
        match (self, mark) {
            (Self::Hashed(rows), Mark::Hashed(mark, _)) => {
                let _ = rows.numbers(marks.bucket(mark)).all(visit);
            }
            (Self::Ordered(rows), Mark::Ordered(mark)) => {
                let _ = rows.marked(mark).all(|entry| visit(entry.value()));
            }
            _ => unreachable!("a mark of another kind of index"),
        }
    }

    /// How many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        match self {
            Self::Hashed(rows) => rows.memory(),
            Self::Ordered(rows) => rows.memory(),
        }
    }
}

#[pymethods]
impl IndexSpec {
    #[getter(name)]
    fn shown_name<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.name.bound(py).clone()
    }

    /// What was given for `key`: a field name, a term, or None for a function.
    #[getter]
    fn source<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.source.bound(py).clone()
    }

    /// What makes of key and value what is indexed.
    #[getter]
    fn function<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.function.bound(py).clone()
    }

    #[getter]
    fn ordered(&self) -> bool {
        self.ordered
    }

    #[getter]
    fn unique(&self) -> bool {
        self.unique
    }

    /// Whether entries of one value are in the order of their keys.
    #[getter]
    fn by_key(&self) -> bool {
        self.by_key
    }

    /// Names the index in messages.
    #[getter(label)]
    fn shown_label<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::new(py, &self.label)
    }

    /// Tell whether rows can be found by that value; one that cannot be indexed may still be equal to something.
    #[pyo3(signature = (value, /))]
    fn takes(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        if value.is_none() {
            return Ok(false); // None is in no index, though a field may be None
        }
        match self.mark_of(value) {
            Ok(_) => Ok(true),
            // A user's hash may raise anything for a value that it was not made for.
            Err(failure) if failure.is_instance_of::<PyException>(value.py()) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Return the mark of a value, and the witness. Runs code of the user's.
    #[pyo3(signature = (value, /))]
    fn mark<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let py = value.py();
        match self.mark_of(value)? {
            Mark::Hashed(mark, witness) => (mark.bound(py), witness).into_pyobject(py),
            Mark::Ordered(term) => (terms::bytes_of_term(py, &term), 0).into_pyobject(py),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for object in [&self.source, &self.function, self.marks.dict()] {
            visit.call(object.as_py())?;
        }
        let mut result = Ok(());
        self.marks.each(|mark, _| {
            // SAFETY: the mark stands in the dict, and what it stands for with it.
            unsafe {
                if result.is_ok() && handle::is_foreign(mark) {
                    let value: *mut ffi::PyObject = handle::key_of(mark);
                    result = visit.call(&*(&raw const value).cast::<Py<PyAny>>());
                }
            }
        });
        result
    }
}

/// Tell whether a value is reversed by `desc`, or a part of it is.
fn is_mirrored(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static MIRROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if value.is_exact_instance_of::<PyString>() || value.is_exact_instance_of::<PyBool>() {
        return Ok(false);
    }
    if let Ok(parts) = value.cast_exact::<PyTuple>() {
        // SAFETY: attached; what is entered is left.
        unsafe {
            if ffi::Py_EnterRecursiveCall(c" in a value of an index".as_ptr()) != 0 {
                return Err(PyErr::fetch(value.py()));
            }
            let found = parts.iter_borrowed().map(|part| is_mirrored(&part)).find(|found| !matches!(found, Ok(false)));
            ffi::Py_LeaveRecursiveCall();
            return found.unwrap_or(Ok(false));
        }
    }
    let py = value.py();
    let order = || py.import("noex.kernel._pure.terms.order")?.getattr("Desc").map(Bound::unbind);
    Ok(value.get_type().is(MIRROR.get_or_try_init(py, order)?))
}
