//! When rows expire: the rows that have a deadline, so listed that those due can be counted and taken first.
//!
//! A trie over the deadlines, six bits a level, with the number of items below every child: counting those due goes
//! down one path, and the earliest is at the left end. Levels on which all deadlines agree are left out. Items lie in
//! buckets of up to 64 that are split when full and joined when nearly empty; items of one millisecond, of which there
//! may be millions, lie in a ring of buckets. So nothing ever depends on how many items there are or are due, except
//! the depth: three or four levels for a million lifetimes of an hour, eleven at the very most.
//!
//! Items of equal deadlines keep the order in which they came, whatever is removed between them.

mod arena;
mod bucket;
mod check;
mod dense;
mod grow;
mod keys;
mod node;
mod shrink;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timings;

use arena::Arena;
use bucket::Bucket;
use node::{Child, Node, Slot};

/// Where an item is listed. Only `Deadlines` makes and reads places; the item keeps its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(u64);

impl Place {
    /// The place of an item that is not listed.
    pub const NOWHERE: Place = Place(u64::MAX);
    /// The place of an item that its deadline leads to.
    const BY_DEADLINE: Place = Place(u64::MAX - 1);

    /// The place of an item in a bucket of a ring, at this position.
    fn in_ring(number: u32, position: usize) -> Self {
        Place(u64::from(number) << 32 | position as u64)
    }

    /// The bucket and the position there.
    fn ring_bucket(self) -> (u32, usize) {
        ((self.0 >> 32) as u32, self.0 as u32 as usize)
    }
}

/// What is scheduled: a handle of a row that knows its deadline and remembers where it is listed.
///
/// Two handles are equal when they mean the same row; no row may be listed twice. Any call of `Deadlines` but `clear`,
/// `len`, `is_empty` and `next_due` may ask any listed item for its deadline, or give it a place.
pub trait Scheduled: Copy + PartialEq {
    /// The deadline in milliseconds; it stays the same for as long as the item is listed.
    fn deadline(self) -> i64;
    /// The place last given to `set_place`.
    fn place(self) -> Place;
    /// Remember where the item is listed.
    fn set_place(self, place: Place);
}

/// The deadline as a number without sign, in the same order.
#[inline]
fn biased(deadline: i64) -> u64 {
    (deadline as u64) ^ (1 << 63)
}

/// Where keys of buckets begin that are below no node: they are the top 16 bits.
const TOP: u32 = 48;
/// The most spots on a path: the root, and one for each of eleven levels.
const DEEPEST: usize = 12;

/// One slot of one node, or the root.
#[derive(Clone, Copy)]
struct Spot {
    node: u32,
    slot: u32,
}

impl Spot {
    const ROOT: Spot = Spot { node: u32::MAX, slot: 0 };

    #[inline]
    fn is_root(self) -> bool {
        self.node == u32::MAX
    }
}

/// The spots from the root down to a bucket.
struct Path {
    spots: [Spot; DEEPEST],
    length: usize,
}

impl Path {
    #[inline]
    fn new() -> Self {
        Self { spots: [Spot::ROOT; DEEPEST], length: 1 }
    }

    #[inline]
    fn push(&mut self, spot: Spot) {
        self.spots[self.length] = spot;
        self.length += 1;
    }

    #[inline]
    fn last(&self) -> Spot {
        self.spots[self.length - 1]
    }
}

/// The listed items, in the order of their deadlines.
pub struct Deadlines<S: Scheduled> {
    root: Slot,
    next_due: i64,
    nodes: Arena<Node>,
    buckets: Arena<Bucket<S>>,
}

impl<S: Scheduled> Default for Deadlines<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Scheduled> Deadlines<S> {
    /// An empty list; allocates nothing.
    pub const fn new() -> Self {
        Self { root: Slot::EMPTY, next_due: i64::MAX, nodes: Arena::new(), buckets: Arena::new() }
    }

    /// How many items are listed.
    #[inline]
    pub fn len(&self) -> usize {
        self.root.count as usize
    }

    /// Whether nothing is listed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.root.count == 0
    }

    /// A lower bound of all deadlines, `i64::MAX` when nothing is listed. It costs nothing to read.
    ///
    /// It is exact, except after the removal of an item that had the earliest deadline; then the next call of
    /// `pop_due` at or after the bound makes it exact again.
    #[inline]
    pub fn next_due(&self) -> i64 {
        self.next_due
    }

    /// How many items are due at `now`: those with a deadline `<= now`.
    pub fn count_due(&self, now: i64) -> usize {
        if now < self.next_due || self.is_empty() {
            return 0;
        }
        let moment = biased(now);
        let (mut slot, mut shift, mut count) = (self.root, TOP, 0);
        loop {
            match slot.child() {
                Child::Nothing => return count,
                Child::Mixed(number) => {
                    return count + self.buckets[number].count_due(now, (moment >> shift) as u16, shift == 0);
                }
                Child::Dense(number) => {
                    let due = self.buckets[number].deadline <= moment;
                    return count + if due { slot.count as usize } else { 0 };
                }
                Child::Node(number) => {
                    let node = &self.nodes[number];
                    if !node.covers(moment) {
                        return count + if node.prefix < moment { slot.count as usize } else { 0 };
                    }
                    let Some(start) = node.start_at(node.slot_of(moment)) else {
                        return count;
                    };
                    count += node.count_before(start);
                    slot = node.slots[start as usize];
                    shift = key_shift(node);
                    if start != node.slot_of(moment) && matches!(slot.child(), Child::Node(_)) {
                        return count + slot.count as usize;
                    }
                }
            }
        }
    }

    /// The item with the earliest deadline, if it is due at `now`; of several the one that came first.
    pub fn peek_due(&self, now: i64) -> Option<S> {
        if now < self.next_due || self.is_empty() {
            return None;
        }
        let (_, number, position) = self.first();
        Some(self.buckets[number].items()[position]).filter(|item| item.deadline() <= now)
    }

    /// Take out the item with the earliest deadline, if it is due at `now`; of several the one that came first.
    pub fn pop_due(&mut self, now: i64) -> Option<S> {
        if now < self.next_due || self.is_empty() {
            return None;
        }
        let (path, number, position) = self.first();
        let item = self.buckets[number].items()[position];
        self.next_due = item.deadline();
        if self.next_due > now {
            return None;
        }
        for &spot in &path.spots[..path.length] {
            self.slot_mut(spot).count -= 1;
        }
        self.take_out(&path, number, position);
        item.set_place(Place::NOWHERE);
        Some(item)
    }

    /// Put `new_item`, which has the same deadline, in the place of the listed `old_item`.
    pub fn replace(&mut self, old_item: S, new_item: S) {
        debug_assert_eq!(old_item.deadline(), new_item.deadline());
        let deadline = biased(old_item.deadline());
        let (mut slot, mut shift) = (self.root, TOP);
        while let Child::Node(number) = slot.child() {
            let node = &self.nodes[number];
            let start = node.start_at(node.slot_of(deadline)).expect("a listed item");
            slot = node.slots[start as usize];
            shift = key_shift(node);
        }
        let (number, position) = self.find(slot.child(), old_item, deadline, shift);
        self.buckets[number].replace(position, new_item);
        new_item.set_place(old_item.place());
        old_item.set_place(Place::NOWHERE);
    }

    /// Forget all items without touching them, and free the memory.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// The bytes held beside the items themselves.
    pub fn memory(&self) -> usize {
        self.nodes.memory() + self.buckets.memory() + self.buckets.iter().map(Bucket::memory).sum::<usize>()
    }

    /// The bucket and the position of a listed item, given what its deadline leads to.
    #[inline]
    fn find(&self, child: Child, item: S, deadline: u64, shift: u32) -> (u32, usize) {
        let (number, position) = match child {
            Child::Mixed(number) => (number, self.buckets[number].position(item, (deadline >> shift) as u16)),
            Child::Dense(_) => {
                let (number, position) = item.place().ring_bucket();
                debug_assert!(self.buckets[number].items()[position] == item);
                (number, Some(position))
            }
            _ => (0, None),
        };
        (number, position.expect("a listed item"))
    }

    /// The path to the first bucket, which bucket that is, and the position of the earliest item in it.
    fn first(&self) -> (Path, u32, usize) {
        let (mut path, mut slot, mut shift) = (Path::new(), self.root, TOP);
        loop {
            match slot.child() {
                Child::Node(number) => {
                    let node = &self.nodes[number];
                    let start = node.starts.trailing_zeros();
                    path.push(Spot { node: number, slot: start });
                    slot = node.slots[start as usize];
                    shift = key_shift(node);
                }
                Child::Mixed(number) => return (path, number, self.buckets[number].earliest(shift == 0)),
                Child::Dense(number) => return (path, number, self.buckets[number].foremost()),
                Child::Nothing => unreachable!("no child is empty"),
            }
        }
    }

    #[inline]
    fn slot(&self, spot: Spot) -> Slot {
        if spot.is_root() { self.root } else { self.nodes[spot.node].slots[spot.slot as usize] }
    }

    #[inline]
    fn slot_mut(&mut self, spot: Spot) -> &mut Slot {
        if spot.is_root() { &mut self.root } else { &mut self.nodes[spot.node].slots[spot.slot as usize] }
    }

    /// Where the keys of a bucket at this spot begin.
    #[inline]
    fn shift_at(&self, spot: Spot) -> u32 {
        if spot.is_root() { TOP } else { key_shift(&self.nodes[spot.node]) }
    }
}

/// Where the keys of a node's buckets begin: they are the six bits of the slot and up to ten below.
#[inline]
fn key_shift(node: &Node) -> u32 {
    node.shift.saturating_sub(10)
}
