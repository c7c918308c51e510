//! An inner node: up to 64 children, how many entries each has, and where each begins.

use std::alloc::Layout;
use std::cmp::Ordering;
use std::mem::offset_of;

use super::Node;
use super::heads::Heads;
use super::nodes::Nodes;
use super::shared::{Common, Shared};
use crate::store::prefetch::prefetch;
use crate::store::term::{Rest, Term};

/// How many children an inner node has room for.
pub(super) use super::heads::CAPACITY;
/// With how few children it is joined with a neighbour, or filled from it.
pub(super) const FEW: usize = CAPACITY / 4;

/// A node with children. All its bytes but the heads may be zero: so is an empty one.
///
/// Beside each child stands a term that is not above its first entry and above all entries before it; beside the first
/// child the empty term, which is below all.
#[repr(C)]
pub(super) struct Inner {
    heads: Heads,   // the first one is always zero
    shared: Shared, // by all terms but the first
    len: u32,
    in_block: bool,
    children: [Node; CAPACITY],
    counts: [usize; CAPACITY],
    rests: [Rest; CAPACITY],
}

impl Inner {
    pub(super) fn new(nodes: &mut Nodes, layout: Layout) -> *mut Inner {
        debug_assert!(size_of::<Inner>() <= layout.size() && align_of::<Inner>() <= layout.align());
        let (inner, in_block) = nodes.take(layout);
        let inner: *mut Inner = inner.cast();
        // SAFETY: there is room for it; all but heads may be zero, and nothing in it is dropped.
        unsafe {
            inner.write_bytes(0, 1);
            (&raw mut (*inner).heads).write(Heads::EMPTY);
            (*inner).in_block = in_block;
        }
        inner
    }

    /// Free a node, and none of its children.
    ///
    /// # Safety
    /// It was made by `new` of these nodes with this layout, and is not used afterwards.
    pub(super) unsafe fn free(inner: *mut Inner, nodes: &mut Nodes, layout: Layout) {
        // SAFETY: as promised.
        unsafe {
            let in_block = (*inner).in_block;
            inner.drop_in_place();
            nodes.give(inner.cast(), layout, in_block);
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
    pub(super) fn child(&self, number: usize) -> Node {
        self.children[number]
    }

    #[inline]
    pub(super) fn count(&self, number: usize) -> usize {
        self.counts[number]
    }

    #[inline]
    pub(super) fn count_mut(&mut self, number: usize) -> &mut usize {
        &mut self.counts[number]
    }

    /// How many entries are below the first children.
    #[inline]
    pub(super) fn count_before(&self, number: usize) -> usize {
        self.counts[..number].iter().sum()
    }

    /// How many entries are below all children.
    pub(super) fn total(&self) -> usize {
        self.count_before(self.len())
    }

    /// Where a child begins, as head and rest.
    pub(super) fn beginning(&self, number: usize) -> (u128, &Rest) {
        (self.head(number), &self.rests[number])
    }

    /// The head of a beginning, whatever the array of heads holds.
    fn head(&self, number: usize) -> u128 {
        self.shared.head().filter(|_| number > 0).unwrap_or_else(|| self.heads.get(number))
    }

    /// What stands in the array of heads for a term that is to be put in; where it has not the common beginning of the
    /// others, that is forgotten.
    fn head_for(&mut self, term: &Term) -> u128 {
        if let Some(common) = self.shared.common() {
            match common.place(term) {
                (Ordering::Equal, head) => return head,
                _ => self.forget_common(),
            }
        }
        term.head
    }

    /// Let the heads be the heads of terms.
    fn forget_common(&mut self) {
        let len = self.len();
        if let Some(head) = self.shared.forget() {
            self.heads.fill(1.min(len), len, head);
        }
    }

    /// Let the heads be what follows the common beginning of terms, where that tells more of them apart.
    pub(super) fn look_for_common(&mut self) {
        let len = self.len();
        if len < 3 || !self.heads.repeat(1, len) || self.head(1) != self.head(len - 1) {
            return;
        }
        let Some(shared) = self.shared.longer(self.head(1), &self.rests[1], &self.rests[len - 1]) else {
            return;
        };
        if let Some(common) = shared.common() {
            for number in 1..len {
                self.heads.replace(number, common.head_behind(&self.rests[number]));
            }
        }
        self.shared = shared;
    }

    /// Ask for the memory that a search reads first, before it is needed.
    #[inline]
    pub(super) fn prefetch(inner: *const Inner) {
        prefetch::<{ CAPACITY * 16 + 8 }>(inner.cast());
    }

    /// Ask for the memory that a search for a position reads first.
    #[inline]
    pub(super) fn prefetch_counts(inner: *const Inner) {
        let counts = inner.cast::<u8>().wrapping_add(offset_of!(Inner, counts));
        prefetch::<{ CAPACITY * 8 }>(counts);
        prefetch::<{ CAPACITY * 8 }>(inner.cast::<u8>().wrapping_add(offset_of!(Inner, children)));
    }

    /// Return the number of the child in which a term is, or would be.
    #[inline]
    pub(super) fn child_of(&self, term: &Term) -> usize {
        match self.shared.common() {
            None => self.child_of_head(term.head, &term.rest),
            Some(common) => self.child_behind(common, term),
        }
    }

    /// The same where terms have a common beginning.
    fn child_behind(&self, common: &Common, term: &Term) -> usize {
        match common.place(term) {
            (Ordering::Less, _) => 0,
            (Ordering::Greater, _) => self.len() - 1,
            (Ordering::Equal, head) => self.child_of_head(head, &term.rest),
        }
    }

    #[inline]
    fn child_of_head(&self, head: u128, rest: &Rest) -> usize {
        let number = self.heads.not_above(head, self.len()).wrapping_sub(1);
        debug_assert!(number < self.len());
        if number != 0 && self.heads.get(number) == head && self.rests[number] > *rest {
            return self.child_of_equal_heads(number, head, rest);
        }
        number
    }

    fn child_of_equal_heads(&self, last: usize, head: u128, rest: &Rest) -> usize {
        let (mut low, mut high) = (self.heads.below(head).clamp(1, last), last);
        while low < high {
            let middle = low.midpoint(high);
            if self.rests[middle] <= *rest {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low - 1
    }

    /// Return the number of the child in which a position is, and the position in it.
    #[inline]
    pub(super) fn child_at(&self, mut position: usize) -> (usize, usize) {
        let mut number = 0;
        while number + 1 < self.len() && position >= self.counts[number] {
            position -= self.counts[number];
            number += 1;
        }
        (number, position)
    }

    /// Put a child in, at its place; the node is not full.
    pub(super) fn insert(&mut self, number: usize, beginning: Term, child: Node, count: usize) {
        let len = self.len();
        assert!(number <= len && len < CAPACITY);
        let head = self.head_for(&beginning);
        self.heads.open(number, 1, len);
        self.children.copy_within(number..len, number + 1);
        self.counts.copy_within(number..len, number + 1);
        self.rests[number..=len].rotate_right(1);
        self.heads.replace(number, head);
        self.children[number] = child;
        self.counts[number] = count;
        self.rests[number] = beginning.rest;
        self.len += 1;
    }

    /// Take a child out, and return where it began. The first child that is left begins with the empty term.
    pub(super) fn remove(&mut self, number: usize) -> Term {
        let len = self.len();
        assert!(number < len);
        let head = self.head(number);
        self.heads.close(number, 1, len);
        self.children.copy_within(number + 1..len, number);
        self.counts.copy_within(number + 1..len, number);
        self.rests[number..len].rotate_left(1);
        self.len -= 1;
        let beginning = Term { head, rest: std::mem::take(&mut self.rests[len - 1]) };
        if number == 0 && len > 1 {
            self.begin(Term::default());
        }
        beginning
    }

    /// Say where the first child begins, and return what stood there.
    fn begin(&mut self, beginning: Term) -> Term {
        let head = self.heads.replace(0, beginning.head);
        Term { head, rest: std::mem::replace(&mut self.rests[0], beginning.rest) }
    }

    /// Say where a child begins, and return what stood there.
    pub(super) fn set_beginning(&mut self, number: usize, beginning: Term) -> Term {
        let old = self.take_beginning(number);
        let head = self.head_for(&beginning);
        self.heads.replace(number, head);
        self.rests[number] = beginning.rest;
        old
    }

    /// Take out where a child begins; it has to be set again, or the child taken out.
    pub(super) fn take_beginning(&mut self, number: usize) -> Term {
        Term { head: self.head(number), rest: std::mem::take(&mut self.rests[number]) }
    }

    /// Move the children from a number on to the front of another node, which began at `border`; return where it begins
    /// now. O(64), as all that moves children.
    pub(super) fn move_to_front_of(&mut self, from: usize, other: &mut Inner, border: Term) -> Term {
        let moved = self.len() - from;
        if moved == 0 {
            return border;
        }
        self.forget_common();
        other.forget_common();
        assert!(moved + other.len() <= CAPACITY);
        let len = other.len();
        other.heads.open(0, moved, len);
        other.children.copy_within(0..len, moved);
        other.counts.copy_within(0..len, moved);
        other.rests[..len + moved].rotate_right(moved);
        self.hand_over(from, moved, other, 0);
        self.heads.close(from, moved, self.len());
        if len > 0 {
            other.set_beginning(moved, border);
        }
        other.len += moved as u32;
        self.len -= moved as u32;
        other.begin(Term::default())
    }

    /// Move the first children to the end of another node; this one began at `border`. Return where it begins now.
    pub(super) fn move_to_end_of(&mut self, count: usize, other: &mut Inner, border: Term) -> Term {
        if count == 0 {
            return border;
        }
        self.forget_common();
        other.forget_common();
        assert!(count + other.len() <= CAPACITY);
        self.begin(border);
        let at = other.len();
        self.hand_over(0, count, other, at);
        if at == 0 {
            other.begin(Term::default());
        }
        other.len += count as u32;
        let len = self.len();
        self.heads.close(0, count, len);
        self.children.copy_within(count..len, 0);
        self.counts.copy_within(count..len, 0);
        self.rests[..len].rotate_left(count);
        self.len -= count as u32;
        if self.len() > 0 { self.begin(Term::default()) } else { Term::default() }
    }

    /// Copy children into another node, where nothing stands, and leave empty terms behind.
    fn hand_over(&mut self, from: usize, count: usize, other: &mut Inner, at: usize) {
        self.heads.copy_to(from, count, &mut other.heads, at);
        other.children[at..at + count].copy_from_slice(&self.children[from..from + count]);
        other.counts[at..at + count].copy_from_slice(&self.counts[from..from + count]);
        other.rests[at..at + count].swap_with_slice(&mut self.rests[from..from + count]);
    }

    /// Panic unless it is as an inner node should be, and return how many bytes of terms are outside.
    pub(super) fn check(&self) -> usize {
        assert!(self.len() >= 1 && self.len() <= CAPACITY);
        self.heads.check(self.len());
        assert_eq!(self.beginning(0), (0, &Rest::default()), "the first child begins with the empty term");
        assert!((1..self.len()).all(|number| self.beginning(number - 1) < self.beginning(number)), "children ascend");
        assert!(self.rests[self.len()..].iter().all(Rest::is_empty), "nothing stands behind the last child");
        if let Some(common) = self.shared.common() {
            (1..self.len()).for_each(|number| common.check(self.heads.get(number), &self.rests[number]));
        }
        self.rests.iter().map(Rest::memory).sum()
    }
}
