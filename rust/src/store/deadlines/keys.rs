//! The 64 keys of a bucket, looked at all at once.

/// How many items a bucket holds.
pub(super) const CAPACITY: usize = 64;

/// One bit for every key that equals this one.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn matching(keys: &[u16; CAPACITY], key: u16) -> u64 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi16, _mm_loadu_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_set1_epi16,
    };
    let mut mask = 0;
    for (group, sixteen) in keys.chunks_exact(16).enumerate() {
        let lanes: *const __m128i = sixteen.as_ptr().cast();
        // SAFETY: 16 keys are two vectors of eight; every x86-64 processor has these instructions.
        let bits = unsafe {
            let wanted = _mm_set1_epi16(key as i16);
            let low = _mm_cmpeq_epi16(_mm_loadu_si128(lanes), wanted);
            let high = _mm_cmpeq_epi16(_mm_loadu_si128(lanes.add(1)), wanted);
            _mm_movemask_epi8(_mm_packs_epi16(low, high))
        };
        mask |= u64::from(bits as u16) << (group * 16);
    }
    mask
}

/// One bit for every key that equals this one.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn matching(keys: &[u16; CAPACITY], key: u16) -> u64 {
    matching_one_by_one(keys, key)
}

/// One bit for every key that equals this one, on any processor.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn matching_one_by_one(keys: &[u16; CAPACITY], key: u16) -> u64 {
    let mut mask = 0;
    for (group, eight) in keys.chunks_exact(8).enumerate() {
        let bits = eight.iter().enumerate().fold(0_u64, |bits, (bit, &other)| bits | u64::from(other == key) << bit);
        mask |= bits << (group * 8);
    }
    mask
}

/// The least of all keys.
#[inline]
pub(super) fn least(keys: &[u16; CAPACITY]) -> u16 {
    // As numbers with a sign, for which every processor has the vector instruction.
    let turned = |key: u16| (key ^ 0x8000) as i16;
    let mut least = [i16::MAX; 8];
    for eight in keys.chunks_exact(8) {
        for (least, &key) in least.iter_mut().zip(eight) {
            *least = turned(key).min(*least);
        }
    }
    turned(least.into_iter().fold(i16::MAX, i16::min) as u16) as u16
}

/// How many keys are less than this one.
#[inline]
pub(super) fn count_less(keys: &[u16; CAPACITY], key: u16) -> usize {
    usize::from(keys.iter().fold(0_u16, |count, &other| count + u16::from(other < key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_matching_agree() {
        let mut keys = [u16::MAX; CAPACITY];
        for (position, key) in keys.iter_mut().enumerate() {
            *key = [0, 1, 0x7fff, 0x8000, 0xffff, 0x00ff][position * position % 61 % 6];
        }
        for key in [0, 1, 2, 0x7fff, 0x8000, 0xffff, 0x00ff, 0xff00] {
            assert_eq!(matching(&keys, key), matching_one_by_one(&keys, key));
            assert_eq!(count_less(&keys, key), keys.iter().filter(|&&other| other < key).count());
        }
        assert_eq!(least(&keys), 0);
        assert_eq!(least(&[u16::MAX; CAPACITY]), u16::MAX);
        assert_eq!(least(&[0x8000; CAPACITY]), 0x8000);
    }
}
