//! Taking an item out, and joining what has become too small.

use super::bucket::Bucket;
use super::node::{Child, Slot};
use super::{Deadlines, Path, Place, Scheduled, Spot, biased, key_shift};

/// A bucket with no more items than this looks for one to join.
pub(super) const SMALL: usize = 32;
/// A dense bucket looks for one when it has no more items than this, each time their number is a multiple of `LOOKS`: joining
/// touches the rows themselves.
const SMALL_AND_DENSE: usize = 16;
const LOOKS: usize = 8;
/// Buckets are joined if the result has no more items than this.
const JOINED: usize = 48;
impl<S: Scheduled> Deadlines<S> {
    /// Take out a listed item; its place is `Place::NOWHERE` afterwards.
    pub fn remove(&mut self, item: S) {
        let deadline = biased(item.deadline());
        let (mut path, mut shift) = (Path::new(), super::TOP);
        self.root.count -= 1;
        let mut child = self.root.child();
        while let Child::Node(number) = child {
            let node = &mut self.nodes[number];
            let slot = node.start_at(node.slot_of(deadline)).expect("a listed item");
            node.slots[slot as usize].count -= 1;
            child = node.slots[slot as usize].child();
            shift = key_shift(node);
            path.push(Spot { node: number, slot });
        }
        let (number, position) = self.find(child, item, deadline, shift);
        self.take_out(&path, number, position);
        item.set_place(Place::NOWHERE);
    }

    /// Take an item that has been counted out of its bucket, which is at the end of the path.
    #[inline]
    pub(super) fn take_out(&mut self, path: &Path, number: u32, position: usize) {
        let slot = self.slot(path.last());
        if !matches!(slot.child(), Child::Dense(_)) {
            self.buckets[number].remove(position);
        } else {
            self.buckets[number].strike_out(position);
            let left = self.buckets[number].listed();
            if left <= SMALL_AND_DENSE && left % LOOKS == 0 {
                self.join_in_ring(path.last(), number);
            }
            if slot.count as usize <= SMALL {
                self.end_ring(path.last());
            }
        }
        if slot.count as usize <= SMALL {
            self.tidy(path);
        }
    }

    /// Join a small bucket of a ring with one beside it, or take it out if it is empty. The last one stays.
    fn join_in_ring(&mut self, spot: Spot, number: u32) {
        let Child::Dense(first) = self.slot(spot).child() else {
            return;
        };
        let (previous, next) = (self.buckets[number].previous, self.buckets[number].next);
        let listed = self.buckets[number].listed();
        if number != first && self.buckets[previous].listed() + listed <= 2 * SMALL_AND_DENSE {
            self.join_next(spot, first, previous);
        } else if next != first && listed + self.buckets[next].listed() <= 2 * SMALL_AND_DENSE {
            self.join_next(spot, first, number);
        } else if listed == 0 && next != number {
            self.unlink(spot, first, number);
        }
    }

    /// Move the items of the next bucket of a ring to this one.
    fn join_next(&mut self, spot: Spot, first: u32, number: u32) {
        let next = self.buckets[number].next;
        let from = std::mem::replace(&mut self.buckets[next], Bucket::new());
        self.buckets[number].take_over(&from, number);
        (self.buckets[next].previous, self.buckets[next].next) = (from.previous, from.next);
        self.unlink(spot, first, next);
    }

    /// Take a bucket out of a ring of several.
    fn unlink(&mut self, spot: Spot, first: u32, number: u32) {
        let (previous, next) = (self.buckets[number].previous, self.buckets[number].next);
        self.buckets[previous].next = next;
        self.buckets[next].previous = previous;
        self.free_bucket(number);
        if number == first {
            self.slot_mut(spot).set_child(Child::Dense(next));
        }
    }

    /// Let the few items that are left of a ring be in a mixed bucket.
    fn end_ring(&mut self, spot: Spot) {
        let (Child::Dense(number), shift) = (self.slot(spot).child(), self.shift_at(spot)) else {
            return;
        };
        while self.buckets[number].next != number {
            self.join_next(spot, number, number);
        }
        self.buckets[number].close_up();
        self.buckets[number].set_keys(shift);
        self.slot_mut(spot).set_child(Child::Mixed(number));
    }

    /// Restore the bounds from below, from a mixed bucket with few items or none.
    #[cold]
    #[inline(never)]
    fn tidy(&mut self, path: &Path) {
        self.settle(path.last());
        for depth in (1..path.length).rev() {
            let (number, above) = (path.spots[depth].node, path.spots[depth - 1]);
            if !self.lift(number, above) {
                break;
            }
            self.settle(above);
        }
        if self.is_empty() {
            self.next_due = i64::MAX;
        }
    }

    /// Let go of an empty bucket; join a small one with those beside it.
    fn settle(&mut self, spot: Spot) {
        let slot = self.slot(spot);
        let count = slot.count;
        let Child::Mixed(number) = slot.child() else {
            if count == 0 && !spot.is_root() {
                self.nodes[spot.node].unset(spot.slot);
            }
            return;
        };
        if count == 0 {
            self.free_bucket(number);
            if spot.is_root() {
                self.root = Slot::EMPTY;
            } else {
                self.nodes[spot.node].unset(spot.slot);
            }
        } else if !spot.is_root() {
            let node = &self.nodes[spot.node];
            let (previous, next) = (node.start_before(spot.slot), node.start_after(spot.slot));
            let joined = previous.filter(|&previous| self.join(spot.node, previous, spot.slot));
            if let Some(next) = next {
                self.join(spot.node, joined.unwrap_or(spot.slot), next);
            }
        }
    }

    /// Join what starts at two neighbouring slots of a node, if it is two mixed buckets with few items.
    fn join(&mut self, number: u32, lower: u32, upper: u32) -> bool {
        let node = &mut self.nodes[number];
        let (low, high) = (node.slots[lower as usize], node.slots[upper as usize]);
        let (Child::Mixed(into), Child::Mixed(from)) = (low.child(), high.child()) else {
            return false;
        };
        if (low.count + high.count) as usize > JOINED {
            return false;
        }
        node.slots[lower as usize].count += high.count;
        node.unset(upper);
        for position in 0..self.buckets[from].len() {
            // Below one node, keys of different buckets have the same meaning.
            let (item, key) = (self.buckets[from].items()[position], self.buckets[from].keys()[position]);
            self.buckets[into].push(item, key);
        }
        self.free_bucket(from);
        true
    }

    fn free_bucket(&mut self, number: u32) {
        drop(self.buckets[number].empty());
        self.buckets.free(number);
    }

    /// Let what is left of a node take the place of the node, if it is one child.
    fn lift(&mut self, number: u32, above: Spot) -> bool {
        let node = &self.nodes[number];
        let child = match node.starts.count_ones() {
            0 => Child::Nothing,
            1 => node.slots[node.starts.trailing_zeros() as usize].child(),
            _ => return false,
        };
        if let Child::Mixed(bucket) = child {
            if self.buckets[bucket].len() > SMALL {
                return false; // soon there would be a node again
            }
            let shift = self.shift_at(above);
            self.buckets[bucket].set_keys(shift);
        }
        self.slot_mut(above).set_child(child);
        self.nodes.free(number);
        true
    }
}
