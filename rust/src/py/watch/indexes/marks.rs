//! The values of a hashed index, each with the bucket of its rows: found by hash and `==` as keys of a table are.
//!
//! A dict leads from a *mark*, the handle that stands for a value (`ground/handle.rs`), to its bucket. It is looked at
//! without a lock, and changed under that of the table.

use crate::py::ground::handle;
use crate::py::ground::object::Object;
use crate::py::ground::types;
use crate::store::numbering::NONE;
use pyo3::ffi;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// The rows of one value, in the order in which they got it: a list through the links of the index.
#[repr(C)]
pub struct Bucket {
    head: ffi::PyObject,
    /// The mark, which the dict refers to for as long as the bucket stands in it.
    pub mark: *mut ffi::PyObject,
    /// The number of the first row.
    pub first: u32,
    /// The number of the last row.
    pub last: u32,
    /// How many rows there are.
    pub len: usize,
}

static BUCKET: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(std::ptr::null_mut());

/// Make the type of buckets, once.
pub fn initialise(py: Python<'_>) -> PyResult<()> {
    if BUCKET.load(Ordering::Relaxed).is_null() {
        BUCKET.store(types::make::<Bucket>(py, c"noex.kernel._native.Bucket", dealloc, &[])?, Ordering::Relaxed);
    }
    Ok(())
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: nobody refers to it any more, and it owns nothing.
    unsafe { types::free(object) }
}

/// Marks and their buckets.
pub struct Marks {
    dict: Object,
    foreign: AtomicUsize, // how many marks stand for foreign values
    arrivals: AtomicU64,  // counts the marks that have come, which tells whether an absent one may have
}

impl Marks {
    /// Marks of which there are none.
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        // SAFETY: a new dict, or null with an error set.
        let dict = unsafe { Object::owned_or_none(ffi::PyDict_New()) }.ok_or_else(|| PyErr::fetch(py))?;
        Ok(Self { dict, foreign: AtomicUsize::new(0), arrivals: AtomicU64::new(0) })
    }

    /// Find the mark of a value, and return it with the witness. A value that is in no row gets a mark that becomes its
    /// own when it arrives. Runs the value's hash and `==`; not called under a lock.
    pub fn look(&self, py: Python<'_>, value: &Object) -> PyResult<(Object, u64)> {
        let witness = self.arrivals.load(Ordering::Acquire);
        // SAFETY: both are alive for the call.
        unsafe {
            let plain = handle::is_plain(value.as_ptr());
            if plain && self.foreign.load(Ordering::Acquire) == 0 {
                return Ok((value.clone(), witness));
            }
            let looked = handle::look(py, self.dict.as_ptr(), value.as_ptr())?;
            let mark = match looked.handle {
                Some(handle) => handle,
                None if plain => value.clone(),
                None => handle::foreign(value.as_ptr(), looked.hash),
            };
            Ok((mark, witness))
        }
    }

    /// The bucket of a mark, or null. Under the lock of the table.
    #[inline]
    pub fn bucket(&self, mark: &Object) -> *mut Bucket {
        // SAFETY: marks are compared by C code, which raises nothing.
        unsafe { ffi::PyDict_GetItemWithError(self.dict.as_ptr(), mark.as_ptr()).cast() }
    }

    /// Tell, under the lock of the table, whether a value that was not found may have come in since under another mark.
    pub fn may_have_come(&self, mark: &Object, witness: u64) -> bool {
        if self.arrivals.load(Ordering::Acquire) == witness {
            return false;
        }
        // SAFETY: alive.
        unsafe {
            let foreign = handle::is_foreign(mark.as_ptr());
            (foreign || self.foreign.load(Ordering::Acquire) > 0)
                && handle::has_hash(self.dict.as_ptr(), handle::hash_of(mark.as_ptr()))
        }
    }

    /// Make the bucket of a mark that has none. Under the lock of the table.
    pub fn add(&self, mark: &Object) -> *mut Bucket {
        // SAFETY: all fields are filled in; the dict takes references of its own to mark and bucket, and runs no Python code.
        unsafe {
            let bucket: *mut Bucket = types::allocate(BUCKET.load(Ordering::Relaxed));
            (*bucket).mark = mark.as_ptr();
            (*bucket).first = NONE;
            (*bucket).last = NONE;
            (*bucket).len = 0;
            let held = Object::owned(bucket.cast());
            if handle::is_foreign(mark.as_ptr()) {
                self.foreign.fetch_add(1, Ordering::AcqRel);
            }
            if ffi::PyDict_SetItem(self.dict.as_ptr(), mark.as_ptr(), held.as_ptr()) < 0 {
                ffi::PyErr_Clear();
                panic!("no memory is left for the values of an index");
            }
            self.arrivals.fetch_add(1, Ordering::AcqRel);
            bucket
        }
    }

    /// Take out the bucket of a mark, under the lock of the table; both go into the trash.
    ///
    /// # Safety
    /// The bucket stands here.
    pub unsafe fn remove(&self, bucket: *mut Bucket, trash: &mut Vec<Object>) {
        // SAFETY: it stands in the dict, and so does its mark; the trash keeps both.
        unsafe {
            let mark = Object::borrowed((*bucket).mark);
            trash.push(Object::borrowed(bucket.cast()));
            if handle::is_foreign(mark.as_ptr()) {
                self.foreign.fetch_sub(1, Ordering::AcqRel);
            }
            ffi::PyDict_DelItem(self.dict.as_ptr(), mark.as_ptr());
            trash.push(mark);
        }
    }

    /// Take out everything, under the lock of the table; it goes into the trash.
    pub fn clear(&self, trash: &mut Vec<Object>) {
        trash.reserve(2 * self.len());
        self.each(|mark, bucket| {
            // SAFETY: both stand in the dict.
            trash.extend(unsafe { [Object::borrowed(mark), Object::borrowed(bucket.cast())] });
        });
        // SAFETY: a dict, and the trash keeps what was in it.
        unsafe { ffi::PyDict_Clear(self.dict.as_ptr()) }
        self.foreign.store(0, Ordering::Release);
        self.arrivals.fetch_add(1, Ordering::AcqRel);
    }

    /// Go through marks and buckets, in the order in which they came. Under the lock of the table.
    pub fn each(&self, mut visit: impl FnMut(*mut ffi::PyObject, *mut Bucket)) {
        let (mut position, mut mark, mut bucket) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: nothing changes the dict meanwhile.
        while unsafe { ffi::PyDict_Next(self.dict.as_ptr(), &mut position, &mut mark, &mut bucket) } != 0 {
            visit(mark, bucket.cast());
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        // SAFETY: a dict.
        unsafe { ffi::PyDict_Size(self.dict.as_ptr()) as usize }
    }

    /// The dict, for the collector's visits, which its owner makes.
    pub fn dict(&self) -> &Object {
        &self.dict
    }

    /// About how many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let room = (self.len() * 3 / 2 + 8).next_power_of_two();
        self.len() * size_of::<Bucket>() + room * 20
    }

    /// Panic unless the count of foreign values is right.
    pub fn check(&self) {
        let mut foreign = 0;
        // SAFETY: marks stand in the dict.
        self.each(|mark, _| foreign += usize::from(unsafe { handle::is_foreign(mark) }));
        assert_eq!(foreign, self.foreign.load(Ordering::Acquire), "the count of foreign values is wrong");
    }
}
