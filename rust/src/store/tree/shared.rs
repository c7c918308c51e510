//! The common beginning of the terms of a node, where it is so long that their heads are all the same.
//!
//! Heads that are all equal tell nothing apart. Then the node's array holds, of each term, the 16 bytes that follow the
//! common beginning instead, and this here says what that is. It is made when a node is split, joined, or built; nodes
//! that come from one another refer to the same one, so that it is in a cache whichever of them is searched. A term that
//! does not begin so lets the node go back to the heads of terms, for which no term need be looked at.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::store::term::{HEAD, Rest, Term};

/// A common beginning: the head of all terms, and bytes that follow it in all of them.
pub(super) struct Common {
    head: u128,
    tail: Box<[u8]>,
}

/// The common beginning of a node's terms, or nothing. All its bytes may be zero: so is nothing.
///
/// It is counted how many nodes of a tree refer to one, without locks: only who changes the tree makes or drops one.
#[derive(Clone, Default)]
#[repr(transparent)]
pub(super) struct Shared(Option<Rc<Common>>);

impl Shared {
    #[inline]
    pub(super) fn common(&self) -> Option<&Common> {
        self.0.as_deref()
    }

    /// The head of all terms, if they have a common beginning.
    #[inline]
    pub(super) fn head(&self) -> Option<u128> {
        self.0.as_ref().map(|common| common.head)
    }

    /// Forget the common beginning; return the head of all terms, if there was one.
    pub(super) fn forget(&mut self) -> Option<u128> {
        self.0.take().map(|common| common.head)
    }

    /// The common beginning of terms that all have this head, given the rests of the first and the last one; nothing if
    /// it is no longer than what is known.
    pub(super) fn longer(&self, head: u128, first: &Rest, last: &Rest) -> Option<Shared> {
        let (first, last) = (first.tail(), last.tail());
        let size = first.iter().zip(last).take_while(|(one, other)| one == other).count();
        if self.common().is_some_and(|common| size <= common.tail.len()) {
            return None;
        }
        Some(Shared(Some(Rc::new(Common { head, tail: first[..size].into() }))))
    }
}

impl Common {
    /// Tell whether a term is below or above all that begin so; if it begins so itself, what follows.
    #[inline]
    pub(super) fn place(&self, term: &Term) -> (Ordering, u128) {
        let tail = term.rest.tail();
        match tail.split_at_checked(self.tail.len()) {
            Some((beginning, behind)) => {
                (term.head.cmp(&self.head).then_with(|| beginning.cmp(&self.tail)), head_of(behind))
            }
            None => (term.head.cmp(&self.head).then_with(|| tail.cmp(&self.tail)), 0),
        }
    }

    /// What follows in a term that begins so.
    pub(super) fn head_behind(&self, rest: &Rest) -> u128 {
        head_of(&rest.tail()[self.tail.len()..])
    }

    /// Panic unless a term begins so and goes on with this.
    pub(super) fn check(&self, head: u128, rest: &Rest) {
        assert!(rest.tail().starts_with(&self.tail), "a term has the common beginning of its node");
        assert_eq!(self.head_behind(rest), head, "a head is what follows the common beginning");
    }
}

/// The first bytes as a number, with zeros where there are fewer.
#[inline]
fn head_of(bytes: &[u8]) -> u128 {
    if let Some(head) = bytes.first_chunk::<HEAD>() {
        return u128::from_be_bytes(*head);
    }
    let mut head = [0; HEAD];
    head[..bytes.len()].copy_from_slice(bytes);
    u128::from_be_bytes(head)
}
