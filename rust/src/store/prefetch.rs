//! Asking for memory before it is needed.

/// Ask for the first `SIZE` bytes at an address, before they are needed.
#[inline(always)]
pub fn prefetch<const SIZE: usize>(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..SIZE.div_ceil(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.wrapping_add(line * 64).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
