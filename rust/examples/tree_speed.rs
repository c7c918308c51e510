//! Prints what operations of the tree cost, in nanoseconds: `cargo run --release --example tree_speed`, and after `--`
//! numbers of rows and beginnings of keys.

use std::hint::black_box;

use _native::store::term::{Encoder, Term};
use _native::store::tree::Tree;

fn shuffled(size: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..size).collect();
    let mut state = 1_u64;
    for number in (1..size).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        numbers.swap(number, ((state >> 33) as usize) % (number + 1));
    }
    numbers
}

fn encode(key: &[u8]) -> Term {
    let mut encoder = Encoder::new();
    encoder.utf8(key);
    encoder.finish()
}

/// Nanoseconds that this process has been on a processor; others may have it in between.
fn processor_time() -> f64 {
    let times = std::fs::read_to_string("/proc/self/schedstat").expect("a Linux");
    times.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

fn measure(what: &str, count: usize, work: impl FnOnce() -> usize) {
    let start = processor_time();
    black_box(work());
    println!("  {what:34} {:7.1} ns", (processor_time() - start) / count as f64);
}

fn run(size: usize, prefix: &str) {
    println!("{size} rows, keys {prefix}N");
    let keys: Vec<Vec<u8>> =
        shuffled(size).into_iter().map(|number| format!("{prefix}{number}").into_bytes()).collect();
    let asked: Vec<&Vec<u8>> = shuffled(size).into_iter().map(|number| &keys[number]).collect();
    let payload = [1_usize; 3];
    let mut tree = Tree::new();
    measure("encode", size, || keys.iter().map(|key| encode(key).len()).sum());
    measure("insert, random order", size, || {
        keys.iter().filter(|key| tree.upsert(encode(key), payload).is_none()).count()
    });
    println!("  bytes a row {}", tree.memory() / size);
    measure("overwrite", size, || keys.iter().filter(|key| tree.upsert(encode(key), payload).is_none()).count());
    measure("get", size, || asked.iter().filter(|key| tree.get(&encode(key)).is_some()).count());
    measure("after", size, || asked.iter().filter(|key| tree.after(&encode(key)).is_some()).count());
    measure("rank", size, || asked.iter().map(|key| tree.rank(&encode(key))).sum());
    measure("at", size, || (0..size).map(|number| tree.at(number * 7919 % size).unwrap().value()[0]).sum());
    measure("walk", size, || tree.iter().map(|entry| entry.value()[0]).sum());
    measure("move: remove and insert", size, || {
        asked
            .iter()
            .filter(|key| tree.remove(&encode(key)).is_some() && tree.upsert(encode(key), payload).is_none())
            .count()
    });
    measure("remove", size, || asked.iter().filter(|key| tree.remove(&encode(key)).is_some()).count());
    let mut sorted: Vec<Term> = keys.iter().map(|key| encode(key)).collect();
    sorted.sort();
    let copies = sorted.clone();
    measure("build of sorted", size, || Tree::from_sorted(copies.into_iter().map(|term| (term, payload))).len());
    measure("insert, ascending", size, || {
        sorted.into_iter().filter(|term| tree.upsert(term.clone(), payload).is_none()).count()
    });
    println!("  bytes a row {}", tree.memory() / size);
}

fn main() {
    let (mut sizes, mut prefixes) = (Vec::new(), Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.parse() {
            Ok(size) => sizes.push(size),
            Err(_) => prefixes.push(argument),
        }
    }
    if prefixes.is_empty() {
        prefixes = ["user:", "a long tenant name:user:"].map(String::from).into();
    }
    for size in if sizes.is_empty() { vec![100_000] } else { sizes } {
        prefixes.iter().for_each(|prefix| run(size, prefix));
    }
}
