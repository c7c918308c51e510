//! A leaf: up to 64 entries of neighbouring terms.
//!
//! Heads stand in order, and beside each the number of the slot in which the rest of the term and the payload are.
//! Slots are not in order: an entry stays in its slot while others come and go.

use std::cmp::Ordering;
use std::mem::{MaybeUninit, offset_of};

use super::heads::Heads;
use super::nodes::Nodes;
use super::shared::{Common, Shared};
use crate::store::prefetch::prefetch;
use crate::store::term::{Rest, Term};

/// How many entries a leaf has room for.
pub(super) use super::heads::CAPACITY;
/// With how few entries a leaf is joined with a neighbour, or filled from it.
pub(super) const FEW: usize = CAPACITY / 4;

struct Slot<V> {
    rest: Rest,
    value: V,
}

/// A node without children. All its bytes but the heads may be zero: so is an empty one.
#[repr(C)]
pub(super) struct Leaf<V> {
    heads: Heads,
    order: [u8; CAPACITY], // the slots of entries, in the order of their terms
    shared: Shared,
    used: u64, // a bit for each slot
    len: u32,
    in_block: bool,
    /// The leaf before this one.
    pub previous: *mut Leaf<V>,
    /// The leaf after this one.
    pub next: *mut Leaf<V>,
    slots: [MaybeUninit<Slot<V>>; CAPACITY],
}

impl<V: Copy> Leaf<V> {
    pub(super) fn new(nodes: &mut Nodes) -> *mut Leaf<V> {
        let (leaf, in_block) = nodes.take(super::layout::<V>());
        let leaf: *mut Leaf<V> = leaf.cast();
        // SAFETY: there is room for a leaf; all but heads and slots may be zero, and nothing in it is dropped.
        unsafe {
            leaf.cast::<u8>().write_bytes(0, offset_of!(Leaf<V>, slots));
            (&raw mut (*leaf).heads).write(Heads::EMPTY);
            (*leaf).in_block = in_block;
        }
        leaf
    }

    /// Free a leaf and the terms in it.
    ///
    /// # Safety
    /// It was made by `new` of these nodes, and is not used afterwards.
    pub(super) unsafe fn free(leaf: *mut Leaf<V>, nodes: &mut Nodes) {
        // SAFETY: as promised; the slots in use hold entries.
        unsafe {
            let mut used = (*leaf).used;
            while used != 0 {
                (*leaf).slots[used.trailing_zeros() as usize].assume_init_drop();
                used &= used - 1;
            }
            let in_block = (*leaf).in_block;
            leaf.drop_in_place();
            nodes.give(leaf.cast(), super::layout::<V>(), in_block);
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() == CAPACITY
    }

    #[inline]
    fn slot(&self, place: usize) -> &Slot<V> {
        debug_assert!(place < self.len());
        let number = usize::from(self.order[place]) % CAPACITY;
        // SAFETY: places below `len` have slots that are in use.
        unsafe { self.slots[number].assume_init_ref() }
    }

    /// The head of a term, whatever the array of heads holds.
    #[inline]
    pub(super) fn head(&self, place: usize) -> u128 {
        debug_assert!(place < self.len());
        self.shared.head().unwrap_or_else(|| self.heads.get(place))
    }

    #[inline]
    pub(super) fn rest(&self, place: usize) -> &Rest {
        &self.slot(place).rest
    }

    #[inline]
    pub(super) fn value(&self, place: usize) -> &V {
        &self.slot(place).value
    }

    #[inline]
    pub(super) fn value_mut(&mut self, place: usize) -> &mut V {
        debug_assert!(place < self.len());
        let number = usize::from(self.order[place]) % CAPACITY;
        // SAFETY: as in `slot`.
        unsafe { &mut self.slots[number].assume_init_mut().value }
    }

    /// Ask for the memory that a search reads first, before it is needed.
    #[inline]
    pub(super) fn prefetch(leaf: *const Leaf<V>) {
        prefetch::<{ CAPACITY * 16 + CAPACITY + 16 }>(leaf.cast());
    }

    /// Ask for the memory that is read to find what stands at a place.
    #[inline]
    pub(super) fn prefetch_order(leaf: *const Leaf<V>) {
        prefetch::<128>(leaf.cast::<u8>().wrapping_add(offset_of!(Leaf<V>, order)));
    }

    /// Return the place of the first entry that is not below this term, and whether it is the one of the term.
    #[inline]
    pub(super) fn search(&self, term: &Term) -> (usize, bool) {
        match self.shared.common() {
            None => self.search_head(term.head, &term.rest),
            Some(common) => self.search_behind(common, term),
        }
    }

    /// The same where terms have a common beginning.
    fn search_behind(&self, common: &Common, term: &Term) -> (usize, bool) {
        match common.place(term) {
            (Ordering::Less, _) => (0, false),
            (Ordering::Greater, _) => (self.len(), false),
            (Ordering::Equal, head) => self.search_head(head, &term.rest),
        }
    }

    #[inline]
    fn search_head(&self, head: u128, rest: &Rest) -> (usize, bool) {
        let place = self.heads.below(head);
        if place == self.len() || self.heads.get(place) != head {
            return (place, false);
        }
        if self.rest(place) == rest {
            return (place, true);
        }
        self.search_equal_heads(place, head, rest)
    }

    fn search_equal_heads(&self, first: usize, head: u128, rest: &Rest) -> (usize, bool) {
        let (mut low, mut high) = (first, self.heads.not_above(head, self.len()));
        while low < high {
            let middle = low.midpoint(high);
            if self.rest(middle) < rest {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let found = low < self.len() && self.heads.get(low) == head && self.rest(low) == rest;
        (low, found)
    }

    /// Put an entry in, at its place; the leaf is not full.
    #[inline]
    pub(super) fn insert(&mut self, place: usize, term: Term, value: V) {
        let len = self.len();
        assert!(place <= len && len < CAPACITY);
        let number = self.used.trailing_ones() as usize;
        let head = match self.shared.common() {
            None => term.head,
            Some(common) => match common.place(&term) {
                (Ordering::Equal, head) => head,
                _ => return self.insert_stranger(place, term, value),
            },
        };
        self.used |= 1 << number;
        self.heads.open(place, 1, len);
        self.order.copy_within(place..len, place + 1);
        self.heads.replace(place, head);
        self.order[place] = number as u8;
        self.slots[number].write(Slot { rest: term.rest, value });
        self.len += 1;
    }

    /// Put in an entry whose term has not the common beginning of the others.
    #[cold]
    fn insert_stranger(&mut self, place: usize, term: Term, value: V) {
        self.forget_common();
        self.insert(place, term, value);
        self.look_for_common();
    }

    /// Let the heads be the heads of terms.
    pub(super) fn forget_common(&mut self) {
        let len = self.len();
        if let Some(head) = self.shared.forget() {
            self.heads.fill(0, len, head);
        }
    }

    /// Let the heads be what follows the common beginning of terms, where that tells more of them apart.
    pub(super) fn look_for_common(&mut self) {
        let len = self.len();
        if len < 2 || !self.heads.repeat(0, len) || self.head(0) != self.head(len - 1) {
            return;
        }
        let Some(shared) = self.shared.longer(self.head(0), self.rest(0), self.rest(len - 1)) else {
            return;
        };
        if let Some(common) = shared.common() {
            for place in 0..len {
                let head = common.head_behind(self.rest(place));
                self.heads.replace(place, head);
            }
        }
        self.shared = shared;
    }

    /// Begin an empty leaf with the common beginning of a neighbour.
    pub(super) fn expect_common_of(&mut self, neighbour: &Leaf<V>) {
        debug_assert!(self.len == 0);
        self.shared = neighbour.shared.clone();
    }

    /// Take out entries, and hand each to `taken` as it goes.
    #[inline]
    pub(super) fn remove(&mut self, place: usize, count: usize, mut taken: impl FnMut(Term, V)) {
        let (len, end) = (self.len(), place + count);
        assert!(place <= end && end <= len);
        for going in place..end {
            let head = self.head(going);
            let number = usize::from(self.order[going]) % CAPACITY;
            self.used &= !(1 << number);
            // SAFETY: the slot was in use, and is not any more.
            let slot = unsafe { self.slots[number].assume_init_read() };
            taken(Term { head, rest: slot.rest }, slot.value);
        }
        self.heads.close(place, count, len);
        self.order.copy_within(end..len, place);
        self.len -= count as u32;
    }

    /// Move the entries from a place on to the beginning of another leaf.
    pub(super) fn move_to_front_of(&mut self, from: usize, other: &mut Leaf<V>) {
        let (len, mut place) = (self.len(), 0);
        self.remove(from, len - from, |term, value| {
            other.insert(place, term, value);
            place += 1;
        });
    }

    /// Move the first entries to the end of another leaf.
    pub(super) fn move_to_end_of(&mut self, count: usize, other: &mut Leaf<V>) {
        self.remove(0, count, |term, value| other.insert(other.len(), term, value));
    }

    /// The shortest term that tells this leaf from the one after it.
    pub(super) fn end(&self, next: &Leaf<V>) -> Term {
        let last = self.len() - 1;
        Term::between((self.head(last), self.rest(last)), (next.head(0), next.rest(0)))
    }

    /// Whether heads are those behind a common beginning.
    #[cfg(test)]
    pub(super) fn has_common(&self) -> bool {
        self.shared.common().is_some()
    }

    /// Panic unless it is as a leaf should be, and return how many bytes of terms are outside.
    pub(super) fn check(&self) -> usize {
        assert!(self.len() <= CAPACITY);
        self.heads.check(self.len());
        assert_eq!(self.used.count_ones() as usize, self.len(), "slots in use");
        let mut seen = 0_u64;
        for number in &self.order[..self.len()] {
            seen |= 1 << number;
        }
        assert_eq!(seen, self.used, "slots in order are those in use");
        if let Some(common) = self.shared.common() {
            (0..self.len()).for_each(|place| common.check(self.heads.get(place), self.rest(place)));
        }
        let key = |place: usize| (self.head(place), self.rest(place));
        assert!((1..self.len()).all(|place| key(place - 1) < key(place)), "terms ascend in a leaf");
        (0..self.len()).map(|place| self.rest(place).memory()).sum()
    }
}
