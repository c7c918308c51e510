//! A table that finds places by hashes: open addressing, a place and no more at each entry.
//!
//! Nothing is taken out of it: a place that has become a gap is passed over by who asks. So it is made anew when the
//! values have moved together, or when it gets full.

/// Finds places by hashes.
#[derive(Default)]
pub struct Finder {
    entries: Vec<u32>, // a place and one, or 0; a power of two of them, or none
}

impl Finder {
    /// One that so many places, and some more, find room in.
    pub fn for_places(places: usize) -> Self {
        Self { entries: vec![0; (places * 2 + 2).next_power_of_two()] }
    }

    /// Whether there is no table.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Tell whether there is room for so many places.
    #[inline]
    pub fn has_room(&self, places: usize) -> bool {
        places * 3 <= self.entries.len() * 2
    }

    /// Enter a place; one without a hash is found otherwise.
    pub fn enter(&mut self, hash: Option<i64>, place: usize) {
        let Some(hash) = hash else { return };
        let last = self.entries.len() - 1;
        let mut at = spread(hash) & last;
        while self.entries[at] != 0 {
            at = (at + 1) & last;
        }
        self.entries[at] = u32::try_from(place + 1).expect("a key has fewer than four thousand million values");
    }

    /// The places at which values of that hash may be, in the order in which they were entered.
    pub fn places(&self, hash: i64) -> impl Iterator<Item = usize> {
        let last = self.entries.len() - 1;
        let mut at = spread(hash) & last;
        std::iter::from_fn(move || {
            let entry = self.entries[at];
            at = (at + 1) & last;
            (entry != 0).then(|| entry as usize - 1)
        })
    }

    /// The bytes of the table.
    pub fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<u32>()
    }
}

/// Where to begin for a hash: hashes of numbers that follow each other stand apart.
#[inline]
fn spread(hash: i64) -> usize {
    ((hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}
