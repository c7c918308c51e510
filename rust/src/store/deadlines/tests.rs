//! Random and hostile sequences against a model, and the memory of long runs.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::{Deadlines, Place, Scheduled};

pub(super) struct Row {
    pub(super) deadline: Cell<i64>,
    _beside: [u64; 4],
    pub(super) place: Cell<Place>,
}

#[derive(Clone, Copy)]
pub(super) struct Handle<'a>(pub(super) &'a Row);

impl PartialEq for Handle<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Scheduled for Handle<'_> {
    fn deadline(self) -> i64 {
        self.0.deadline.get()
    }

    fn place(self) -> Place {
        self.0.place.get()
    }

    fn set_place(self, place: Place) {
        self.0.place.set(place);
    }
}

pub(super) fn rows(count: usize) -> Vec<Row> {
    (0..count).map(|_| Row { deadline: Cell::new(0), _beside: [0; 4], place: Cell::new(Place::NOWHERE) }).collect()
}

/// Numbers that look random and are the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The structure beside a simple one: rows by deadline and by the order in which they came.
struct Pair<'a> {
    real: Deadlines<Handle<'a>>,
    model: BTreeMap<(i64, u64), usize>,
    tickets: Vec<Option<u64>>,
    rows: &'a [Row],
    came: u64,
}

impl<'a> Pair<'a> {
    fn new(rows: &'a [Row]) -> Self {
        Self { real: Deadlines::new(), model: BTreeMap::new(), tickets: vec![None; rows.len()], rows, came: 0 }
    }

    fn is_listed(&self, row: usize) -> bool {
        self.tickets[row].is_some()
    }

    fn insert(&mut self, row: usize, deadline: i64) {
        self.came += 1;
        self.rows[row].deadline.set(deadline);
        self.real.insert(Handle(&self.rows[row]));
        self.model.insert((deadline, self.came), row);
        self.tickets[row] = Some(self.came);
    }

    fn remove(&mut self, row: usize) {
        let ticket = self.tickets[row].take().unwrap();
        self.model.remove(&(self.rows[row].deadline.get(), ticket)).unwrap();
        self.real.remove(Handle(&self.rows[row]));
        assert_eq!(self.rows[row].place.get(), Place::NOWHERE);
    }

    fn replace(&mut self, old: usize, new: usize) {
        let ticket = self.tickets[old].take().unwrap();
        let deadline = self.rows[old].deadline.get();
        self.rows[new].deadline.set(deadline);
        self.real.replace(Handle(&self.rows[old]), Handle(&self.rows[new]));
        self.model.insert((deadline, ticket), new);
        self.tickets[new] = Some(ticket);
    }

    fn pop(&mut self, now: i64) -> bool {
        let expected = self.model.first_key_value().map(|(&key, &row)| (key, row)).filter(|((due, _), _)| *due <= now);
        let peeked = self.real.peek_due(now);
        let popped = self.real.pop_due(now);
        assert!(peeked == popped);
        assert!(
            popped == expected.map(|(_, row)| Handle(&self.rows[row])),
            "not the earliest, or not the first of them"
        );
        if let Some((key, row)) = expected {
            self.model.remove(&key);
            self.tickets[row] = None;
        }
        expected.is_some()
    }

    fn check(&self) {
        self.real.check();
        assert_eq!(self.real.len(), self.model.len());
        let first = self.model.first_key_value().map_or(i64::MAX, |((deadline, _), _)| *deadline);
        assert!(self.real.next_due() <= first);
    }

    fn check_count(&self, now: i64) {
        let expected = self.model.range(..=(now, u64::MAX)).count();
        assert_eq!(self.real.count_due(now), expected, "at {now}");
    }
}

/// Deadlines of many shapes.
fn deadline(random: &mut Random, shape: u64, step: usize) -> i64 {
    let step = step as i64;
    match shape {
        0 => random.next() as i64,
        1 => random.below(50) as i64 - 25,
        2 => 1_700_000_000_000 + random.below(3_600_000) as i64,
        3 => 1_700_000_000_000 + step / 3,
        4 => -step * 7,
        5 => [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX][random.below(7) as usize],
        6 => (1_i64 << random.below(63)) * (random.below(3) as i64 - 1),
        7 => 5,
        8 => (random.below(3) as i64) << 40 | random.below(200) as i64,
        9 => (random.below(2) * 0xffff_ffff + random.below(70)) as i64,
        _ => (random.next() >> (34 + step % 30)) as i64,
    }
}

#[test]
fn random_sequences_match_the_model() {
    for seed in 0..44 {
        let mut random = Random(seed);
        let rows = rows(3_000);
        let mut pair = Pair::new(&rows);
        let shape = seed % 11;
        for step in 0..12_000 {
            // The share of insertions swings, so that the structure grows and shrinks to nothing.
            let growing = (step / 3_000) % 2 == 0;
            let row = random.below(rows.len() as u64) as usize;
            let choice = random.below(10);
            if pair.is_listed(row) {
                if choice < 3 {
                    let new = random.below(rows.len() as u64) as usize;
                    if !pair.is_listed(new) {
                        pair.replace(row, new);
                    }
                } else if choice < 5 || !growing {
                    pair.remove(row);
                }
            } else if growing || choice == 0 {
                let mixed = if random.below(8) == 0 { random.below(11) } else { shape };
                pair.insert(row, deadline(&mut random, mixed, step));
            }
            if !growing && choice > 6 {
                pair.pop(i64::MAX);
            }
            if step % 61 == 0 {
                pair.check();
                for _ in 0..4 {
                    let now = deadline(&mut random, shape, step);
                    pair.check_count(now);
                    pair.check_count(now.saturating_add(random.below(2_000) as i64 - 1_000));
                }
                let now = deadline(&mut random, shape, step);
                pair.pop(now);
            }
        }
        while pair.pop(i64::MAX) {}
        pair.check();
        assert_eq!(pair.real.next_due(), i64::MAX);
    }
}

#[test]
fn every_count_is_exact() {
    let rows = rows(2_000);
    let mut random = Random(1);
    let mut pair = Pair::new(&rows);
    for row in 0..rows.len() {
        pair.insert(row, random.below(4_000) as i64 - 2_000);
    }
    pair.check();
    for now in -2_010..2_010 {
        pair.check_count(now);
    }
    for now in [i64::MIN, i64::MAX, -1 << 40, 1 << 40] {
        pair.check_count(now);
    }
}

#[test]
fn orderly_patterns_fill_and_empty() {
    let rows = rows(20_000);
    let count = rows.len() as i64;
    let patterns: [fn(i64, i64) -> i64; 6] = [
        |row, _| row,
        |row, count| count - row,
        |row, count| if row % 2 == 0 { row } else { count * 2 - row },
        |row, _| row / 1_000,
        |row, _| (row % 2) << 62,
        |row, _| row * 1_000_003,
    ];
    for pattern in patterns {
        for from_the_left in [true, false] {
            let mut pair = Pair::new(&rows);
            for row in 0..count {
                pair.insert(row as usize, pattern(row, count));
            }
            pair.check();
            for row in 0..count {
                if from_the_left {
                    assert!(pair.pop(i64::MAX));
                } else {
                    pair.remove((row * 7_919 % count) as usize);
                }
                if row % 997 == 0 {
                    pair.check();
                    pair.check_count(pattern(row, count));
                }
            }
            pair.check();
            assert!(pair.real.is_empty());
        }
    }
}

#[test]
fn sparse_remains_are_joined() {
    for spread in [0, 1, 7, 1_000, 1 << 40] {
        let rows = rows(50_000);
        let mut pair = Pair::new(&rows);
        for row in 0..rows.len() {
            pair.insert(row, row as i64 * spread);
        }
        for row in (0..rows.len()).filter(|row| row % 50 != 0) {
            pair.remove(row);
        }
        pair.check();
        let (used, least) = (pair.real.buckets.used(), pair.real.len() / 64);
        assert!(used <= 4 * least, "{used} buckets where {least} would do");
    }
}

#[test]
fn the_bound_becomes_exact() {
    let rows = rows(3);
    let mut deadlines = Deadlines::new();
    for (row, deadline) in rows.iter().zip([10, 20, 30]) {
        row.deadline.set(deadline);
        deadlines.insert(Handle(row));
    }
    deadlines.remove(Handle(&rows[0]));
    assert_eq!(deadlines.next_due(), 10);
    assert!(deadlines.pop_due(10).is_none());
    assert_eq!(deadlines.next_due(), 20);
    assert!(deadlines.peek_due(25) == Some(Handle(&rows[1])));
    deadlines.clear();
    assert_eq!((deadlines.len(), deadlines.next_due(), deadlines.memory()), (0, i64::MAX, 0));
    deadlines.check();
}

/// Rows come with a lifetime and leave when it is over, for a long time.
#[test]
fn churn_does_not_grow() {
    let rows = rows(20_000);
    let mut random = Random(3);
    let mut deadlines = Deadlines::new();
    let (mut most_at_first, mut most_later) = (0, 0);
    let mut now = 1_700_000_000_000;
    for step in 0..1_000_000 {
        now += i64::from(step % 5 == 0);
        while let Some(Handle(row)) = deadlines.pop_due(now) {
            assert!(row.deadline.get() <= now);
        }
        let row = &rows[step % rows.len()];
        if row.place.get() != Place::NOWHERE {
            deadlines.remove(Handle(row));
        }
        row.deadline.set(now + 2_000 + random.below(4_000) as i64);
        deadlines.insert(Handle(row));
        if step < 200_000 {
            most_at_first = deadlines.memory().max(most_at_first);
        } else if step % 1_000 == 0 {
            most_later = deadlines.memory().max(most_later);
        }
    }
    deadlines.check();
    assert!(most_later <= most_at_first * 5 / 4, "{most_at_first} bytes at first, {most_later} later");
    while deadlines.pop_due(i64::MAX).is_some() {}
    deadlines.check();
    assert!(deadlines.memory() < most_at_first / 4);
}

/// Touching rows again and again moves them to the right end; what they leave behind is joined.
#[test]
fn touching_does_not_spread() {
    let rows = rows(50_000);
    let mut random = Random(4);
    let mut deadlines = Deadlines::new();
    for (step, row) in rows.iter().enumerate() {
        row.deadline.set(step as i64);
        deadlines.insert(Handle(row));
    }
    for step in 0..1_000_000 {
        let row = &rows[random.below(rows.len() as u64) as usize];
        deadlines.remove(Handle(row));
        row.deadline.set(100_000 + step);
        deadlines.insert(Handle(row));
    }
    deadlines.check();
    let each = deadlines.memory() / deadlines.len();
    assert!(each <= 40, "{each} bytes an item");
}
