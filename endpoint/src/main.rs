//! The process: settings, log, socket, signals.

use std::process::ExitCode;

use endpoint::keep::Keeper;
use endpoint::live::Live;
use endpoint::server::{Admin, Cores, StartError};
use endpoint::settings::{self, Arguments, Command};
use tokio::signal::unix::{SignalKind, signal};

mod command;
mod report;

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os()).unwrap_or_else(|usage| usage.exit());
    match &arguments.command {
        Some(Command::Check { file }) => return command::check(file),
        Some(Command::Route(asked)) => return command::route(asked),
        None => {}
    }
    let live = match settings::load(arguments.clone()) {
        Ok(settings) => Live::from(settings),
        Err(error) => return report::failed(2, &error, error.hint()),
    };
    report::log(live.view().settings.log);
    match serve(arguments, live) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failed(1, &error, error.hint()),
    }
}

/// Requests are answered on threads of their own; this one has the signals, the settings file and the watched bases, so
/// that none of these ever holds up a request.
#[tokio::main(flavor = "current_thread")]
async fn serve(arguments: Arguments, live: Live) -> Result<(), StartError> {
    // Before the socket, so that who sees the port open may already send a signal.
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let keeper = Keeper::new(arguments, live.clone()).map_err(StartError::Signals)?;
    let told_to_stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let admin = Admin::bind(&live)?;
    live.sight().write(std::io::stdout()).map_err(StartError::Thread)?;
    let cores = Cores::start(&live)?;
    // It answers until the last answer is given, and says meanwhile that it is no more ready.
    tokio::select! {
        () = keeper.run() => {}
        () = admin.run(live.clone()) => {}
        () = cores.run(told_to_stop) => {}
    }
    live.sight().finish();
    Ok(())
}
