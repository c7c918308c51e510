//! BLAKE2s (RFC 7693) of what fits into one block: the tokens of sessions.

/// The bytes of a digest.
pub const LENGTH: usize = 32;

/// The bytes of a block.
pub const BLOCK: usize = 64;

const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

const ORDER: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The digest of a text that fits into one block, without a key; `None` for a longer one.
pub fn blake2s(text: &[u8]) -> Option<[u8; LENGTH]> {
    let mut block = [0; BLOCK];
    block.get_mut(..text.len())?.copy_from_slice(text);
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
    }
    let mut hash = START;
    hash[0] ^= 0x0101_0000 ^ LENGTH as u32; // one leaf, no key, so many bytes
    let mut work = [0; 16];
    work[..8].copy_from_slice(&hash);
    work[8..].copy_from_slice(&START);
    work[12] ^= text.len() as u32;
    work[14] ^= u32::MAX; // the last block
    for order in &ORDER {
        for (column, at) in [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]].into_iter().enumerate() {
            mix(&mut work, at, words[order[2 * column]], words[order[2 * column + 1]]);
        }
        for (row, at) in [[0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]].into_iter().enumerate() {
            mix(&mut work, at, words[order[2 * row + 8]], words[order[2 * row + 9]]);
        }
    }
    let mut digest = [0; LENGTH];
    for (number, bytes) in digest.chunks_exact_mut(4).enumerate() {
        bytes.copy_from_slice(&(hash[number] ^ work[number] ^ work[number + 8]).to_le_bytes());
    }
    Some(digest)
}

#[inline(always)]
fn mix(work: &mut [u32; 16], [a, b, c, d]: [usize; 4], one: u32, other: u32) {
    for (word, right, left) in [(one, 16, 12), (other, 8, 7)] {
        work[a] = work[a].wrapping_add(work[b]).wrapping_add(word);
        work[d] = (work[d] ^ work[a]).rotate_right(right);
        work[c] = work[c].wrapping_add(work[d]);
        work[b] = (work[b] ^ work[c]).rotate_right(left);
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, blake2s};

    fn hexadecimal(text: &[u8]) -> Option<String> {
        blake2s(text).map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    #[test]
    fn the_digest_of_abc_is_that_of_the_rfc() {
        let expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982";
        assert_eq!(hexadecimal(b"abc").as_deref(), Some(expected));
    }

    #[test]
    fn the_digest_of_nothing_is_known() {
        let expected = "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9";
        assert_eq!(hexadecimal(b"").as_deref(), Some(expected));
    }

    #[test]
    fn a_whole_block_has_a_digest_and_more_has_none() {
        assert!(blake2s(&[7; BLOCK]).is_some());
        assert!(blake2s(&[7; BLOCK + 1]).is_none());
    }
}
