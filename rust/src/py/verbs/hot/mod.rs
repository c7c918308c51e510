//! The verbs that a set table is asked most: in one step for a plain key in a table of plain keys.
//!
//! Such a table is a dict, and where no entry has an end, nothing but the dict is touched: no lock where there is a GIL,
//! no clock, no object made. A row with an end is a cell in it, which is read and, with a GIL, changed where it stands.
//! Whatever else a table has (other keys, indexes, subscribers), the verb does as the general one of `set/`: that is the
//! long way, of which PyO3 is told.

mod census;
mod counting;
mod lifetimes;
mod many;
mod reading;
mod removing;
mod writing;

pub use counting::count_up;
pub use lifetimes::touch;
pub use reading::{contains, slot_of, subscript};
pub use writing::assign;

use super::install::{Method, Verb};
use crate::py::rows::{HashedRows, Table};

type Set = Table<HashedRows>;

/// The short cuts; they stand before the general verbs of the same names.
pub fn verbs() -> Vec<Verb> {
    let verb = |name, signature, method: Method| Verb { name, signature, method };
    vec![
        verb("lookup", "($self, /, key, default=None)", reading::lookup),
        verb("member", "($self, /, key)", reading::member),
        verb("insert", "($self, /, key, value, *, ttl=...)", writing::insert),
        verb("insert_many", "($self, /, items, *, ttl=...)", many::insert_many),
        verb(
            "update_counter",
            "($self, /, key, step=1, *, default=0, threshold=None, reset_to=None, ttl=...)",
            counting::update_counter,
        ),
        verb("_count", "($self, key, step=1, /)", counting::count),
        verb("touch", "($self, /, key, ttl=...)", touch),
        verb("delete", "($self, /, key)", removing::delete),
        verb("take", "($self, /, key, default=None)", removing::take),
    ]
}
