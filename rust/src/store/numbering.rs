//! Small numbers for addresses, so that structures beside a table can refer to its rows in four bytes.
//!
//! A number stays the same when another address comes in the place of the one it had, and is given anew when it has
//! become free. Addresses are found by open addressing: a slot holds a number, and the address of that number says whether it
//! is the one that was looked for. 8 bytes for each address, and 6 to 12 for finding it.

/// No number.
pub const NONE: u32 = u32::MAX;

/// Numbers and their addresses.
pub struct Numbering {
    slots: Vec<u32>,       // as many as a power of two, NONE where there is nothing
    addresses: Vec<usize>, // by number; of a free one, the next that is free
    free: u32,             // the first free number, or NONE
    retired: Vec<u32>,     // numbers that are not given anew for now
    len: usize,
}

impl Numbering {
    /// A numbering of nothing, which takes no memory.
    pub const fn new() -> Numbering {
        Numbering { slots: Vec::new(), addresses: Vec::new(), free: NONE, retired: Vec::new(), len: 0 }
    }

    /// How many addresses have a number.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of an address, if it has one. O(1).
    #[inline]
    pub fn number(&self, address: usize) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = self.slot_of(address);
        (self.slots[slot] != NONE).then(|| self.slots[slot])
    }

    /// The address of a number that was given.
    #[inline]
    pub fn address(&self, number: u32) -> usize {
        self.addresses[number as usize]
    }

    /// Give an address a number, unless it has one; return it. O(1).
    pub fn add(&mut self, address: usize) -> u32 {
        if 4 * (self.len + 1) > 3 * self.slots.len() {
            self.grow();
        }
        let slot = self.slot_of(address);
        if self.slots[slot] != NONE {
            return self.slots[slot];
        }
        let number = self.free;
        let number = if number == NONE {
            self.addresses.push(address);
            u32::try_from(self.addresses.len() - 1).ok().filter(|&number| number != NONE).expect("too many rows")
        } else {
            let place = &mut self.addresses[number as usize];
            self.free = *place as u32;
            *place = address;
            number
        };
        self.slots[slot] = number;
        self.len += 1;
        number
    }

    /// Put an address in the place of another, which has a number or not; return the number. O(1).
    pub fn replace(&mut self, old: usize, new: usize) -> u32 {
        if old == new {
            return self.add(new);
        }
        let Some(number) = self.strike(old) else { return self.add(new) };
        let slot = self.slot_of(new);
        self.slots[slot] = number;
        self.addresses[number as usize] = new;
        number
    }

    /// Take the number of an address back, and return it. O(1).
    pub fn remove(&mut self, address: usize) -> Option<u32> {
        let number = self.strike(address)?;
        self.len -= 1;
        self.set_free(number);
        Some(number)
    }

    /// As `remove`, and do not give that number to another before `release`. O(1).
    pub fn retire(&mut self, address: usize) -> Option<u32> {
        let number = self.strike(address)?;
        self.len -= 1;
        self.retired.push(number);
        Some(number)
    }

    /// Have the numbers that were retired given anew.
    pub fn release(&mut self) {
        for number in std::mem::take(&mut self.retired) {
            self.set_free(number);
        }
    }

    fn set_free(&mut self, number: u32) {
        self.addresses[number as usize] = self.free as usize;
        self.free = number;
    }

    /// How many bytes of memory it takes, beside itself.
    pub fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<u32>() + self.addresses.capacity() * size_of::<usize>()
    }

    /// Panic unless every number is found by its address.
    pub fn check(&self) {
        let mut found = 0;
        for &number in self.slots.iter().filter(|&&number| number != NONE) {
            assert_eq!(self.number(self.address(number)), Some(number), "an address does not find its number");
            found += 1;
        }
        assert_eq!(found, self.len, "the count of numbers is wrong");
        let mut free = self.free;
        while free != NONE {
            found += 1;
            free = self.addresses[free as usize] as u32;
        }
        assert_eq!(found + self.retired.len(), self.addresses.len(), "a number is neither given nor free");
    }

    /// Empty the slot of an address; return what was in it.
    fn strike(&mut self, address: usize) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut hole = self.slot_of(address);
        let number = self.slots[hole];
        if number == NONE {
            return None;
        }
        // What comes behind moves up, where that brings it no further than where its search begins.
        let mask = self.slots.len() - 1;
        let mut slot = hole;
        loop {
            slot = (slot + 1) & mask;
            let next = self.slots[slot];
            if next == NONE {
                break;
            }
            let home = self.home(self.addresses[next as usize]);
            if slot.wrapping_sub(home) & mask >= slot.wrapping_sub(hole) & mask {
                self.slots[hole] = next;
                hole = slot;
            }
        }
        self.slots[hole] = NONE;
        Some(number)
    }

    /// The slot of an address: the one it is in, or the empty one that it would come into.
    #[inline]
    fn slot_of(&self, address: usize) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.home(address);
        while self.slots[slot] != NONE && self.addresses[self.slots[slot] as usize] != address {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// The slot where the search for an address begins.
    #[inline]
    fn home(&self, address: usize) -> usize {
        let mixed = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![NONE; (2 * old.len()).max(8)];
        for number in old.into_iter().filter(|&number| number != NONE) {
            let slot = self.slot_of(self.addresses[number as usize]);
            self.slots[slot] = number;
        }
    }
}

impl Default for Numbering {
    fn default() -> Numbering {
        Numbering::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn gives_takes_and_moves_numbers_as_a_map_does() {
        let (mut numbering, mut model) = (Numbering::new(), HashMap::new());
        let mut state = 1_u64;
        let mut random = |most: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % most
        };
        for step in 0..40_000 {
            let most = if step / 10_000 % 2 == 0 { 3000 } else { 40 };
            let (one, other) = (16 * random(most) as usize + 64, 16 * random(3000) as usize + 64);
            match random(4) {
                0 | 1 => {
                    let number = numbering.add(one);
                    assert_eq!(*model.entry(one).or_insert(number), number);
                }
                2 => assert_eq!(numbering.remove(one), model.remove(&one)),
                _ if model.contains_key(&other) => assert_eq!(numbering.number(other), Some(model[&other])),
                _ => {
                    let number = numbering.replace(one, other);
                    let before = model.remove(&one);
                    assert!(before.is_none_or(|before| before == number));
                    model.insert(other, number);
                }
            }
            assert_eq!(numbering.len(), model.len());
            if step % 1000 == 0 {
                numbering.check();
                assert!(model.iter().all(|(&address, &number)| numbering.number(address) == Some(number)));
                assert!(model.iter().all(|(&address, &number)| numbering.address(number) == address));
            }
        }
    }

    #[test]
    fn keeps_retired_numbers_back() {
        let mut numbering = Numbering::new();
        assert_eq!((numbering.add(16), numbering.add(32)), (0, 1));
        assert_eq!((numbering.retire(16), numbering.retire(16), numbering.len()), (Some(0), None, 1));
        assert_eq!(numbering.add(16), 2);
        numbering.check();
        numbering.release();
        numbering.check();
        assert_eq!((numbering.add(48), numbering.add(64)), (0, 3));
        numbering.check();
    }

    #[test]
    fn has_nothing_at_first() {
        let mut numbering = Numbering::default();
        assert!(numbering.is_empty() && numbering.memory() == 0);
        assert_eq!(numbering.number(16), None);
        assert_eq!(numbering.remove(16), None);
        assert_eq!(numbering.replace(16, 32), 0);
        assert_eq!((numbering.add(32), numbering.add(16)), (0, 1));
    }
}
