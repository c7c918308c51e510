//! The classes of tables.

mod attributes;
mod bag_tables;
mod cache_table;
mod creating;
mod ordered_set_table;
mod registry;
mod set_table;

pub use registry::register;
