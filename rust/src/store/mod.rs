//! Data structures that know nothing of Python.

pub mod cell;
pub mod deadlines;
pub mod numbering;
pub mod prefetch;
pub mod recency;
pub mod term;
pub mod tree;
