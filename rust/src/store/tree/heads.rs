//! Heads in order, in one array: what a search in a node reads.
//!
//! Places that are not in use hold the greatest head there is, so a search needs no length. It looks at three heads a
//! step, which leaves a quarter: no branch depends on what it compares, so none is guessed wrongly.

/// How many heads a node has room for.
pub(super) const CAPACITY: usize = 64;
const NOTHING: u128 = u128::MAX;

/// The heads of a node, in ascending order.
#[repr(C, align(64))]
pub(super) struct Heads([u128; CAPACITY]);

impl Heads {
    pub(super) const EMPTY: Heads = Heads([NOTHING; CAPACITY]);

    #[inline]
    pub(super) fn get(&self, place: usize) -> u128 {
        self.0[place]
    }

    #[inline]
    pub(super) fn replace(&mut self, place: usize, head: u128) -> u128 {
        std::mem::replace(&mut self.0[place], head)
    }

    /// Make room for `count` heads at a place, of `len` heads; what is there then has to be replaced.
    #[inline]
    pub(super) fn open(&mut self, place: usize, count: usize, len: usize) {
        self.0.copy_within(place..len, place + count);
    }

    /// Take out `count` heads at a place, of `len` heads.
    #[inline]
    pub(super) fn close(&mut self, place: usize, count: usize, len: usize) {
        self.0.copy_within(place + count..len, place);
        self.0[len - count..len].fill(NOTHING);
    }

    /// Copy `count` heads into others, where there is room for them.
    pub(super) fn copy_to(&self, from: usize, count: usize, other: &mut Heads, at: usize) {
        other.0[at..at + count].copy_from_slice(&self.0[from..from + count]);
    }

    /// Put the same head at all of these places.
    pub(super) fn fill(&mut self, from: usize, to: usize, head: u128) {
        self.0[from..to].fill(head);
    }

    /// Whether a head stands at two of these places.
    pub(super) fn repeat(&self, from: usize, to: usize) -> bool {
        self.0[from..to].windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Return how many are below `head`.
    #[inline]
    pub(super) fn below(&self, head: u128) -> usize {
        self.count(|other| other < head)
    }

    /// Return how many of the first `len`, which are all there are, are not above `head`.
    #[inline]
    pub(super) fn not_above(&self, head: u128, len: usize) -> usize {
        self.count(|other| other <= head).min(len)
    }

    /// Return how many are so; those that are come first.
    #[inline]
    fn count(&self, is_so: impl Fn(u128) -> bool) -> usize {
        const { assert!(CAPACITY == 64) };
        let mut start = 0;
        for quarter in [16, 4, 1] {
            let lasts = [quarter - 1, 2 * quarter - 1, 3 * quarter - 1];
            start += lasts.map(|last| usize::from(is_so(self.0[start + last]))).iter().sum::<usize>() * quarter;
        }
        start + usize::from(is_so(self.0[start]))
    }

    /// Panic unless places behind `len` hold nothing.
    pub(super) fn check(&self, len: usize) {
        assert!(self.0[len..].iter().all(|head| *head == NOTHING), "nothing stands behind the last head");
        assert!(self.0[..len].is_sorted(), "heads ascend");
    }
}
