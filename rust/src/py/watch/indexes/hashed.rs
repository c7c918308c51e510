//! What a hashed index knows: which rows have which value, those of one value in the order in which they got it.

use super::marks::{Bucket, Marks};
use crate::py::ground::object::Object;
use crate::py::rows::Trash;
use crate::store::numbering::NONE;
use std::ptr;

/// Where a row is in the list of its bucket; by the number of the row.
#[derive(Clone, Copy)]
struct Link {
    bucket: *mut Bucket, // null for a row that is not in the index
    previous: u32,
    next: u32,
}

const LOOSE: Link = Link { bucket: ptr::null_mut(), previous: NONE, next: NONE };

/// The lists of rows through the buckets of an index.
pub struct HashedIndex {
    links: Vec<Link>,
    len: usize,
}

// SAFETY: buckets belong to the marks of the same index, and both change under the lock of the table.
unsafe impl Send for HashedIndex {}

impl HashedIndex {
    /// An index of no rows.
    pub const fn new() -> Self {
        Self { links: Vec::new(), len: 0 }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Enter a row under a mark, behind those that have it; a row that has it already stays where it is.
    pub fn enter(&mut self, marks: &Marks, number: u32, mark: Object, trash: &mut Trash) {
        let mut bucket = marks.bucket(&mark);
        if self.has(number) {
            if self.links[number as usize].bucket == bucket {
                trash.push(mark);
                return;
            }
            self.leave(marks, number, trash);
        }
        if bucket.is_null() {
            bucket = marks.add(&mark);
        }
        trash.push(mark);
        if self.links.len() <= number as usize {
            self.links.resize(number as usize + 1, LOOSE);
        }
        // SAFETY: the bucket stands among the marks.
        unsafe {
            let last = std::mem::replace(&mut (*bucket).last, number);
            self.links[number as usize] = Link { bucket, previous: last, next: NONE };
            match last {
                NONE => (*bucket).first = number,
                last => self.links[last as usize].next = number,
            }
            (*bucket).len += 1;
        }
        self.len += 1;
    }

    /// Take a row out, if it is here. A mark that no row has any more goes into the trash.
    pub fn leave(&mut self, marks: &Marks, number: u32, trash: &mut Trash) {
        if !self.has(number) {
            return;
        }
        let Link { bucket, previous, next } = std::mem::replace(&mut self.links[number as usize], LOOSE);
        self.len -= 1;
        // SAFETY: a bucket that has rows stands among the marks.
        unsafe {
            match previous {
                NONE => (*bucket).first = next,
                previous => self.links[previous as usize].next = next,
            }
            match next {
                NONE => (*bucket).last = previous,
                next => self.links[next as usize].previous = previous,
            }
            (*bucket).len -= 1;
            if (*bucket).len == 0 {
                marks.remove(bucket, trash);
            }
        }
    }

    /// Tell whether a row is here.
    #[inline]
    pub fn has(&self, number: u32) -> bool {
        self.links.get(number as usize).is_some_and(|link| !link.bucket.is_null())
    }

    /// The numbers of the rows in a bucket of this index, or in none.
    pub fn numbers(&self, bucket: *mut Bucket) -> impl Iterator<Item = u32> + '_ {
        // SAFETY: it stands among the marks, or is null.
        let mut next = unsafe { bucket.as_ref() }.map_or(NONE, |bucket| bucket.first);
        std::iter::from_fn(move || {
            let number = next;
            (number != NONE).then(|| {
                next = self.links[number as usize].next;
                number
            })
        })
    }

    /// The numbers of two rows that share a mark, if any do.
    pub fn crowded(&self, marks: &Marks) -> Option<(u32, u32)> {
        let mut found = None;
        marks.each(|_, bucket| {
            let mut numbers = self.numbers(bucket);
            if let (None, Some(one), Some(other)) = (found, numbers.next(), numbers.next()) {
                found = Some((one, other));
            }
        });
        found
    }

    /// Tell whether a row stands under that mark.
    pub fn has_mark(&self, marks: &Marks, number: u32, mark: &Object) -> bool {
        self.has(number) && self.links[number as usize].bucket == marks.bucket(mark)
    }

    /// How many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
    }

    /// Panic unless lists, links and marks agree.
    pub fn check(&self, marks: &Marks) {
        marks.check();
        let mut listed = 0;
        marks.each(|mark, bucket| {
            // SAFETY: both stand among the marks.
            unsafe {
                assert_eq!((*bucket).mark, mark, "a bucket has another mark");
                assert!((*bucket).len > 0, "an empty bucket");
                let mut previous = NONE;
                let mut count = 0;
                for number in self.numbers(bucket) {
                    let link = self.links[number as usize];
                    assert!(link.bucket == bucket && link.previous == previous, "a row is linked elsewhere");
                    previous = number;
                    count += 1;
                }
                assert_eq!((count, previous), ((*bucket).len, (*bucket).last), "a list is cut");
                listed += count;
            }
        });
        assert_eq!(listed, self.len, "a row is in two buckets, or in none");
        assert_eq!(self.links.iter().filter(|link| !link.bucket.is_null()).count(), self.len, "a row in no bucket");
    }
}
