//! Queries that go along the order.

use super::ends::{Ends, ends_of};
use super::ranges::{Held, between, give_entries, is_true, limit_of, taken};
use super::{Ordered, methods};
use crate::py::class::own;
use crate::py::ground::handle::term_of;
use crate::py::ground::row::RowRef;
use crate::py::ground::sentinels::missing;
use crate::py::rows::place;
use crate::py::verbs::arguments::Parameters;
use crate::py::verbs::install::{Verb, give_count};
use crate::py::verbs::test::Test;
use crate::py::watch;
use crate::py::watch::indexes::candidate_count;
use crate::store::term::Term;
use pyo3::prelude::*;

const SELECT: Parameters<3> =
    Parameters { method: "_select", names: ["access", "test", "limit"], positional: 3, needed: 3 };
const COUNT: Parameters<2> = Parameters { method: "_count_where", names: ["access", "test"], positional: 2, needed: 2 };
const ORDERED: Parameters<5> = Parameters {
    method: "_select_ordered",
    names: ["access", "test", "limit", "reverse", "after"],
    positional: 2,
    needed: 5,
};

/// How many entries a walk looks at first.
const STEP: usize = 64;

pub fn verbs() -> Vec<Verb> {
    let signature = "($self, access, test, /, *, limit, reverse, after)";
    vec![
        Verb { name: "_select", signature: "($self, access, test, limit, /)", method: select },
        Verb { name: "_count_where", signature: "($self, access, test, /)", method: count_where },
        Verb { name: "_select_ordered", signature, method: select_ordered },
    ]
}

methods! {
    fn select(table, py, arguments) {
        let [access, test, limit] = arguments.sort(&SELECT)?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let limit = limit_of(py, limit)?.unwrap_or(usize::MAX);
        let found = candidates(table, py, &access)?;
        give_entries(py, chosen(py, found, &test, limit)?)
    }

    fn count_where(table, py, arguments) {
        let [access, test] = arguments.sort(&COUNT)?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let mut count = 0;
        for (key, value) in candidates(table, py, &access)? {
            count += usize::from(test.holds(py, &key, &value)?);
        }
        give_count(py, count)
    }

    /// The entries that a test is true of, in order or in reverse, beyond the key `after`.
    fn select_ordered(table, py, arguments) {
        let [access, test, limit, reverse, after] = arguments.sort(&ORDERED)?;
        // SAFETY: the caller holds them.
        let (access, test) = unsafe { (Bound::from_borrowed_ptr(py, access), Test::of(py, test)) };
        let beyond = if after == missing(py)? { None } else { Some(place(table, py, after)?) };
        let (limit, reverse) = (limit_of(py, limit)?, is_true(py, reverse)?);
        table.tick_all(py)?;
        if let Some(ends) = ends_of(table, py, &access)? {
            let ends = ends.beyond(beyond, reverse);
            let found = match limit {
                None => chosen(py, between(table, py, &ends, reverse, usize::MAX)?, &test, usize::MAX)?,
                Some(limit) => walked(table, py, ends, &test, limit, reverse, usize::MAX)?.unwrap_or_default(),
            };
            return give_entries(py, found);
        }
        if let Some(limit) = limit
            && access.get_item(0)?.ne("key")?
        {
            // Where an index has many, the first ones in the order of the keys may be found sooner by walking.
            let (ends, most) = (Ends::default().beyond(beyond.clone(), reverse), candidate_count(table, py, &access)?);
            if let Some(found) = walked(table, py, ends, &test, limit, reverse, most)? {
                return give_entries(py, found);
            }
        }
        let found = located(table, py, &access, beyond, reverse)?;
        give_entries(py, chosen(py, found, &test, limit.unwrap_or(usize::MAX))?)
    }
}

/// Keys and values among which those that a query asks for are, in order: all of one instant.
fn candidates(table: &Ordered, py: Python<'_>, access: &Bound<'_, PyAny>) -> PyResult<Held> {
    match ends_of(table, py, access)? {
        Some(ends) => {
            table.tick_all(py)?;
            between(table, py, &ends, false, usize::MAX)
        }
        None => located(table, py, access, None, false),
    }
}

/// Keys and values of what is found by key or by index, in order or in reverse, beyond a place.
fn located(
    table: &Ordered,
    py: Python<'_>,
    access: &Bound<'_, PyAny>,
    beyond: Option<Term>,
    reverse: bool,
) -> PyResult<Held> {
    let Some(mut rows) = watch::located(table, py, access)? else {
        return between(table, py, &Ends::default().beyond(beyond, reverse), reverse, usize::MAX);
    };
    // SAFETY: the rows are held, and those of ordered tables stand under handles that have terms.
    let term = |row: &RowRef| unsafe { term_of(row.at().handle()) };
    rows.sort_by(|one, other| term(one).cmp(term(other)));
    if reverse {
        rows.reverse();
    }
    if let Some(place) = &beyond {
        rows.retain(|row| if reverse { term(row) < place } else { term(row) > place });
    }
    // SAFETY: a row that is held does not change.
    Ok(rows.iter().map(|row| unsafe { (own(row.at().key()), own(row.at().value())) }).collect())
}

/// Those of which a test is true, at most `limit`.
fn chosen(py: Python<'_>, found: Held, test: &Test, limit: usize) -> PyResult<Held> {
    if matches!(test, Test::All) {
        let mut found = found;
        found.truncate(limit);
        return Ok(found);
    }
    let mut chosen = Held::new();
    for (key, value) in found {
        if chosen.len() == limit {
            break;
        }
        if test.holds(py, &key, &value)? {
            chosen.push((key, value));
        }
    }
    Ok(chosen)
}

/// Walk a range in steps until there are enough; `None` if that takes a look at more than `most` entries.
fn walked(
    table: &Ordered,
    py: Python<'_>,
    mut ends: Ends,
    test: &Test,
    limit: usize,
    reverse: bool,
    mut most: usize,
) -> PyResult<Option<Held>> {
    let mut selected = Held::new();
    let mut step = if matches!(test, Test::All) { limit } else { limit.max(STEP) };
    while selected.len() < limit {
        if most < step {
            return Ok(None);
        }
        most -= step;
        let (batch, last) = table.section(|state| {
            let (batch, last) = taken(&state.rows.tree, &ends, reverse, step);
            (batch, last.map(|entry| entry.term()))
        });
        let enough = batch.len() < step;
        let wanted = limit - selected.len();
        selected.extend(chosen(py, batch, test, wanted)?);
        if enough {
            break;
        }
        ends = ends.beyond(last, reverse);
        step = step.saturating_mul(2);
    }
    if selected.is_empty() {
        table.refuse_closed(py)?;
    }
    Ok(Some(selected))
}
