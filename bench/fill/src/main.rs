//! Fills a store with many small images, as publishers would have left it, only faster: every object is written once,
//! and nothing is looked for. `bench-fill STORE REPOSITORIES TAGS LAYERS`: so many repositories, tags in each, and layers
//! of their own in each image.

use std::collections::BTreeSet;
use std::error::Error;

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::listing::{Catalog, Listing, Referrers, TagList};
use contract::media::MediaType;
use contract::name::{Repository, Tag};
use contract::settings::StoreSettings;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use publisher::store::{self, Document, Location, Objects, Options, Patience, Store, StoreError, When};
use serde_json::{Value, json};

/// How many objects are written at the same time.
const AT_ONCE: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [location, repositories, tags, layers] = &arguments[..] else {
        return Err("expected STORE REPOSITORIES TAGS LAYERS".into());
    };
    let location: Location = location.parse()?;
    let objects = |_: &StoreSettings| Objects { changing_ttl: 60, ..Objects::default() };
    let options = Options { objects: &objects, patience: Patience::default(), create: true };
    let (store, _) = store::open(&location, &options).await?;
    let (tags, layers) = (tags.parse()?, layers.parse()?);
    let mut catalog = Catalog::default();
    for number in 0..repositories.parse()? {
        let name: Repository = format!("team-{}/app-{number}", number / 20).parse()?;
        write(&*store, repository(&name, tags, layers)?).await?;
        catalog.repositories.insert(name);
    }
    write(&*store, vec![(Key::Catalog, Document::new(catalog.to_bytes()))]).await?;
    store.close().await?;
    Ok(())
}

async fn write(store: &dyn Store, objects: Vec<(Key, Document)>) -> Result<(), StoreError> {
    let each =
        objects.into_iter().map(async |(key, document)| store.write(&key, &document, When::Always).await);
    stream::iter(each).buffer_unordered(AT_ONCE).try_collect().await
}

/// Every object of a repository.
fn repository(name: &Repository, tags: usize, layers: usize) -> Result<Vec<(Key, Document)>, Box<dyn Error>> {
    let mut objects = Vec::new();
    let mut names = BTreeSet::new();
    for number in 0..tags {
        let tag: Tag = format!("v1.{number}").parse()?;
        image(name, &tag, layers, &mut objects);
        names.insert(tag);
    }
    let list = TagList { name: name.clone(), tags: names };
    objects.push((Key::TagList(name.clone()), Document::new(list.to_bytes())));
    Ok(objects)
}

fn image(name: &Repository, tag: &Tag, layers: usize, objects: &mut Vec<(Key, Document)>) {
    let config = json!({ "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z", "config": { "Labels": { "of": format!("{name}:{tag}") } } });
    let config = blob(name, MediaType::OCI_CONFIG, config.to_string(), objects);
    let layer = |number| format!("layer {number} of {name}:{tag}");
    let layers: Vec<Value> =
        (0..layers).map(|number| blob(name, MediaType::OCI_LAYER_GZIP, layer(number), objects)).collect();
    let manifest = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": layers }).to_string();
    let digest = Digest::of(Algorithm::Sha256, manifest.as_bytes());
    let view = Document::view(manifest.clone().into(), MediaType::from(MediaType::OCI_MANIFEST));
    objects.extend([
        (Key::Blob(digest), Document::new(manifest)),
        (Key::DigestView(name.clone(), digest), view.clone()),
        (Key::Referrers(name.clone(), digest), Document::new(Referrers::default().to_bytes())),
        (Key::RevisionLink(name.clone(), digest), Document::link(&digest)),
        (Key::TagHistoryLink(name.clone(), tag.clone(), digest), Document::link(&digest)),
        (Key::TagLink(name.clone(), tag.clone()), Document::link(&digest)),
        (Key::TagView(name.clone(), tag.clone()), view),
    ]);
}

/// A config or a layer with its link; returns its descriptor.
fn blob(name: &Repository, media_type: &str, content: String, objects: &mut Vec<(Key, Document)>) -> Value {
    let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
    let described = json!({ "mediaType": media_type, "digest": digest.to_string(), "size": content.len() });
    objects.push((Key::Blob(digest), Document::new(content)));
    objects.push((Key::LayerLink(name.clone(), digest), Document::link(&digest)));
    described
}
