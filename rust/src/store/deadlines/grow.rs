//! Listing an item, and making room for it.

use super::bucket::Bucket;
use super::keys::CAPACITY;
use super::node::{Child, Node, Slot};
use super::{Deadlines, Place, Scheduled, Spot, biased};

impl<S: Scheduled> Deadlines<S> {
    /// List an item that is not listed.
    pub fn insert(&mut self, item: S) {
        assert!(self.root.count < u32::MAX, "too many rows with a deadline");
        let deadline = biased(item.deadline());
        self.next_due = self.next_due.min(item.deadline());
        let mut spot = Spot::ROOT;
        loop {
            match self.slot(spot).child() {
                Child::Node(number) => {
                    if self.nodes[number].covers(deadline) {
                        self.slot_mut(spot).count += 1;
                        spot = self.enter(number, deadline);
                    } else {
                        self.widen(spot, self.nodes[number].prefix, deadline);
                    }
                }
                Child::Mixed(number) => {
                    if !self.buckets[number].is_full() {
                        let key = (deadline >> self.shift_at(spot)) as u16;
                        self.buckets[number].push(item, key);
                        self.slot_mut(spot).count += 1;
                        item.set_place(Place::BY_DEADLINE);
                        return;
                    }
                    spot = self.make_room(spot, number, deadline);
                }
                Child::Dense(number) => {
                    let other = self.buckets[number].deadline;
                    if other == deadline {
                        self.slot_mut(spot).count += 1;
                        self.push_dense(number, item);
                        return;
                    }
                    self.widen(spot, other, deadline);
                }
                Child::Nothing => {
                    let number = self.buckets.add(Bucket::new());
                    self.slot_mut(spot).set_child(Child::Mixed(number));
                }
            }
        }
    }

    /// The spot below a node that serves a deadline; a child that may, serves a slot more, and else there is a new one.
    #[inline]
    fn enter(&mut self, number: u32, deadline: u64) -> Spot {
        let node = &mut self.nodes[number];
        let slot = node.slot_of(deadline);
        if let Some(start) = node.start_at(slot) {
            if start == slot || matches!(node.slots[start as usize].child(), Child::Mixed(_)) {
                return Spot { node: number, slot: start };
            }
        }
        match node.start_after(slot) {
            Some(start) if matches!(node.slots[start as usize].child(), Child::Mixed(_)) => {
                node.move_start(start, slot)
            }
            _ => node.set(slot, Slot::EMPTY),
        }
        Spot { node: number, slot }
    }

    /// Put a node between a spot and what it holds, one in which two deadlines fall into different slots.
    fn widen(&mut self, spot: Spot, held: u64, deadline: u64) {
        let content = self.slot(spot);
        let mut node = Node::between(held, deadline);
        node.set(node.slot_of(held), content);
        let number = self.nodes.add(node);
        self.slot_mut(spot).set_child(Child::Node(number));
    }

    /// Append to the last bucket of a ring, of which the first is given.
    fn push_dense(&mut self, first: u32, item: S) {
        let mut last = self.buckets[first].previous;
        if self.buckets[last].is_full() {
            let mut bucket = Bucket::new();
            (bucket.previous, bucket.next) = (last, first);
            bucket.deadline = self.buckets[first].deadline;
            bucket.items.reserve_exact(CAPACITY); // as many as before it may well come
            let number = self.buckets.add(bucket);
            self.buckets[last].next = number;
            self.buckets[first].previous = number;
            last = number;
        }
        self.buckets[last].list(item, last);
    }

    /// Change what surrounds a full bucket, so that an item with this deadline finds its way; return where to go on.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, spot: Spot, number: u32, deadline: u64) -> Spot {
        if spot.is_root() {
            self.deepen(spot, number, deadline);
            return spot;
        }
        let shift = self.shift_at(spot);
        let node = &mut self.nodes[spot.node];
        let (wanted, above) = (node.slot_of(deadline), node.shift - shift);
        let mut counts = [0_u32; 64];
        for &key in self.buckets[number].keys() {
            counts[usize::from(key >> above) & 63] += 1;
        }
        let lowest = counts.iter().position(|&count| count > 0).unwrap_or(0) as u32;
        let highest = counts.iter().rposition(|&count| count > 0).unwrap_or(0) as u32;
        if wanted > highest {
            node.set(wanted, Slot::EMPTY);
            return Spot { node: spot.node, slot: wanted };
        } else if wanted < lowest {
            node.move_start(spot.slot, lowest);
            node.set(spot.slot, Slot::EMPTY);
            return spot;
        } else if lowest == highest {
            if spot.slot != wanted {
                node.move_start(spot.slot, wanted);
            }
            self.deepen(Spot { node: spot.node, slot: wanted }, number, deadline);
        } else {
            let at_the_end = wanted == highest && node.start_after(spot.slot).is_none();
            let border = if at_the_end { highest } else { middle(&counts, lowest, highest) };
            let upper = self.buckets[number].split_off_slots(border, above);
            let moved = upper.len();
            let upper = self.buckets.add(upper);
            node.set(border, Slot::new(moved, Child::Mixed(upper)));
            node.slots[spot.slot as usize].count -= moved as u32;
        }
        self.enter(spot.node, deadline)
    }

    /// Give a full bucket, whose items share a slot or are all there are, a node of its own; or a ring, if they all have
    /// the same deadline.
    fn deepen(&mut self, spot: Spot, number: u32, deadline: u64) {
        let (mut least, mut greatest) = (deadline, deadline);
        for item in self.buckets[number].items() {
            let other = biased(item.deadline());
            least = least.min(other);
            greatest = greatest.max(other);
        }
        let bucket = &mut self.buckets[number];
        if least == greatest {
            bucket.become_dense(number, deadline);
            self.slot_mut(spot).set_child(Child::Dense(number));
            return;
        }
        let mut node = Node::between(least, greatest);
        bucket.set_keys(super::key_shift(&node));
        node.set(node.slot_of(least), self.slot(spot));
        let node = self.nodes.add(node);
        self.slot_mut(spot).set_child(Child::Node(node));
    }
}

/// The slot at which to split: about half of the items are before it.
fn middle(counts: &[u32; 64], lowest: u32, highest: u32) -> u32 {
    let (mut before, mut best, mut distance) = (0_u32, highest, u32::MAX);
    for border in lowest + 1..=highest {
        before += counts[border as usize - 1];
        if before.abs_diff(32) < distance {
            (best, distance) = (border, before.abs_diff(32));
        }
    }
    best
}
