//! Results as JSON documents, one line each.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::descriptor::Descriptor;
use contract::key::Key;
use contract::name::Repository;
use serde_json::{Map, Value, json};

use super::{Inspected, Published, summary};
use crate::look::{Counts, Tagged};
use crate::plan::{Plan, Step};
use crate::relist;
use crate::verify;

/// What `publish` did.
pub(super) fn published(published: &Published<'_>, took: Duration) -> String {
    let image = published.image;
    let is_reused = |digest| {
        published.plan.reused.iter().any(|blob| blob.digest == digest) && !image.sent.contains(&digest)
    };
    let is_written = |digest| {
        let written = |step: &Step| matches!(step, Step::Write(Key::Blob(blob), _) if *blob == digest);
        published.plan.steps().any(written)
    };
    let blobs: Vec<Value> = image
        .blobs
        .iter()
        .map(|blob| {
            json!({ "mediaType": blob.media_type, "digest": blob.digest, "size": blob.size,
                    "kind": kind(blob), "sent": !is_reused(blob.digest) })
        })
        .collect();
    let manifests: Vec<Value> = image
        .manifests
        .iter()
        .map(|it| {
            let descriptor = &it.descriptor;
            json!({ "mediaType": it.manifest.media_type(), "digest": descriptor.digest, "size": descriptor.size,
                    "platform": descriptor.platform, "sent": is_written(descriptor.digest) })
        })
        .collect();
    line(&json!({
        "references": published.references().collect::<Vec<_>>(),
        "digest": image.root.digest,
        "mediaType": image.root.media_type,
        "size": image.root.size,
        "manifests": manifests,
        "blobs": blobs,
        "missing": image.missing,
        "foreign": image.foreign,
        "v1": published.v1,
        "bytesRead": published.read,
        "bytesSent": summary::bytes(published),
        "bytesSkipped": summary::skipped(published),
        "requests": published.traffic.sent,
        "requestsRepeated": published.traffic.repeated,
        "seconds": took.as_secs_f64(),
        "bytesPerSecond": summary::rate(published, took),
    }))
}

/// What a blob is to an image.
fn kind(blob: &Descriptor) -> &'static str {
    match &blob.media_type {
        media_type if media_type.is_layer() => "layer",
        media_type if media_type.is_image_config() => "config",
        _ => "other",
    }
}

/// What `publish --dry-run` would do.
pub(super) fn planned(plan: &Plan) -> String {
    let phases: Vec<Value> = plan
        .phases
        .iter()
        .map(|phase| {
            let steps: Vec<String> = phase.steps.iter().map(Step::to_string).collect();
            json!({ "title": phase.title, "steps": steps })
        })
        .collect();
    line(&json!({ "phases": phases, "reused": plan.reused, "bytes": plan.bytes() }))
}

/// What `relist` did.
pub(super) fn relisted(summary: &relist::Summary) -> String {
    line(&json!(summary))
}

/// What `verify` found.
pub(super) fn verified(summary: &verify::Summary) -> String {
    line(&json!(summary))
}

/// What `list STORE` found.
pub(super) fn repositories(repositories: &BTreeMap<Repository, Counts>) -> String {
    line(&json!({ "repositories": repositories }))
}

/// What `list STORE REPOSITORY` found.
pub(super) fn tags(tags: &[Tagged]) -> String {
    line(&json!({ "tags": tags }))
}

/// What `inspect` found.
pub(super) fn inspected(inspected: &Inspected<'_>) -> String {
    let shared: Map<String, Value> =
        inspected.shared.iter().map(|(digest, others)| (digest.to_string(), json!(others))).collect();
    line(&json!({
        "reference": inspected.reference.to_string(),
        "totalSize": inspected.node.total(),
        "image": inspected.node,
        "alsoInOtherRepositories": shared,
        "sharedSize": inspected.shared_size(),
        "referrers": inspected.referrers,
    }))
}

/// What `remove` removed.
pub(super) fn removed(removed: &[String]) -> String {
    line(&json!({ "removed": removed }))
}

fn line(document: &Value) -> String {
    format!("{document}\n")
}
