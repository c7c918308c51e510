//! In which order items were used: a list that goes through the items themselves.
//!
//! Each item remembers its two neighbours, so a use, an arrival and a departure touch three items at most, whatever
//! their number, and nothing is allocated.

/// What can be in such a list: a handle of an item that remembers its neighbours.
///
/// Two handles are equal when they mean the same item; no item may be in two lists, or twice in one.
pub trait Linked: Copy + PartialEq {
    /// The item that was used last before this one.
    fn older(self) -> Option<Self>;
    /// The item that was used next after this one.
    fn newer(self) -> Option<Self>;
    /// Remember the item that was used last before this one.
    fn set_older(self, older: Option<Self>);
    /// Remember the item that was used next after this one.
    fn set_newer(self, newer: Option<Self>);
}

/// The items in the order of their last use.
pub struct Recency<L: Linked> {
    oldest: Option<L>,
    newest: Option<L>,
    count: usize,
}

impl<L: Linked> Default for Recency<L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<L: Linked> Recency<L> {
    /// An empty list.
    pub const fn new() -> Self {
        Self { oldest: None, newest: None, count: 0 }
    }

    /// How many items there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no item.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The item whose last use is longest ago.
    #[inline]
    pub fn oldest(&self) -> Option<L> {
        self.oldest
    }

    /// Take in an item, as used just now.
    #[inline]
    pub fn insert(&mut self, item: L) {
        self.append(item);
        self.count += 1;
    }

    /// Take note that an item is used just now.
    #[inline]
    pub fn used(&mut self, item: L) {
        if self.newest != Some(item) {
            self.unlink(item);
            self.append(item);
        }
    }

    /// Take out an item.
    #[inline]
    pub fn remove(&mut self, item: L) {
        self.unlink(item);
        self.count -= 1;
    }

    /// Put an item in the place of another.
    #[inline]
    pub fn replace(&mut self, old: L, new: L) {
        let (older, newer) = (old.older(), old.newer());
        new.set_older(older);
        new.set_newer(newer);
        self.join(older, Some(new));
        self.join(Some(new), newer);
    }

    /// The items, the one whose last use is longest ago first.
    pub fn iter(&self) -> impl Iterator<Item = L> {
        std::iter::successors(self.oldest, |item| item.newer())
    }

    /// Panic unless the list holds together.
    pub fn check(&self) {
        let (mut before, mut count) = (None, 0);
        for item in self.iter() {
            assert!(item.older() == before, "an item has another neighbour than its neighbour has");
            before = Some(item);
            count += 1;
            assert!(count <= self.count, "the list has more items than were counted");
        }
        assert!(self.newest == before, "the newest item is another");
        assert!(count == self.count, "the list has fewer items than were counted");
    }

    #[inline(always)]
    fn append(&mut self, item: L) {
        item.set_newer(None);
        self.join(self.newest, Some(item));
        self.newest = Some(item);
    }

    #[inline(always)]
    fn unlink(&mut self, item: L) {
        self.join(item.older(), item.newer());
    }

    /// Make two items neighbours; nothing on one side makes the other the first or the last.
    #[inline(always)]
    fn join(&mut self, older: Option<L>, newer: Option<L>) {
        match older {
            Some(older) => older.set_newer(newer),
            None => self.oldest = newer,
        }
        match newer {
            Some(newer) => newer.set_older(older),
            None => self.newest = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Linked, Recency};
    use std::cell::Cell;

    #[derive(Default)]
    struct Item<'a> {
        number: usize,
        older: Cell<Option<&'a Item<'a>>>,
        newer: Cell<Option<&'a Item<'a>>>,
    }

    /// A handle of an item.
    #[derive(Clone, Copy)]
    struct At<'a>(&'a Item<'a>);

    impl PartialEq for At<'_> {
        fn eq(&self, other: &Self) -> bool {
            std::ptr::eq(self.0, other.0)
        }
    }

    impl Linked for At<'_> {
        fn older(self) -> Option<Self> {
            self.0.older.get().map(At)
        }
        fn newer(self) -> Option<Self> {
            self.0.newer.get().map(At)
        }
        fn set_older(self, older: Option<Self>) {
            self.0.older.set(older.map(|at| at.0));
        }
        fn set_newer(self, newer: Option<Self>) {
            self.0.newer.set(newer.map(|at| at.0));
        }
    }

    fn items<'a>(count: usize) -> Vec<Item<'a>> {
        (0..count).map(|number| Item { number, ..Item::default() }).collect()
    }

    fn numbers(recency: &Recency<At<'_>>) -> Vec<usize> {
        recency.check();
        recency.iter().map(|at| at.0.number).collect()
    }

    #[test]
    fn a_new_list_is_empty() {
        let recency = Recency::<At>::default();
        assert!(recency.is_empty() && recency.oldest().is_none());
        assert!(numbers(&recency).is_empty());
    }

    #[test]
    fn items_stand_in_the_order_of_their_last_use() {
        let items = items(4);
        let mut recency = Recency::new();
        items.iter().for_each(|item| recency.insert(At(item)));
        recency.used(At(&items[1])); // from the middle
        assert_eq!(numbers(&recency), [0, 2, 3, 1]);
        recency.used(At(&items[0])); // the oldest
        assert_eq!(numbers(&recency), [2, 3, 1, 0]);
        recency.used(At(&items[0])); // the newest
        assert_eq!(numbers(&recency), [2, 3, 1, 0]);
        assert_eq!(recency.oldest().map(|at| at.0.number), Some(2));
    }

    #[test]
    fn an_item_can_leave_from_anywhere() {
        let items = items(5);
        let mut recency = Recency::new();
        items.iter().for_each(|item| recency.insert(At(item)));
        for (leaves, left) in [(2, vec![0, 1, 3, 4]), (0, vec![1, 3, 4]), (4, vec![1, 3]), (1, vec![3]), (3, vec![])] {
            recency.remove(At(&items[leaves]));
            assert_eq!(numbers(&recency), left);
        }
        recency.insert(At(&items[2]));
        assert_eq!(numbers(&recency), [2]);
    }

    #[test]
    fn an_item_can_stand_in_for_another_anywhere() {
        let items = items(6);
        let mut recency = Recency::new();
        items[..3].iter().for_each(|item| recency.insert(At(item)));
        recency.replace(At(&items[1]), At(&items[4]));
        assert_eq!(numbers(&recency), [0, 4, 2]);
        recency.replace(At(&items[0]), At(&items[3]));
        recency.replace(At(&items[2]), At(&items[5]));
        assert_eq!(numbers(&recency), [3, 4, 5]);
        recency.remove(At(&items[4]));
        recency.remove(At(&items[3]));
        recency.replace(At(&items[5]), At(&items[0])); // the only one
        assert_eq!(numbers(&recency), [0]);
    }

    #[test]
    fn a_long_run_of_steps_keeps_the_order() {
        let items = items(64);
        let (mut recency, mut expected) = (Recency::new(), Vec::<usize>::new());
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (number, step) = ((seed >> 33) as usize % items.len(), (seed >> 50) % 3);
            let place = expected.iter().position(|&known| known == number);
            match (place, step) {
                (None, _) => {
                    recency.insert(At(&items[number]));
                    expected.push(number);
                }
                (Some(place), 0) => {
                    recency.remove(At(&items[number]));
                    expected.remove(place);
                }
                (Some(place), _) => {
                    recency.used(At(&items[number]));
                    expected.remove(place);
                    expected.push(number);
                }
            }
            assert_eq!(recency.len(), expected.len());
        }
        assert_eq!(numbers(&recency), expected);
    }
}
