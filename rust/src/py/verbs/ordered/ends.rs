//! What a range is: two places in the order, each with whether it belongs to it.

use super::Ordered;
use crate::py::rows::{Entered, place};
use crate::py::terms;
use crate::store::term::Term;
use crate::store::tree::{Entry, Tree};
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The ends of a range; `None` for an open side.
#[derive(Default)]
pub struct Ends {
    /// The low end, and whether it belongs to the range.
    pub low: Option<(Term, bool)>,
    /// The high end, and whether it belongs to the range.
    pub high: Option<(Term, bool)>,
}

impl Ends {
    /// Read what a verb was given: None, or null, for an open side. Runs the table's `key=`.
    #[inline]
    pub fn of(
        table: &Ordered,
        py: Python<'_>,
        low: *mut ffi::PyObject,
        high: *mut ffi::PyObject,
        bounds: *mut ffi::PyObject,
    ) -> PyResult<Self> {
        let (with_low, with_high) = belonging(py, bounds)?;
        let end = |key: *mut ffi::PyObject, belongs| {
            // SAFETY: None is always there.
            if key.is_null() || key == unsafe { ffi::Py_None() } {
                return PyResult::Ok(None);
            }
            Ok(Some((place(table, py, key)?, belongs)))
        };
        let low = end(low, with_low)?;
        Ok(Self { low, high: end(high, with_high)? })
    }

    /// The positions of the range, from start to stop, which is left out. It may be empty, and stop below start.
    #[inline]
    pub fn positions(&self, tree: &Tree<Entered>) -> (usize, usize) {
        let start = self.low.as_ref().map_or(0, |(term, belongs)| {
            let (rank, found) = tree.find(term);
            rank + usize::from(found && !belongs)
        });
        let stop = self.high.as_ref().map_or(tree.len(), |(term, belongs)| {
            let (rank, found) = tree.find(term);
            rank + usize::from(found && *belongs)
        });
        (start, stop)
    }

    /// Visit the entries of the range, from one of its ends on, until `visit` says that it is enough.
    #[inline(always)]
    pub fn walk<'a>(&self, tree: &'a Tree<Entered>, reverse: bool, mut visit: impl FnMut(Entry<'a, Entered>) -> bool) {
        if reverse {
            let mut next = match &self.high {
                None => tree.last(),
                Some((high, true)) => tree.up_to(high),
                Some((high, false)) => tree.before(high),
            };
            while let Some(entry) = next.filter(|entry| self.is_above_low(entry)) {
                if visit(entry) {
                    return;
                }
                next = entry.previous();
            }
        } else {
            let mut next = match &self.low {
                None => tree.first(),
                Some((low, true)) => tree.from(low),
                Some((low, false)) => tree.after(low),
            };
            let high = self.high.as_ref().map(|(high, belongs)| (high, *belongs));
            while let Some(entry) = next {
                let mut last = None;
                for entry in entry.in_leaf(high) {
                    if visit(entry) {
                        return;
                    }
                    last = Some(entry);
                }
                next = last.and_then(|last| last.next()); // beyond the end, there is nothing more in its leaf
            }
        }
    }

    #[inline(always)]
    fn is_above_low(&self, entry: &Entry<'_, Entered>) -> bool {
        match &self.low {
            None => true,
            Some((low, true)) => !entry.is_below(low),
            Some((low, false)) => entry.is_above(low),
        }
    }

    /// The part of the range beyond a place, in the direction of a walk.
    pub fn beyond(self, place: Option<Term>, reverse: bool) -> Self {
        let Some(place) = place else { return self };
        let Self { low, high } = self;
        if reverse {
            match high {
                Some((high, belongs)) if high < place || (high == place && !belongs) => {
                    Self { low, high: Some((high, belongs)) }
                }
                _ => Self { low, high: Some((place, false)) },
            }
        } else {
            match low {
                Some((low, belongs)) if low > place => Self { low: Some((low, belongs)), high },
                _ => Self { low: Some((place, false)), high },
            }
        }
    }
}

/// The range that an access names, if it names one.
pub fn ends_of(table: &Ordered, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<Option<Ends>> {
    let access = access.cast::<PyTuple>()?;
    let kind = access.get_item(0)?;
    match kind.extract::<&str>()? {
        "scan" => Ok(Some(Ends::default())),
        "range" => {
            let (low, high, bounds) = (access.get_item(1)?, access.get_item(2)?, access.get_item(3)?);
            Ends::of(table, py, low.as_ptr(), high.as_ptr(), bounds.as_ptr()).map(Some)
        }
        "prefix" => {
            let (low, high) = terms::prefix_bounds(&access.get_item(1)?, false)?;
            Ok(Some(Ends { low: Some((low, true)), high: Some((high, false)) }))
        }
        _ => Ok(None),
    }
}

/// Tell which ends belong to a range.
fn belonging(py: Python<'_>, bounds: *mut ffi::PyObject) -> PyResult<(bool, bool)> {
    if bounds.is_null() {
        return Ok((true, false));
    }
    // SAFETY: the caller holds it.
    let bounds = unsafe { Bound::from_borrowed_ptr(py, bounds) };
    let text = bounds.cast::<pyo3::types::PyString>().ok().and_then(|text| text.to_str().ok());
    match text {
        Some("[)") => Ok((true, false)),
        Some("[]") => Ok((true, true)),
        Some("()") => Ok((false, false)),
        Some("(]") => Ok((false, true)),
        _ => {
            Err(PyValueError::new_err(format!("bounds must be one of '[)', '[]', '()', '(]', not {}", bounds.repr()?)))
        }
    }
}
