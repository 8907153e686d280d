//! Results as text for people, within 80 columns where names are of usual length.

use std::collections::BTreeMap;
use std::fmt::Write;

use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::name::Repository;
use indicatif::HumanBytes;

use super::Inspected;
use crate::look::{Counts, Node, Tagged};

/// `list STORE`.
pub(super) fn repositories(repositories: &BTreeMap<Repository, Counts>) -> String {
    let row = |(name, counts): (&Repository, &Counts)| {
        [name.to_string(), counts.tags.to_string(), counts.manifests.to_string()]
    };
    aligned(["REPOSITORY", "TAGS", "MANIFESTS"], repositories.iter().map(row).collect())
}

/// `list STORE REPOSITORY`.
pub(super) fn tags(tags: &[Tagged]) -> String {
    let row = |tagged: &Tagged| {
        let image = tagged.image.as_ref();
        let platforms: Vec<String> = image.map(Node::platforms).unwrap_or_default().into_iter().collect();
        [
            tagged.tag.to_string(),
            short(&tagged.digest),
            image.map_or_else(|| "not readable".to_owned(), |image| HumanBytes(image.total()).to_string()),
            image.and_then(Node::newest).map(day).unwrap_or_default(),
            platforms.join(" "),
        ]
    };
    aligned(["TAG", "DIGEST", "SIZE", "CREATED", "PLATFORMS"], tags.iter().map(row).collect())
}

/// `inspect`.
pub(super) fn inspected(inspected: &Inspected<'_>) -> String {
    let node = inspected.node;
    let mut text = format!("{}\n{}\n", inspected.reference, node.digest);
    _ = writeln!(text, "{} in all, each blob counted once\n", HumanBytes(node.total()));
    branch(node, inspected, 0, &mut text);
    text
}

fn branch(node: &Node, inspected: &Inspected<'_>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let kind = if node.media_type.is_index() { "index" } else { "manifest" };
    _ = write!(text, "{indent}{kind} {} ({})", short(&node.digest), HumanBytes(node.size));
    let platform = node.platform.iter().map(ToString::to_string);
    let created = node.created.iter().map(|created| format!("made {}", day(created)));
    let subject = node.subject.iter().map(|subject| format!("refers to {}", short(subject)));
    for said in platform.chain(created).chain(subject) {
        _ = write!(text, ", {said}");
    }
    text.push('\n');
    for blob in &node.blobs {
        let others =
            inspected.shared.get(&blob.digest).map(|others| format!(", also in {others} other repositories"));
        let (what, size) = (kind_of(blob), HumanBytes(blob.size));
        _ = writeln!(text, "{indent}  {what} {} ({size}){}", short(&blob.digest), others.unwrap_or_default());
    }
    node.manifests.iter().for_each(|below| branch(below, inspected, depth + 1, text));
}

fn kind_of(blob: &Descriptor) -> &str {
    match &blob.media_type {
        media_type if media_type.is_layer() => "layer",
        media_type if media_type.is_image_config() => "config",
        media_type => media_type.as_str(),
    }
}

/// As many digits as Docker shows.
fn short(digest: &Digest) -> String {
    let hex = digest.hex().to_string();
    format!("{}:{}", digest.algorithm().as_str(), &hex[..12])
}

/// The day of a date as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) has it.
fn day(date: &str) -> String {
    date.chars().take_while(|&c| c != 'T').take(10).collect()
}

/// Columns as wide as their widest entry; the last one is not padded.
fn aligned<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
