//! Counting the different keys of a batch.

use super::many::Batch;
use pyo3::ffi;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// How many different keys there are in a batch of plain keys.
///
/// Each hash has a bit, of sixteen times as many as there are keys. Where no two share one, no two keys are equal; else
/// those that share one are counted one by one.
pub struct Census {
    size: usize,
    bits: Bits,
    suspects: Vec<Key>,
}

impl Census {
    pub fn new(size: usize) -> Self {
        Self { size, bits: Bits::new(size * 16), suspects: Vec::new() }
    }

    /// Count a whole batch.
    pub unsafe fn of(batch: &Batch, size: usize) -> Self {
        let mut census = Self::new(size);
        // SAFETY: the keys are alive, and plain.
        unsafe {
            batch.each(|(key, _)| {
                census.count(key);
                Some(())
            });
        }
        census
    }

    /// Take note of a key.
    ///
    /// # Safety
    /// It is alive and plain.
    #[inline(always)]
    pub unsafe fn count(&mut self, key: *mut ffi::PyObject) {
        // SAFETY: says the caller.
        let key = unsafe { Key::new(key) };
        if self.bits.set(key.mixed()) {
            self.suspects.push(key);
        }
    }

    /// How many different keys the batch has that was counted.
    pub unsafe fn different(mut self, batch: &Batch) -> usize {
        if self.suspects.is_empty() {
            return self.size;
        }
        self.bits.clear();
        for suspect in &self.suspects {
            self.bits.set(suspect.mixed());
        }
        let mut met = HashSet::with_hasher(BuildHasherDefault::<Mixed>::default());
        let mut again = 0;
        // SAFETY: the keys are alive, and plain.
        unsafe {
            batch.each(|(key, _)| {
                let key = Key::new(key);
                again += usize::from(self.bits.has(key.mixed()) && !met.insert(key));
                Some(())
            });
        }
        self.size - again
    }
}

/// A bit for each hash, shared by some.
struct Bits {
    words: Vec<u64>,
    shift: u32,
}

impl Bits {
    fn new(least: usize) -> Self {
        let count = least.next_power_of_two().max(64);
        Self { words: vec![0; count / 64], shift: 64 - count.ilog2() }
    }

    fn clear(&mut self) {
        self.words.fill(0);
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let bit = hash >> self.shift;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn has(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.words[word] & bit != 0
    }

    /// Set the bit of a hash, and tell whether it was set already.
    #[inline(always)]
    fn set(&mut self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        let word = &mut self.words[word];
        let before = *word & bit != 0;
        *word |= bit;
        before
    }
}

/// A plain key with its hash, equal to others as it is in a dict.
struct Key(*mut ffi::PyObject, ffi::Py_hash_t);

impl Key {
    unsafe fn new(key: *mut ffi::PyObject) -> Self {
        // SAFETY: alive and plain, says the caller, so its hash is C code and raises nothing.
        Self(key, unsafe { ffi::PyObject_Hash(key) })
    }

    /// The hash, of an int the int itself, spread over all bits; the high ones are the best.
    fn mixed(&self) -> u64 {
        let product = (self.1 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        product ^ (product >> 32)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.mixed());
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // SAFETY: both are alive; comparing plain keys runs no Python code and raises nothing.
        self.1 == other.1 && unsafe { ffi::PyObject_RichCompareBool(self.0, other.0, ffi::Py_EQ) == 1 }
    }
}

impl Eq for Key {}

/// Hands on what is mixed already.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a key is hashed by the hash that it has");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
