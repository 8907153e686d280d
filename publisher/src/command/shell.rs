//! `completions` and `man`: what clap knows of the command line, for shells and for people.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::{self, Cli};
use crate::failure::CommandError;
use crate::report::Report;

/// Prints completions.
pub(super) fn completions(args: &cli::Completions, report: &Report) {
    let (mut text, mut command) = (Vec::new(), Cli::command());
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, &name, &mut text);
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if args.shell == Shell::Bash {
        // Of a program with a hyphen in its name it completes nothing behind the verb:
        // https://github.com/clap-rs/clap/issues/6421
        text = text.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"));
    }
    report.text(&text);
}

/// Prints the manual's first page, or writes all of them.
pub(super) fn man(args: &cli::Man, report: &Report) -> Result<(), CommandError> {
    match &args.folder {
        Some(folder) => {
            pages(folder).map_err(|source| CommandError::Pages { folder: folder.clone(), source })
        }
        None => {
            let mut text = Vec::new();
            // Writing into memory does not fail.
            if Man::new(Cli::command()).render(&mut text).is_ok() {
                report.text(&String::from_utf8_lossy(&text));
            }
            Ok(())
        }
    }
}

fn pages(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}
