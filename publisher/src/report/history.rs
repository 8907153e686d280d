//! What `history` shows.

use contract::name::Reference;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::table::{aligned, minute, platforms, short};
use crate::history::Past;
use crate::look::Node;

/// For people: the latest first.
pub(super) fn text(history: &[Past]) -> String {
    let row = |past: &Past| {
        let image = past.image.as_ref();
        [
            if past.is_current { "*".to_owned() } else { String::new() },
            short(&past.digest),
            image.map_or_else(|| "gone".to_owned(), |image| HumanBytes(image.total()).to_string()),
            past.moved.map(minute).unwrap_or_default(),
            image.map(platforms).unwrap_or_default(),
        ]
    };
    aligned(["", "DIGEST", "SIZE", "MOVED (UTC)", "PLATFORMS"], history.iter().map(row).collect())
}

/// For machines.
pub(super) fn document(reference: &Reference, history: &[Past]) -> Value {
    let past = |past: &Past| {
        let image = past.image.as_ref();
        json!({
            "digest": past.digest,
            "moved": past.moved.map(|moved| humantime::format_rfc3339(moved).to_string()),
            "current": past.is_current,
            "size": image.map(Node::total),
            "created": image.and_then(Node::newest),
            "platforms": image.map(Node::platforms),
        })
    };
    json!({ "reference": reference.to_string(), "history": history.iter().map(past).collect::<Vec<_>>() })
}
