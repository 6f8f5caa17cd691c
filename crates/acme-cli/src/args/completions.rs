//! The arguments of `completions`.

use clap_complete::Shell;

/// Print what makes a shell complete this command's lines
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
