//! Trees against a model: a sorted vector, on sequences of operations that are random or made to be unpleasant.

use std::collections::BTreeMap;

use super::*;

/// Numbers that only look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

/// How numbers become bytes of terms.
type Shape = fn(usize) -> Vec<u8>;

fn short(number: usize) -> Vec<u8> {
    (number as u32).to_be_bytes().to_vec()
}

/// Terms of which many have one head, of different lengths, some the beginning of others.
fn long(number: usize) -> Vec<u8> {
    let mut bytes = vec![b'x'; 14];
    bytes.push((number >> 12) as u8);
    bytes.push((number >> 9) as u8);
    bytes.extend(vec![0; number & 3]);
    if number & 4 > 0 {
        bytes.extend([0, (number >> 3) as u8 & 63, 7]);
    }
    bytes.extend([(number >> 3) as u8 & 63; 1]);
    bytes
}

/// Terms that are all zeros, told apart by their lengths alone.
fn zeros(number: usize) -> Vec<u8> {
    vec![0; number % 1500]
}

/// Terms with long common beginnings, which groups of them have longer; few stand apart.
fn grouped(number: usize) -> Vec<u8> {
    match number % 997 {
        7 => (number as u32).to_be_bytes().to_vec(),
        8 => b"a long common beginning"[..number / 7 % 24].to_vec(),
        9 => format!("a long common zebra {number}").into_bytes(),
        _ if number % 3 == 0 => format!("a long common beginning, that is longer for some {}", number / 3).into_bytes(),
        _ => format!("a long common beginning {number}").into_bytes(),
    }
}

/// The same of the greatest bytes.
fn ones(number: usize) -> Vec<u8> {
    vec![255; number % 1500]
}

const SHAPES: [Shape; 5] = [short, long, zeros, ones, grouped];

struct Both {
    tree: Tree<usize>,
    model: BTreeMap<Vec<u8>, usize>,
    shape: Shape,
    written: usize,
}

impl Both {
    fn new(shape: Shape) -> Both {
        let mut tree = Tree::new();
        tree.nodes.take_blocks_from(10);
        Both { tree, model: BTreeMap::new(), shape, written: 0 }
    }

    fn insert(&mut self, number: usize) {
        let bytes = (self.shape)(number);
        self.written += 1;
        assert_eq!(self.tree.insert(Term::from_bytes(&bytes), self.written), self.model.insert(bytes, self.written));
    }

    fn remove(&mut self, number: usize) {
        let bytes = (self.shape)(number);
        assert_eq!(self.tree.remove(&Term::from_bytes(&bytes)), self.model.remove(&bytes));
    }

    fn remove_range(&mut self, start: usize, stop: usize) {
        let keys: Vec<Vec<u8>> = self.model.keys().skip(start).take(stop.saturating_sub(start)).cloned().collect();
        let expected: Vec<usize> = keys.iter().map(|key| self.model.remove(key).expect("it is there")).collect();
        let mut removed = Vec::new();
        self.tree.remove_range(start, stop, |value| removed.push(value));
        assert_eq!(removed, expected);
    }

    fn ask(&self, number: usize) {
        let bytes = (self.shape)(number);
        let term = Term::from_bytes(&bytes);
        let (tree, model) = (&self.tree, &self.model);
        assert_eq!(tree.get(&term), model.get(&bytes));
        assert_eq!(tree.entry(&term).map(|entry| entry.value()), model.get(&bytes).copied());
        let rank = model.range(..bytes.clone()).count();
        assert_eq!(tree.find(&term), (rank, model.contains_key(&bytes)));
        let same = |entry: Option<Entry<'_, usize>>, expected: Option<(&Vec<u8>, &usize)>| {
            assert_eq!(
                entry.map(|entry| (entry.term().to_bytes(), entry.value())),
                expected.map(|(k, v)| (k.clone(), *v))
            );
        };
        let above = (std::ops::Bound::Excluded(&bytes), std::ops::Bound::Unbounded);
        same(tree.after(&term), model.range::<Vec<u8>, _>(above).next());
        same(tree.from(&term), model.range(bytes.clone()..).next());
        same(tree.before(&term), model.range(..bytes.clone()).next_back());
        let (there, last) = (model.contains_key(&bytes), model.last_key_value());
        assert_eq!(tree.last().is_some_and(|entry| entry.is_above(&term)), last.is_some_and(|(key, _)| *key > bytes));
        for at in [false, true].into_iter().filter(|_| number % 16 == 0) {
            let (mut next, mut met) = (tree.first(), 0);
            while let Some(entry) = next {
                next = entry.in_leaf(Some((&term, at))).inspect(|_| met += 1).last().and_then(|entry| entry.next());
            }
            assert_eq!(met, rank + usize::from(at && there));
        }
        same(tree.up_to(&term), model.range(..=bytes).next_back());
        same(tree.first(), model.first_key_value());
        same(tree.last(), model.last_key_value());
        same(tree.at(number % (model.len() + 1)), model.iter().nth(number % (model.len() + 1)));
    }

    fn check(&self) {
        self.tree.check();
        assert_eq!(self.tree.len(), self.model.len());
        assert!(self.tree.iter().map(|entry| entry.value()).eq(self.model.values().copied()));
        assert!(self.tree.iter().zip(self.model.keys()).all(|(entry, key)| entry.with_bytes(|bytes| bytes == key)));
        let (start, stop) = (self.model.len() / 3, self.model.len() / 3 + 200);
        let some: Vec<usize> = self.model.values().copied().skip(start).take(200).collect();
        assert!(self.tree.ascending(start, stop).map(|entry| entry.value()).eq(some.iter().copied()));
        assert!(self.tree.descending(start, stop).map(|entry| entry.value()).eq(some.iter().rev().copied()));
    }
}

#[test]
fn an_empty_tree_answers() {
    for shape in SHAPES {
        let mut both = Both::new(shape);
        both.check();
        both.ask(7);
        both.remove(7);
        both.remove_range(0, 9);
        assert_eq!(both.tree.memory(), 0);
    }
}

#[test]
fn random_operations() {
    for (number, shape) in SHAPES.into_iter().enumerate() {
        let (mut both, mut dice) = (Both::new(shape), Dice(number as u64));
        for round in 0..30_000_usize {
            let growing = (round / 5_000) % 2 == 0;
            let chosen = dice.roll(8_000);
            match dice.roll(100) {
                0..45 if growing => both.insert(chosen),
                0..45 => both.remove(chosen),
                45..65 => both.insert(chosen),
                65..80 => both.remove(chosen),
                80 if dice.roll(50) == 0 => {
                    let start = dice.roll(both.model.len() + 1);
                    both.remove_range(start, start + dice.roll(1_500));
                }
                81..83 => both.ask(chosen),
                _ => (),
            }
            if round % 3_000 == 0 {
                both.check();
            }
        }
        both.check();
        while !both.model.is_empty() {
            let position = dice.roll(both.model.len());
            let key = both.model.keys().nth(position).cloned().expect("it is there");
            assert_eq!(both.tree.remove_at(position), both.model.remove(&key));
            if both.model.len() % 500 == 0 {
                both.check();
            }
        }
        both.check();
        assert_eq!(both.tree.memory(), 0);
    }
}

#[test]
fn unpleasant_sequences() {
    const SIZE: usize = 12_000;
    let ascending = |number: usize| number;
    let descending = |number: usize| SIZE - 1 - number;
    let zigzag = |number: usize| {
        if number % 2 == 0 { number / 2 } else { SIZE - 1 - number / 2 }
    };
    let inwards = |number: usize| SIZE - 1 - zigzag(number);
    let outwards = |number: usize| zigzag(SIZE - 1 - number);
    let orders: [&dyn Fn(usize) -> usize; 5] = [&ascending, &descending, &zigzag, &inwards, &outwards];
    for filling in orders {
        for emptying in orders {
            let mut both = Both::new(short);
            (0..SIZE).for_each(|number| both.insert(filling(number)));
            both.check();
            (0..200).for_each(|number| both.ask(number * 101));
            for number in 0..SIZE {
                both.remove(emptying(number));
                if number % 3_000 == 0 {
                    both.check();
                }
            }
            both.check();
        }
    }
}

#[test]
fn a_window_that_moves() {
    for shape in [short, long] {
        let mut both = Both::new(shape);
        both.tree = Tree::new();
        for number in 0..30_000 {
            both.insert(number);
            if number >= 1_000 {
                both.remove(number - 1_000);
            }
            if number % 1_000 == 0 {
                both.check();
            }
        }
        let most = both.tree.memory();
        assert!(most < 1_000 * 300, "{most} bytes");
    }
}

#[test]
fn ranges_are_removed() {
    for shape in SHAPES {
        for (start, stop) in
            [(0, 1), (0, 3_000), (1, 1_999), (17, 500), (1_000, 1_000), (1_990, 9_000), (0, usize::MAX)]
        {
            let mut both = Both::new(shape);
            (0..2_000).for_each(|number| both.insert(number * 7 % 2_000));
            while both.model.len() > start {
                let before = both.model.len();
                both.remove_range(start, stop);
                both.check();
                if both.model.len() == before {
                    break;
                }
            }
            (0..2_000).for_each(|number| both.insert(number));
            both.check();
        }
    }
}

#[test]
fn is_built_of_sorted_entries() {
    for shape in SHAPES {
        for size in [0, 1, 55, 56, 57, 112, 3_000, 3_136, 3_137, 3_200, 20_000] {
            let mut both = Both::new(shape);
            both.model = (0..size).map(|number| (shape(number), number)).collect();
            both.tree = Tree::from_sorted(both.model.iter().map(|(key, value)| (Term::from_bytes(key), *value)));
            both.check();
            (0..3_000).for_each(|number| both.insert(number * 13 % 5_000));
            both.check();
            (0..3_000).for_each(|number| both.remove(number * 11 % 5_000));
            both.check();
            both.tree.clear();
            both.tree.check();
        }
    }
}

#[test]
#[should_panic(expected = "do not ascend")]
fn is_not_built_of_others() {
    Tree::from_sorted([3, 3].map(|number: u8| (Term::from_bytes(&[number]), number)));
}

#[test]
fn entries_in_order_leave_full_leaves() {
    for ascending in [true, false] {
        let mut tree = Tree::new();
        for number in 0..100_000_usize {
            let number = if ascending { number } else { 100_000 - number };
            tree.insert(Term::from_bytes(&short(number)), [0_usize; 3]);
        }
        tree.check();
        assert!(tree.memory() < 100_000 * 55, "{} bytes", tree.memory());
    }
}

#[test]
fn payloads_can_be_changed_in_place() {
    let mut tree = Tree::new();
    let term = Term::from_bytes(b"counter");
    assert!(tree.get_mut(&term).is_none());
    assert!(tree.upsert(term.clone(), 1).is_none());
    *tree.upsert(term.clone(), 9).expect("it is there") += 1;
    *tree.get_mut(&term).expect("it is there") += 1;
    assert_eq!(tree.get(&term), Some(&3));
    assert_eq!(tree.len(), 1);
}

#[test]
fn few_entries_come_and_go() {
    let size = if cfg!(miri) { 100 } else { 1_500 };
    for shape in SHAPES {
        let (mut both, mut dice) = (Both::new(shape), Dice(3));
        both.tree.nodes.take_blocks_from(1);
        (0..size).for_each(|number| both.insert(number * 7 % size));
        both.check();
        (0..3).for_each(|number| both.ask(number * 31));
        (0..size / 2).for_each(|_| both.remove(dice.roll(size)));
        both.remove_range(5, 40);
        both.check();
        both.tree.clear();
        assert_eq!(both.tree.memory(), 0);
    }
}

#[test]
fn blocks_of_nodes_are_given_back() {
    let mut both = Both::new(short);
    both.tree.nodes.take_blocks_from(0);
    let size = if cfg!(miri) { 200 } else { 200_000 };
    (0..size).for_each(|number| _ = both.tree.insert(Term::from_bytes(&short(number)), number));
    let most = both.tree.memory();
    both.tree.check();
    both.tree.remove_range(1, size - 1, drop);
    both.tree.check();
    assert!(cfg!(miri) || both.tree.memory() * 2 <= most, "{} bytes are left of {most}", both.tree.memory());
    both.tree.remove_range(0, 2, drop);
    assert_eq!(both.tree.memory(), 0);
}

#[test]
fn common_beginnings_are_found_and_forgotten() {
    // SAFETY: the tree is not empty.
    let common = |tree: &Tree<usize>| unsafe { &*tree.first }.has_common();
    let key = |number: usize| Term::from_bytes(format!("a beginning that is rather long {number:06}").as_bytes());
    let size = if cfg!(miri) { 130 } else { 5_000 };
    let mut tree = Tree::from_sorted((0..size).map(|number| (key(number), number)));
    tree.check();
    assert!(common(&tree) && (0..size).all(|number| tree.find(&key(number)) == (number, true)));
    for (stranger, rank) in [("a beginning", 0), ("a beginning that is rather small", size + 1), ("z", size + 2)] {
        let stranger = Term::from_bytes(stranger.as_bytes());
        assert_eq!(tree.get(&stranger), None);
        assert_eq!(tree.insert(stranger.clone(), 7), None);
        tree.check();
        assert_eq!(tree.find(&stranger), (rank, true));
    }
    assert!((0..size).all(|number| tree.find(&key(number)) == (number + 1, true)));
}

#[test]
fn new_entries_come_at_their_positions() {
    for shape in SHAPES {
        let (mut both, mut dice) = (Both::new(shape), Dice(7));
        for _ in 0..5000 {
            let bytes = shape(dice.roll(4000));
            let there = both.model.contains_key(&bytes);
            let position = both.tree.insert_new(Term::from_bytes(&bytes), 0);
            assert_eq!(position.is_none(), there);
            if let Some(position) = position {
                both.model.insert(bytes.clone(), 0);
                assert_eq!(both.tree.find(&Term::from_bytes(&bytes)), (position, true));
            }
        }
        both.check();
    }
}
