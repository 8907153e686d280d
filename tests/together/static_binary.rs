//! The endpoint as it is shipped: one static file that needs nothing beside it.

use std::fs;
use std::process::Command;

use crate::rig::dist::static_endpoint;
use crate::rig::http;
use crate::rig::process::{Component, free_port};

#[test]
fn runs_in_an_empty_root() {
    let binary = static_endpoint();
    let size = fs::metadata(binary).unwrap().len();
    assert!(size < 4_000_000, "{size} bytes are more than an empty container should have to hold");
    let listen = format!("127.0.0.1:{}", free_port());
    let component = Component::start("static", |dir| {
        let root = dir.join("root");
        fs::create_dir(&root).unwrap();
        fs::copy(binary, root.join("registry-endpoint")).unwrap();
        let mut command = Command::new("chroot");
        command.arg(root).args([
            "/registry-endpoint",
            "--listen",
            &listen,
            "--cdn",
            "https://cdn.example.com",
        ]);
        command
    });
    let url = |path: &str| format!("http://{listen}{path}");
    component.wait(|| http::answers(&url("/healthz")));
    let version = http::get(&url("/v2/"));
    assert_eq!((version.status, version.text().as_str()), (200, "{}"));
    let redirect = http::send(&ureq::http::Method::GET, &url("/v2/acme/app/tags/list"), &[]).unwrap();
    assert_eq!(redirect.status, 302);
    assert!(redirect.header("location").starts_with("https://cdn.example.com/"));
}
