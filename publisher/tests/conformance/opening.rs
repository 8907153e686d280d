//! Opening a store: what is made, and what the store says of itself.

use contract::key::Key;
use contract::manner::Manner;
use contract::settings::StoreSettings;
use publisher::store::{Document, Kind, Location, Objects, Options, When, open};

use crate::swift_server::HASTE;

const LOOK: Options<'_> = Options {
    objects: &|_| Objects { changing_ttl: 7, manner: Manner::default() },
    patience: HASTE,
    create: false,
};
const MAKE: Options<'_> = Options { create: true, ..LOOK };

#[tokio::test]
async fn a_directory_is_made_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Location::Directory(folder.path().join("missing"));
    assert_eq!(open(&missing, &LOOK).await.unwrap_err().kind, Kind::NoStore);
    assert_eq!(open(&missing, &MAKE).await.unwrap().0.name(), missing.to_string());
    open(&missing, &LOOK).await.unwrap();
}

#[tokio::test]
async fn settings_in_the_store_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Directory(folder.path().to_owned());
    let (store, said) = open(&location, &LOOK).await.unwrap();
    assert_eq!(said, StoreSettings::default());

    let settings = StoreSettings { v1: Some(false), ..StoreSettings::default() };
    let write = async |bytes: Vec<u8>| {
        store.write(&Key::Settings, &Document::new(bytes), When::Always).await.unwrap();
    };
    write(settings.to_bytes()).await;
    assert_eq!(open(&location, &LOOK).await.unwrap().1, settings);

    write(b"{\"quota\":1}".to_vec()).await;
    let error = open(&location, &LOOK).await.unwrap_err();
    let said = error.source.as_ref().unwrap().to_string();
    assert!(said.contains("`quota`") && said.contains("newer registry-publisher"), "{said}");
    assert!(error.to_string().contains("static-registry/settings.json"), "{error}");
}
