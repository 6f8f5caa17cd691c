//! The library against the test CA.

#[path = "lib/issue.rs"]
mod issue;
