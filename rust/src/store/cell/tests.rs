//! A cell against a plain list of tickets, values and hashes.

use super::{Cell, Hash, Mark};
use std::rc::Rc;

/// Numbers that look like chance, and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

fn removed<T, M: Mark>(cell: &mut Cell<T, M>, places: &[usize]) -> Vec<T> {
    let mut removed = Vec::new();
    cell.remove(places, &mut removed);
    removed
}

fn with_hash<T: Clone>(cell: &Cell<T, Hash>, hash: i64) -> Vec<T> {
    let mut found = Vec::new();
    let nothing: Option<()> = cell.find_hash(hash, |_, value| {
        found.push(value.clone());
        None
    });
    assert_eq!(nothing, None);
    found
}

fn run(seed: u64, steps: usize, kinds: usize, growth: usize) {
    let mut numbers = Numbers(seed);
    let mut cell: Cell<Rc<usize>, Hash> = Cell::with_capacity(1);
    let mut model: Vec<(u64, Rc<usize>, Hash)> = Vec::new();
    let mut tickets = 0;
    for step in 0..steps {
        if model.is_empty() || numbers.below(10) < growth {
            let hash = numbers.below(kinds);
            let hash = if hash == 0 { Hash::NONE } else { Hash::new(hash as i64) };
            let value = Rc::new(step);
            cell.push(value.clone(), hash);
            model.push((tickets, value, hash));
            tickets += 1;
        } else {
            let (ticket, value, _) = model.remove(numbers.below(model.len()));
            let place = cell.place(ticket).expect("it is there");
            assert_eq!(removed(&mut cell, &[place]), [value]);
            assert_eq!(cell.place(ticket), None);
        }
        if step % 7 == 0 {
            compare(&cell, &model, kinds);
        }
    }
    compare(&cell, &model, kinds);
    drop(cell);
    assert!(model.iter().all(|(_, value, _)| Rc::strong_count(value) == 1));
}

fn compare(cell: &Cell<Rc<usize>, Hash>, model: &[(u64, Rc<usize>, Hash)], kinds: usize) {
    cell.check();
    assert_eq!(cell.len(), model.len());
    assert_eq!(cell.is_empty(), model.is_empty());
    assert!(cell.values().eq(model.iter().map(|(_, value, _)| value)));
    assert!(cell.iter().map(|(place, _, _)| cell.ticket(place)).eq(model.iter().map(|(ticket, _, _)| *ticket)));
    for kind in 1..kinds {
        let wanted = model.iter().filter(|(_, _, hash)| hash.hash() == Some(kind as i64)).map(|(_, value, _)| value);
        assert!(with_hash(cell, kind as i64).iter().eq(wanted));
    }
    let wanted = model.iter().filter(|(_, _, hash)| *hash == Hash::NONE).map(|(_, value, _)| value);
    assert!(cell.without_hash().map(|(_, value)| value).eq(wanted));
}

#[test]
fn behaves_as_a_list() {
    for seed in 0..20 {
        run(seed, 400, 4, 5);
        run(seed, 1500, 200, 6);
        run(seed, 1500, 5, 7);
    }
}

#[test]
fn queues_stay_small() {
    let mut cell: Cell<usize, ()> = Cell::with_capacity(1);
    cell.push(0, ());
    for step in 1..10_000 {
        cell.push(step, ());
        let first = cell.iter().next().map(|(place, _, _)| place);
        assert_eq!(removed(&mut cell, first.as_slice()), [step - 1]);
    }
    assert!(cell.memory() < 1024, "{} bytes for one value", cell.memory());
    assert_eq!(cell.place(9_999), Some(cell.iter().next().map_or(0, |(place, _, _)| place)));
}

#[test]
fn equal_hashes_are_found_in_order() {
    let mut cell: Cell<usize, Hash> = Cell::with_capacity(1);
    for value in 0..100 {
        cell.push(value, Hash::new(7));
    }
    assert!(with_hash(&cell, 7).into_iter().eq(0..100));
    assert!(with_hash(&cell, 8).is_empty());
    assert_eq!(removed(&mut cell, &(0..99).collect::<Vec<_>>()).len(), 99);
    assert_eq!(with_hash(&cell, 7), [99]);
    cell.check();
}

#[test]
fn small_cells_need_no_more() {
    assert_eq!(size_of::<Cell<Box<u8>, ()>>(), 32);
    let mut cell: Cell<Box<u8>, ()> = Cell::with_capacity(2);
    cell.push(Box::new(1), ());
    cell.push(Box::new(2), ());
    assert_eq!(cell.memory(), 16);
}
