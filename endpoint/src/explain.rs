//! What settings would do, told to people: the routes and what to beware of them, which `check` prints, and the answer
//! to a request with its reasons, which `route` prints. Pure.

use std::fmt::Write;

use crate::health::Health;
use crate::respond::respond;
use crate::route::{Answer, Asked, Origin, Wanted, decide, why};
use crate::settings::{Base, BaseError, RouteArguments, Settings, Target};

mod notes;

pub use notes::notes;

/// Why a question cannot be answered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// `--down` is no base at all.
    #[error("--down names `{given}`, which cannot be a base")]
    NoBase {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        source: BaseError,
    },
    /// `--down` is no base of these settings.
    #[error("--down names `{0}`, to which no route leads")]
    NotHere(Base),
    /// What a client asks for begins with a slash.
    #[error("the path `{0}` does not begin with a slash")]
    Path(String),
}

/// The answer to a request, as it goes over the wire, and why it is that.
pub fn request(question: &RouteArguments, settings: &Settings) -> Result<String, ExplainError> {
    let (path, query) = match question.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (question.path.as_str(), None),
    };
    if !path.starts_with('/') {
        return Err(ExplainError::Path(question.path.clone()));
    }
    let health = health(&question.down, settings)?;
    let client = question.from.map(|address| address.to_canonical());
    let asked = Asked { method: &question.method, path, query, client };
    let mut told = match decide(&asked, settings, &health) {
        Answer::Reply(reply) => head(&respond(reply, &question.method, settings)),
        Answer::Object(directory, key) => {
            format!("200 OK\nthe file {}, if it is there\n", directory.join(key.path()).display())
        }
        Answer::Document(Wanted { origin, there, .. }) => {
            let place = match origin {
                Origin::Base(base) => format!("{base}{there}"),
                Origin::Directory(directory) => directory.join(there.path()).display().to_string(),
            };
            format!("200 OK\nthe document {place}, if it is there\n")
        }
    };
    told.push('\n');
    for reason in why(&asked, settings, &health) {
        // Writing to a String cannot fail.
        let _ = writeln!(told, "because {reason}");
    }
    Ok(told)
}

fn head<B>(response: &http::Response<B>) -> String {
    let mut told = format!("{}\n", response.status());
    for (name, value) in response.headers() {
        let _ = writeln!(told, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    told
}

fn health(down: &[String], settings: &Settings) -> Result<Health, ExplainError> {
    let bases = settings.routes.bases();
    let mut up = vec![true; bases.len()];
    for given in down {
        let base =
            Base::parse(given).map_err(|source| ExplainError::NoBase { given: given.clone(), source })?;
        match bases.iter().position(|known| *known == base).and_then(|nth| up.get_mut(nth)) {
            Some(up) => *up = false,
            None => return Err(ExplainError::NotHere(base)),
        }
    }
    Ok(Health::known(up))
}

/// Every route with where it leads, a line each, the default last.
pub fn routes(settings: &Settings) -> String {
    let routes = &settings.routes;
    let mut lines: Vec<(String, String)> = routes
        .by_prefix()
        .map(|route| {
            let rewrite = route.rewrite().map(|to| format!(", as \"{to}\"")).unwrap_or_default();
            let leads = target(route.target(), settings);
            let documents = documents(route.target(), route.origin(), settings);
            (route.prefix().to_string(), format!("{leads}{rewrite}{documents}"))
        })
        .collect();
    lines.sort();
    let default = routes.default_target();
    let documents = documents(default, routes.default_origin(), settings);
    lines.push(("(default)".to_owned(), format!("{}{documents}", target(default, settings))));
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.into_iter().fold(String::new(), |mut told, (name, leads)| {
        let _ = writeln!(told, "{name:width$}  {leads}");
        told
    })
}

/// Where documents come from, if we answer with them and it is somewhere else.
fn documents(target: &Target, origin: Option<&Base>, settings: &Settings) -> String {
    match (target, origin) {
        (Target::Cdn(_) | Target::Directory(_), Some(origin)) if settings.documents.is_some() => {
            format!("; documents from {origin}")
        }
        (Target::Registry(_) | Target::Cdn(_) | Target::Directory(_), _) => String::new(),
    }
}

fn target(target: &Target, settings: &Settings) -> String {
    let choice = match target {
        Target::Registry(base) => return format!("registry {base}"),
        Target::Directory(path) => return format!("directory {}", path.display()),
        Target::Cdn(choice) => choice,
    };
    let (anyone, _) = choice.bases(None);
    let bases: Vec<String> =
        anyone.iter().filter_map(|&id| settings.routes.base(id)).map(ToString::to_string).collect();
    let by_client = if choice.by_client() { ", others by the client's address" } else { "" };
    format!("{}{by_client}", bases.join(", else "))
}
