//! The values of one key of a bag, in the order in which they came.
//!
//! Each value has a *place*, its position among all that came, and a *ticket*, which grows with every value and never
//! changes. What is removed leaves a gap behind, so that no other value has to move: adding and removing are O(1). Once
//! more than half of the places are gaps, the values move together; from then on tickets are written down, until then
//! they are the places.
//!
//! Where values have hashes, few of them are found by going through all, many by a table of places.

mod finder;
#[cfg(test)]
mod tests;

use finder::Finder;

/// What is remembered of a value beside itself: its hash, or nothing.
pub trait Mark: Copy {
    /// Whether values are found by it at all.
    const FINDS: bool;

    /// The hash; `None` for a value that has none.
    fn hash(self) -> Option<i64>;
}

impl Mark for () {
    const FINDS: bool = false;

    fn hash(self) -> Option<i64> {
        None
    }
}

/// The hash of a value, or that it has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash(i64);

impl Hash {
    /// What stands for the hash of a value that has none: no value has this one.
    pub const NONE: Self = Self(-1);

    /// A hash, which is not -1.
    #[inline(always)]
    pub fn new(hash: i64) -> Self {
        Self(hash)
    }
}

impl Mark for Hash {
    const FINDS: bool = true;

    #[inline(always)]
    fn hash(self) -> Option<i64> {
        (self != Self::NONE).then_some(self.0)
    }
}

/// How many gaps are always allowed.
const FEW_GAPS: usize = 8;

/// How many places are gone through without a table.
const FEW_PLACES: usize = 8;

/// Where a value stands, or stood.
struct Spot<T, M> {
    value: Option<T>,
    mark: M,
}

/// The values of one key.
pub struct Cell<T, M> {
    spots: Vec<Spot<T, M>>,
    more: Option<Box<More>>,
}

/// What most cells have no use for.
#[derive(Default)]
struct More {
    gaps: usize,
    hashless: usize,   // values without a hash
    tickets: Vec<u64>, // of each place, where they are written down
    next: u64,         // the ticket of the next value; 0 for as long as tickets are places
    finder: Finder,    // empty for few places
}

impl<T, M: Mark> Cell<T, M> {
    /// A cell without values, with room for some.
    pub fn with_capacity(size: usize) -> Self {
        Self { spots: Vec::with_capacity(size), more: None }
    }

    /// How many values there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.spots.len() - self.more.as_ref().map_or(0, |more| more.gaps)
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tell whether any value has no hash.
    #[inline]
    pub fn has_hashless(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.hashless > 0)
    }

    /// Add a value at the end.
    #[inline]
    pub fn push(&mut self, value: T, mark: M) {
        let place = self.spots.len();
        self.spots.push(Spot { value: Some(value), mark });
        if self.more.is_some() || (M::FINDS && (place >= FEW_PLACES || mark.hash().is_none())) {
            self.note(place, mark);
        }
    }

    /// Enter a new place in what is kept beside the values.
    #[cold]
    fn note(&mut self, place: usize, mark: M) {
        let more = self.more.get_or_insert_default();
        if more.next > 0 {
            more.tickets.push(more.next);
            more.next += 1;
        }
        if !M::FINDS {
            return;
        }
        more.hashless += usize::from(mark.hash().is_none());
        if more.finder.has_room(self.spots.len()) {
            more.finder.enter(mark.hash(), place);
        } else {
            self.rebuild_finder();
        }
    }

    fn rebuild_finder(&mut self) {
        let Some(more) = &mut self.more else { return };
        more.finder = Finder::default();
        if M::FINDS && self.spots.len() > FEW_PLACES {
            more.finder = Finder::for_places(self.spots.len());
            for (place, spot) in self.spots.iter().enumerate() {
                if spot.value.is_some() {
                    more.finder.enter(spot.mark.hash(), place);
                }
            }
        }
    }

    /// All values in order, each with its place and what is remembered of it.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T, M)> {
        self.spots.iter().enumerate().filter_map(|(place, spot)| Some((place, spot.value.as_ref()?, spot.mark)))
    }

    /// The values in order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.spots.iter().filter_map(|spot| spot.value.as_ref())
    }

    /// Go through the values with that hash, in order, each with its place, until one gives an answer.
    #[inline]
    pub fn find_hash<R>(&self, hash: i64, mut ask: impl FnMut(usize, &T) -> Option<R>) -> Option<R> {
        let mut ask_at = |place: usize| {
            let spot = &self.spots[place];
            if spot.mark.hash() != Some(hash) {
                return None;
            }
            ask(place, spot.value.as_ref()?)
        };
        match &self.more {
            Some(more) if !more.finder.is_empty() => more.finder.places(hash).find_map(ask_at),
            _ => (0..self.spots.len()).find_map(&mut ask_at),
        }
    }

    /// The values without a hash, in order, each with its place. O(values) if there are any.
    pub fn without_hash(&self) -> impl Iterator<Item = (usize, &T)> {
        let searched = if self.has_hashless() { 0..self.spots.len() } else { 0..0 };
        searched.filter_map(move |place| {
            let spot = &self.spots[place];
            if spot.mark.hash().is_none() { Some((place, spot.value.as_ref()?)) } else { None }
        })
    }

    /// The value at a place.
    #[inline]
    pub fn at(&self, place: usize) -> Option<&T> {
        self.spots.get(place)?.value.as_ref()
    }

    /// The ticket of the value at a place.
    pub fn ticket(&self, place: usize) -> u64 {
        match &self.more {
            Some(more) if more.next > 0 => more.tickets[place],
            _ => place as u64,
        }
    }

    /// The place of the value with that ticket.
    pub fn place(&self, ticket: u64) -> Option<usize> {
        let place = match &self.more {
            Some(more) if more.next > 0 => more.tickets.binary_search(&ticket).ok()?,
            _ => usize::try_from(ticket).ok()?,
        };
        self.at(place).map(|_| place)
    }

    /// Remove values by their places, into `removed`, in the order of the places given. Places change by this.
    pub fn remove(&mut self, places: &[usize], removed: &mut Vec<T>) {
        for &place in places {
            let Some(spot) = self.spots.get_mut(place) else { continue };
            let Some(value) = spot.value.take() else { continue };
            let more = self.more.get_or_insert_default();
            more.gaps += 1;
            more.hashless -= usize::from(M::FINDS && spot.mark.hash().is_none());
            removed.push(value);
        }
        self.close_gaps();
    }

    /// Move the values together if there are more gaps than values.
    fn close_gaps(&mut self) {
        let Some(more) = &mut self.more else { return };
        if more.gaps <= FEW_GAPS || more.gaps * 2 <= self.spots.len() {
            return;
        }
        if more.next == 0 {
            more.next = self.spots.len() as u64;
            more.tickets = (0..more.next).collect();
        }
        let mut places = self.spots.iter().map(|spot| spot.value.is_some());
        more.tickets.retain(|_| places.next().unwrap_or(false));
        self.spots.retain(|spot| spot.value.is_some());
        more.gaps = 0;
        let room = self.spots.len() * 2;
        self.spots.shrink_to(room);
        more.tickets.shrink_to(room);
        self.rebuild_finder();
    }

    /// The bytes of what is kept beside the cell itself.
    pub fn memory(&self) -> usize {
        let more = self
            .more
            .as_ref()
            .map_or(0, |more| size_of::<More>() + more.tickets.capacity() * size_of::<u64>() + more.finder.memory());
        self.spots.capacity() * size_of::<Spot<T, M>>() + more
    }

    /// Panic unless all of it holds together.
    pub fn check(&self) {
        let Some(more) = &self.more else {
            assert!(self.spots.iter().all(|spot| spot.value.is_some()), "a gap that nobody has counted");
            assert!(!M::FINDS || self.spots.len() <= FEW_PLACES, "many places, and no table");
            assert!(!M::FINDS || self.spots.iter().all(|spot| spot.mark.hash().is_some()), "a value without a hash");
            return;
        };
        assert_eq!(more.gaps, self.spots.iter().filter(|spot| spot.value.is_none()).count(), "gaps");
        if more.next > 0 {
            assert_eq!(more.tickets.len(), self.spots.len(), "a ticket for every place");
            assert!(more.tickets.is_sorted_by(|one, other| one < other), "tickets are out of order");
            assert!(more.tickets.last().is_none_or(|last| *last < more.next), "the next ticket is taken");
        }
        if M::FINDS {
            assert_eq!(more.hashless, self.iter().filter(|(_, _, mark)| mark.hash().is_none()).count(), "hashless");
            for (place, _, mark) in self.iter() {
                if let Some(hash) = mark.hash() {
                    let found = self.find_hash(hash, |found, _| (found == place).then_some(()));
                    assert!(found.is_some(), "a value is not found by its hash");
                }
            }
        }
    }
}
