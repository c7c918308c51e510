//! Entries as they are handed out, and walks from one to the next along leaves.

use std::iter::FusedIterator;

use super::Tree;
use super::leaf::Leaf;
use crate::store::term::{Term, with_bytes};

/// An entry of a tree, which cannot change while this is held.
pub struct Entry<'a, V: Copy> {
    leaf: &'a Leaf<V>,
    place: usize,
}

impl<V: Copy> Clone for Entry<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: Copy> Copy for Entry<'_, V> {}

impl<'a, V: Copy> Entry<'a, V> {
    #[inline]
    pub(super) fn new(leaf: &'a Leaf<V>, place: usize) -> Entry<'a, V> {
        Entry { leaf, place }
    }

    /// This one; or where it would be behind its leaf, the first of the next leaf.
    #[inline]
    pub(super) fn or_next(self) -> Option<Entry<'a, V>> {
        if self.place < self.leaf.len() {
            return Some(self);
        }
        // SAFETY: neighbours are leaves of the same tree, or null; leaves are never empty.
        unsafe { self.leaf.next.as_ref() }.map(|leaf| Entry::new(leaf, 0))
    }

    /// The payload.
    #[inline]
    pub fn value(&self) -> V {
        *self.leaf.value(self.place)
    }

    /// A copy of the term.
    pub fn term(&self) -> Term {
        Term { head: self.leaf.head(self.place), rest: self.leaf.rest(self.place).clone() }
    }

    /// Call `use_them` with the bytes of the term.
    pub fn with_bytes<R>(&self, use_them: impl FnOnce(&[u8]) -> R) -> R {
        with_bytes(self.leaf.head(self.place), self.leaf.rest(self.place), use_them)
    }

    /// Whether the term is below another.
    #[inline]
    pub fn is_below(&self, term: &Term) -> bool {
        (self.leaf.head(self.place), self.leaf.rest(self.place)) < (term.head, &term.rest)
    }

    /// Whether the term is above another.
    #[inline]
    pub fn is_above(&self, term: &Term) -> bool {
        (self.leaf.head(self.place), self.leaf.rest(self.place)) > (term.head, &term.rest)
    }

    /// This entry and those after it in its leaf, as far as they are below a term, or not above it. O(1) for each.
    #[inline]
    pub fn in_leaf(&self, end: Option<(&Term, bool)>) -> impl Iterator<Item = Entry<'a, V>> + use<'a, V> {
        let (leaf, len) = (self.leaf, self.leaf.len());
        let stop = match end {
            Some((term, or_at)) if !Entry::new(leaf, len - 1).is_below(term) => {
                let (place, found) = leaf.search(term);
                place + usize::from(found && or_at)
            }
            _ => len,
        };
        (self.place..stop).map(move |place| Entry::new(leaf, place))
    }

    /// The entry after this one. O(1).
    #[inline]
    pub fn next(&self) -> Option<Entry<'a, V>> {
        Entry::new(self.leaf, self.place + 1).or_next()
    }

    /// The entry before this one. O(1).
    #[inline]
    pub fn previous(&self) -> Option<Entry<'a, V>> {
        if self.place > 0 {
            return Some(Entry::new(self.leaf, self.place - 1));
        }
        // SAFETY: as in `or_next`.
        unsafe { self.leaf.previous.as_ref() }.map(|leaf| Entry::new(leaf, leaf.len() - 1))
    }
}

/// Entries in ascending order.
pub struct Ascending<'a, V: Copy> {
    next: Option<Entry<'a, V>>,
    left: usize,
}

/// Entries in descending order.
pub struct Descending<'a, V: Copy> {
    next: Option<Entry<'a, V>>,
    left: usize,
}

impl<'a, V: Copy> Iterator for Ascending<'a, V> {
    type Item = Entry<'a, V>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a, V>> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.next?;
        self.next = entry.next();
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, V: Copy> Iterator for Descending<'a, V> {
    type Item = Entry<'a, V>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a, V>> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.next?;
        self.next = entry.previous();
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<V: Copy> ExactSizeIterator for Ascending<'_, V> {}
impl<V: Copy> ExactSizeIterator for Descending<'_, V> {}
impl<V: Copy> FusedIterator for Ascending<'_, V> {}
impl<V: Copy> FusedIterator for Descending<'_, V> {}

impl<V: Copy> Tree<V> {
    /// Walk over the entries at positions `start` to `stop`, which is left out; those beyond the end are none.
    /// O(log n), and O(1) for each entry.
    pub fn ascending(&self, start: usize, stop: usize) -> Ascending<'_, V> {
        Ascending { next: self.at(start), left: stop.min(self.len).saturating_sub(start) }
    }

    /// Walk over the same entries from the last to the first.
    pub fn descending(&self, start: usize, stop: usize) -> Descending<'_, V> {
        let stop = stop.min(self.len);
        Descending { next: stop.checked_sub(1).and_then(|last| self.at(last)), left: stop.saturating_sub(start) }
    }

    /// Walk over all entries. O(1) for each.
    pub fn iter(&self) -> Ascending<'_, V> {
        Ascending { next: self.first(), left: self.len }
    }
}

impl<'a, V: Copy> IntoIterator for &'a Tree<V> {
    type Item = Entry<'a, V>;
    type IntoIter = Ascending<'a, V>;

    fn into_iter(self) -> Ascending<'a, V> {
        self.iter()
    }
}
