//! A node of the trie: 64 slots, each for one value of six bits of the deadline, with the counts of what is below.
//!
//! A bucket may serve a run of slots: from the one where it starts to the next start. So a bucket is split in two when
//! it is full, not in 64. A node or a dense bucket serves exactly the slot where it starts.

/// The number that stands for no child.
const NOTHING: u32 = u32::MAX;
const NODE: u32 = 1 << 31;
const DENSE: u32 = 1 << 30;

/// What a slot holds, by number, in four bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed(u32);

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Child {
    Nothing,
    Node(u32),
    /// A bucket of many deadlines.
    Mixed(u32),
    /// The first of a ring of buckets whose items all have one deadline.
    Dense(u32),
}

/// A child and how many items are below it.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) count: u32,
    packed: Packed,
}

impl Slot {
    pub(super) const EMPTY: Slot = Slot { count: 0, packed: Packed(NOTHING) };

    pub(super) fn new(count: usize, child: Child) -> Self {
        let mut slot = Slot { count: count as u32, packed: Packed(NOTHING) };
        slot.set_child(child);
        slot
    }

    #[inline]
    pub(super) fn child(self) -> Child {
        let number = self.packed.0;
        if number == NOTHING {
            Child::Nothing
        } else if number & NODE != 0 {
            Child::Node(number & !NODE)
        } else if number & DENSE != 0 {
            Child::Dense(number & !DENSE)
        } else {
            Child::Mixed(number)
        }
    }

    #[inline]
    pub(super) fn set_child(&mut self, child: Child) {
        self.packed = Packed(match child {
            Child::Nothing => NOTHING,
            Child::Node(number) => number | NODE,
            Child::Dense(number) => number | DENSE,
            Child::Mixed(number) => number,
        });
    }
}

pub(super) struct Node {
    /// The bits above those of the slots, which all deadlines below have in common.
    pub(super) prefix: u64,
    /// One bit for every slot where a child starts.
    pub(super) starts: u64,
    /// Where the six bits of the slots begin.
    pub(super) shift: u32,
    pub(super) slots: [Slot; 64],
}

impl Node {
    /// The node in which two different deadlines fall into different slots.
    pub(super) fn between(one: u64, other: u64) -> Self {
        let shift = (one ^ other).ilog2() / 6 * 6;
        // In two steps: with 60 for `shift` the slots take the top four bits, and nothing is above them.
        let prefix = one & (u64::MAX << shift << 6);
        Self { prefix, starts: 0, shift, slots: [Slot::EMPTY; 64] }
    }

    #[inline]
    pub(super) fn covers(&self, deadline: u64) -> bool {
        (deadline ^ self.prefix) >> self.shift >> 6 == 0
    }

    #[inline]
    pub(super) fn slot_of(&self, deadline: u64) -> u32 {
        (deadline >> self.shift) as u32 & 63
    }

    /// The last start at or before a slot.
    #[inline]
    pub(super) fn start_at(&self, slot: u32) -> Option<u32> {
        (self.starts << (63 - slot)).checked_ilog2().map(|bit| bit + slot - 63)
    }

    /// The first start behind a slot.
    #[inline]
    pub(super) fn start_after(&self, slot: u32) -> Option<u32> {
        let behind = self.starts & (u64::MAX << slot << 1);
        if behind == 0 { None } else { Some(behind.trailing_zeros()) }
    }

    /// The last start before a slot.
    pub(super) fn start_before(&self, slot: u32) -> Option<u32> {
        (self.starts & !(u64::MAX << slot)).checked_ilog2()
    }

    /// Let what starts at one slot start at another.
    pub(super) fn move_start(&mut self, from: u32, to: u32) {
        let slot = self.slots[from as usize];
        self.slots[from as usize] = Slot::EMPTY;
        self.starts &= !(1 << from);
        self.set(to, slot);
    }

    pub(super) fn set(&mut self, slot: u32, content: Slot) {
        self.slots[slot as usize] = content;
        self.starts |= 1 << slot;
    }

    pub(super) fn unset(&mut self, slot: u32) {
        self.slots[slot as usize] = Slot::EMPTY;
        self.starts &= !(1 << slot);
    }

    /// How many items are below the slots before this one.
    pub(super) fn count_before(&self, slot: u32) -> usize {
        self.slots[..slot as usize].iter().map(|slot| slot.count as usize).sum()
    }
}
