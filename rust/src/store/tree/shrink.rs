//! Taking entries out: nodes with few entries are joined with a neighbour, or filled from it.

use super::descend::Path;
use super::inner::{self, Inner};
use super::leaf::{self, Leaf};
use super::{Node, Tree};
use crate::store::term::Term;

impl<V: Copy> Tree<V> {
    /// Take out the entry of a term, and return its payload. O(log n).
    #[inline]
    pub fn remove(&mut self, term: &Term) -> Option<V> {
        let (path, leaf) = self.path_of(term);
        // SAFETY: it is a leaf of this tree, or null.
        let (place, found) = unsafe { leaf.as_ref() }?.search(term);
        if !found {
            return None;
        }
        let mut removed = None;
        self.take(path, leaf, place, 1, |value| removed = Some(value));
        removed
    }

    /// Take out the entry at a position, and return its payload. O(log n).
    pub fn remove_at(&mut self, position: usize) -> Option<V> {
        let mut removed = None;
        self.remove_range(position, position.saturating_add(1), |value| removed = Some(value));
        removed
    }

    /// Take out the entries at positions `start` to `stop`, which is left out, and hand their payloads to `removed`, in
    /// order; those beyond the end are none. O(log n), and O(log n) for every 64 of them.
    ///
    /// `removed` must not panic.
    pub fn remove_range(&mut self, start: usize, stop: usize, mut removed: impl FnMut(V)) {
        let stop = stop.min(self.len);
        if start == 0 && stop == self.len {
            self.iter().for_each(|entry| removed(entry.value()));
            return self.clear();
        }
        let mut left = stop.saturating_sub(start);
        while left > 0 {
            let (path, leaf, place) = self.path_at(start);
            // SAFETY: the position is there, so it is a leaf of this tree.
            let count = left.min(unsafe { &*leaf }.len() - place);
            self.take(path, leaf, place, count, &mut removed);
            left -= count;
        }
    }

    /// Take entries out of one leaf, and keep the tree in shape.
    #[inline]
    fn take(&mut self, mut path: Path, leaf: *mut Leaf<V>, place: usize, count: usize, mut removed: impl FnMut(V)) {
        let mut outside = 0;
        // SAFETY: it is a leaf of this tree, to which no other reference is held.
        let found = unsafe { &mut *leaf };
        found.remove(place, count, |term, value| {
            outside += term.memory();
            removed(value);
        });
        self.len -= count;
        self.outside -= outside;
        path.change_counts(|below| *below -= count);
        if found.len() < leaf::FEW {
            self.mend(path, leaf);
        }
    }

    /// See to it that the nodes of a path have enough entries again; its leaf has few.
    #[cold]
    fn mend(&mut self, mut path: Path, leaf: *mut Leaf<V>) {
        if self.height == 0 {
            // SAFETY: it is the only leaf of this tree.
            if unsafe { &*leaf }.len() == 0 {
                self.clear();
            }
            return;
        }
        let mut height = 0;
        while let Some((inner, number)) = path.pop() {
            // SAFETY: it is an inner node of this tree, to which no other reference is held.
            let parent = unsafe { &mut *inner };
            if parent.len() > 1 {
                let left = number.saturating_sub(1);
                if height == 0 { self.mend_leaves(parent, left) } else { self.mend_inners(parent, left) }
            } else if height == 0 {
                // An only child, which is at an edge of the tree: it may have few entries, but not none.
                self.drop_if_empty(parent, leaf);
            } else if parent.count(0) == 0 {
                let child = parent.child(0).cast::<Inner>();
                parent.remove(0);
                self.free_inner(child);
            }
            if parent.len() >= inner::FEW {
                return;
            }
            height += 1;
        }
        self.lower_root();
    }

    /// Take away roots that have one child.
    fn lower_root(&mut self) {
        while self.height > 0 {
            let root = self.root.cast::<Inner>();
            // SAFETY: it is an inner node of this tree, to which no other reference is held.
            let inner = unsafe { &mut *root };
            if inner.len() > 1 {
                return;
            }
            self.root = inner.child(0);
            self.height -= 1;
            inner.remove(0);
            self.free_inner(root);
        }
    }

    fn drop_if_empty(&mut self, parent: &mut Inner, leaf: *mut Leaf<V>) {
        // SAFETY: it is a leaf of this tree.
        if unsafe { &*leaf }.len() == 0 {
            parent.remove(0);
            self.unlink(leaf);
        }
    }

    /// Take a leaf out of the chain of leaves, and free it.
    fn unlink(&mut self, leaf: *mut Leaf<V>) {
        // SAFETY: it and its neighbours are leaves of this tree, to which no references are held.
        unsafe {
            let (previous, next) = ((*leaf).previous, (*leaf).next);
            match previous.as_mut() {
                Some(previous) => previous.next = next,
                None => self.first = next,
            }
            match next.as_mut() {
                Some(next) => next.previous = previous,
                None => self.last = previous,
            }
        }
        self.free_leaf(leaf);
    }

    /// Join the child `left` and the one after it, which are leaves, or share their entries out evenly.
    fn mend_leaves(&mut self, parent: &mut Inner, left: usize) {
        let (one, other) = (parent.child(left).cast::<Leaf<V>>(), parent.child(left + 1).cast::<Leaf<V>>());
        // SAFETY: the two are different leaves of this tree, to which no other reference is held.
        let (low, high) = unsafe { (&mut *one, &mut *other) };
        let together = low.len() + high.len();
        if together <= leaf::CAPACITY - leaf::FEW {
            high.move_to_end_of(high.len(), low);
            low.look_for_common();
            self.outside -= parent.remove(left + 1).memory();
            *parent.count_mut(left) = together;
            self.unlink(other);
            return;
        }
        let half = together / 2;
        if low.len() < half {
            high.move_to_end_of(half - low.len(), low);
        } else {
            low.move_to_front_of(half, high);
        }
        low.look_for_common();
        high.look_for_common();
        *parent.count_mut(left) = low.len();
        *parent.count_mut(left + 1) = high.len();
        let border = low.end(high);
        self.outside += border.memory();
        self.outside -= parent.set_beginning(left + 1, border).memory();
    }

    /// Join the child `left` and the one after it, which are inner nodes, or share their children out evenly.
    fn mend_inners(&mut self, parent: &mut Inner, left: usize) {
        let (one, other): (Node, Node) = (parent.child(left), parent.child(left + 1));
        // SAFETY: the two are different inner nodes of this tree, to which no other reference is held.
        let (low, high) = unsafe { (&mut *one.cast::<Inner>(), &mut *other.cast::<Inner>()) };
        let together = low.len() + high.len();
        let border = parent.take_beginning(left + 1);
        if low.len() == 0 || high.len() == 0 {
            self.outside -= border.memory(); // it tells nothing apart any more
        }
        if together <= inner::CAPACITY - inner::FEW {
            high.move_to_end_of(high.len(), low, border);
            low.look_for_common();
            parent.remove(left + 1);
            *parent.count_mut(left) = low.total();
            return self.free_inner(other.cast());
        }
        let half = together / 2;
        let border = if low.len() < half {
            high.move_to_end_of(half - low.len(), low, border)
        } else {
            low.move_to_front_of(half, high, border)
        };
        low.look_for_common();
        high.look_for_common();
        parent.set_beginning(left + 1, border);
        *parent.count_mut(left) = low.total();
        *parent.count_mut(left + 1) = high.total();
    }
}
