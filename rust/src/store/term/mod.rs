//! A key of the term order, as bytes: how the ordered structures hold and compare keys.
//!
//! `docs/reference/term-encoding.md` says which bytes stand for which key; that their order is the order of keys is all
//! that is used here. Nearly all comparisons end in the first 16 bytes, so these stand in one number, the *head*, and
//! the rest of a longer key stands behind a pointer of 8 bytes.

mod encoder;
mod rest;

pub use encoder::Encoder;
pub use rest::Rest;

use std::cmp::Ordering;

/// How many bytes a head has.
pub const HEAD: usize = 16;

/// The bytes of one key, or of a bound between keys.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Term {
    /// The first bytes, the first one highest, with zeros where there are fewer.
    pub head: u128,
    /// How long it is, and what does not fit into the head.
    pub rest: Rest,
}

impl Term {
    /// Make a term of its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Term {
        match bytes.split_first_chunk::<HEAD>() {
            Some((head, tail)) => Term { head: u128::from_be_bytes(*head), rest: Rest::after_full_head(tail) },
            None => {
                let mut head = [0; HEAD];
                head[..bytes.len()].copy_from_slice(bytes);
                Term { head: u128::from_be_bytes(head), rest: Rest::short(bytes.len()) }
            }
        }
    }

    /// The bytes, in a vector.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.with_bytes(<[u8]>::to_vec)
    }

    /// Call `use_them` with the bytes; those of a short term are not allocated for that.
    pub fn with_bytes<R>(&self, use_them: impl FnOnce(&[u8]) -> R) -> R {
        with_bytes(self.head, &self.rest, use_them)
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether it has no bytes: such a term is below all others.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes of memory it takes beside itself.
    pub fn memory(&self) -> usize {
        self.rest.memory()
    }

    /// The shortest term that is above `low` and not above `high`; `low` has to be below `high`.
    pub fn between(low: (u128, &Rest), high: (u128, &Rest)) -> Term {
        let shared = (low.0 ^ high.0).leading_zeros() as usize / 8;
        if shared < HEAD {
            let kept = shared + 1;
            if kept >= high.1.len() {
                // Only a term that goes on with zeros is that short; take the whole of it.
                return Term { head: high.0, rest: high.1.clone() };
            }
            return Term { head: high.0 & (u128::MAX << ((HEAD - kept) * 8)), rest: Rest::short(kept) };
        }
        let (below, above) = (low.1.tail(), high.1.tail());
        if above.is_empty() {
            return Term { head: high.0, rest: high.1.clone() };
        }
        let same = below.iter().zip(above).take_while(|(one, other)| one == other).count();
        Term { head: high.0, rest: Rest::after_full_head(&above[..same + 1]) }
    }
}

/// Call `use_them` with the bytes of the term that has this head and this rest.
pub fn with_bytes<R>(head: u128, rest: &Rest, use_them: impl FnOnce(&[u8]) -> R) -> R {
    let first = head.to_be_bytes();
    let tail = rest.tail();
    if tail.is_empty() {
        return use_them(&first[..rest.len()]);
    }
    let mut whole = Vec::with_capacity(HEAD + tail.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(tail);
    use_them(&whole)
}

impl Ord for Term {
    fn cmp(&self, other: &Term) -> Ordering {
        self.head.cmp(&other.head).then_with(|| self.rest.cmp(&other.rest))
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Term) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Vec<u8>> {
        let mut samples = vec![Vec::new()];
        for length in [1, 2, 15, 16, 17, 18, 40] {
            for last in [0, 1, 255] {
                for before in [0, 7] {
                    let mut bytes = vec![before; length];
                    bytes[length - 1] = last;
                    samples.push(bytes);
                }
            }
        }
        samples.sort();
        samples.dedup();
        samples
    }

    #[test]
    fn is_as_large_as_it_should_be() {
        assert_eq!(size_of::<Term>(), 32);
        assert_eq!(size_of::<Rest>(), 8);
    }

    #[test]
    fn keeps_bytes_and_their_order() {
        let samples = samples();
        for bytes in &samples {
            let term = Term::from_bytes(bytes);
            assert_eq!(&term.to_bytes(), bytes);
            assert_eq!(&term.clone().to_bytes(), bytes);
            assert_eq!(term.len(), bytes.len());
            assert_eq!(term.memory() == 0, bytes.len() <= HEAD);
            for other in &samples {
                assert_eq!(term.cmp(&Term::from_bytes(other)), bytes.cmp(other), "{bytes:?} and {other:?}");
                assert_eq!(term == Term::from_bytes(other), bytes == other);
            }
        }
    }

    #[test]
    fn finds_a_short_term_between_two() {
        let samples = samples();
        for (number, low) in samples.iter().enumerate() {
            for high in &samples[number + 1..] {
                let (low, high) = (Term::from_bytes(low), Term::from_bytes(high));
                let between = Term::between((low.head, &low.rest), (high.head, &high.rest));
                assert!(low < between && between <= high, "{low:?} {between:?} {high:?}");
                assert!(high.to_bytes().starts_with(&between.to_bytes()));
            }
        }
        let (low, high) = (Term::from_bytes(b"tenant"), Term::from_bytes(b"user:0000000000000001"));
        assert_eq!(Term::between((low.head, &low.rest), (high.head, &high.rest)), Term::from_bytes(b"u"));
    }
}
