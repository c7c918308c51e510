//! The verbs of a cache: looking up counts and is a use, writing evicts.
//!
//! Each has a short way for a plain key in a cache of plain keys: one section, in which the key is looked for once.

mod counting;
mod looking;
mod short;
mod writing;

pub use looking::contains;

use super::install::{Method, Verb};
use crate::py::rows::{CachedRows, Table};

/// A cache.
pub type Cache = Table<CachedRows>;

/// The verbs that caches alone have, or have in their own way.
pub fn verbs() -> Vec<Verb> {
    let verb = |name, signature, method: Method| Verb { name, signature, method };
    vec![
        verb("get", "($self, /, key, default=None)", looking::get),
        verb("set", "($self, /, key, value, *, ttl=...)", writing::set),
        verb("delete", "($self, /, key)", writing::delete),
        verb("_add", "($self, /, key, value, ttl, unless)", writing::add),
        verb("_peek", "($self, /, key)", looking::peek),
        verb("_count_load", "($self, /, *, failed)", counting::count_load),
        verb("_counts", "($self, /)", counting::counts),
    ]
}
