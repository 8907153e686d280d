//! What `relist` takes for right without reading it: digest views that are there, and the headers of what is derived.

use bytes::Bytes;
use contract::key::{ContentType, Key};
use contract::manifest::Manifest;

use super::finding::{Finding, Summary, Wrong};
use crate::derive::Derive;
use crate::store::{Document, Kind, StoreError, When};

/// Writes once more what was found to be wrong and can be made anew, and removes hints that mislead. Returns how many
/// objects that were.
pub async fn mend(derive: Derive<'_>, findings: &[Finding]) -> Result<usize, StoreError> {
    let mut keys: Vec<&Key> =
        findings.iter().filter(|finding| is_ours(finding)).map(|finding| &finding.key).collect();
    keys.dedup();
    let mut written = 0;
    for key in keys {
        if matches!(key, Key::Diff(..)) {
            derive.store.delete(key).await?;
            written += 1;
            continue;
        }
        let Some(found) = derive.store.read(key).await? else { continue };
        let Some(document) = document(derive, key, found.bytes).await? else { continue };
        match derive.store.write(key, &document, When::Unchanged(found.version)).await {
            // Whoever changed it meanwhile wrote it whole.
            Err(error) if error.kind == Kind::Conflict => {}
            done => {
                done?;
                written += 1;
            }
        }
    }
    Ok(written)
}

/// The same of what is known only when contents were read: hints whose blob holds another layer. Removed, they are no
/// findings any longer. Returns how many that were.
pub async fn forget(derive: Derive<'_>, summary: &mut Summary) -> Result<usize, StoreError> {
    let all = std::mem::take(&mut summary.findings);
    let (hints, rest) = all.into_iter().partition::<Vec<_>, _>(|it| matches!(it.key, Key::Diff(..)));
    summary.findings = rest;
    mend(derive, &hints).await
}

fn is_ours(finding: &Finding) -> bool {
    match &finding.wrong {
        Wrong::ContentType { .. } | Wrong::CacheControl { .. } | Wrong::ContentEncoding(_) => {
            finding.key.is_derived()
        }
        Wrong::Disagrees(_) => matches!(finding.key, Key::DigestView(..) | Key::Diff(..)),
        Wrong::Missing(_)
        | Wrong::Size { .. }
        | Wrong::Damaged
        | Wrong::NoDigest
        | Wrong::Unreadable
        | Wrong::Unlinked => false,
    }
}

/// What the object must be, by its own bytes where nothing else says. `None` where there is no manifest to be shown.
async fn document(derive: Derive<'_>, key: &Key, bytes: Bytes) -> Result<Option<Document>, StoreError> {
    let manifest = match (key, key.content_type()) {
        (Key::DigestView(_, digest), _) => derive.manifest(digest).await?,
        (_, ContentType::OfManifest) => Manifest::parse(&bytes, None).ok().map(|manifest| (bytes, manifest)),
        (_, ContentType::Fixed(_)) => return Ok(Some(Document::new(bytes))),
    };
    Ok(manifest.map(|(bytes, manifest)| Document::view(bytes, manifest.media_type().clone())))
}
