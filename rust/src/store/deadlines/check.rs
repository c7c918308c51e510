//! Looking at everything: all items, and whether all invariants hold. For tests.

use std::vec;

use super::node::{Child, Slot};
use super::shrink::SMALL;
use super::{Deadlines, Place, Scheduled, TOP, biased, key_shift};

/// What has been seen so far.
struct Seen {
    last: Option<u64>,
    items: usize,
    nodes: usize,
    buckets: usize,
}

impl<S: Scheduled> Deadlines<S> {
    /// All items: earlier buckets first, within a bucket in no particular order.
    pub fn iter(&self) -> vec::IntoIter<S> {
        let mut items = Vec::with_capacity(self.len());
        self.collect(self.root, &mut items);
        items.into_iter()
    }

    fn collect(&self, slot: Slot, items: &mut Vec<S>) {
        match slot.child() {
            Child::Nothing => {}
            Child::Node(number) => self.nodes[number].slots.iter().for_each(|&slot| self.collect(slot, items)),
            Child::Mixed(number) => items.extend_from_slice(self.buckets[number].items()),
            Child::Dense(first) => {
                let mut number = first;
                loop {
                    items.extend(self.buckets[number].listed_items().map(|(_, item)| item));
                    number = self.buckets[number].next;
                    if number == first {
                        break;
                    }
                }
            }
        }
    }

    /// Panic unless all invariants hold.
    pub fn check(&self) {
        let mut seen = Seen { last: None, items: 0, nodes: 0, buckets: 0 };
        self.check_slot(self.root, TOP, &mut seen);
        assert_eq!(seen.items, self.len());
        assert_eq!(seen.nodes, self.nodes.used(), "a node has been lost");
        assert_eq!(seen.buckets, self.buckets.used(), "a bucket has been lost");
        assert!(self.iter().all(|item| item.deadline() >= self.next_due));
        assert_eq!(self.is_empty(), self.root.child() == Child::Nothing);
        assert!(!self.is_empty() || self.next_due == i64::MAX);
    }

    fn check_slot(&self, slot: Slot, shift: u32, seen: &mut Seen) {
        let before = seen.items;
        match slot.child() {
            Child::Nothing => {}
            Child::Node(number) => {
                seen.nodes += 1;
                self.check_node(number, slot, seen);
            }
            Child::Mixed(number) => {
                let bucket = &self.buckets[number];
                assert!(bucket.len() > 0);
                let least = bucket.items().iter().map(|item| biased(item.deadline())).min();
                assert!(seen.last < least, "buckets overlap");
                for (item, &key) in bucket.items().iter().zip(bucket.keys()) {
                    let deadline = biased(item.deadline());
                    assert_eq!((deadline >> shift) as u16, key);
                    assert_ne!(item.place(), Place::NOWHERE);
                    seen.last = seen.last.max(Some(deadline));
                }
                assert!(bucket.ends_with_padding());
                seen.items += bucket.len();
                seen.buckets += 1;
            }
            Child::Dense(first) => self.check_ring(first, seen),
        }
        assert_eq!(seen.items - before, slot.count as usize, "a wrong count");
    }

    fn check_node(&self, number: u32, slot: Slot, seen: &mut Seen) {
        let node = &self.nodes[number];
        assert!(slot.count as usize > SMALL, "a node of so few items is a bucket");
        assert!(node.shift % 6 == 0 && node.shift <= 60);
        assert!(seen.last < Some(node.prefix), "nodes overlap");
        for start in 0..64 {
            let child = node.slots[start].child();
            let starts = node.starts >> start & 1 == 1;
            assert_eq!(starts, child != Child::Nothing, "an empty slot that starts, or one in use that does not");
            if node.starts.count_ones() == 1 && starts {
                assert!(matches!(child, Child::Mixed(_)), "a node of one node, or of one ring");
            }
            let least = seen.last;
            self.check_slot(node.slots[start], key_shift(node), seen);
            if let (true, Some(last)) = (starts && seen.last > least, seen.last) {
                let end = node.start_after(start as u32).unwrap_or(64);
                assert!(node.covers(last), "an item below the wrong node");
                assert!((start as u32..end).contains(&node.slot_of(last)), "an item in the wrong slot");
                if !matches!(child, Child::Mixed(_)) {
                    assert_eq!(node.slot_of(last), start as u32, "only a mixed bucket serves many slots");
                }
            }
        }
    }

    fn check_ring(&self, first: u32, seen: &mut Seen) {
        let deadline = self.buckets[first].deadline;
        assert!(seen.last < Some(deadline), "a ring overlaps");
        seen.last = Some(deadline);
        let (mut number, mut count) = (first, 0);
        loop {
            let bucket = &self.buckets[number];
            assert!(bucket.listed() > 0 && bucket.deadline == deadline);
            assert_eq!(self.buckets[bucket.next].previous, number);
            for (position, item) in bucket.listed_items() {
                assert_eq!(biased(item.deadline()), deadline);
                assert_eq!(item.place().ring_bucket(), (number, position));
            }
            count += bucket.listed();
            seen.buckets += 1;
            number = bucket.next;
            if number == first {
                break;
            }
        }
        assert!(count > SMALL, "so small a ring is a mixed bucket");
        seen.items += count;
    }
}
