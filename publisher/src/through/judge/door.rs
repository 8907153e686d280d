//! The two requests by which clients find out that this is a registry.

use url::Url;

use super::super::exchange::Exchange;
use super::super::wrong::Wrong;
use crate::anonymous::is_here;

/// `/v2/`.
pub fn version(exchange: &Exchange) -> Vec<Wrong> {
    let Ok(answer) = &exchange.end else { return Vec::new() };
    let mut wrong = match (answer.status, answer.header("www-authenticate")) {
        (200, _) => Vec::new(),
        (401, Some(_)) => vec![Wrong::Login],
        (401, None) => vec![Wrong::NoChallenge],
        (status, _) => vec![Wrong::NoRegistry(status)],
    };
    // To this machine clients speak http without being told to.
    if exchange.url.scheme() == "http" && !is_here(&exchange.url) {
        wrong.push(Wrong::PlainHttp);
    }
    wrong
}

/// `/v1/_ping`, of a registry whose layers come from `layers`.
pub fn ping(exchange: &Exchange, layers: Option<&Url>) -> Vec<Wrong> {
    let Ok(answer) = &exchange.end else { return Vec::new() };
    if answer.status != 200 {
        return vec![Wrong::NoPing(answer.status)];
    }
    let standalone = answer.header("x-docker-registry-standalone");
    match layers {
        Some(layers)
            if exchange.url.scheme() == "https"
                && layers.scheme() == "http"
                && !standalone.is_some_and(|it| it.eq_ignore_ascii_case("false")) =>
        {
            vec![Wrong::Standalone(layers.origin().ascii_serialization())]
        }
        _ => Vec::new(),
    }
}
