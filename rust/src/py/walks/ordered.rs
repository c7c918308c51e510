//! Walking an ordered table.
//!
//! A walk takes hold of some entries at a time, and looks at each again when its turn comes, if the table has changed since.

use super::{Met, Next, Part, Walk, Walker};
use crate::py::class::{body, own};
use crate::py::ground::object::Object;
use crate::py::ground::row::{NO_END, RowAt, is_row};
use crate::py::rows::{Entered, Trash};
use crate::py::verbs::ordered::Ordered;
use crate::py::verbs::set::reading::value_of;
use crate::store::prefetch::prefetch;
use crate::store::term::Term;
use crate::store::tree::Entry;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::AtomicPtr;

/// How many entries a walk takes hold of at a time.
const STEP: usize = 64;

/// Goes through the entries of an ordered table.
pub struct OrderedWalk {
    table: Option<Object>,
    ahead: Vec<Ahead>,
    next: usize,
    version: u64,         // of the table, when the entries ahead were as they are here
    beyond: Option<Term>, // where to look for more; `None` once there are no more
}

/// An entry that a walk comes to: its place, key and slot. What was returned is not here any more, and what nobody needs
/// never is: the slot is, for its value, or for its end.
struct Ahead {
    term: Term,
    key: Option<Object>,
    slot: Option<Object>,
}

impl Walk for OrderedWalk {
    const NAME: &'static CStr = c"noex.kernel._native.OrderedWalk";

    fn class() -> &'static AtomicPtr<ffi::PyTypeObject> {
        static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());
        &CLASS
    }

    fn of(table: Object) -> Self {
        Self { table: Some(table), ahead: Vec::new(), next: 0, version: 0, beyond: Some(Term::default()) }
    }

    #[inline(always)]
    fn step(&mut self, part: Part) -> Option<Met> {
        let Self { table, ahead, next, version, .. } = self;
        // SAFETY: walks are made with tables of this kind.
        let table: &Ordered = unsafe { body(table.as_ref()?.as_ptr()) };
        let ahead = ahead.get_mut(*next)?;
        table.section(|state| {
            if state.version != *version || state.deadlines.next_due() != NO_END {
                return None;
            }
            *next += 1;
            let key = if part.has_key() { ahead.key.take() } else { None };
            if !part.has_value() {
                return Some(Met { key, value: None });
            }
            // SAFETY: the slot is held, and stands in the table, too. No row has an end.
            let value = unsafe {
                match &ahead.slot {
                    Some(slot) if is_row(slot.as_ptr()) => Some(own(RowAt::of(slot.as_ptr()).value())),
                    _ => ahead.slot.take(),
                }
            };
            Some(Met { key, value })
        })
    }

    fn go_on(walk: &Walker<Self>, py: Python<'_>, part: Part) -> PyResult<Next> {
        let Some(table) = walk.section(|walk| walk.table.clone()) else { return Ok(Next::Over) };
        // SAFETY: as in `step`.
        let set: &Ordered = unsafe { body(table.as_ptr()) };
        loop {
            let next = walk.section(|walk| {
                let Ahead { term, key, slot } = walk.ahead.get_mut(walk.next)?;
                walk.next += 1;
                Some((term.clone(), key.take(), slot.take(), walk.version))
            });
            let Some((term, key, slot, version)) = next else {
                if look_ahead(walk, py, set, part)? {
                    return Ok(Next::Ahead);
                }
                walk.end();
                return Ok(Next::Over);
            };
            // SAFETY: what stands in the tree is alive in the section.
            let now = set.section(|state| unsafe {
                if state.version == version {
                    return None; // as it was
                }
                Some(state.rows.tree.get(&term).map(|entered| (own(entered.key), own(entered.slot))))
            });
            let (key, slot) = match now {
                None => (key, slot),
                Some(Some((key, slot))) => (Some(key), Some(slot)),
                Some(None) => {
                    set.refuse_closed(py)?;
                    continue;
                }
            };
            let key = if part.has_key() { key } else { None };
            let Some(slot) = slot else { return Ok(Next::Met(Met { key, value: None })) };
            if let Some(value) = value_of(set, py, slot)? {
                return Ok(Next::Met(Met { key, value: part.has_value().then_some(value) }));
            }
        }
    }

    unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        let ahead = self.ahead.iter().flat_map(|ahead| [&ahead.key, &ahead.slot]).flatten();
        // SAFETY: says the caller.
        unsafe { super::visit_all(self.table.iter().chain(ahead), visit, arg) }
    }

    fn release(&mut self) -> Trash {
        self.beyond = None;
        let mut trash: Trash = self.table.take().into_iter().collect();
        for Ahead { key, slot, .. } in std::mem::take(&mut self.ahead) {
            trash.extend(key.into_iter().chain(slot));
        }
        trash
    }
}

/// What came of looking ahead.
enum Seen {
    /// There are entries ahead; of those that were before, nothing is left.
    Ahead(Vec<Ahead>),
    /// There are no more.
    Nothing,
    /// The table was closed.
    Closed,
}

/// Take hold of the entries that come next; tell whether there are any.
///
/// In one section: where two threads step the walk, the second one finds what the first one took hold of.
fn look_ahead(walk: &Walker<OrderedWalk>, py: Python<'_>, set: &Ordered, part: Part) -> PyResult<bool> {
    let seen = walk.section(|walk| {
        if walk.next < walk.ahead.len() {
            return Seen::Ahead(Vec::new());
        }
        let Some(beyond) = walk.beyond.take() else { return Seen::Nothing };
        set.section(|state| {
            if state.closed {
                return Seen::Closed;
            }
            let (mut found, mut next) = (Vec::with_capacity(STEP), state.rows.tree.after(&beyond));
            while let Some(entry) = next.filter(|_| found.len() < STEP) {
                let entered = entry.value();
                if part.has_key() {
                    prefetch::<16>(entered.key.cast());
                }
                prefetch::<16>(entered.slot.cast());
                found.push(entry);
                next = entry.next();
            }
            if found.is_empty() {
                return Seen::Nothing;
            }
            let ahead: Vec<Ahead> = found.iter().map(|entry| taken(entry, part)).collect();
            if ahead.len() == STEP {
                walk.beyond = ahead.last().map(|last| last.term.clone());
            }
            (walk.next, walk.version) = (0, state.version);
            Seen::Ahead(std::mem::replace(&mut walk.ahead, ahead))
        })
    });
    match seen {
        Seen::Ahead(before) => {
            drop(before);
            Ok(true)
        }
        Seen::Nothing => Ok(false),
        Seen::Closed => set.refuse_closed(py).map(|()| false),
    }
}

/// What a walk takes hold of; under the lock.
#[inline(always)]
fn taken(entry: &Entry<'_, Entered>, part: Part) -> Ahead {
    let Entered { key, slot } = entry.value();
    // SAFETY: what stands in the tree is alive in the section.
    unsafe {
        let needed = part.has_value() || is_row(slot);
        Ahead { term: entry.term(), key: part.has_key().then(|| own(key)), slot: needed.then(|| own(slot)) }
    }
}
