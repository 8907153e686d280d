//! Results as text for people, within 80 columns where names are of usual length.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::SystemTime;

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
        [
            tagged.tag.to_string(),
            short(&tagged.digest),
            image.map_or_else(|| "not readable".to_owned(), |image| HumanBytes(image.total()).to_string()),
            image.and_then(Node::newest).map(day).unwrap_or_default(),
            image.map(platforms).unwrap_or_default(),
        ]
    };
    aligned(["TAG", "DIGEST", "SIZE", "CREATED", "PLATFORMS"], tags.iter().map(row).collect())
}

/// `inspect`.
pub(super) fn inspected(inspected: &Inspected<'_>) -> String {
    let node = inspected.node;
    let mut text = format!("{}\n{}\n", inspected.reference, node.digest);
    _ = write!(text, "{} in all, each blob counted once", HumanBytes(node.total()));
    if inspected.shared_size() > 0 {
        _ = write!(text, "; {} of it also elsewhere", HumanBytes(inspected.shared_size()));
    }
    text.push_str("\n\n");
    branch(node, inspected, 0, &mut text);
    for referrer in inspected.referrers {
        let of = referrer.artifact_type.as_ref().unwrap_or(&referrer.media_type);
        _ = writeln!(text, "referred to by {}, {of}", short(&referrer.digest));
    }
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
pub(super) fn short(digest: &Digest) -> String {
    let hex = digest.hex().to_string();
    format!("{}:{}", digest.algorithm().as_str(), &hex[..12])
}

/// How many platforms are named: two, and how many more there are, fit into a line of 80 columns.
const NAMED: usize = 2;

/// What an image runs on; of many, the two that most machines are, or the first ones.
pub(super) fn platforms(image: &Node) -> String {
    let usual = ["linux/amd64", "linux/arm64"];
    let place = |platform: &String| usual.iter().position(|usual| platform.starts_with(usual));
    let mut all: Vec<String> = image.platforms().into_iter().collect();
    all.sort_by_key(|platform| place(platform).unwrap_or(usual.len()));
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    let named = all.join(" ");
    if more > 0 { format!("{named} +{more}") } else { named }
}

/// A time in UTC, to the minute.
pub(super) fn minute(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.replace('T', " ").chars().take("2026-11-21 17:00".len()).collect()
}

/// The day of a date as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) has it.
fn day(date: &str) -> String {
    date.chars().take_while(|&c| c != 'T').take(10).collect()
}

/// Columns as wide as their widest entry; the last one is not padded.
pub(super) fn aligned<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
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

#[cfg(test)]
mod tests {
    use contract::descriptor::Platform;
    use contract::digest::Algorithm;

    use super::*;

    fn index(platforms: &[&str]) -> Node {
        let node = |text: &str, platform: Option<Platform>| Node {
            digest: Digest::of(Algorithm::Sha256, text.as_bytes()),
            media_type: "m".into(),
            size: 1 << 30,
            platform,
            created: Some("2026-11-21T17:00:00Z".to_owned()),
            subject: None,
            blobs: Vec::new(),
            manifests: Vec::new(),
        };
        let platform = |text: &&str| {
            let (os, architecture) = text.split_once('/').unwrap();
            let (os, architecture) = (os.to_owned(), architecture.to_owned());
            node(text, Some(Platform { os, architecture, variant: None, os_version: None }))
        };
        Node { manifests: platforms.iter().map(platform).collect(), ..node("index", None) }
    }

    #[test]
    fn of_many_platforms_the_usual_ones_are_named() {
        for (of, expected) in [
            (&[][..], ""),
            (&["linux/s390x"], "linux/s390x"),
            (&["linux/386", "linux/amd64"], "linux/amd64 linux/386"),
            (&["linux/386", "linux/arm64", "linux/arm", "linux/amd64"], "linux/amd64 linux/arm64 +2"),
            (&["windows/amd64", "linux/s390x", "linux/riscv64"], "linux/riscv64 linux/s390x +1"),
        ] {
            assert_eq!(platforms(&index(of)), expected, "{of:?}");
        }
    }

    #[test]
    fn a_tag_fits_into_80_columns() {
        let image = index(&["linux/386", "linux/arm64", "linux/arm", "linux/amd64"]);
        let tag = "1.2.3-rc".parse().unwrap();
        let text = tags(&[Tagged { tag, digest: image.digest, moved: None, image: Some(image) }]);
        assert_eq!(text.lines().map(str::len).max(), Some(79), "{text}");
    }
}
