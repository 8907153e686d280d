//! `check` and `route`: what a settings file would do, without serving.

use std::path::Path;
use std::process::ExitCode;

use endpoint::explain;
use endpoint::settings::{self, RouteArguments};

use crate::report;

/// Says whether a settings file can be served with.
pub(crate) fn check(file: &Path) -> ExitCode {
    match settings::load_file(file) {
        Ok(settings) => {
            report::answer(explain::routes(&settings).trim_end());
            explain::notes(&settings).iter().for_each(|note| report::note(note));
            ExitCode::SUCCESS
        }
        Err(error) => report::failed(2, &error, error.hint()),
    }
}

/// Prints what a request would be answered, and why.
pub(crate) fn route(asked: &RouteArguments) -> ExitCode {
    let settings = match settings::load_file(&asked.file) {
        Ok(settings) => settings,
        Err(error) => return report::failed(2, &error, error.hint()),
    };
    match explain::request(asked, &settings) {
        Ok(told) => {
            report::answer(told.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => report::failed(2, &error, None),
    }
}
