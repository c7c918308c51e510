//! The native kernel of noex.
//!
//! `store` holds the data structures and knows nothing of Python; `py` is the boundary, and keeps the rule of the
//! house: no Python code runs while the kernel changes something.
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(feature = "python")]
mod py;
pub mod store;
