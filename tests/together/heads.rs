//! Clients that ask by HEAD which digest a tag has: real ones from PyPI, python-dxf and oras, beside skopeo and Docker.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::rig::layout::{Layout, OCI_EMPTY, OCI_MANIFEST};
use crate::rig::ours::Endpoint;
use crate::rig::process::{limited, must};
use crate::rig::store::Store;
use crate::rig::yaml::python_program;

/// What the clients find of `acme/notes:1`.
fn found(endpoint: &Endpoint) -> Value {
    let folder = tempdir().unwrap();
    let mut command = limited(python_program("python"));
    command.arg(format!("{}/tests/rig/pypi_clients.py", env!("CARGO_MANIFEST_DIR")));
    command.args([&endpoint.host, "acme/notes", "1"]).arg(folder.path());
    serde_json::from_str(&must(&mut command)).unwrap()
}

#[test]
fn clients_that_ask_by_head_find_digests_where_documents_are_served() {
    let (store, source, mut layout) = (Store::bucket(), tempdir().unwrap(), Layout::default());
    let config = layout.blob(OCI_EMPTY, b"{}".to_vec());
    let mut note = layout.blob("text/plain", b"a note".to_vec());
    note["annotations"] = json!({"org.opencontainers.image.title": "note.txt"});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.acme.note",
        "config": config, "layers": [note],
    });
    let artifact = layout.manifest(&manifest);
    layout.list(&artifact, "1");
    layout.write_dir(source.path());
    store.publish(source.path(), &["acme/notes:1", "acme/notes:2", "acme/other:1"]);

    let served = found(&store.endpoint_serving(&[]));
    let redirected = found(&store.endpoint());
    assert_eq!(served["digest"], artifact["digest"]);
    assert!(served["deleted"].as_str().unwrap().contains("UNSUPPORTED"), "{}", served["deleted"]);
    // A bucket does not say it: README says who needs that.
    assert_eq!(redirected["digest"], Value::Null);
    assert!(redirected["deleted"].as_str().unwrap().contains("Docker-Content-Digest"), "{redirected}");
    for told in [served, redirected] {
        let text: Value = serde_json::from_str(told["manifest"].as_str().unwrap()).unwrap();
        assert_eq!(text, manifest);
        assert_eq!((&told["size"], &told["blob"]), (&json!(6), &json!("a note")));
        assert_eq!((&told["tags"], &told["listed"]), (&json!(["1", "2"]), &json!(["1", "2"])));
        assert_eq!(told["repositories"], json!(["acme/notes", "acme/other"]));
        assert_eq!(told["pulled"], json!(["a note"]));
    }
}
