//! How long the operations take: `cargo test --release timings -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use super::Deadlines;
use super::tests::{Handle, Random, Row, rows};

const HOUR: i64 = 3_600_000;

fn shuffled(count: usize, random: &mut Random) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    for position in (1..count).rev() {
        order.swap(position, random.below(position as u64 + 1) as usize);
    }
    order
}

/// Do something for every row in the given order; print the median of the times of one, over batches of 200.
///
/// The rows of a batch are read beforehand, as a verb that changes a lifetime has just read the row.
fn each<'a>(name: &str, rows: &'a [Row], order: &[u32], mut work: impl FnMut(&'a Row, usize)) {
    let (mut step, mut times) = (0, Vec::new());
    for batch in order.chunks(200) {
        for &row in batch {
            black_box(rows[row as usize].deadline.get());
        }
        let begin = Instant::now();
        for &row in batch {
            work(&rows[row as usize], step);
            step += 1;
        }
        times.push(begin.elapsed().as_nanos() as f64 / batch.len() as f64);
    }
    times.sort_by(f64::total_cmp);
    println!("    {name:<34}{:8.1} ns", times[times.len() / 2]);
}

fn measure(title: &str, count: usize, deadline: impl Fn(usize, &mut Random) -> i64) {
    println!("  {title}, {count} rows");
    let mut random = Random(7);
    let rows = rows(count);
    let straight: Vec<u32> = (0..count as u32).collect();
    let order = shuffled(count, &mut random);
    for (step, row) in rows.iter().enumerate() {
        row.deadline.set(deadline(step, &mut random));
    }
    let mut list = Deadlines::new();
    each("insert", &rows, &straight, |row, _| list.insert(Handle(row)));
    println!("    {:<34}{:8.1} bytes a row", "memory", list.memory() as f64 / count as f64);
    let begin = Instant::now();
    let mut total = 0;
    for _ in 0..10_000 {
        let now = rows[random.below(count as u64) as usize].deadline.get();
        total += list.count_due(now);
    }
    black_box(total);
    println!("    {:<34}{:8.1} ns", "count_due", begin.elapsed().as_nanos() as f64 / 1e4);
    each("remove and insert at random", &rows, &order, |row, _| {
        list.remove(Handle(row));
        list.insert(Handle(row));
    });
    let end = rows.iter().map(|row| row.deadline.get()).max().unwrap();
    each("touch: to the right end", &rows, &order, |row, step| {
        list.remove(Handle(row));
        row.deadline.set(end + (step / 100) as i64);
        list.insert(Handle(row));
    });
    let again = shuffled(count, &mut random);
    each("touch: once more", &rows, &again, |row, step| {
        list.remove(Handle(row));
        row.deadline.set(end + ((count + step) / 100) as i64);
        list.insert(Handle(row));
    });
    println!("    {:<34}{:8.1} bytes a row", "memory", list.memory() as f64 / list.len() as f64);
    each("remove at random (first half)", &rows, &order[..count / 2], |row, _| list.remove(Handle(row)));
    println!("    {:<34}{:8.1} bytes a row", "memory", list.memory() as f64 / list.len() as f64);
    each("pop_due (the others)", &rows, &order[count / 2..], |_, _| {
        black_box(list.pop_due(i64::MAX));
    });
    assert!(list.is_empty());
    each("insert at random", &rows, &order, |row, _| {
        row.deadline.set(deadline(row.place.get().0 as usize % count, &mut random));
        list.insert(Handle(row));
    });
    let mut slowest = 0;
    each("pop_due", &rows, &order, |_, _| {
        let begin = Instant::now();
        black_box(list.pop_due(i64::MAX));
        slowest = slowest.max(begin.elapsed().as_nanos());
    });
    println!("    {:<34}{:8.1} µs", "slowest pop_due (clock included)", slowest as f64 / 1e3);
}

#[test]
#[ignore = "prints timings"]
fn timings() {
    let counts = std::env::var("COUNTS").unwrap_or_else(|_| "100000 10000000".into());
    for count in counts.split(' ').map(|count| count.parse().unwrap()) {
        measure("lifetimes from 0 to an hour", count, |_, random| random.below(HOUR as u64) as i64);
        measure("one lifetime, 100 rows a millisecond", count, |step, _| HOUR + (step / 100) as i64);
        measure("one lifetime, a row every 10 ms", count, |step, _| HOUR + 10 * step as i64);
    }
    measure("one millisecond", 1_000_000, |_, _| HOUR);
}

#[test]
#[ignore = "prints memory"]
fn memory_by_density() {
    for exponent in 40..100 {
        let count = 1.2_f64.powi(exponent + 13) as usize % 1_500_000 + 20_000;
        let mut random = Random(exponent as u64);
        let rows = rows(count);
        let mut list = Deadlines::new();
        for row in &rows {
            row.deadline.set(random.below(HOUR as u64) as i64);
            list.insert(Handle(row));
        }
        println!("  {count:>9} rows in an hour: {:6.1} bytes a row", list.memory() as f64 / count as f64);
    }
}
