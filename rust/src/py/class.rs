//! The classes of tables: made by hand, since their hot verbs are C functions and their state is seen by the collector.

use super::ground::object::Object;
use super::rows::{Rows, Table};
use super::verbs::arguments::Parameters;
use super::verbs::install::{Method, Verb, called, install, run};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::ffi::{CStr, CString, c_int, c_uint, c_void};

/// What a table object holds.
pub trait Body: Sized + 'static {
    /// Let the collector see what is referred to from here.
    ///
    /// # Safety
    /// As `tp_traverse` is called.
    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int;

    /// Let go of everything, for the collector.
    fn release(&self, py: Python<'_>);
}

/// The body of a set kind.
pub trait SetBody: Body {
    /// Where its rows are.
    type Rows: Rows;

    /// Its table.
    fn table(&self) -> &Table<Self::Rows>;
}

impl<R: Rows> Body for Table<R> {
    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        // SAFETY: says the caller.
        unsafe { Table::traverse(self, visit, arg) }
    }

    fn release(&self, py: Python<'_>) {
        self.let_go(py);
    }
}

impl<R: Rows> SetBody for Table<R> {
    type Rows = R;

    #[inline(always)]
    fn table(&self) -> &Table<R> {
        self
    }
}

/// The layout of a table object.
#[repr(C)]
struct TableObject<B> {
    head: ffi::PyObject,
    weak: *mut ffi::PyObject,
    made: bool, // whether there is a body yet
    body: std::mem::MaybeUninit<B>,
}

/// The body of a table object.
///
/// # Safety
/// `object` is a table of a class made by `make::<B>`, alive for as long as the body is used.
#[inline(always)]
pub unsafe fn body<'a, B: Body>(object: *mut ffi::PyObject) -> &'a B {
    // SAFETY: says the caller; tables are only handed out by `create`, which puts the body in.
    unsafe { (*object.cast::<TableObject<B>>()).body.assume_init_ref() }
}

/// Make an object of a class that was made by `make::<B>`, or of one below it.
pub fn create<B: Body>(class: &Bound<'_, PyType>, body: B) -> PyResult<*mut ffi::PyObject> {
    let py = class.py();
    // SAFETY: a class below ours allocates as ours does, and gives zeroed room.
    unsafe {
        let kind = class.as_type_ptr();
        let Some(allocate) = (*kind).tp_alloc else {
            return Err(PyTypeError::new_err("this class makes no objects"));
        };
        let object = allocate(kind, 0);
        if object.is_null() {
            return Err(PyErr::fetch(py));
        }
        let table: *mut TableObject<B> = object.cast();
        (*table).body.write(body);
        (*table).made = true;
        Ok(object)
    }
}

/// Make a class with these slots and methods.
pub fn make<'py, B: Body>(
    py: Python<'py>,
    name: &'static CStr,
    more: &[(c_int, *mut c_void)],
    verbs: &[Verb],
) -> PyResult<Bound<'py, PyType>> {
    let weak = std::mem::offset_of!(TableObject<B>, weak) as ffi::Py_ssize_t;
    // SAFETY: zeroes end the list, as CPython asks for.
    let end: ffi::PyMemberDef = unsafe { std::mem::zeroed() };
    let members = Box::leak(Box::new([
        ffi::PyMemberDef {
            name: c"__weaklistoffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: weak,
            flags: ffi::Py_READONLY,
            doc: std::ptr::null(),
        },
        end,
    ]));
    let mut slots: Vec<ffi::PyType_Slot> = [
        (ffi::Py_tp_new, refuse_new as *mut c_void),
        (ffi::Py_tp_dealloc, dealloc::<B> as *mut c_void),
        (ffi::Py_tp_traverse, traverse::<B> as *mut c_void),
        (ffi::Py_tp_clear, clear::<B> as *mut c_void),
        (ffi::Py_tp_members, members.as_mut_ptr().cast()),
    ]
    .iter()
    .chain(more)
    .map(|&(slot, pfunc)| ffi::PyType_Slot { slot, pfunc })
    .collect();
    slots.push(ffi::PyType_Slot { slot: 0, pfunc: std::ptr::null_mut() });
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: std::mem::size_of::<TableObject<B>>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE | ffi::Py_TPFLAGS_HAVE_GC) as c_uint,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec is complete and its slots end with a zero.
    let class = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec))? };
    let class = class.cast_into::<PyType>()?;
    install(&class, &class, None, verbs)?;
    class_method(&class, "__class_getitem__", "($type, item, /)", class_getitem)?;
    Ok(class)
}

/// Put a method of the class itself into a class.
pub fn class_method(
    class: &Bound<'_, PyType>,
    name: &'static str,
    signature: &'static str,
    method: Method,
) -> PyResult<()> {
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: CString::new(name)?.into_raw(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: method },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS | ffi::METH_CLASS,
        ml_doc: CString::new(format!("{name}{signature}\n--\n\n"))?.into_raw(),
    }));
    // SAFETY: the definition is complete, and stands for good.
    let made = unsafe {
        Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewClassMethod(class.as_type_ptr(), definition))?
    };
    class.setattr(name, made)
}

/// `SetTable[str, int]`, for annotations.
unsafe extern "C" fn class_getitem(
    class: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    const ITEM: Parameters<1> = Parameters { method: "__class_getitem__", names: ["item"], positional: 1, needed: 1 };
    run(|py| {
        // SAFETY: CPython calls a class method with a class, and with these arguments.
        unsafe {
            let [item] = called(values, positional, names).sort(&ITEM)?;
            Ok(Bound::from_owned_ptr_or_err(py, ffi::Py_GenericAlias(class, item))?.into_ptr())
        }
    })
}

unsafe extern "C" fn refuse_new(
    _class: *mut ffi::PyTypeObject,
    _arguments: *mut ffi::PyObject,
    _names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the text is a C string.
    unsafe { ffi::PyErr_SetString(ffi::PyExc_TypeError, c"kernel tables are made by _create".as_ptr()) };
    std::ptr::null_mut()
}

unsafe extern "C" fn traverse<B: Body>(object: *mut ffi::PyObject, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: CPython calls it with a table of ours.
    unsafe {
        let status = visit(ffi::Py_TYPE(object).cast(), arg);
        if status != 0 || !(*object.cast::<TableObject<B>>()).made {
            return status;
        }
        body::<B>(object).traverse(visit, arg)
    }
}

unsafe extern "C" fn clear<B: Body>(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: CPython calls it with a table of ours.
    unsafe {
        if (*object.cast::<TableObject<B>>()).made {
            let _ = Python::try_attach(|py| body::<B>(object).release(py));
        }
    }
    0
}

unsafe extern "C" fn dealloc<B: Body>(object: *mut ffi::PyObject) {
    // SAFETY: nobody refers to the table any more. The collector lets go of it first; then weak references; then the body, whose
    // finalizers may run Python code that can no longer reach it.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        let table: *mut TableObject<B> = object.cast();
        if !(*table).weak.is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        if (*table).made {
            (*table).made = false;
            // Told that the thread is attached, PyO3 drops at once; at the end of the interpreter nobody can tell it.
            if Python::try_attach(|_| (*table).body.assume_init_drop()).is_none() {
                (*table).body.assume_init_drop();
            }
        }
        let kind = ffi::Py_TYPE(object);
        if let Some(free) = (*kind).tp_free {
            free(object.cast());
        }
        ffi::Py_DECREF(kind.cast());
    }
}

/// The class that a class method is called with.
///
/// # Safety
/// CPython has handed it to a class method.
pub unsafe fn class_of(py: Python<'_>, class: *mut ffi::PyObject) -> PyResult<Bound<'_, PyType>> {
    // SAFETY: says the caller.
    Ok(unsafe { Bound::from_borrowed_ptr(py, class) }.cast_into::<PyType>()?)
}

/// A strong reference to an argument.
///
/// # Safety
/// `argument` is alive.
#[inline(always)]
pub unsafe fn own(argument: *mut ffi::PyObject) -> Object {
    // SAFETY: says the caller.
    unsafe { Object::borrowed(argument) }
}
