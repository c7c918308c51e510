//! Iterators over tables.
//!
//! They are made by hand, for a step is to take no longer than one of a dict's: most are taken in one section each, without
//! PyO3 being told that the thread is attached. What stays in a table throughout a walk is met exactly once, whatever
//! comes and goes; `handles.rs` and `ordered.rs` say how.

mod bag;
mod handles;
mod ordered;
mod pairs;
mod set;

pub use bag::BagWalk;
pub use ordered::OrderedWalk;
pub use set::SetWalk;

use crate::py::class::own;
use crate::py::ground::lock::Lock;
use crate::py::ground::object::Object;
use crate::py::ground::types;
use crate::py::rows::Trash;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, called, give, run, run_hot, told};
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// What a walk returns of each entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Keys,
    /// The value.
    Values,
    /// Key and value, as a tuple.
    Items,
    /// A key of a bag, and the list of its values.
    Lists,
}

impl Part {
    /// Whether the key is returned.
    #[inline(always)]
    pub fn has_key(self) -> bool {
        self != Self::Values
    }

    /// Whether the value is returned.
    #[inline(always)]
    pub fn has_value(self) -> bool {
        self != Self::Keys
    }
}

/// The part of an entry that a walk has come to: what is not asked for is not here.
pub struct Met {
    /// The key.
    pub key: Option<Object>,
    /// The value, or the list of values.
    pub value: Option<Object>,
}

/// What came of going on.
pub enum Next {
    /// An entry.
    Met(Met),
    /// Entries were taken hold of, which are ahead now.
    Ahead,
    /// There are no more.
    Over,
}

/// How far a walk over a table of some kind has come.
pub trait Walk: Sized + 'static {
    /// The name of its type.
    const NAME: &'static CStr;

    /// Its type, once it is made.
    fn class() -> &'static AtomicPtr<ffi::PyTypeObject>;

    /// A walk that has not begun.
    fn of(table: Object) -> Self;

    /// Take a step that runs no Python code and drops nothing; `None`, and nothing changed, where it takes more than that.
    fn step(&mut self, part: Part) -> Option<Met>;

    /// Do what a step needs, whatever it takes.
    fn go_on(walk: &Walker<Self>, py: Python<'_>, part: Part) -> PyResult<Next>;

    /// Let the collector see what is referred to from here.
    ///
    /// # Safety
    /// As `tp_traverse` is called.
    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int;

    /// Give everything away, which ends the walk: what is returned is dropped when nothing is held.
    fn release(&mut self) -> Trash;
}

/// A walk, and the lock around it: where threads run at once, two may step the same one.
///
/// Within its section a walk may enter one of its table, never the other way round.
pub struct Walker<W: Walk> {
    lock: Lock,
    walk: UnsafeCell<W>,
}

impl<W: Walk> Walker<W> {
    /// Look at or change the walk, while nobody else does. The rule of `Table::section` is that of this, too.
    #[inline(always)]
    pub fn section<T>(&self, work: impl FnOnce(&mut W) -> T) -> T {
        let _held = self.lock.hold();
        // SAFETY: the lock is held, and nothing that is done here comes back to this walk.
        work(unsafe { &mut *self.walk.get() })
    }

    /// End the walk.
    pub fn end(&self) {
        let gone = self.section(W::release);
        drop(gone);
    }
}

/// The layout of a walk.
#[repr(C)]
struct WalkObject<W: Walk> {
    head: ffi::PyObject,
    part: Part,
    pair: Option<Object>, // for a walk over items: see `pairs.rs`
    walker: Walker<W>,
}

/// Make the type of walks over a kind of tables, once.
pub fn initialise<W: Walk>(py: Python<'_>) -> PyResult<()> {
    if W::class().load(Ordering::Relaxed).is_null() {
        let more = [
            (ffi::Py_tp_iter, ffi::PyObject_SelfIter as *mut c_void),
            (ffi::Py_tp_iternext, next::<W> as *mut c_void),
            (ffi::Py_tp_traverse, traverse::<W> as *mut c_void),
            (ffi::Py_tp_clear, clear::<W> as *mut c_void),
        ];
        let made = types::make_collected::<WalkObject<W>>(py, W::NAME, dealloc::<W>, &more)?;
        W::class().store(made, Ordering::Relaxed);
    }
    Ok(())
}

/// The slot of a class of tables with which `iter` walks its keys.
pub fn slot<W: Walk>() -> (c_int, *mut c_void) {
    (ffi::Py_tp_iter, keys::<W> as *mut c_void)
}

/// The verbs that walk a table of a set kind; what walks the rows of it returns key and value.
pub fn verbs<W: Walk>() -> Vec<Verb> {
    vec![
        Verb { name: "_walk", signature: "($self, /)", method: items::<W> },
        Verb { name: "_walk_values", signature: "($self, /)", method: values::<W> },
        Verb { name: "_walk_items", signature: "($self, /)", method: items::<W> },
    ]
}

/// The verbs that walk a bag.
pub fn bag_verbs<W: Walk>() -> Vec<Verb> {
    let mut verbs = verbs::<W>();
    verbs[0].method = lists::<W>;
    verbs
}

unsafe extern "C" fn keys<W: Walk>(table: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython calls it with a table of the class.
    run(|py| unsafe { begin::<W>(py, table, Part::Keys) })
}

/// Define methods that begin a walk.
macro_rules! methods {
    ($($name:ident, $method:literal: $part:ident;)*) => {
        $(
            unsafe extern "C" fn $name<W: Walk>(
                table: *mut ffi::PyObject,
                values: *const *mut ffi::PyObject,
                positional: ffi::Py_ssize_t,
                names: *mut ffi::PyObject,
            ) -> *mut ffi::PyObject {
                const NOTHING: Parameters<0> = Parameters { method: $method, names: [], positional: 0, needed: 0 };
                // SAFETY: CPython calls a method with an object of its class, and with these arguments.
                run(|py| unsafe {
                    let [] = called(values, positional, names).sort(&NOTHING)?;
                    begin::<W>(py, table, Part::$part)
                })
            }
        )*
    };
}

methods! {
    values, "_walk_values": Values;
    items, "_walk_items": Items;
    lists, "_walk": Lists;
}

/// Make a walk.
///
/// # Safety
/// `table` is a table of the kind that such walks go through.
unsafe fn begin<W: Walk>(py: Python<'_>, table: *mut ffi::PyObject, part: Part) -> PyResult<*mut ffi::PyObject> {
    let pair = if part == Part::Items { pairs::spare(py)? } else { None };
    // SAFETY: says the caller; all fields are filled in before anybody sees the object, the collector included.
    unsafe {
        let walker = Walker { lock: Lock::new(), walk: UnsafeCell::new(W::of(own(table))) };
        let made: *mut WalkObject<W> = ffi::PyObject_GC_New(W::class().load(Ordering::Relaxed));
        if made.is_null() {
            return Err(PyErr::fetch(py));
        }
        (&raw mut (*made).part).write(part);
        (&raw mut (*made).pair).write(pair);
        (&raw mut (*made).walker).write(walker);
        ffi::PyObject_GC_Track(made.cast());
        Ok(made.cast())
    }
}

unsafe extern "C" fn next<W: Walk>(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    run_hot(|py| {
        // SAFETY: CPython calls it with a walk of this type, which it holds.
        let WalkObject { part, pair, walker, .. } = unsafe { &*object.cast::<WalkObject<W>>() };
        loop {
            if let Some(met) = walker.section(|walk| walk.step(*part)) {
                return hand_over(py, met, pair.as_ref());
            }
            match told(|py| W::go_on(walker, py, *part))? {
                Next::Met(met) => return hand_over(py, met, pair.as_ref()),
                Next::Ahead => (),
                Next::Over => return Ok(std::ptr::null_mut()),
            }
        }
    })
}

/// What a walk has come to, for who steps it.
#[inline(always)]
fn hand_over(py: Python<'_>, met: Met, spare: Option<&Object>) -> PyResult<*mut ffi::PyObject> {
    match met {
        Met { key: Some(key), value: None } => give(key),
        Met { key: None, value: Some(value) } => give(value),
        Met { key: Some(key), value: Some(value) } => pairs::pair(py, spare, key, value),
        Met { key: None, value: None } => Ok(std::ptr::null_mut()),
    }
}

/// Visit what may be there.
///
/// # Safety
/// As `tp_traverse` is called.
unsafe fn visit_all<'a>(
    objects: impl IntoIterator<Item = &'a Object>,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    for object in objects {
        // SAFETY: says the caller; the object is alive.
        let status = unsafe { visit(object.as_ptr(), arg) };
        if status != 0 {
            return status;
        }
    }
    0
}

unsafe extern "C" fn traverse<W: Walk>(object: *mut ffi::PyObject, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: CPython calls it with a walk of this type, when nothing is being changed.
    unsafe {
        let WalkObject { pair, walker, .. } = &*object.cast::<WalkObject<W>>();
        let status = visit(ffi::Py_TYPE(object).cast(), arg);
        if status != 0 {
            return status;
        }
        match visit_all(pair, visit, arg) {
            0 => (*walker.walk.get()).traverse(visit, arg),
            status => status,
        }
    }
}

unsafe extern "C" fn clear<W: Walk>(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: CPython calls it with a walk of this type.
    unsafe { (*object.cast::<WalkObject<W>>()).walker.end() }
    0
}

unsafe extern "C" fn dealloc<W: Walk>(object: *mut ffi::PyObject) {
    // SAFETY: nobody refers to the walk any more. What it held is dropped last, for finalizers may run Python code.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        let walk: *mut WalkObject<W> = object.cast();
        let pair = (&raw const (*walk).pair).read();
        let walker = (&raw const (*walk).walker).read();
        let kind = ffi::Py_TYPE(object);
        ffi::PyObject_GC_Del(object.cast());
        drop((walker, pair));
        ffi::Py_DECREF(kind.cast());
    }
}
