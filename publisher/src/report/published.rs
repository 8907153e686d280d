//! What `publish` says, and whoever publishes what is there: what the image is, what was planned, what was done.

use contract::media::Compression;
use contract::v1;

use super::{Report, document, out, summary};
use crate::cli::Format;
use crate::failure::causes;
use crate::image::Image;
use crate::plan::{Plan, Target};
use crate::store::{StoreError, Traffic};

/// A publication that was carried out.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// What.
    pub image: &'a Image,
    /// Where.
    pub targets: &'a [Target],
    /// How.
    pub plan: &'a Plan,
    /// Its id in v1.
    pub v1: Option<v1::Id>,
    /// What it took.
    pub traffic: &'a Traffic,
    /// How many bytes of the source were read.
    pub read: u64,
}

impl Published<'_> {
    /// `acme/app:1.2@sha256:…`, one for each tag; without one, `acme/app@sha256:…`.
    pub fn references(&self) -> impl Iterator<Item = String> {
        let digest = self.image.root.digest;
        self.targets.iter().flat_map(move |Target { repository, tags, .. }| {
            let untagged = tags.is_empty().then(|| format!("{repository}@{digest}"));
            untagged.into_iter().chain(tags.iter().map(move |tag| format!("{repository}:{tag}@{digest}")))
        })
    }
}

impl Report {
    /// The image was opened: what it lacks.
    pub fn about(&self, image: &Image) {
        for entry in &image.missing {
            let platform =
                entry.platform.as_ref().map(|platform| format!(" ({platform})")).unwrap_or_default();
            self.warn(&format!("the source lacks {}{platform}: it is left out", entry.digest));
        }
        for layer in &image.foreign {
            self.say(&format!("foreign layer {} stays where its urls point", layer.digest));
        }
    }

    /// Old Docker will not see the image.
    pub fn no_v1(&self, why: &v1::NotHeld) {
        let hint = match why {
            v1::NotHeld::Layer(layer) if layer.layer_compression() == Some(Compression::Zstd) => {
                "; --v1-gzip keeps gzip of it, too"
            }
            _ => "",
        };
        self.say(&format!("not for Docker before 1.10 (Registry v1): {why}{hint}"));
    }

    /// What runs that died had left in a store is ended.
    pub fn tidied(&self, tidied: Result<usize, StoreError>) {
        match tidied {
            Ok(0) => {}
            Ok(ended) => self.say(&format!("ended {ended} unfinished uploads of earlier runs")),
            Err(error) => self.warn(&causes(&error)),
        }
    }

    /// `--dry-run`.
    pub fn planned(&self, plan: &Plan, format: Format) {
        match format {
            Format::Text => out(&plan.to_string()),
            Format::Json => out(&document::planned(plan)),
        }
    }

    /// `publish` is done.
    pub fn published(&self, published: &Published<'_>, format: Format) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        match format {
            Format::Text => published.references().for_each(|line| out(&format!("{line}\n"))),
            Format::Json => out(&document::published(published, self.started.elapsed())),
        }
        self.say(&summary::published(published, self.started.elapsed()));
    }
}
