//! What is not there: clients look for things that may not be, and go on where they are told so in the right words.

use contract::api::ErrorCode;
use contract::listing::{Listing, Referrers};
use serde_json::Value;

use super::super::exchange::{Exchange, How};
use super::super::wrong::Wrong;

/// What is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// A manifest, by tag or by digest. `v1` where clients of v1 have images there; `version` is whether `/v2/` says
    /// `Docker-Distribution-Api-Version`.
    Manifest {
        /// Registry v1 is spoken, too.
        v1: bool,
        /// The header is there.
        version: bool,
    },
    /// A blob.
    Blob,
    /// A list of referrers, which may be an empty one, too.
    Referrers,
}

/// The answer to a request for what is not there.
pub fn missing(exchange: &Exchange, absent: Absent) -> Vec<Wrong> {
    let Ok(answer) = &exchange.end else { return Vec::new() };
    if answer.status == 200 && absent == Absent::Referrers {
        let list = Referrers::from_bytes(&answer.body);
        let empty = list.is_ok_and(|list| list.manifests().is_empty());
        return if empty { Vec::new() } else { vec![Wrong::Missing(200)] };
    }
    if answer.status != 404 {
        return vec![Wrong::Missing(answer.status)];
    }
    match absent {
        Absent::Blob | Absent::Referrers => Vec::new(),
        // HEAD has no words.
        Absent::Manifest { .. } if exchange.how == How::Head => Vec::new(),
        Absent::Manifest { v1, version } => words(&answer.body, v1, version),
    }
}

/// Docker from 1.10 on goes on with v1 after one code alone if the header is there; 1.8 and 1.9 stop at NAME_UNKNOWN.
fn words(body: &[u8], v1: bool, version: bool) -> Vec<Wrong> {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = document["errors"][0]["code"].as_str();
    match code {
        Some(code) if code == ErrorCode::ManifestUnknown.as_str() => Vec::new(),
        Some(code) if v1 && (version || code == ErrorCode::NameUnknown.as_str()) => {
            vec![Wrong::MissingStops(code.to_owned())]
        }
        None if v1 && version => vec![Wrong::MissingStops("something else".to_owned())],
        None => vec![Wrong::MissingWords],
        Some(_) => Vec::new(),
    }
}
