//! What always holds in a tree, as code that looks at all of it.

use std::ptr;

use super::inner::{self, Inner};
use super::leaf::{self, Leaf};
use super::{Node, Tree};
use crate::store::term::Term;

/// What is found on a walk over all nodes.
struct Seen<V> {
    leaves: Vec<*mut Leaf<V>>,
    inners: usize,
    outside: usize,
}

/// Whether a node is at the left, and at the right edge of the tree: there it may have few entries.
type Edges = (bool, bool);

impl<V: Copy> Tree<V> {
    /// Panic unless all holds that should: order, counts, fill, depth, links. O(n).
    pub fn check(&self) {
        if self.root.is_null() {
            assert_eq!((self.len, self.leaves, self.inners, self.outside, self.height), (0, 0, 0, 0, 0));
            assert!(self.first.is_null() && self.last.is_null());
            return;
        }
        let mut seen = Seen { leaves: Vec::new(), inners: 0, outside: 0 };
        let count = check_node(&mut seen, self.root, self.height, (true, true));
        assert_eq!(count, self.len, "number of entries");
        assert_eq!(seen.leaves.len(), self.leaves, "number of leaves");
        assert_eq!(seen.inners, self.inners, "number of inner nodes");
        assert_eq!(seen.outside, self.outside, "bytes outside of nodes");
        assert!(ptr::eq(seen.leaves[0], self.first) && ptr::eq(seen.leaves[self.leaves - 1], self.last));
        let mut previous: *mut Leaf<V> = ptr::null_mut();
        for leaf in seen.leaves {
            // SAFETY: it is a leaf of this tree.
            unsafe {
                assert!(ptr::eq((*leaf).previous, previous), "leaves are linked backwards");
                if let Some(before) = previous.as_ref() {
                    assert!(ptr::eq(before.next, leaf), "leaves are linked forwards");
                }
            }
            previous = leaf;
        }
        // SAFETY: it is the last leaf of this tree.
        assert!(unsafe { &*self.last }.next.is_null());
        assert_eq!(self.iter().count(), self.len);
    }
}

/// Check a node and all below it, and return how many entries there are.
fn check_node<V: Copy>(seen: &mut Seen<V>, node: Node, height: usize, edges: Edges) -> usize {
    let least = |few: usize| if edges.0 || edges.1 { 1 } else { few };
    if height == 0 {
        // SAFETY: it is a leaf of the tree.
        let leaf = unsafe { &*node.cast::<Leaf<V>>() };
        assert!(leaf.len() >= least(leaf::FEW), "a leaf has {} entries", leaf.len());
        seen.outside += leaf.check();
        seen.leaves.push(node.cast());
        return leaf.len();
    }
    // SAFETY: it is an inner node of the tree.
    let inner = unsafe { &*node.cast::<Inner>() };
    seen.inners += 1;
    seen.outside += inner.check();
    let fewest = if edges == (true, true) { 1 } else { least(inner::FEW) };
    assert!(inner.len() >= fewest, "an inner node has {} children", inner.len());
    let last = inner.len() - 1;
    for number in 0..=last {
        let count =
            check_node(seen, inner.child(number), height - 1, (edges.0 && number == 0, edges.1 && number == last));
        assert_eq!(count, inner.count(number), "entries below a child");
        if number > 0 {
            let beginning = inner.beginning(number);
            let (before, first) = (edge_term::<V>(inner.child(number - 1), height - 1, true), {
                edge_term::<V>(inner.child(number), height - 1, false)
            });
            assert!((before.head, &before.rest) < beginning, "a child begins above all before it");
            assert!(beginning <= (first.head, &first.rest), "a child begins not above its first entry");
        }
    }
    inner.total()
}

/// The first or the last term below a node.
fn edge_term<V: Copy>(mut node: Node, height: usize, last: bool) -> Term {
    for _ in 0..height {
        // SAFETY: it is an inner node of the tree.
        let inner = unsafe { &*node.cast::<Inner>() };
        node = inner.child(if last { inner.len() - 1 } else { 0 });
    }
    // SAFETY: it is a leaf of the tree.
    let leaf = unsafe { &*node.cast::<Leaf<V>>() };
    let place = if last { leaf.len() - 1 } else { 0 };
    Term { head: leaf.head(place), rest: leaf.rest(place).clone() }
}
