//! SeaweedFS: an S3 store in one process, with a user who may do everything and one who may only read.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::LifecycleRule;
use serde_json::json;
use tokio::runtime::Runtime;

use super::process::{Component, free_port};

/// Somebody whom the store knows: access key and secret.
#[derive(Clone, Copy)]
pub(crate) struct User(pub(crate) &'static str, pub(crate) &'static str);

/// May do everything.
pub(crate) const OWNER: User = User("rigkey", "rigsecretrigsecret");
/// May list and read, and nothing else.
pub(crate) const READER: User = User("readkey", "readsecretreadsecret");

/// May do nothing but what a bucket's policy says.
pub(crate) const STRANGER: User = User("strangekey", "strangesecretstrange");

/// One server for all tests of this process; each test makes buckets of its own.
pub(crate) struct Seaweed {
    component: Component,
    port: u16,
    runtime: Runtime,
    client: Client,
}

/// The server, started by the first test that asks.
pub(crate) fn seaweed() -> &'static Seaweed {
    static SHARED: OnceLock<Seaweed> = OnceLock::new();
    SHARED.get_or_init(Seaweed::start)
}

impl Seaweed {
    fn start() -> Self {
        let weed =
            env::var_os("WEED").expect("WEED names no SeaweedFS binary: run tests/run, which installs one");
        let port = free_port();
        let component = Component::start("seaweed", |dir| command(weed.as_ref(), dir, port));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let seaweed = Self { component, port, client: client(port), runtime };
        seaweed.component.wait(|| {
            seaweed.runtime.block_on(seaweed.client.list_buckets().send()).is_ok_and(|_| seaweed.can_write())
        });
        seaweed
    }

    /// The S3 port answers before the volume server has joined; only a write shows that all parts are there.
    fn can_write(&self) -> bool {
        let key = || self.client.put_object().bucket("ready").key("ready");
        self.runtime.block_on(async {
            let _ = self.client.create_bucket().bucket("ready").send().await;
            key().body(Vec::from("ready").into()).send().await.is_ok()
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a bucket that everybody may read, by the policy that README gives for a real one.
    pub(crate) fn create_public_bucket(&self, name: &str) {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                "Resource": format!("arn:aws:s3:::{name}/*"),
            }],
        });
        self.runtime.block_on(async {
            self.client.create_bucket().bucket(name).send().await.unwrap();
            self.client.put_bucket_policy().bucket(name).policy(policy.to_string()).send().await.unwrap();
        });
    }

    /// Sets a bucket's policy.
    pub(crate) fn set_policy(&self, bucket: &str, text: &str) {
        let put = self.client.put_bucket_policy().bucket(bucket).policy(text);
        self.runtime.block_on(put.send()).unwrap();
    }

    /// A bucket's policy.
    pub(crate) fn policy(&self, bucket: &str) -> String {
        let got = self.runtime.block_on(self.client.get_bucket_policy().bucket(bucket).send());
        got.unwrap().policy.unwrap()
    }

    /// The lifecycle rules of a bucket: their names, and what they are for.
    pub(crate) fn rules(&self, bucket: &str) -> Vec<(String, String)> {
        let got =
            self.runtime.block_on(self.client.get_bucket_lifecycle_configuration().bucket(bucket).send());
        let of = |rule: &LifecycleRule| {
            let prefix = rule.filter().and_then(|filter| filter.prefix()).unwrap_or_default();
            (rule.id().unwrap_or_default().to_owned(), prefix.to_owned())
        };
        got.unwrap().rules().iter().map(of).collect()
    }

    /// Every key of a bucket with its ETag, by key.
    pub(crate) fn list(&self, bucket: &str) -> Vec<(String, String)> {
        self.runtime.block_on(async {
            let mut pages = self.client.list_objects_v2().bucket(bucket).into_paginator().send();
            let mut all = Vec::new();
            while let Some(page) = pages.next().await {
                for object in page.unwrap().contents() {
                    all.push((object.key().unwrap().to_owned(), object.e_tag().unwrap().to_owned()));
                }
            }
            all
        })
    }

    /// Uploads in parts below a prefix that were neither completed nor aborted.
    pub(crate) fn unfinished(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let request = self.client.list_multipart_uploads().bucket(bucket).prefix(prefix);
        let uploads = self.runtime.block_on(request.send()).unwrap().uploads.unwrap_or_default();
        // The store is not trusted with the prefix: it must be an upload of this one.
        uploads.into_iter().filter_map(|upload| upload.key).filter(|key| key.starts_with(prefix)).collect()
    }

    /// Writes one object.
    pub(crate) fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let request = self.client.put_object().bucket(bucket).key(key).body(bytes.to_vec().into());
        self.runtime.block_on(request.send()).unwrap();
    }

    /// The bytes of one object.
    pub(crate) fn get(&self, bucket: &str, key: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let object = self.client.get_object().bucket(bucket).key(key).send().await.unwrap();
            object.body.collect().await.unwrap().to_vec()
        })
    }
}

fn command(weed: &Path, dir: &Path, port: u16) -> Command {
    let all = ["Admin", "Read", "Write", "List", "Tagging"];
    let identity = |name: &str, user: User, actions: &[&str]| json!({"name": name, "actions": actions, "credentials": [{"accessKey": user.0, "secretKey": user.1}]});
    let users = [
        identity("owner", OWNER, &all),
        identity("reader", READER, &["Read", "List"]),
        identity("stranger", STRANGER, &[]),
    ];
    fs::write(dir.join("s3.json"), json!({ "identities": users }).to_string()).unwrap();
    fs::create_dir(dir.join("data")).unwrap();

    let mut command = Command::new(weed);
    command.env("HOME", dir).arg("-logtostderr").arg("mini");
    let path = |flag: &str, name: &str| format!("-{flag}={}", dir.join(name).display());
    command.args([path("dir", "data"), path("s3.config", "s3.json")]);
    command.args([path("filer.localSocket", "filer.sock"), path("s3.localSocket", "s3.sock")]);
    command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.autoCreateBucket=false", "-webdav=false"]);
    // By itself it has as many volumes as the disk has room for at their full size, and each bucket takes some.
    command.arg("-volume.max=2000");
    command.args(["-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
    command.arg(format!("-s3.port={port}"));
    for part in ["s3.port.grpc", "admin.port", "admin.port.grpc", "master.port", "master.port.grpc"] {
        command.arg(format!("-{part}={}", free_port()));
    }
    for part in ["volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"] {
        command.arg(format!("-{part}={}", free_port()));
    }
    command
}

fn client(port: u16) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(OWNER.0, OWNER.1, None, None, "tests"))
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}
