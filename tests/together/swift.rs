//! From a Swift container: published by its own protocol, pulled through the endpoint.

use crate::pull::digest_of;
use crate::rig::http;
use crate::rig::layout::{Layer, Layout, sha256};
use crate::rig::ours::{self, Endpoint};
use crate::rig::process::run;
use crate::rig::random::Random;
use crate::rig::skopeo::copy;
use crate::rig::swift::{OWNER, swift};

#[test]
fn skopeo_pulls_from_a_container() {
    swift().create_public_container("images");
    let mut layout = Layout::default();
    // Two segments at least, since nothing can compress it.
    let large = Random::seeded(1).bytes(3 << 19);
    let image = layout
        .image("linux/amd64", &[Layer::gzip(&[("small", b"first")]), Layer::gzip(&[("large", &large)])]);
    layout.list(&image, "latest");
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());

    let publish = || {
        let mut command = ours::publisher_command();
        command.env("ST_AUTH", swift().auth_url()).env("ST_USER", OWNER.0).env("ST_KEY", OWNER.1);
        command.arg("publish").arg(source.path()).args([
            "acme/app:1.2",
            "--to",
            "swift://images/some/prefix",
        ]);
        let run = run(&mut command);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
    };
    let published = publish();
    let digest = digest_of(&published, "acme/app:1.2");
    assert_eq!(publish(), published);

    let endpoint = Endpoint::to_cdn(&format!("{}/some/prefix", swift().url("images")));
    for reference in [":1.2", &format!("@{digest}")] {
        let pulled = tempfile::tempdir().unwrap();
        let target = format!("dir:{}", pulled.path().display());
        copy(&[], &format!("docker://{}/acme/app{reference}", endpoint.host), &target);
        assert_eq!(sha256(&std::fs::read(pulled.path().join("manifest.json")).unwrap()), digest);
    }
    let tags = http::get(&endpoint.url("/v2/acme/app/tags/list")).json();
    assert_eq!(tags, serde_json::json!({"name": "acme/app", "tags": ["1.2"]}));
    let v1 = http::get(&endpoint.url("/v1/repositories/acme/app/tags")).json();
    assert_eq!(v1.as_object().unwrap().len(), 1, "{v1}");
}

#[test]
fn without_credentials_the_hint_names_those_of_swift() {
    let mut command = ours::publisher_command();
    let run = run(command.args(["list", "swift://images"]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("hint: set ST_AUTH, ST_USER and ST_KEY, or OS_AUTH_URL"), "{}", run.stderr);
}
