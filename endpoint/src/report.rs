//! What people read: why the process did not start or go on, and the log. Both go to standard error.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::iter;
use std::process::ExitCode;

use endpoint::settings::Log;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts the log. RUST_LOG says how much; without it nothing is logged for each request.
pub(crate) fn log(format: Log) {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colour);
    match format {
        Log::Text => log.init(),
        Log::Json => log.json().init(),
    }
}

/// Prints what was asked for, which is data.
#[expect(clippy::print_stdout, reason = "standard output is for data")]
pub(crate) fn answer(text: &str) {
    println!("{text}");
}

/// Says what people may want to know, though nothing is wrong.
#[expect(clippy::print_stderr, reason = "this is for people")]
pub(crate) fn note(text: &str) {
    eprintln!("note: {text}");
}

/// Says why it ends, and with which exit code.
#[expect(clippy::print_stderr, reason = "this is for people, and may come before there is a log")]
pub(crate) fn failed(code: u8, error: &dyn Error, hint: Option<&str>) -> ExitCode {
    eprintln!("error: {error}");
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        eprintln!("caused by: {}", cause.to_string().trim_end());
    }
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(code)
}
