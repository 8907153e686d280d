//! Bad input: always an error that names the thing, never a panic, never a wrong image.

use std::os::unix::fs::symlink;

use proptest::prelude::*;
use publisher::content::Content;
use publisher::source::Opened;
use serde_json::json;

use super::opening::{ASK, Ask, at, bytes, named, says, text};
use super::writer::{Files, Item, blob, config, gzip, layer, sha256, zstd};

#[tokio::test]
async fn what_is_no_archive_says_what_it_is() {
    for (name, content, said) in [
        ("x.tar", &b""[..], "x.tar is empty"),
        ("x.tar", b"hello", "x.tar is not a tar archive"),
        ("x.tar", &[b'x'; 9000], "x.tar is not a tar archive"),
        ("x.gz", &gzip(b"hello"), "x.gz is not a tar archive"),
        ("x.gz", &gzip(b""), "x.gz is empty"),
        ("x.xz", b"\xfd7zXZ\0", "compressed with xz"),
        ("x.bz2", b"BZh91AY", "bzip2 -dc"),
        ("x.gz", &gzip(&[0; 1024])[..20], "x.gz is truncated"),
        ("x.gz", b"\x1f\x8bxxxxxxxxxxxxxxxx", "x.gz is damaged"),
        ("x.zst", &zstd(&[b'y'; 1024])[..12], "x.zst is truncated"),
        ("x.tar", &[0; 1024], "holds no image"),
        ("x.tar", &layer("only a layer"), "holds no image"),
    ] {
        let said_of = says(named(name, content, ASK).await);
        assert!(said_of.contains(said), "{said_of}");
    }
    assert!(says(at("/nowhere/x.tar", ASK).await).contains("/nowhere/x.tar"));
    assert!(says(at("docker-daemon:acme/app?x", ASK).await).contains("docker-daemon:NAME"));
    let folder = tempfile::tempdir().unwrap();
    assert!(says(at(text(folder.path()), ASK).await).contains("holds no image"));
}

#[tokio::test]
async fn an_archive_from_before_docker_1_10_says_so() {
    let mut files = Files::new();
    files.put("repositories", "{}");
    assert!(says(bytes(&files.tar(), ASK).await).contains("before 1.10"));
}

#[tokio::test]
async fn an_archive_cut_at_any_block_is_an_error_or_whole() {
    let (base, top) = (layer("base"), layer("top"));
    let docker = Files::docker(&[(&["acme/app:1"], &[&base, &top])]);
    let mut partial = Files::new();
    let entries = ["a", "b"].map(|name| partial.image(name));
    let root = partial.index(&entries);
    // With the listing in front, an image index of which the rest is lost looks like a part of one.
    partial.layout(&[root]);
    partial.items.reverse();
    for files in [docker, partial] {
        let tar = files.tar();
        let root = bytes(&tar, ASK).await.unwrap().image.root;
        let mut errors = 0;
        for cut in (0..tar.len()).step_by(512) {
            match bytes(&tar[..cut], ASK).await {
                Ok(opened) => assert_eq!(opened.image.root, root, "{cut}"),
                Err(_) => errors += 1,
            }
        }
        assert_eq!(errors, tar.len() / 512 - 1, "only half of the end mark may be missing");
    }
}

#[tokio::test]
async fn members_that_lead_out_or_round_are_refused() {
    for (name, item) in [
        ("../x", Item::File(Vec::new())),
        ("/x", Item::File(Vec::new())),
        ("a/x", Item::Symlink("../../x".into())),
        ("a/x", Item::Symlink("/etc/passwd".into())),
        ("a/x", Item::Link("../x".into())),
    ] {
        let (mut files, _) = Files::layout_of("a");
        files.items.push((name.into(), item));
        let said = says(bytes(&files.tar(), ASK).await);
        assert!(said.contains("leads out of the archive") && said.contains(name), "{said}");
    }
    for path in ["../x", "/x", "a/../../x"] {
        let (mut files, _) = Files::layout_of("a");
        files.put("manifest.json", json!([{"Config": path, "RepoTags": null, "Layers": []}]).to_string());
        for opened in [bytes(&files.tar(), ASK).await, at(text(files.folder().path()), ASK).await] {
            assert!(says(opened).contains("leads out"), "{path}");
        }
    }
    let bytes_of = layer("a");
    let mut files = Files::docker(&[(&[], &[&bytes_of])]);
    files.items[0].1 = Item::Symlink("layer.tar".into());
    let said = says(bytes(&files.tar(), ASK).await);
    assert!(said.contains("circle") && said.contains("layer.tar"), "{said}");
    let folder = files.folder();
    assert!(says(at(text(folder.path()), ASK).await).contains("layer.tar"));
}

#[tokio::test]
async fn docker_archives_that_do_not_fit_together_are_refused() {
    let plain = layer("a");
    let member = format!("{}/layer.tar", sha256(&plain).hex());
    let config_member = format!("{}.json", sha256(config(&[&plain]).as_bytes()).hex());
    let good = Files::docker(&[(&[], &[&plain])]);
    let other = layer("b");
    let changes: [(&str, &str, Option<&[u8]>); 12] = [
        ("lacks", &member, None),
        ("lacks", &config_member, None),
        ("is empty", &member, Some(b"")),
        ("not a tar archive", &member, Some(b"hello")),
        ("config says", &member, Some(&other)),
        ("config says", &member, Some(&gzip(&other))),
        ("config says", &member, Some(&zstd(&other))),
        ("cannot be read", &member, Some(&gzip(&plain)[..40])),
        ("is damaged", &config_member, Some(b"{}")),
        ("is not valid", "manifest.json", Some(b"[")),
        ("is not valid", "manifest.json", Some(b"[{}]")),
        ("holds no image", "manifest.json", Some(b"[]")),
    ];
    for (said, member, change) in changes {
        let mut files = good.clone();
        match change {
            Some(bytes) => *files.get(member) = bytes.to_vec(),
            None => files.remove(member),
        }
        let found = says(bytes(&files.tar(), ASK).await);
        assert!(found.contains(said), "{said}: {found}");
        assert!(found.contains(member) || change == Some(b"[]"), "{member}: {found}");
    }
    let mut files = good.clone();
    let manifest = String::from_utf8(files.get("manifest.json").clone()).unwrap();
    *files.get("manifest.json") = manifest.replace(&format!("[\"{member}\"]"), "[]").into_bytes();
    assert!(says(bytes(&files.tar(), ASK).await).contains("lists 0 layers"));
}

#[tokio::test]
async fn no_other_image_is_taken_for_a_damaged_one() {
    let layers = [layer("one"), layer("two")];
    let good = Files::docker(&[(&["acme/app:1"], &[&layers[0]]), (&["acme/app:2"], &[&layers[1]])]);
    let config = config(&[&layers[0]]);
    let member = format!("{}.json", sha256(config.as_bytes()).hex());
    let mut damaged = good.clone();
    damaged.get(&member).push(b' ');
    let mut lacking = good.clone();
    lacking.remove(&member);
    let mut unnamed = good.clone();
    unnamed.remove(&member);
    let manifest = String::from_utf8(unnamed.get("manifest.json").clone()).unwrap();
    *unnamed.get("manifest.json") = manifest.replace(&member, "config.json").into_bytes();
    for (files, member) in [(damaged, &*member), (lacking, &member), (unnamed, "config.json")] {
        let said = says(bytes(&files.tar(), ASK).await);
        assert!(said.contains(member), "{said}");
        assert!(
            bytes(&files.tar(), Ask { published: "acme/app:2", ..ASK }).await.is_ok(),
            "the other one is good"
        );
        assert!(says(bytes(&files.tar(), Ask { published: "acme/app", ..ASK }).await).contains("acme/app:1"));
    }
}

#[tokio::test]
async fn layouts_that_do_not_fit_together_are_refused() {
    let (good, root) = Files::layout_of("a");
    let opened = bytes(&good.tar(), ASK).await.unwrap();
    let members: Vec<_> = opened.image.blobs.iter().map(|blob_of| blob(&blob_of.digest)).collect();
    for member in [&members[0], &members[1], &blob(&root.digest)] {
        let hex = member.rsplit('/').next().unwrap();
        let mut files = good.clone();
        files.remove(member);
        let said = says(bytes(&files.tar(), ASK).await);
        assert!(said.contains("lacks") && said.contains(hex), "{said}");
        let mut files = good.clone();
        files.get(member).push(b' ');
        let said = says(bytes(&files.tar(), ASK).await);
        assert!(said.contains("holds") && said.contains(hex) && said.contains("again"), "{said}");
    }
    for (index, said) in [
        ("{", "is not valid"),
        (r#"{"manifests":[]}"#, "holds no image"),
        (r#"{"manifests":[{"mediaType":"a/b"}]}"#, "is not valid"),
    ] {
        let mut files = good.clone();
        *files.get("index.json") = index.into();
        assert!(says(bytes(&files.tar(), ASK).await).contains(said), "{index}");
    }
    let mut files = good.clone();
    *files.get("index.json") = json!({"manifests": [opened.image.blobs[0]]}).to_string().into();
    assert!(says(bytes(&files.tar(), ASK).await).contains("not a manifest"));
}

#[tokio::test]
async fn a_layer_of_other_bytes_is_found_when_it_is_read() {
    let (mut files, _) = Files::layout_of("a");
    let opened = bytes(&files.tar(), ASK).await.unwrap();
    *files.get(&blob(&opened.image.blobs[0].digest)).last_mut().unwrap() ^= 1;
    let opened = bytes(&files.tar(), ASK).await.unwrap();
    assert!(!is_right(&opened).await);
}

/// Whether all that is promised comes.
async fn is_right(opened: &Opened) -> bool {
    for descriptor in &opened.image.blobs {
        let content = Content { descriptor, from: &*opened.from, passed: &|_| () };
        let Ok(verified) = content.open().await else { return false };
        if verified.whole().await.is_err() {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn a_folder_in_the_place_of_a_file_is_not_the_file() {
    let (files, root) = Files::layout_of("a");
    let folder = files.folder();
    let path = folder.path().join(blob(&root.digest));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(says(at(text(folder.path()), ASK).await).contains("lacks the manifest"));
    std::fs::remove_dir(&path).unwrap();
    symlink(&path, &path).unwrap();
    assert!(says(at(text(folder.path()), ASK).await).contains(&root.digest.to_string()));
}

#[tokio::test]
async fn documents_that_fill_the_memory_are_refused() {
    let (mut files, _) = Files::layout_of("a");
    files.get("index.json").resize(17 << 20, b' ');
    assert!(says(bytes(&files.tar(), ASK).await).contains("more than"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is wrong with an archive: an error, or an image all of whose bytes are what their digests say.
    #[test]
    fn damaged_archives_never_panic(
        which in 0usize..3,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut tar = match which {
            0 => Files::docker(&[(&["acme/app:1"], &[&layer("base"), &layer("top")])]).tar(),
            1 => Files::layout_of("a").0.tar(),
            _ => gzip(&Files::layout_of("a").0.tar()),
        };
        for (at, byte) in flips {
            let at = at.index(tar.len());
            tar[at] = byte;
        }
        if let Some(cut) = cut {
            tar.truncate(cut.index(tar.len()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            if let Ok(opened) = bytes(&tar, Ask { strict: true, ..ASK }).await {
                is_right(&opened).await;
            }
        });
    }
}
