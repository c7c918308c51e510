//! The examples of `docs/reference/term-encoding.md`, and numbers in their order.

use super::*;

fn hex(write: impl FnOnce(&mut Encoder)) -> String {
    let mut encoder = Encoder::new();
    write(&mut encoder);
    assert_eq!(encoder.finish().to_bytes(), encoder.bytes());
    encoder.bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn of_float(number: f64) -> String {
    hex(|encoder| assert!(encoder.float(number)))
}

#[test]
fn writes_the_examples() {
    assert_eq!(hex(Encoder::none), "80");
    assert_eq!(hex(|encoder| encoder.integer(-1)), "82 7f ff");
    assert_eq!(hex(|encoder| encoder.integer(0)), "83");
    assert_eq!(of_float(5e-324), "84 0e fb cd 00");
    assert_eq!(of_float(0.1), "84 7c 99 99 99 99 99 99 a0 00");
    assert_eq!(of_float(1.5), "84 80 80 00");
    assert_eq!(hex(|encoder| encoder.integer(255)), "84 87 fe 00");
    assert_eq!(hex(|encoder| encoder.integer(256)), "84 88 00");
    assert_eq!(hex(|encoder| encoder.integer(257)), "84 88 01 02 00");
    assert_eq!(hex(|encoder| encoder.integer((1 << 53) + 1)), "84 b5 01 01 01 01 01 01 01 01 01 01 01 01 08 00");
    assert_eq!(hex(|encoder| encoder.naive(0)), "88 80 00 00 00 00 00 00 00");
    assert_eq!(hex(|encoder| encoder.aware(-86_400_000_000)), "89 7f ff ff eb e2 28 a0 00");
    assert_eq!(hex(|encoder| encoder.utf8(b"a\x00b")), "8a 61 01 01 62 00");
    assert_eq!(hex(|encoder| encoder.text([0xe9_u8].into_iter())), "8a c3 a9 00");
    assert_eq!(hex(|encoder| encoder.text([0xd800_u16].into_iter())), "8a ed a0 80 00");
    assert_eq!(hex(|encoder| encoder.text([0x1f600_u32, 1].into_iter())), "8a f0 9f 98 80 01 02 00");
    assert_eq!(hex(|encoder| encoder.raw(&[0, 1, 2])), "8b 01 01 01 02 02 00");
}

#[test]
fn writes_big_numbers() {
    let mut two_to_the_200 = vec![1];
    two_to_the_200.extend([0; 25]);
    assert_eq!(hex(|encoder| encoder.big_integer(true, &two_to_the_200)), "82 0f 37 ff");
    let size = 10_u128.pow(37).to_be_bytes();
    let by_float = of_float(1e37); // not exactly 10**37, so only the beginning is the same
    assert!(hex(|encoder| encoder.big_integer(false, &size)).starts_with(&by_float[..20]));
    assert_eq!(hex(|encoder| encoder.big_integer(true, &[0, 0])), "83");
    for number in [1, 2, 3, 127, 128, 255, 256, 257, 65_535, 1 << 40, i64::MAX, (1 << 52) + 7] {
        for leading in 0..3 {
            let mut size = vec![0; leading];
            size.extend(number.to_be_bytes());
            let expected = hex(|encoder| encoder.integer(number));
            assert_eq!(hex(|encoder| encoder.big_integer(false, &size)), expected);
            assert_eq!(hex(|encoder| encoder.big_integer(true, &size)), hex(|encoder| encoder.integer(-number)));
        }
    }
    assert_eq!(
        hex(|encoder| encoder.big_integer(true, &(1_u64 << 63).to_be_bytes())),
        hex(|encoder| encoder.integer(i64::MIN))
    );
}

#[test]
fn numbers_keep_their_order_and_are_one_whatever_wrote_them() {
    let mut numbers: Vec<i64> = vec![0, i64::MIN, i64::MAX];
    for shift in 0..63 {
        for delta in [-1, 0, 1] {
            numbers.extend([(1 << shift) + delta, -(1 << shift) + delta]);
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    let terms: Vec<Term> = numbers
        .iter()
        .map(|number| {
            let mut encoder = Encoder::new();
            encoder.integer(*number);
            encoder.finish()
        })
        .collect();
    assert!(terms.is_sorted_by(|one, other| one < other));
    for number in numbers.into_iter().filter(|number| number.unsigned_abs() <= 1 << 53) {
        assert_eq!(of_float(number as f64), hex(|encoder| encoder.integer(number)));
    }
}

#[test]
fn floats_keep_their_order() {
    let mut floats = vec![f64::NEG_INFINITY, f64::MIN, -1.0, -5e-324, 0.0, 5e-324, f64::MIN_POSITIVE, 1e-40, 0.1, 0.5];
    floats.extend([1.0, 1.5, 2.0, 1e40, f64::MAX, f64::INFINITY]);
    floats.sort_by(f64::total_cmp);
    let encoded: Vec<String> = floats.iter().map(|number| of_float(*number)).collect();
    assert!(encoded.is_sorted());
    assert_eq!(of_float(-0.0), of_float(0.0));
    assert!(!Encoder::new().float(f64::NAN));
}

#[test]
fn sections_are_mirrored_and_mirrors_undo_each_other() {
    let mirrored = hex(|encoder| {
        let mirror = encoder.begin_mirror();
        encoder.begin_tuple();
        encoder.integer(7);
        let inner = encoder.begin_mirror();
        encoder.utf8(b"ab");
        encoder.end_mirror(inner);
        encoder.end_tuple();
        encoder.end_mirror(mirror);
    });
    assert_eq!(mirrored, "73 7b 7d 3f ff 8a 61 62 00 ff");
}

#[test]
fn goes_on_beyond_what_is_inline() {
    let text = [b'x'; 100];
    let mut encoder = Encoder::new();
    encoder.begin_tuple();
    for length in [10, 50, 60, 100] {
        let mirror = encoder.begin_mirror();
        encoder.utf8(&text[..length]);
        encoder.end_mirror(mirror);
    }
    encoder.end_tuple();
    let mut expected = vec![0x8c];
    for length in [10, 50, 60, 100] {
        expected.push(!0x8a);
        expected.extend(vec![!b'x'; length]);
        expected.push(0xff);
    }
    expected.push(0);
    assert_eq!(encoder.bytes(), expected);
}
