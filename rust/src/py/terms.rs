//! Keys of the term order become bytes: from Python objects to what the ordered structures compare.
//!
//! This belongs to the resolve phase: it may run Python code (`utcoffset` of a time zone), and it may fail. What types a
//! key can have, how they are told apart and what a refusal says is written in `noex.kernel._pure.terms`; whatever is
//! not encoded here is left to the functions there, so that there is one text of each error.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDateTime, PyDelta, PyFloat, PyInt, PyString, PyTuple, PyType};
use pyo3::types::{PyDateAccess, PyDeltaAccess, PyTimeAccess};

use crate::py::verbs::install::told;
use crate::store::term::{Encoder, Term};

/// How deep tuples may nest.
const MOST_DEPTH: usize = 32;
/// How many mirrors in each other are unrolled here.
const MOST_MIRRORS: usize = 100;

const MICROSECONDS_A_SECOND: i64 = 1_000_000;
const SECONDS_A_DAY: i64 = 86_400;

/// Return the term of a key; `mirrors` allows `Desc` inside.
///
/// Fails as `noex.kernel._pure.terms.order.sort_key` does.
#[inline]
pub fn encode(key: &Bound<'_, PyAny>, mirrors: bool) -> PyResult<Term> {
    encoded(key, mirrors, Encoder::finish)
}

/// Return the terms between which all tuples stand that begin with `prefix`: low taken in, high left out.
///
/// Fails as `noex.kernel._pure.terms.order.prefix_bounds` does.
pub fn prefix_bounds(prefix: &Bound<'_, PyAny>, mirrors: bool) -> PyResult<(Term, Term)> {
    let mut encoder = Encoder::new();
    if let Ok(tuple) = prefix.cast::<PyTuple>() {
        encoder.begin_tuple();
        if write_parts(&mut encoder, tuple, Inside { depth: 1, mirrors: 0, allowed: mirrors })? {
            let low = encoder.finish();
            encoder.beyond();
            return Ok((low, encoder.finish()));
        }
    }
    let (low, _): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
        call_pure(prefix, "noex.kernel._pure.terms.order", "prefix_bounds", mirrors)?.extract()?;
    let mut bytes = encode_key(&low)?.as_bytes().to_vec();
    let low = Term::from_bytes(&bytes);
    bytes.push(0xff);
    Ok((low, Term::from_bytes(&bytes)))
}

/// Return the term of bytes that were made of one.
pub fn term_from_bytes(bytes: &[u8]) -> Term {
    Term::from_bytes(bytes)
}

/// Return the bytes of a term as a Python object.
pub fn bytes_of_term<'py>(py: Python<'py>, term: &Term) -> Bound<'py, PyBytes> {
    term.with_bytes(|bytes| PyBytes::new(py, bytes))
}

/// Return the bytes that stand for `term`, in the order of terms; equal terms have equal ones.
#[pyfunction]
#[pyo3(signature = (term, *, mirrors = false))]
fn encode_term<'py>(term: &Bound<'py, PyAny>, mirrors: bool) -> PyResult<Bound<'py, PyBytes>> {
    encoded(term, mirrors, |encoder| PyBytes::new(term.py(), encoder.bytes()))
}

/// Put the functions of this module into the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(encode_term, module)?)
}

/// Encode a key, here or by the pure functions, and return what `finish` makes of it.
#[inline]
fn encoded<R>(key: &Bound<'_, PyAny>, mirrors: bool, finish: impl FnOnce(&Encoder) -> R) -> PyResult<R> {
    let mut encoder = Encoder::new();
    if write(&mut encoder, key, Inside { depth: 0, mirrors: 0, allowed: mirrors })? {
        return Ok(finish(&encoder));
    }
    told(|_| {
        let flat = call_pure(key, "noex.kernel._pure.terms.order", "sort_key", mirrors)?;
        Ok(finish(&Encoder::of_bytes(encode_key(&flat)?.as_bytes())))
    })
}

#[cold]
fn call_pure<'py>(
    argument: &Bound<'py, PyAny>,
    module: &str,
    function: &str,
    mirrors: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = argument.py();
    let options = pyo3::types::PyDict::new(py);
    options.set_item(intern!(py, "mirrors"), mirrors)?;
    py.import(module)?.getattr(function)?.call((argument,), Some(&options))
}

/// The bytes of a flat sort key, as the pure functions make them.
#[cold]
fn encode_key<'py>(flat: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let module = flat.py().import("noex.kernel._pure.terms.encoding")?;
    Ok(module.getattr("encode_key")?.call1((flat,))?.cast_into()?)
}

/// What a part of a term stands in.
#[derive(Clone, Copy)]
struct Inside {
    depth: usize,   // of tuples
    mirrors: usize, // how many
    allowed: bool,  // whether mirrors are
}

/// Write a term, or return false: then what is written is of no use, and the pure functions know better.
#[inline]
fn write(encoder: &mut Encoder, term: &Bound<'_, PyAny>, inside: Inside) -> PyResult<bool> {
    if let Ok(text) = term.cast_exact::<PyString>() {
        return Ok(write_text(encoder, text));
    }
    if let Ok(number) = term.cast_exact::<PyInt>() {
        return write_integer(encoder, number);
    }
    write_other(encoder, term, inside)
}

fn write_other(encoder: &mut Encoder, term: &Bound<'_, PyAny>, inside: Inside) -> PyResult<bool> {
    if let Ok(tuple) = term.cast::<PyTuple>() {
        if inside.depth == MOST_DEPTH {
            return Ok(false);
        }
        encoder.begin_tuple();
        let written = write_parts(encoder, tuple, Inside { depth: inside.depth + 1, ..inside })?;
        encoder.end_tuple();
        return Ok(written);
    }
    if term.is_none() {
        encoder.none();
        return Ok(true);
    }
    if let Ok(number) = term.cast::<PyFloat>() {
        return Ok(encoder.float(number.value()));
    }
    if let Ok(number) = term.cast::<PyInt>() {
        return write_integer(encoder, number);
    }
    if let Ok(text) = term.cast::<PyString>() {
        return Ok(write_text(encoder, text));
    }
    if let Ok(bytes) = term.cast::<PyBytes>() {
        encoder.raw(bytes.as_bytes());
        return Ok(true);
    }
    if inside.allowed && term.is_instance(mirror_class(term.py())?)? {
        if inside.mirrors == MOST_MIRRORS {
            return Ok(false);
        }
        let value = term.getattr(intern!(term.py(), "value"))?;
        let mirror = encoder.begin_mirror();
        let written = write(encoder, &value, Inside { mirrors: inside.mirrors + 1, ..inside })?;
        encoder.end_mirror(mirror);
        return Ok(written);
    }
    match term.cast::<PyDateTime>() {
        Ok(moment) => write_moment(encoder, moment),
        Err(_) => Ok(false),
    }
}

#[inline]
fn write_parts(encoder: &mut Encoder, tuple: &Bound<'_, PyTuple>, inside: Inside) -> PyResult<bool> {
    for part in tuple.iter_borrowed() {
        if !write(encoder, &part, inside)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[inline]
fn write_text(encoder: &mut Encoder, text: &Bound<'_, PyString>) -> bool {
    let object = text.as_ptr();
    // SAFETY: it is a str, which the caller keeps alive and nobody can change; once it is ready, its characters stand
    // at its data, as many as it is long, each of the size that its kind says.
    unsafe {
        #[cfg(not(Py_3_12))]
        if ffi::PyUnicode_READY(object) != 0 {
            ffi::PyErr_Clear();
            return false;
        }
        let length = ffi::PyUnicode_GET_LENGTH(object) as usize;
        let data = ffi::PyUnicode_DATA(object);
        match ffi::PyUnicode_KIND(object) {
            ffi::PyUnicode_1BYTE_KIND => encoder.latin1(std::slice::from_raw_parts(data.cast::<u8>(), length)),
            ffi::PyUnicode_2BYTE_KIND => {
                encoder.text(std::slice::from_raw_parts(data.cast::<u16>(), length).iter().copied());
            }
            _ => encoder.text(std::slice::from_raw_parts(data.cast::<u32>(), length).iter().copied()),
        }
    }
    true
}

#[inline]
fn write_integer(encoder: &mut Encoder, number: &Bound<'_, PyInt>) -> PyResult<bool> {
    let mut overflow = 0;
    // SAFETY: it is an int, of which this function runs no Python code.
    let found = unsafe { ffi::PyLong_AsLongLongAndOverflow(number.as_ptr(), &raw mut overflow) };
    if overflow == 0 {
        encoder.integer(found);
        return Ok(true);
    }
    write_big_integer(encoder, number, overflow < 0)
}

#[cold]
fn write_big_integer(encoder: &mut Encoder, number: &Bound<'_, PyInt>, negative: bool) -> PyResult<bool> {
    let py = number.py();
    let class = py.get_type::<PyInt>();
    let size =
        if negative { class.call_method1(intern!(py, "__neg__"), (number,))? } else { number.clone().into_any() };
    let bits: usize = class.call_method1(intern!(py, "bit_length"), (&size,))?.extract()?;
    let bytes = class.call_method1(intern!(py, "to_bytes"), (&size, bits.div_ceil(8), intern!(py, "big")))?;
    encoder.big_integer(negative, bytes.cast::<PyBytes>()?.as_bytes());
    Ok(true)
}

fn write_moment(encoder: &mut Encoder, moment: &Bound<'_, PyDateTime>) -> PyResult<bool> {
    let offset = moment.call_method0(intern!(moment.py(), "utcoffset"))?;
    let days = days_since_1970(moment.get_year(), moment.get_month(), moment.get_day());
    let minutes = i64::from(moment.get_hour()) * 60 + i64::from(moment.get_minute());
    let seconds = days * SECONDS_A_DAY + minutes * 60 + i64::from(moment.get_second());
    let microseconds = seconds * MICROSECONDS_A_SECOND + i64::from(moment.get_microsecond());
    if offset.is_none() {
        encoder.naive(microseconds);
        return Ok(true);
    }
    let Ok(offset) = offset.cast_exact::<PyDelta>() else {
        return Ok(false);
    };
    let seconds = i64::from(offset.get_days()) * SECONDS_A_DAY + i64::from(offset.get_seconds());
    encoder.aware(microseconds - seconds * MICROSECONDS_A_SECOND - i64::from(offset.get_microseconds()));
    Ok(true)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, of a year from 1 on.
fn days_since_1970(year: i32, month: u8, day: u8) -> i64 {
    // Years that begin in March: the day that not all years have is then the last of a year.
    let (year, months) =
        if month > 2 { (i64::from(year), i64::from(month) - 3) } else { (i64::from(year) - 1, i64::from(month) + 9) };
    let before_month = (153 * months + 2) / 5;
    year * 365 + year / 4 - year / 100 + year / 400 + before_month + i64::from(day) - 719_469
}

/// The class of mirrored values.
fn mirror_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "noex.kernel._pure.terms.order", "Desc")
}
