//! The arguments of `man`.

/// Print the manual page, for man -l -
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {}
