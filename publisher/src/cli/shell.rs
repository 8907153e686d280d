//! What a shell and `man` are told of this program.

use std::path::PathBuf;

use clap::Args;

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Where to write a page for each command; the folder is made where it is absent. Without it, the main page is
    /// printed
    pub folder: Option<PathBuf>,
}
