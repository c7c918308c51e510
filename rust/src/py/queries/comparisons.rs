//! Comparisons of what an entry has with a fixed operand, without calling Python where both are plain.

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyArithmeticError, PyTypeError};
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyFloat, PyInt, PyString};

/// Whole numbers up to this one are floats as well, without loss.
const MOST_EXACT: i64 = 1 << 53;

/// `found == operand` and the like.
pub struct Comparison {
    operator: CompareOp,
    operand: Py<PyAny>,
    digest: Digest,
}

/// What is known of the operand beforehand; only of exact types, as a subclass may compare in its own way.
#[derive(Clone, Copy)]
enum Digest {
    Whole(i64),
    Float(f64),
    Text,
    Other,
}

impl Comparison {
    /// Return the comparison with an operand.
    pub fn new(operator: CompareOp, operand: Bound<'_, PyAny>) -> Self {
        let digest = if let Ok(number) = operand.cast_exact::<PyInt>() {
            whole(number).map_or(Digest::Other, Digest::Whole)
        } else if let Ok(number) = operand.cast_exact::<PyFloat>() {
            Digest::Float(number.value())
        } else if operand.is_exact_instance_of::<PyString>() {
            Digest::Text
        } else {
            Digest::Other
        };
        Self { operator, operand: operand.unbind(), digest }
    }

    /// Return the operator that a program names.
    pub fn operator(name: &str) -> Option<CompareOp> {
        Some(match name {
            "==" => CompareOp::Eq,
            "!=" => CompareOp::Ne,
            "<" => CompareOp::Lt,
            "<=" => CompareOp::Le,
            ">" => CompareOp::Gt,
            ">=" => CompareOp::Ge,
            _ => return None,
        })
    }

    /// Show the garbage collector what is held.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.operand)
    }

    /// Tell whether the comparison holds; where Python cannot compare the two, it does not.
    #[inline]
    pub fn holds(&self, found: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self.digest {
            Digest::Whole(operand) => {
                if let Ok(number) = found.cast_exact::<PyInt>() {
                    if let Some(number) = whole(number) {
                        return Ok(ordered(self.operator, number, operand));
                    }
                } else if let (Ok(number), Some(operand)) = (found.cast_exact::<PyFloat>(), exact_float(operand)) {
                    return Ok(ordered(self.operator, number.value(), operand));
                }
            }
            Digest::Float(operand) => {
                if let Ok(number) = found.cast_exact::<PyFloat>() {
                    return Ok(ordered(self.operator, number.value(), operand));
                }
                if let Ok(number) = found.cast_exact::<PyInt>() {
                    if let Some(number) = whole(number).and_then(exact_float) {
                        return Ok(ordered(self.operator, number, operand));
                    }
                }
            }
            Digest::Text => {
                if let Ok(text) = found.cast_exact::<PyString>() {
                    return self.text_holds(text);
                }
            }
            Digest::Other => {}
        }
        comparable(found.py(), self.compared(found))
    }

    fn text_holds(&self, found: &Bound<'_, PyString>) -> PyResult<bool> {
        // SAFETY: the thread is attached and both are str; the answer is a new reference, or an exception is set.
        unsafe {
            let answer = ffi::PyUnicode_RichCompare(found.as_ptr(), self.operand.as_ptr(), self.operator as _);
            let answer = Bound::from_owned_ptr_or_err(found.py(), answer)?;
            Ok(answer.as_ptr() == ffi::Py_True())
        }
    }

    fn compared(&self, found: &Bound<'_, PyAny>) -> PyResult<bool> {
        found.rich_compare(self.operand.bind(found.py()), self.operator)?.is_truthy()
    }
}

/// Return an answer, but that of values which Python cannot compare is no; a Decimal raises ArithmeticError for a NaN.
#[inline]
pub fn comparable(py: Python<'_>, answer: PyResult<bool>) -> PyResult<bool> {
    match answer {
        Err(error) if error.is_instance_of::<PyTypeError>(py) || error.is_instance_of::<PyArithmeticError>(py) => {
            Ok(false)
        }
        answer => answer,
    }
}

/// Return the number, unless it is too big.
#[inline]
fn whole(number: &Bound<'_, PyInt>) -> Option<i64> {
    let mut overflow = 0;
    // SAFETY: the thread is attached and the object is an int, for which this raises nothing.
    let whole = unsafe { ffi::PyLong_AsLongLongAndOverflow(number.as_ptr(), &raw mut overflow) };
    (overflow == 0).then_some(whole)
}

#[inline]
fn exact_float(number: i64) -> Option<f64> {
    (-MOST_EXACT..=MOST_EXACT).contains(&number).then_some(number as f64)
}

#[inline]
fn ordered<T: PartialOrd>(operator: CompareOp, found: T, operand: T) -> bool {
    match operator {
        CompareOp::Eq => found == operand,
        CompareOp::Ne => found != operand,
        CompareOp::Lt => found < operand,
        CompareOp::Le => found <= operand,
        CompareOp::Gt => found > operand,
        CompareOp::Ge => found >= operand,
    }
}
