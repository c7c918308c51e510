//! From the root to a leaf: what is found by one path.

use std::mem::MaybeUninit;

use super::inner::Inner;
use super::leaf::Leaf;
use super::walk::Entry;
use super::{MOST_HEIGHT, Tree};
use crate::store::term::Term;

/// The inner nodes from the root to a leaf, and the child taken in each.
pub(super) struct Path {
    steps: [MaybeUninit<(*mut Inner, usize)>; MOST_HEIGHT],
    len: usize,
}

impl Path {
    #[inline]
    fn new() -> Path {
        Path { steps: [const { MaybeUninit::uninit() }; MOST_HEIGHT], len: 0 }
    }

    #[inline]
    fn push(&mut self, inner: *mut Inner, number: usize) {
        self.steps[self.len].write((inner, number));
        self.len += 1;
    }

    /// Take the lowest step that is left.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<(*mut Inner, usize)> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: steps below `len` are written.
        Some(unsafe { self.steps[self.len].assume_init() })
    }

    /// How many entries are before the leaf.
    pub(super) fn count_before(&self) -> usize {
        // SAFETY: steps below `len` are written, and their nodes are in a tree that the caller has.
        let before = |step: &MaybeUninit<(*mut Inner, usize)>| unsafe {
            let (inner, number) = step.assume_init();
            (*inner).count_before(number)
        };
        self.steps[..self.len].iter().map(before).sum()
    }

    /// Call `change` with the count of each step's child.
    #[inline]
    pub(super) fn change_counts(&mut self, change: impl Fn(&mut usize)) {
        for step in &self.steps[..self.len] {
            // SAFETY: steps below `len` are written, and their nodes are in a tree that the caller changes.
            unsafe {
                let (inner, number) = step.assume_init();
                change((*inner).count_mut(number));
            }
        }
    }
}

impl<V: Copy> Tree<V> {
    /// Walk down, `choose` saying which child, and call `pass` with each step; null if the tree is empty. Ask for what is
    /// read of the next node: heads if it is `BY_TERM`, counts if not.
    #[inline]
    fn down<const BY_TERM: bool>(
        &self,
        mut choose: impl FnMut(&Inner) -> usize,
        mut pass: impl FnMut(*mut Inner, usize),
    ) -> *mut Leaf<V> {
        let mut node = self.root;
        for above in (0..self.height).rev() {
            let inner = node.cast::<Inner>();
            // SAFETY: nodes above height 0 are inner ones, and `choose` returns the number of a child.
            unsafe {
                let number = choose(&*inner);
                pass(inner, number);
                node = (*inner).child(number);
            }
            match (above, BY_TERM) {
                (0, true) => Leaf::<V>::prefetch(node.cast()),
                (0, false) => Leaf::<V>::prefetch_order(node.cast()),
                (_, true) => Inner::prefetch(node.cast()),
                (_, false) => Inner::prefetch_counts(node.cast()),
            }
        }
        node.cast()
    }

    #[inline]
    pub(super) fn leaf_of(&self, term: &Term) -> Option<&Leaf<V>> {
        let leaf = self.down::<true>(|inner| inner.child_of(term), |_, _| ());
        // SAFETY: it is a leaf of this tree, or null.
        unsafe { leaf.as_ref() }
    }

    #[inline]
    pub(super) fn path_of(&mut self, term: &Term) -> (Path, *mut Leaf<V>) {
        let mut path = Path::new();
        let leaf = self.down::<true>(|inner| inner.child_of(term), |inner, number| path.push(inner, number));
        (path, leaf)
    }

    /// The path to a position that is there, its leaf, and the place in it.
    pub(super) fn path_at(&mut self, mut position: usize) -> (Path, *mut Leaf<V>, usize) {
        let mut path = Path::new();
        let choose = |inner: &Inner| {
            let (number, inside) = inner.child_at(position);
            position = inside;
            number
        };
        let leaf = self.down::<false>(choose, |inner, number| path.push(inner, number));
        (path, leaf, position)
    }

    /// Return the payload of a term. O(log n).
    #[inline]
    pub fn get(&self, term: &Term) -> Option<&V> {
        let leaf = self.leaf_of(term)?;
        let (place, found) = leaf.search(term);
        found.then(|| leaf.value(place))
    }

    /// Return the payload of a term, to be changed. O(log n).
    pub fn get_mut(&mut self, term: &Term) -> Option<&mut V> {
        let leaf = self.down::<true>(|inner| inner.child_of(term), |_, _| ());
        // SAFETY: it is a leaf of this tree, or null.
        let leaf = unsafe { leaf.as_mut() }?;
        let (place, found) = leaf.search(term);
        found.then(|| leaf.value_mut(place))
    }

    /// Return the entry of a term. O(log n).
    pub fn entry(&self, term: &Term) -> Option<Entry<'_, V>> {
        let leaf = self.leaf_of(term)?;
        let (place, found) = leaf.search(term);
        found.then(|| Entry::new(leaf, place))
    }

    /// Return how many entries are below a term. O(log n).
    pub fn rank(&self, term: &Term) -> usize {
        self.find(term).0
    }

    /// Return how many entries are below a term, and whether it is there: then the number is its position. O(log n).
    #[inline]
    pub fn find(&self, term: &Term) -> (usize, bool) {
        let mut before = 0;
        let choose = |inner: &Inner| {
            let number = inner.child_of(term);
            before += inner.count_before(number);
            number
        };
        let leaf = self.down::<true>(choose, |_, _| ());
        if leaf.is_null() {
            return (0, false);
        }
        // SAFETY: it is a leaf of this tree.
        let (place, found) = unsafe { &*leaf }.search(term);
        (before + place, found)
    }

    /// Return the entry at a position. O(log n).
    #[inline]
    pub fn at(&self, position: usize) -> Option<Entry<'_, V>> {
        if position >= self.len {
            return None;
        }
        let (leaf, place) = self.place_at(position);
        Some(Entry::new(leaf, place))
    }

    /// The leaf of a position that is there, and the place in it.
    #[inline]
    pub(super) fn place_at(&self, mut position: usize) -> (&Leaf<V>, usize) {
        let choose = |inner: &Inner| {
            let (number, inside) = inner.child_at(position);
            position = inside;
            number
        };
        let leaf = self.down::<false>(choose, |_, _| ());
        // SAFETY: the position is there, so the tree is not empty.
        (unsafe { &*leaf }, position)
    }

    /// Return the first entry. O(1).
    pub fn first(&self) -> Option<Entry<'_, V>> {
        // SAFETY: it is a leaf of this tree, or null; leaves are never empty.
        unsafe { self.first.as_ref() }.map(|leaf| Entry::new(leaf, 0))
    }

    /// Return the last entry. O(1).
    pub fn last(&self) -> Option<Entry<'_, V>> {
        // SAFETY: as in `first`.
        unsafe { self.last.as_ref() }.map(|leaf| Entry::new(leaf, leaf.len() - 1))
    }

    /// Return the first entry above a term, which need not be there. O(log n).
    #[inline]
    pub fn after(&self, term: &Term) -> Option<Entry<'_, V>> {
        let leaf = self.leaf_of(term)?;
        let (place, found) = leaf.search(term);
        Entry::new(leaf, place + usize::from(found)).or_next()
    }

    /// Return the first entry that is not below a term. O(log n).
    pub fn from(&self, term: &Term) -> Option<Entry<'_, V>> {
        let leaf = self.leaf_of(term)?;
        Entry::new(leaf, leaf.search(term).0).or_next()
    }

    /// Return the last entry below a term, which need not be there. O(log n).
    pub fn before(&self, term: &Term) -> Option<Entry<'_, V>> {
        let leaf = self.leaf_of(term)?;
        Entry::new(leaf, leaf.search(term).0).previous()
    }

    /// Return the last entry that is not above a term. O(log n).
    pub fn up_to(&self, term: &Term) -> Option<Entry<'_, V>> {
        let leaf = self.leaf_of(term)?;
        let (place, found) = leaf.search(term);
        Entry::new(leaf, place + usize::from(found)).previous()
    }
}
