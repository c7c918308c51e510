//! A B+tree that counts: payloads in the order of their terms, each with its position.
//!
//! All entries stand in leaves, which are linked; inner nodes hold, for each child, how many entries are below it and a
//! term that is not above its first entry (and above all before it), cut short where that is possible. So a search, a
//! rank and a position each walk one path from the root, and a range walks along leaves.
//!
//! Nodes search in an array of heads, the first 16 bytes of each term, and look at the rest only where heads are equal.
//! A leaf does not keep its entries in order, only their heads and the numbers of their slots, so that taking in one
//! moves little memory.
//!
//! Payloads are opaque: nothing is called while the tree changes, so it is never seen half changed. A tree is no place
//! for locks: who shares one guards it.

mod check;
mod descend;
mod grow;
mod heads;
mod inner;
mod leaf;
mod nodes;
mod shared;
mod shrink;
mod walk;

#[cfg(test)]
mod tests;

use std::alloc::Layout;
use std::marker::PhantomData;
use std::ptr;

use crate::store::term::Term;
use inner::Inner;
use leaf::Leaf;
use nodes::Nodes;

pub use walk::{Ascending, Descending, Entry};

/// The address of a node: of a leaf at height 0, of an inner node above.
type Node = *mut u8;

/// How many inner nodes a path can have. Nodes have at least 16 children, but for those at both edges.
const MOST_HEIGHT: usize = 20;

/// Payloads by terms, in order.
pub struct Tree<V: Copy> {
    root: Node, // null while the tree is empty
    height: usize,
    len: usize,
    first: *mut Leaf<V>,
    last: *mut Leaf<V>,
    leaves: usize,
    inners: usize,
    outside: usize, // bytes of terms that do not fit into nodes
    nodes: Nodes,
    payloads: PhantomData<V>,
}

// SAFETY: the tree owns its nodes and shares them with nobody.
unsafe impl<V: Copy + Send> Send for Tree<V> {}
// SAFETY: through a shared reference, nodes are only read.
unsafe impl<V: Copy + Sync> Sync for Tree<V> {}

impl<V: Copy> Tree<V> {
    /// Make an empty tree, without allocating.
    pub const fn new() -> Tree<V> {
        Tree {
            root: ptr::null_mut(),
            height: 0,
            len: 0,
            first: ptr::null_mut(),
            last: ptr::null_mut(),
            leaves: 0,
            inners: 0,
            outside: 0,
            nodes: Nodes::new(),
            payloads: PhantomData,
        }
    }

    /// How many entries there are. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none. O(1).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Put an entry in, or replace the payload of the entry that is there and return it. O(log n).
    pub fn insert(&mut self, term: Term, value: V) -> Option<V> {
        self.upsert(term, value).map(|present| std::mem::replace(present, value))
    }

    /// Remove all entries. O(n / 64), and O(1) for each long term.
    pub fn clear(&mut self) {
        if !self.root.is_null() {
            let (root, height) = (self.root, self.height);
            self.root = ptr::null_mut(); // now what is replaced owns nothing
            let mut old = std::mem::take(self);
            free::<V>(&mut old.nodes, root, height);
            old.nodes.rest();
        }
    }

    /// How many bytes of memory the tree takes, beside itself. O(1).
    pub fn memory(&self) -> usize {
        self.nodes.memory(layout::<V>().size()) + self.outside
    }

    fn new_leaf(&mut self) -> *mut Leaf<V> {
        self.leaves += 1;
        Leaf::new(&mut self.nodes)
    }

    fn free_leaf(&mut self, leaf: *mut Leaf<V>) {
        self.leaves -= 1;
        // SAFETY: callers have taken it out of the tree, and read it no more.
        unsafe { Leaf::free(leaf, &mut self.nodes) }
    }

    fn new_inner(&mut self) -> *mut Inner {
        self.inners += 1;
        Inner::new(&mut self.nodes, layout::<V>())
    }

    fn free_inner(&mut self, inner: *mut Inner) {
        self.inners -= 1;
        // SAFETY: callers have taken it out of the tree, and read it no more.
        unsafe { Inner::free(inner, &mut self.nodes, layout::<V>()) }
    }
}

/// The room that a node takes, be it a leaf or an inner one.
#[inline]
const fn layout<V>() -> Layout {
    let (leaf, inner) = (Layout::new::<Leaf<V>>(), Layout::new::<Inner>());
    let size = if leaf.size() > inner.size() { leaf.size() } else { inner.size() };
    match Layout::from_size_align(size, leaf.align()) {
        Ok(layout) => layout,
        Err(_) => panic!("a node is not that large"),
    }
}

/// Free a node and all below it. It calls itself once for each level.
fn free<V: Copy>(nodes: &mut Nodes, node: Node, height: usize) {
    // SAFETY: the node is at this height, and its tree is gone.
    unsafe {
        if height == 0 {
            return Leaf::free(node.cast::<Leaf<V>>(), nodes);
        }
        let inner = node.cast::<Inner>();
        for number in 0..(*inner).len() {
            free::<V>(nodes, (*inner).child(number), height - 1);
        }
        Inner::free(inner, nodes, layout::<V>());
    }
}

impl<V: Copy> Default for Tree<V> {
    fn default() -> Tree<V> {
        Tree::new()
    }
}

impl<V: Copy> Drop for Tree<V> {
    fn drop(&mut self) {
        self.clear();
    }
}
