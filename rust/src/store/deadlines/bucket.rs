//! Up to 64 items, in the order in which they came.
//!
//! A *mixed* bucket holds items of many deadlines and, beside each, 16 bits of its deadline (its key), so that
//! looking for an item, counting and finding the earliest read two cache lines and hardly ever a row. The keys
//! behind the last item are `u16::MAX`, so that all loops run over 64 keys and compile to vector instructions.
//! In a *dense* bucket, one of a ring of buckets, all items have the same deadline, and keys mean nothing.

use super::keys::{CAPACITY, count_less, least, matching};
use super::{Scheduled, biased};

/// The room of a bucket grows by this many items, once it is half of the most.
const STEP: usize = 8;

pub(super) struct Bucket<S> {
    pub(super) items: Vec<S>,
    /// Which items of a dense bucket are still listed, one bit for each.
    pub(super) present: u64,
    /// The neighbours in the ring of a dense bucket.
    pub(super) next: u32,
    pub(super) previous: u32,
    /// The biased deadline of all items of a dense bucket.
    pub(super) deadline: u64,
    keys: [u16; CAPACITY],
}

impl<S: Scheduled> Bucket<S> {
    pub(super) fn new() -> Self {
        Self { items: Vec::new(), present: 0, next: 0, previous: 0, deadline: 0, keys: [u16::MAX; CAPACITY] }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() == CAPACITY
    }

    #[inline]
    pub(super) fn items(&self) -> &[S] {
        &self.items
    }

    #[inline]
    pub(super) fn keys(&self) -> &[u16] {
        &self.keys[..self.len()]
    }

    /// Append an item; there must be room.
    #[inline]
    pub(super) fn push(&mut self, item: S, key: u16) {
        self.keys[self.items.len()] = key;
        self.append(item);
    }

    #[inline]
    pub(super) fn append(&mut self, item: S) {
        let length = self.len();
        if length == self.items.capacity() {
            self.items.reserve_exact(if length < CAPACITY / 2 { length.max(STEP) } else { STEP });
        }
        self.items.push(item);
    }

    /// Take out the item at a position; those behind it move up.
    #[inline]
    pub(super) fn remove(&mut self, position: usize) {
        let length = self.len();
        self.keys.copy_within(position + 1..length, position);
        self.keys[length - 1] = u16::MAX;
        self.items.remove(position);
        if self.items.capacity() >= length + 3 * STEP {
            self.items.shrink_to(length + STEP);
        }
    }

    /// Put another item in the place of one.
    pub(super) fn replace(&mut self, position: usize, item: S) {
        self.items[position] = item;
    }

    /// Take out all items and give back their memory.
    pub(super) fn empty(&mut self) -> Vec<S> {
        std::mem::take(&mut self.items)
    }

    /// The bytes held beside the bucket itself.
    pub(super) fn memory(&self) -> usize {
        self.items.capacity() * size_of::<S>()
    }

    /// Move the items from one slot on to a new bucket, where the slot begins at bit `above` of the keys; the order
    /// stays among those that go and among those that stay.
    pub(super) fn split_off_slots(&mut self, slot: u32, above: u32) -> Self {
        let common = u32::from(self.keys[0]) & !((64 << above) - 1);
        let key = (common | slot << above) as u16;
        let mut upper = Self::new();
        let going = self.keys().iter().filter(|&&other| other >= key).count();
        upper.items.reserve_exact((going + STEP).min(CAPACITY));
        let mut kept = 0;
        for position in 0..self.len() {
            if self.keys[position] >= key {
                upper.push(self.items[position], self.keys[position]);
            } else {
                self.keys[kept] = self.keys[position];
                self.items[kept] = self.items[position];
                kept += 1;
            }
        }
        self.keys[kept..].fill(u16::MAX);
        self.items.truncate(kept);
        self.items.shrink_to(kept + STEP);
        upper
    }

    /// Give every item the key that it has where keys begin at bit `shift` of the deadline.
    pub(super) fn set_keys(&mut self, shift: u32) {
        self.keys = [u16::MAX; CAPACITY];
        for position in 0..self.len() {
            self.keys[position] = (biased(self.items()[position].deadline()) >> shift) as u16;
        }
    }

    /// Where an item is in a mixed bucket.
    #[inline]
    pub(super) fn position(&self, item: S, key: u16) -> Option<usize> {
        let mut candidates = matching(&self.keys, key);
        while candidates != 0 {
            let position = candidates.trailing_zeros() as usize;
            if self.items().get(position) == Some(&item) {
                return Some(position);
            }
            candidates &= candidates - 1;
        }
        None
    }

    /// The first of the items with the earliest deadline in a mixed bucket that is not empty.
    #[inline]
    pub(super) fn earliest(&self, exact: bool) -> usize {
        let least = least(&self.keys);
        let mut candidates = matching(&self.keys, least) & (u64::MAX >> (CAPACITY - self.len()));
        let mut best = candidates.trailing_zeros() as usize;
        if !exact {
            let mut deadline = self.items()[best].deadline();
            candidates &= candidates - 1;
            while candidates != 0 {
                let position = candidates.trailing_zeros() as usize;
                let other = self.items()[position].deadline();
                if other < deadline {
                    (best, deadline) = (position, other);
                }
                candidates &= candidates - 1;
            }
        }
        best
    }

    /// How many items of a mixed bucket are due, where `key` is the key of `now`.
    pub(super) fn count_due(&self, now: i64, key: u16, exact: bool) -> usize {
        let earlier = count_less(&self.keys, key);
        let mut candidates = matching(&self.keys, key) & (u64::MAX >> (CAPACITY - self.len()));
        if exact {
            return earlier + candidates.count_ones() as usize;
        }
        let mut count = earlier;
        while candidates != 0 {
            count += usize::from(self.items()[candidates.trailing_zeros() as usize].deadline() <= now);
            candidates &= candidates - 1;
        }
        count
    }

    /// Whether all keys behind the last item are what they have to be. For tests.
    pub(super) fn ends_with_padding(&self) -> bool {
        self.keys[self.len()..].iter().all(|&key| key == u16::MAX)
    }
}
