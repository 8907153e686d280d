//! What a publication took: bytes read, sent and skipped, time, rate and requests.

use std::time::Duration;

use contract::descriptor::Descriptor;
use indicatif::HumanBytes;

use super::Published;
use crate::plan::Step;
use crate::store::Traffic;

/// One line for people.
pub(super) fn published(published: &Published<'_>, took: Duration) -> String {
    let sent = published.plan.steps().filter(|step| matches!(step, Step::Send(..))).count();
    let sent = sent + ahead(published).count();
    let read = match published.read {
        0 => String::new(),
        read => format!("read {}, ", HumanBytes(read)),
    };
    format!(
        "{read}sent {sent} blobs ({}), skipped {} that were there ({}), in {:.1} s ({}/s){}",
        HumanBytes(bytes(published)),
        published.plan.reused.len() - ahead(published).count(),
        HumanBytes(skipped(published)),
        took.as_secs_f64(),
        HumanBytes(rate(published, took)),
        requests(published.traffic)
    )
}

/// Bytes that were there.
pub(super) fn skipped(published: &Published<'_>) -> u64 {
    let all: u64 = published.plan.reused.iter().map(|blob| blob.size).sum();
    all - ahead(published).map(|blob| blob.size).sum::<u64>()
}

/// What was sent while others were packed: when the plan was made, it was there.
pub(super) fn ahead<'a>(published: &Published<'a>) -> impl Iterator<Item = &'a Descriptor> {
    let Published { image, plan, .. } = *published;
    plan.reused.iter().filter(|blob| image.sent.contains(&blob.digest))
}

/// Bytes of content that were sent.
pub(super) fn bytes(published: &Published<'_>) -> u64 {
    published.plan.bytes() + ahead(published).map(|blob| blob.size).sum::<u64>()
}

/// Bytes of content sent in a second, on the average of the whole run.
pub(super) fn rate(published: &Published<'_>, took: Duration) -> u64 {
    (bytes(published) as f64 / took.as_secs_f64().max(0.001)) as u64
}

/// Nothing of a store that is not asked over a network.
pub(super) fn requests(traffic: &Traffic) -> String {
    match (traffic.sent, traffic.repeated) {
        (0, _) => String::new(),
        (sent, 0) => format!(" and {sent} requests"),
        (sent, repeated) => format!(" and {sent} requests, {repeated} of them sent again"),
    }
}
