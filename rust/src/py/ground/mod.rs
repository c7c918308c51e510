//! What everything at the boundary stands on: references, locks, time, errors, and the objects that only the kernel sees.

pub mod clock;
pub mod errors;
pub mod handle;
pub mod headroom;
pub mod lock;
pub mod number;
pub mod object;
pub mod row;
pub mod sentinels;
pub mod types;
