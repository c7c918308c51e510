//! Buckets of items that all have the same deadline.
//!
//! An item stays where it is until its bucket is joined with another, and remembers its position; one bit says whether it is
//! still listed. So taking one out touches a single word, and hardly ever more: a bucket that has become nearly empty is joined
//! with its neighbour, and then up to about 32 items are told where they are.

use super::bucket::Bucket;
use super::{Place, Scheduled};

impl<S: Scheduled> Bucket<S> {
    /// Take the items as those of a dense bucket of this number.
    pub(super) fn become_dense(&mut self, number: u32, deadline: u64) {
        (self.previous, self.next, self.deadline) = (number, number, deadline);
        self.place_from(0, number);
    }

    /// How many items are listed here.
    #[inline]
    pub(super) fn listed(&self) -> usize {
        self.present.count_ones() as usize
    }

    /// The listed items, in the order in which they came.
    pub(super) fn listed_items(&self) -> impl Iterator<Item = (usize, S)> {
        let present = self.present;
        self.items().iter().copied().enumerate().filter(move |&(position, _)| present >> position & 1 == 1)
    }

    /// The position of the item that came first.
    #[inline]
    pub(super) fn foremost(&self) -> usize {
        self.present.trailing_zeros() as usize
    }

    /// Append an item to the bucket of this number; there must be room.
    #[inline]
    pub(super) fn list(&mut self, item: S, number: u32) {
        let position = self.len();
        self.append(item);
        self.present |= 1 << position;
        item.set_place(Place::in_ring(number, position));
    }

    /// Take out the item at a position; the others stay where they are.
    #[inline]
    pub(super) fn strike_out(&mut self, position: usize) {
        self.present &= !(1 << position);
    }

    /// Put the listed items of another bucket behind those here, which move up. There must be room when they have.
    pub(super) fn take_over(&mut self, other: &Self, number: u32) {
        let unmoved = self.present.trailing_ones() as usize;
        self.close_up();
        for (_, item) in other.listed_items() {
            self.append(item);
        }
        self.items.shrink_to_fit(); // nothing is added, but to the last bucket of a ring
        self.place_from(unmoved, number);
    }

    /// Forget what is no longer listed; the items do not know yet where they are then.
    pub(super) fn close_up(&mut self) {
        let mut position = 0;
        let present = self.present;
        self.items.retain(|_| {
            position += 1;
            present >> (position - 1) & 1 == 1
        });
    }

    /// Tell all items from a position on that they are listed in the bucket of this number.
    fn place_from(&mut self, start: usize, number: u32) {
        self.present = u64::MAX.checked_shr(64 - self.len() as u32).unwrap_or(0);
        for (position, item) in self.items().iter().enumerate().skip(start) {
            item.set_place(Place::in_ring(number, position));
        }
    }
}
