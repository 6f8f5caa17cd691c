//! What acme-lib and acmectl cost, beside their peers and beside the floor, in one run.
//!
//! The programs are in `src/bin`, the instruction counts in `benches`; README.md says how to run
//! them and what their figures mean.

pub mod ca;
pub mod client;
pub mod distance;
pub mod server;
pub mod table;
pub mod transcript;
pub mod tree;
pub mod usage;
