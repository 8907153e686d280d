//! The process: settings, log, socket, signals.

use std::process::ExitCode;

use endpoint::server::{self, StartError};
use endpoint::settings::{self, Arguments, Settings};
use tokio::signal::unix::{SignalKind, signal};

mod report;

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|usage| usage.exit());
    let settings = match settings::load(arguments) {
        Ok(settings) => settings,
        Err(error) => return report::failed(2, &error, error.hint()),
    };
    report::log(settings.log);
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failed(1, &error, error.hint()),
    }
}

#[tokio::main]
async fn serve(settings: Settings) -> Result<(), StartError> {
    // Before the socket, so that who sees the port open may already send a signal.
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let told_to_stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let listener = server::listen(&settings).await?;
    server::run(listener, settings, told_to_stop).await;
    Ok(())
}
