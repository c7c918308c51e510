//! Taking entries in: nodes that are full are split.
//!
//! A node is split in the middle, but at an edge of the tree where the new entry stands: there the old node stays as
//! full as it is, and the new one begins with one entry. So terms that come in order leave full nodes behind.

use std::ptr;

use super::descend::Path;
use super::inner::{self, Inner};
use super::leaf::{self, Leaf};
use super::{Node, Tree};
use crate::store::term::Term;

/// Where a node that is full gets its new entry or child.
#[derive(Clone, Copy, PartialEq)]
enum Edge {
    First,
    Last,
    Neither,
}

/// How full nodes are that are built from sorted entries: some room is left for those that come later.
const LEAF_FILL: usize = leaf::CAPACITY - leaf::CAPACITY / 8;
const INNER_FILL: usize = inner::CAPACITY - inner::CAPACITY / 8;

impl<V: Copy> Tree<V> {
    /// Return the payload of the entry that is there, as it was; if none is, put this one in. O(log n).
    #[inline]
    pub fn upsert(&mut self, term: Term, value: V) -> Option<&mut V> {
        self.enter(term, value, |_, _| ())
    }

    /// Put an entry in and return its position; `None`, and nothing is changed, if there is one of that term. O(log n).
    pub fn insert_new(&mut self, term: Term, value: V) -> Option<usize> {
        let mut position = 0;
        let present = self.enter(term, value, |path, place| position = path.count_before() + place);
        if present.is_none() { Some(position) } else { None }
    }

    /// Do as `upsert`, and call `comes` before an entry is put in: with the path to its leaf, and its place there.
    #[inline]
    fn enter(&mut self, term: Term, value: V, comes: impl FnOnce(&Path, usize)) -> Option<&mut V> {
        if self.root.is_null() {
            self.root = self.new_leaf().cast();
            (self.first, self.last) = (self.root.cast(), self.root.cast());
        }
        let (mut path, leaf) = self.path_of(&term);
        // SAFETY: it is a leaf of this tree, to which no other reference is held.
        let found = unsafe { &mut *leaf };
        let (place, is_there) = found.search(&term);
        if is_there {
            return Some(found.value_mut(place));
        }
        comes(&path, place);
        self.len += 1;
        self.outside += term.memory();
        if found.is_full() {
            self.insert_and_split(path, leaf, place, term, value);
        } else {
            found.insert(place, term, value);
            path.change_counts(|count| *count += 1);
        }
        None
    }

    #[cold]
    fn insert_and_split(&mut self, mut path: Path, leaf: *mut Leaf<V>, place: usize, term: Term, value: V) {
        let new = self.new_leaf();
        // SAFETY: the two are different leaves, to which no other reference is held.
        let (left, right) = unsafe { (&mut *leaf, &mut *new) };
        let edge = if place == leaf::CAPACITY && left.next.is_null() {
            Edge::Last
        } else if place == 0 && left.previous.is_null() {
            Edge::First
        } else {
            Edge::Neither
        };
        left.look_for_common();
        right.expect_common_of(left);
        let cut = edge.cut(leaf::CAPACITY, 0);
        left.move_to_front_of(cut, right);
        if edge.goes_left(place, cut) {
            left.insert(place, term, value);
        } else {
            right.insert(place - cut, term, value);
        }
        (right.previous, right.next) = (leaf, left.next);
        left.next = new;
        // SAFETY: it is a leaf of this tree, or null.
        match unsafe { right.next.as_mut() } {
            Some(after) => after.previous = new,
            None => self.last = new,
        }
        let border = left.end(right);
        self.outside += border.memory();
        let (mut counts, mut split) = ((left.len(), right.len()), Some((border, new.cast::<u8>())));
        while let Some((border, node)) = split.take() {
            let Some((inner, number)) = path.pop() else {
                return self.put_root(counts, border, node);
            };
            // SAFETY: it is an inner node of this tree, to which no other reference is held.
            let parent = unsafe { &mut *inner };
            *parent.count_mut(number) = counts.0;
            if parent.is_full() {
                let (border, next) = self.split_inner(parent, edge, number + 1, (border, node, counts.1));
                // SAFETY: `split_inner` returns a new node.
                counts = (parent.total(), unsafe { &*next }.total());
                split = Some((border, next.cast()));
            } else {
                parent.insert(number + 1, border, node, counts.1);
                path.change_counts(|count| *count += 1);
            }
        }
    }

    /// Put a child into a node that is full; return the new node after it, and where that begins.
    fn split_inner(
        &mut self,
        left: &mut Inner,
        edge: Edge,
        number: usize,
        (border, node, count): (Term, Node, usize),
    ) -> (Term, *mut Inner) {
        let new = self.new_inner();
        // SAFETY: it is a new node.
        let right = unsafe { &mut *new };
        let cut = edge.cut(inner::CAPACITY, 1);
        if cut == inner::CAPACITY {
            left.look_for_common();
            right.insert(0, Term::default(), node, count);
            return (border, new);
        }
        let beginning = left.move_to_front_of(cut, right, Term::default());
        if edge.goes_left(number, cut) {
            left.insert(number, border, node, count);
        } else {
            right.insert(number - cut, border, node, count);
        }
        left.look_for_common();
        right.look_for_common();
        (beginning, new)
    }

    /// Put a root above the old one and its new neighbour.
    fn put_root(&mut self, counts: (usize, usize), border: Term, node: Node) {
        let new = self.new_inner();
        // SAFETY: it is a new node.
        let root = unsafe { &mut *new };
        root.insert(0, Term::default(), self.root, counts.0);
        root.insert(1, border, node, counts.1);
        self.root = new.cast();
        self.height += 1;
    }

    /// Build a tree of entries in strictly ascending order. O(n).
    ///
    /// # Panics
    /// The terms do not ascend.
    pub fn from_sorted(entries: impl IntoIterator<Item = (Term, V)>) -> Tree<V> {
        let mut tree = Tree::new();
        let mut level: Vec<(Term, Node, usize)> = Vec::new();
        for (term, value) in entries {
            // SAFETY: it is the last leaf of this tree, or null.
            let last = unsafe { tree.last.as_mut() };
            let place = last.as_ref().map_or(LEAF_FILL, |leaf| leaf.len());
            if let Some(leaf) = &last {
                let known = (leaf.head(place - 1), leaf.rest(place - 1));
                assert!(known < (term.head, &term.rest), "entries of a tree do not ascend");
            }
            tree.len += 1;
            tree.outside += term.memory();
            match last {
                Some(leaf) if place < LEAF_FILL => leaf.insert(place, term, value),
                _ => level.push(tree.add_leaf(term, value)),
            }
        }
        for (_, node, count) in &mut level {
            // SAFETY: they are the leaves of this tree.
            *count = unsafe { &*node.cast::<Leaf<V>>() }.len();
        }
        // SAFETY: it is the last leaf of this tree, or null.
        if let Some(last) = unsafe { tree.last.as_mut() } {
            last.look_for_common();
        }
        while level.len() > 1 {
            level = tree.add_level(level);
            tree.height += 1;
        }
        tree.root = level.pop().map_or(ptr::null_mut(), |(_, node, _)| node);
        tree
    }

    /// Put a leaf with one entry after the last one; return where it begins.
    fn add_leaf(&mut self, term: Term, value: V) -> (Term, Node, usize) {
        let new = self.new_leaf();
        // SAFETY: it is a new leaf.
        let leaf = unsafe { &mut *new };
        leaf.insert(0, term, value);
        leaf.previous = self.last;
        // SAFETY: it is the last leaf of this tree, or null.
        let border = match unsafe { self.last.as_mut() } {
            Some(last) => {
                last.look_for_common();
                last.next = new;
                last.end(leaf)
            }
            None => {
                self.first = new;
                Term::default()
            }
        };
        self.outside += border.memory();
        self.last = new;
        (border, new.cast(), 1)
    }

    /// Put inner nodes above these nodes.
    fn add_level(&mut self, level: Vec<(Term, Node, usize)>) -> Vec<(Term, Node, usize)> {
        let mut above: Vec<(Term, Node, usize)> = Vec::with_capacity(level.len() / INNER_FILL + 1);
        let mut room = 0;
        for (mut border, node, count) in level {
            if room == 0 {
                above.push((std::mem::take(&mut border), self.new_inner().cast(), 0));
                room = INNER_FILL;
            }
            let (_, inner, total) = above.last_mut().expect("there is one now");
            // SAFETY: it was made above.
            let inner = unsafe { &mut *inner.cast::<Inner>() };
            inner.insert(inner.len(), border, node, count);
            *total += count;
            room -= 1;
        }
        for &(_, inner, _) in &above {
            // SAFETY: it was made above, and no other reference is held.
            unsafe { &mut *inner.cast::<Inner>() }.look_for_common();
        }
        above
    }
}

impl Edge {
    /// How many stay in the old node; at the first edge, `least` do.
    fn cut(self, capacity: usize, least: usize) -> usize {
        match self {
            Edge::First => least,
            Edge::Last => capacity,
            Edge::Neither => capacity / 2,
        }
    }

    /// Whether the new one goes into the old node.
    fn goes_left(self, place: usize, cut: usize) -> bool {
        place < cut || (place == cut && self != Edge::Last)
    }
}
