//! Storage of nodes and buckets: entries are named by number, never move together, and are used again.
//!
//! Entries lie in chunks of 64, so growing copies nothing that is already there: no single insert pays for it. A
//! chunk whose entries are all free gives its memory back; one such chunk is kept, for those who come and go.

use std::ops::{Index, IndexMut};

const CHUNK: usize = 64;

struct Chunk<T> {
    entries: Vec<T>,
    free: u64,
    has_room: bool,
}

/// Numbered entries of one type.
pub(super) struct Arena<T> {
    chunks: Vec<Chunk<T>>,
    with_room: Vec<u32>,
    resting: usize,
}

impl<T> Arena<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), with_room: Vec::new(), resting: 0 }
    }

    /// Store a value and return its number, always below 2^30.
    pub(super) fn add(&mut self, value: T) -> u32 {
        let number = match self.with_room.last() {
            Some(&number) => number as usize,
            None => self.add_chunk(),
        };
        let chunk = &mut self.chunks[number];
        if chunk.entries.len() == chunk.free.count_ones() as usize && chunk.entries.capacity() > 0 {
            self.resting -= 1;
        }
        let offset = if chunk.free != 0 {
            let offset = chunk.free.trailing_zeros() as usize;
            chunk.free &= chunk.free - 1;
            chunk.entries[offset] = value;
            offset
        } else {
            if chunk.entries.capacity() == 0 && number > 0 {
                chunk.entries.reserve_exact(CHUNK);
            }
            chunk.entries.push(value);
            chunk.entries.len() - 1
        };
        if chunk.free == 0 && chunk.entries.len() == CHUNK {
            chunk.has_room = false;
            self.with_room.pop();
        }
        (number * CHUNK + offset) as u32
    }

    fn add_chunk(&mut self) -> usize {
        let number = self.chunks.len();
        assert!(number < (1 << 30) / CHUNK, "too many rows with a deadline");
        self.chunks.push(Chunk { entries: Vec::new(), free: 0, has_room: true });
        self.with_room.push(number as u32);
        number
    }

    /// Let an entry be used again.
    pub(super) fn free(&mut self, number: u32) {
        let place = number as usize / CHUNK;
        let chunk = &mut self.chunks[place];
        chunk.free |= 1 << (number as usize % CHUNK);
        if chunk.free.count_ones() as usize == chunk.entries.len() {
            if self.resting > 0 {
                chunk.entries = Vec::new();
                chunk.free = 0;
            } else {
                self.resting = 1;
            }
        }
        if !chunk.has_room {
            chunk.has_room = true;
            self.with_room.push(place as u32);
        }
    }

    /// How many entries are in use.
    pub(super) fn used(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.entries.len() - chunk.free.count_ones() as usize).sum()
    }

    /// All entries that there are; those not in use are as they were when freed.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| &chunk.entries)
    }

    /// The bytes held.
    pub(super) fn memory(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk<T>>()
            + self.with_room.capacity() * size_of::<u32>()
            + self.chunks.iter().map(|chunk| chunk.entries.capacity() * size_of::<T>()).sum::<usize>()
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.chunks[number as usize / CHUNK].entries[number as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.chunks[number as usize / CHUNK].entries[number as usize % CHUNK]
    }
}
