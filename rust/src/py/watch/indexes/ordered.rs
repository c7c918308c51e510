//! What an ordered index knows: the rows in the term order of their value.
//!
//! Each row stands at a *spot*: the term of its value, and then what breaks the tie: its own key in an ordered table, else
//! a ticket that grows.

use crate::store::term::{HEAD, Term};
use crate::store::tree::{Entry, Tree};

/// Rows by their spot.
pub struct OrderedIndex {
    tree: Tree<u32>,
    spots: Vec<Term>, // by the number of the row; an empty one for a row that is not in the index
    ties: Vec<u32>,   // how long the keys at the end of spots are, where keys break ties
    tickets: u64,
}

impl OrderedIndex {
    /// An index of no rows.
    pub const fn new() -> Self {
        Self { tree: Tree::new(), spots: Vec::new(), ties: Vec::new(), tickets: 0 }
    }

    /// The rows in their order.
    pub fn tree(&self) -> &Tree<u32> {
        &self.tree
    }

    /// The spot of a row, if it is here.
    pub fn spot(&self, number: u32) -> Option<&Term> {
        self.spots.get(number as usize).filter(|spot| !spot.is_empty())
    }

    /// Enter a row under a mark; `key` breaks ties, where they are broken by keys. A row that has the mark already stays where
    /// it is.
    pub fn enter(&mut self, number: u32, mark: &Term, key: Option<&Term>) {
        if let Some(spot) = self.note(number, mark, key) {
            self.tree.insert(spot, number);
        }
    }

    /// Enter many rows into an index that has none.
    pub fn fill<'a>(&mut self, rows: impl Iterator<Item = (u32, &'a Term, Option<&'a Term>)>) {
        let mut spots: Vec<(Term, u32)> =
            rows.filter_map(|(number, mark, key)| Some((self.note(number, mark, key)?, number))).collect();
        if self.tree.is_empty() {
            spots.retain(|(spot, number)| self.spots[*number as usize] == *spot); // one may have come twice
            spots.sort_unstable();
            self.tree = Tree::from_sorted(spots);
        } else {
            for (spot, number) in spots {
                self.tree.insert(spot, number);
            }
        }
    }

    /// Note where a row is to stand, and return the spot unless it stands there already.
    fn note(&mut self, number: u32, mark: &Term, key: Option<&Term>) -> Option<Term> {
        if self.spot(number).is_some_and(|spot| begins_with(spot, mark)) {
            return None;
        }
        self.leave(number);
        let spot = match key {
            Some(key) => key.with_bytes(|tie| joined(mark, tie)),
            None => {
                self.tickets += 1;
                joined(mark, &tie(self.tickets - 1))
            }
        };
        if self.spots.len() <= number as usize {
            self.spots.resize(number as usize + 1, Term::default());
        }
        self.spots[number as usize] = spot.clone();
        if let Some(key) = key {
            self.ties.resize(self.spots.len(), 0);
            self.ties[number as usize] = key.len() as u32;
        }
        Some(spot)
    }

    /// Take a row out, if it is here.
    pub fn leave(&mut self, number: u32) {
        if let Some(spot) = self.spots.get_mut(number as usize).filter(|spot| !spot.is_empty()) {
            self.tree.remove(spot);
            *spot = Term::default();
        }
    }

    /// The rows with that mark, in order.
    pub fn marked<'a>(&'a self, mark: &'a Term) -> impl Iterator<Item = Entry<'a, u32>> {
        let mut next = self.tree.from(mark);
        std::iter::from_fn(move || {
            let entry = next.take()?;
            let number = entry.value();
            self.spot(number).is_some_and(|spot| begins_with(spot, mark)).then(|| {
                next = entry.next();
                entry
            })
        })
    }

    /// The positions between two bounds, which are no spots themselves: with `limit`, at most so many, the first ones or the
    /// last.
    pub fn positions(&self, start: Option<&Term>, stop: Option<&Term>, reverse: bool, limit: usize) -> (usize, usize) {
        let first = start.map_or(0, |start| self.tree.rank(start));
        let last = stop.map_or(self.tree.len(), |stop| self.tree.rank(stop)).max(first);
        match last - first <= limit {
            true => (first, last),
            false if reverse => (last - limit, last),
            false => (first, first + limit),
        }
    }

    /// The numbers of two rows with the same mark, if there are such.
    pub fn crowded(&self) -> Option<(u32, u32)> {
        let mark = |number: u32| {
            let tie = self.ties.get(number as usize).map_or(TIE, |&tie| tie as usize);
            self.spots[number as usize].with_bytes(|spot| Term::from_bytes(&spot[..spot.len() - tie]))
        };
        let mut last: Option<(u32, Term)> = None;
        for entry in &self.tree {
            let (number, mine) = (entry.value(), mark(entry.value()));
            match last {
                Some((other, theirs)) if theirs == mine => return Some((other, number)),
                _ => last = Some((number, mine)),
            }
        }
        None
    }

    /// How many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        self.tree.memory() + self.spots.capacity() * size_of::<Term>() + self.ties.capacity() * size_of::<u32>()
    }

    /// Panic unless tree and spots agree.
    pub fn check(&self) {
        self.tree.check();
        for entry in &self.tree {
            assert_eq!(self.spot(entry.value()), Some(&entry.term()), "a row stands elsewhere than it says");
        }
        let count = self.spots.iter().filter(|spot| !spot.is_empty()).count();
        assert_eq!(count, self.tree.len(), "a row is at two spots, or at none");
    }
}

/// How many bytes break a tie.
const TIE: usize = 9;

/// What is joined to a mark so that later rows stand behind earlier ones.
fn tie(ticket: u64) -> [u8; TIE] {
    let mut tie = [0; TIE];
    tie[1..].copy_from_slice(&ticket.to_be_bytes());
    tie
}

/// What stands above all that begins with a mark.
pub fn beyond(mark: &Term) -> Term {
    joined(mark, &[0xff])
}

fn joined(mark: &Term, tail: &[u8]) -> Term {
    mark.with_bytes(|mark| {
        let size = mark.len() + tail.len();
        let mut room = [0; 64];
        match room.get_mut(..size) {
            Some(whole) => {
                whole[..mark.len()].copy_from_slice(mark);
                whole[mark.len()..].copy_from_slice(tail);
                Term::from_bytes(whole)
            }
            None => Term::from_bytes(&[mark, tail].concat()),
        }
    })
}

/// Tell whether a spot begins with a mark.
pub fn begins_with(spot: &Term, mark: &Term) -> bool {
    if mark.len() >= HEAD {
        return spot.head == mark.head && spot.len() >= mark.len() && spot.rest.tail().starts_with(mark.rest.tail());
    }
    let unused = 8 * (HEAD - mark.len()) as u32;
    spot.len() >= mark.len() && spot.head.checked_shr(unused) == mark.head.checked_shr(unused)
}
