//! Writes the bytes of a term, part by part, on the stack as long as they are few.
//!
//! The format is that of `docs/reference/term-encoding.md`. A caller says what a value is; which Python types that are
//! is not known here.

use super::{HEAD, Rest, Term};

const INLINE: usize = 64;

const NONE: u8 = 0x80;
const MINUS_INFINITY: u8 = 0x81;
const BELOW: u8 = 0x82;
const ZERO: u8 = 0x83;
const ABOVE: u8 = 0x84;
const INFINITY: u8 = 0x85;
const NAIVE: u8 = 0x88;
const AWARE: u8 = 0x89;
const TEXT: u8 = 0x8a;
const BYTES: u8 = 0x8b;
const TUPLE: u8 = 0x8c;

/// Where a mirrored section begins.
#[must_use]
pub struct Mirror(usize);

/// Bytes of one term, as far as they are written.
pub struct Encoder {
    inline: [u8; INLINE], // with zeros after the bytes that are written
    length: usize,        // of what is in `inline`; not used once there is a `long`
    long: Vec<u8>,        // all the bytes, once they are too many; never empty then
}

impl Encoder {
    /// Begin a term.
    #[inline]
    pub fn new() -> Encoder {
        Encoder { inline: [0; INLINE], length: 0, long: Vec::new() }
    }

    /// Go on after bytes that are a term already, or the beginning of one.
    pub fn of_bytes(bytes: &[u8]) -> Encoder {
        let mut encoder = Encoder::new();
        encoder.extend(bytes);
        encoder
    }

    /// The bytes so far.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.inline[..self.length] } else { &self.long }
    }

    /// Return the term that these bytes are.
    #[inline]
    pub fn finish(&self) -> Term {
        if self.long.is_empty() && self.length <= HEAD {
            let head = self.inline.first_chunk::<HEAD>().expect("it is longer");
            return Term { head: u128::from_be_bytes(*head), rest: Rest::short(self.length) };
        }
        Term::from_bytes(self.bytes())
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        if self.long.is_empty() && self.length < INLINE {
            self.inline[self.length] = byte;
            self.length += 1;
        } else {
            self.extend(&[byte]);
        }
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        if self.long.is_empty() && bytes.len() <= INLINE - self.length {
            self.inline[self.length..self.length + bytes.len()].copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            self.extend_long(bytes);
        }
    }

    #[cold]
    fn extend_long(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.long.is_empty() {
            self.long.reserve(2 * (self.length + bytes.len()));
            self.long.extend_from_slice(&self.inline[..self.length]);
        }
        self.long.extend_from_slice(bytes);
    }

    fn complement_from(&mut self, start: usize) {
        let bytes = if self.long.is_empty() { &mut self.inline[..self.length] } else { &mut self.long[..] };
        for byte in &mut bytes[start..] {
            *byte = !*byte;
        }
    }

    /// Write `None`.
    pub fn none(&mut self) {
        self.push(NONE);
    }

    /// Write a whole number.
    #[inline]
    pub fn integer(&mut self, number: i64) {
        if number == 0 {
            return self.push(ZERO);
        }
        self.push(if number < 0 { BELOW } else { ABOVE });
        let start = self.bytes().len();
        let size = number.unsigned_abs();
        let zeros = size.leading_zeros();
        self.size(i64::from(63 - zeros), (size << zeros) << 1);
        if number < 0 {
            self.complement_from(start);
        }
    }

    /// Write a whole number of any size: its sign, and the bytes of its size, the highest first.
    pub fn big_integer(&mut self, negative: bool, size: &[u8]) {
        let zeros = size.iter().take_while(|byte| **byte == 0).count();
        let Some((first, others)) = size[zeros..].split_first() else {
            return self.push(ZERO);
        };
        self.push(if negative { BELOW } else { ABOVE });
        let start = self.bytes().len();
        let bits = 7 - first.leading_zeros() as usize; // of the fraction that are in the first byte
        self.exponent((others.len() * 8 + bits) as i64);
        let mut carried = u16::from(first ^ (1 << bits)); // bits that wait for being a byte
        let mut fraction = Vec::with_capacity(size.len());
        for byte in others {
            carried = (carried << 8) | u16::from(*byte);
            fraction.push((carried >> bits) as u8);
            carried &= (1 << bits) - 1;
        }
        if bits > 0 {
            fraction.push((carried << (8 - bits)) as u8);
        }
        let end = fraction.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.escaped(&fraction[..end]);
        if negative {
            self.complement_from(start);
        }
    }

    /// Write a number that may have a fraction; false, and nothing written, if it is not a number.
    #[must_use]
    pub fn float(&mut self, number: f64) -> bool {
        if number.is_nan() {
            return false;
        }
        if number == 0.0 {
            self.push(ZERO);
        } else if number.is_infinite() {
            self.push(if number < 0.0 { MINUS_INFINITY } else { INFINITY });
        } else {
            self.push(if number < 0.0 { BELOW } else { ABOVE });
            let start = self.bytes().len();
            let bits = number.abs().to_bits();
            let exponent = (bits >> 52) as i64;
            if exponent > 0 {
                self.size(exponent - 1023, bits << 12);
            } else {
                let zeros = bits.leading_zeros();
                self.size(i64::from(63 - zeros) - 1074, (bits << zeros) << 1);
            }
            if number < 0.0 {
                self.complement_from(start);
            }
        }
        true
    }

    /// Write exponent and fraction of a number above zero; the fraction's first bit is the highest.
    #[inline]
    fn size(&mut self, exponent: i64, mut fraction: u64) {
        self.exponent(exponent);
        while fraction != 0 {
            let byte = (fraction >> 56) as u8;
            self.unit(byte);
            fraction <<= 8;
        }
        self.push(0);
    }

    #[inline]
    fn exponent(&mut self, exponent: i64) {
        if (-112..=111).contains(&exponent) {
            return self.push((exponent + 128) as u8);
        }
        let size = exponent.unsigned_abs().to_be_bytes();
        let skipped = (exponent.unsigned_abs().leading_zeros() / 8) as usize;
        let length = (8 - skipped) as u8;
        if exponent > 0 {
            self.push(0xef + length);
            self.extend(&size[skipped..]);
        } else {
            self.push(0x10 - length);
            let start = self.bytes().len();
            self.extend(&size[skipped..]);
            self.complement_from(start);
        }
    }

    /// Write a datetime without a zone: microseconds since 1970.
    pub fn naive(&mut self, microseconds: i64) {
        self.instant(NAIVE, microseconds);
    }

    /// Write a datetime with a zone: microseconds since 1970 in UTC.
    pub fn aware(&mut self, microseconds: i64) {
        self.instant(AWARE, microseconds);
    }

    fn instant(&mut self, class: u8, microseconds: i64) {
        self.push(class);
        self.extend(&(microseconds as u64 ^ (1 << 63)).to_be_bytes());
    }

    /// Write a text that is UTF-8.
    pub fn utf8(&mut self, text: &[u8]) {
        self.push(TEXT);
        self.escaped(text);
    }

    /// Write a text whose code points are all below 256, one in each byte.
    #[inline]
    pub fn latin1(&mut self, text: &[u8]) {
        if text.iter().fold(true, |plain, byte| plain & (2..0x80).contains(byte)) {
            self.push(TEXT);
            self.extend(text);
            self.push(0);
        } else {
            self.text(text.iter().copied());
        }
    }

    /// Write bytes.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.push(BYTES);
        self.escaped(bytes);
    }

    /// Write a text of these code points; surrogates are written as any other of their size.
    pub fn text<C: Into<u32>>(&mut self, points: impl Iterator<Item = C>) {
        self.push(TEXT);
        for point in points {
            let point: u32 = point.into();
            let low = |shift: u32| 0x80 | ((point >> shift) & 0x3f) as u8;
            match point {
                0..0x80 => self.unit(point as u8),
                0x80..0x800 => self.extend(&[0xc0 | (point >> 6) as u8, low(0)]),
                0x800..0x10000 => self.extend(&[0xe0 | (point >> 12) as u8, low(6), low(0)]),
                _ => self.extend(&[0xf0 | (point >> 18) as u8, low(12), low(6), low(0)]),
            }
        }
        self.push(0);
    }

    /// Write bytes of which those that could be taken for an end are escaped, and the end.
    #[inline]
    fn escaped(&mut self, bytes: &[u8]) {
        if bytes.iter().fold(true, |plain, byte| plain & (*byte > 1)) {
            self.extend(bytes);
        } else {
            for byte in bytes {
                self.unit(*byte);
            }
        }
        self.push(0);
    }

    #[inline]
    fn unit(&mut self, byte: u8) {
        if byte > 1 {
            self.push(byte);
        } else {
            self.extend(&[1, byte + 1]);
        }
    }

    /// Begin a tuple.
    #[inline]
    pub fn begin_tuple(&mut self) {
        self.push(TUPLE);
    }

    /// End the tuple that was begun last.
    #[inline]
    pub fn end_tuple(&mut self) {
        self.push(0);
    }

    /// Begin a section whose order is turned round.
    pub fn begin_mirror(&mut self) -> Mirror {
        Mirror(self.bytes().len())
    }

    /// End it; sections may stand in each other.
    pub fn end_mirror(&mut self, mirror: Mirror) {
        self.complement_from(mirror.0);
    }

    /// Write a byte that is above all that can follow the beginning of a tuple.
    pub fn beyond(&mut self) {
        self.push(0xff);
    }
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder::new()
    }
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
