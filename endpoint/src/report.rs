//! What people read: why the process did not start or go on, and the log. Both go to standard error.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::iter;
use std::process::ExitCode;

use endpoint::settings::Log;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Starts the log. RUST_LOG says how much, `debug` or `endpoint=debug,h2=info`; without it nothing is logged for each
/// request. No more can be said there: patterns would bring an engine for regular expressions, as large as all of ours.
pub(crate) fn log(format: Log) {
    let asked = std::env::var("RUST_LOG").ok().and_then(|asked| asked.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = fmt::layer().with_writer(io::stderr).with_ansi(colour);
    match format {
        Log::Text => registry().with(log.with_filter(filter)).init(),
        Log::Json => registry().with(log.json().with_filter(filter)).init(),
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
