//! Why a request is answered as it is, for people. Pure, and by the same decisions as the answer.

use contract::api::Request;
use contract::key::Key;

use super::location::{Way, base};
use super::{Asked, PATH_LIMIT, document};
use crate::health::Health;
use crate::settings::{Choice, Settings, Target};

/// The reasons for what [`super::decide`] says of the same request, the first one first.
pub fn why(asked: &Asked<'_>, settings: &Settings, health: &Health) -> Vec<String> {
    if asked.method != http::Method::GET && asked.method != http::Method::HEAD {
        return vec!["nothing can be changed here: only GET and HEAD are answered".to_owned()];
    }
    if asked.path.len() > PATH_LIMIT {
        return vec![format!("the path is longer than {PATH_LIMIT} bytes")];
    }
    match Request::parse(asked.path) {
        Request::Ping | Request::Version => {
            vec!["the endpoint answers this itself, whatever the routes are".to_owned()]
        }
        Request::Search if settings.documents.is_some() => {
            vec!["the endpoint searches the catalog of the default route".to_owned()]
        }
        Request::Search => vec!["search is answered with `documents = \"serve\"` only".to_owned()],
        Request::Object(key) => of_object(asked, &key, settings, health),
        Request::Unknown(_) => vec!["this path asks for no object of a registry".to_owned()],
    }
}

fn of_object(asked: &Asked<'_>, key: &Key, settings: &Settings, health: &Health) -> Vec<String> {
    let way = Way::of(asked.path, key, settings);
    let mut reasons = Vec::new();
    if settings.documents.is_some() && document::is(key) {
        reasons.push("with `documents = \"serve\"` the endpoint answers with documents itself".to_owned());
    }
    match (&way.repository, way.route) {
        (Some(name), Some(route)) => {
            reasons.push(format!("the repository {name} is under the route {}", route.prefix()));
            if let Some(rewrite) = route.rewrite() {
                reasons.push(match route.rename(name, rewrite) {
                    Some(there) => format!("there it is called {there}"),
                    None => format!("with rewrite = \"{rewrite}\" it has no name there"),
                });
            }
        }
        (Some(name), None) => reasons.push(format!("the repository {name} is under no route: the default")),
        (None, _) if settings.routes.is_one() => reasons.push("there is no route but the default".to_owned()),
        (None, _) => reasons.push("it names no repository: the default route".to_owned()),
    }
    match way.target {
        Target::Registry(base) => reasons.push(format!("it leads to another registry, {base}")),
        Target::Directory(path) => {
            reasons.push(format!("it leads to a directory that we serve, {}", path.display()));
        }
        Target::Cdn(choice) => of_choice(choice, asked, settings, health, &mut reasons),
    }
    reasons
}

fn of_choice(
    choice: &Choice,
    asked: &Asked<'_>,
    settings: &Settings,
    health: &Health,
    reasons: &mut Vec<String>,
) {
    let (bases, network) = choice.bases(asked.client);
    match (asked.client, network) {
        (Some(client), Some(network)) => reasons.push(format!("the client {client} is in {network}")),
        (Some(client), None) if choice.by_client() => {
            reasons.push(format!("the client {client} is in none of the route's networks"));
        }
        (None, _) if choice.by_client() => {
            reasons.push("it depends on the client's address, which is not given".to_owned());
        }
        (Some(_) | None, _) => {}
    }
    let Some((chosen, base, _)) = base(choice, asked, settings, health) else { return };
    reasons.push(match bases {
        [_] => format!("its base is {base}"),
        bases if !health.is_up(chosen) => {
            format!("none of its {} bases is up: the first, {base}", bases.len())
        }
        bases => format!("the first of its {} bases that is up is {base}", bases.len()),
    });
}
