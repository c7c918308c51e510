//! What a method was called with: positional arguments and keywords, sorted into places.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

/// What a method was called with, as CPython hands it over (`METH_FASTCALL | METH_KEYWORDS`).
#[derive(Clone, Copy)]
pub struct Arguments {
    values: *const *mut ffi::PyObject,
    positional: usize,
    names: *mut ffi::PyObject,
}

/// The names of a method's parameters: how many may be given by position, and how many must be given.
pub struct Parameters<const N: usize> {
    /// The name of the method, for messages.
    pub method: &'static str,
    /// The names, in order.
    pub names: [&'static str; N],
    /// How many may be given by position.
    pub positional: usize,
    /// How many must be given.
    pub needed: usize,
}

impl Arguments {
    /// Take over what CPython gave.
    ///
    /// # Safety
    /// The three are those of a call that is going on.
    #[inline(always)]
    pub unsafe fn new(
        values: *const *mut ffi::PyObject,
        positional: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> Self {
        Self { values, positional: positional as usize, names }
    }

    /// The arguments, if there are exactly so many and all are given by position.
    #[inline(always)]
    pub fn exactly<const N: usize>(&self) -> Option<[*mut ffi::PyObject; N]> {
        if self.positional != N || !self.names.is_null() {
            return None;
        }
        // SAFETY: there are so many.
        Some(unsafe { *self.values.cast::<[*mut ffi::PyObject; N]>() })
    }

    /// Sort the arguments into the places of the parameters; null where one is not given.
    ///
    /// # Errors
    /// `TypeError`, as Python's own functions raise it.
    pub fn sort<const N: usize>(&self, parameters: &Parameters<N>) -> PyResult<[*mut ffi::PyObject; N]> {
        let Parameters { method, names, positional, needed } = parameters;
        let mut sorted = [std::ptr::null_mut(); N];
        if self.positional > *positional {
            let most = if positional == needed {
                format!("{}", positional + 1)
            } else {
                format!("from {} to {}", needed + 1, positional + 1)
            };
            let plural = if *positional == 0 { "" } else { "s" };
            return Err(PyTypeError::new_err(format!(
                "{method}() takes {most} positional argument{plural} but {} were given",
                self.positional + 1
            )));
        }
        for (place, room) in sorted.iter_mut().enumerate().take(self.positional) {
            // SAFETY: so many are given.
            *room = unsafe { *self.values.add(place) };
        }
        if !self.names.is_null() {
            // SAFETY: `names` is a tuple of texts, and behind the positional arguments stands one value for each.
            unsafe {
                for number in 0..ffi::PyTuple_GET_SIZE(self.names) {
                    let name = ffi::PyTuple_GET_ITEM(self.names, number);
                    let value = *self.values.add(self.positional + number as usize);
                    let place = names.iter().position(|known| equal(name, known));
                    let text = || Bound::from_borrowed_ptr(Python::assume_attached(), name).to_string();
                    match place {
                        None => {
                            return Err(PyTypeError::new_err(format!(
                                "{method}() got an unexpected keyword argument '{}'",
                                text()
                            )));
                        }
                        Some(place) if !sorted[place].is_null() => {
                            return Err(PyTypeError::new_err(format!(
                                "{method}() got multiple values for argument '{}'",
                                text()
                            )));
                        }
                        Some(place) => sorted[place] = value,
                    }
                }
            }
        }
        let absent: Vec<String> = names
            .iter()
            .zip(&sorted)
            .take(*needed)
            .filter(|(_, given)| given.is_null())
            .map(|(name, _)| format!("'{name}'"))
            .collect();
        if absent.is_empty() {
            return Ok(sorted);
        }
        Err(PyTypeError::new_err(format!(
            "{method}() missing {} required positional argument{}: {}",
            absent.len(),
            if absent.len() == 1 { "" } else { "s" },
            absent.join(" and ")
        )))
    }
}

/// Tell whether a Python text is that one.
unsafe fn equal(text: *mut ffi::PyObject, known: &str) -> bool {
    let mut length = 0;
    // SAFETY: keyword names are texts, alive for the call.
    unsafe {
        let bytes = ffi::PyUnicode_AsUTF8AndSize(text, &mut length);
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return false;
        }
        std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) == known.as_bytes()
    }
}
