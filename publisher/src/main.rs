//! `registry-publisher`: the command line. What it can do is in [`publisher::cli`].

use std::process::ExitCode;

use publisher::cli::Cli;
use publisher::command;
use publisher::report::Report;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::read();
    let filter = EnvFilter::new(cli.global.log.as_deref().unwrap_or("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let report = Report::new(cli.global.quiet);
    match command::run(&cli, &report).await.and_then(|()| report.written()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report.failed(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
