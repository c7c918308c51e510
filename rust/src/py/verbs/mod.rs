//! The verbs of tables, as methods.

pub mod arguments;
pub mod cache;
pub mod hot;
pub mod install;
pub mod ordered;
pub mod set;
pub mod test;
