//! A real SeaweedFS for the whole test run, on free ports of the loopback.

use std::env;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity(pub(crate) &'static str, pub(crate) &'static str);

impl Identity {
    /// May do everything.
    pub(crate) const RIG: Self = Self("rigkey", "rigsecretrigsecret");
    /// May read and list.
    pub(crate) const READER: Self = Self("readkey", "readsecretreadsecret");
    /// May do nothing.
    pub(crate) const NOBODY: Self = Self("nokey", "nosecretnosecret");

    pub(crate) async fn sdk(self) -> SdkConfig {
        let credentials = Credentials::new(self.0, self.1, None, None, "test");
        aws_config::defaults(BehaviorVersion::latest())
            .credentials_provider(credentials)
            .region(Region::new("us-east-1"))
            .load()
            .await
    }
}

pub(crate) struct Seaweed {
    pub(crate) endpoint: String,
    pub(crate) bucket: &'static str,
    // Its standard input ends with this process, and with that the server.
    _guard: Child,
}

pub(crate) fn seaweed() -> &'static Seaweed {
    static SEAWEED: LazyLock<Seaweed> = LazyLock::new(start);
    &SEAWEED
}

impl Seaweed {
    pub(crate) async fn client(&self, identity: Identity) -> Client {
        let config = aws_sdk_s3::config::Builder::from(&identity.sdk().await);
        Client::from_conf(config.endpoint_url(&self.endpoint).force_path_style(true).build())
    }
}

/// Tests end without a word to what they started. The shell waits for its input's end, then stops the server,
/// at once: nobody wants its data.
pub(crate) const GUARD: &str = r#"
cd "$1" && shift
"$@" >log 2>&1 </dev/null &
read -r _
kill -KILL $! && wait $! 2>/dev/null
cd / && rm -rf "$OLDPWD"
"#;

const IDENTITIES: &str = r#"{"identities": [
  {"name": "rig", "credentials": [{"accessKey": "rigkey", "secretKey": "rigsecretrigsecret"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "reader", "credentials": [{"accessKey": "readkey", "secretKey": "readsecretreadsecret"}],
   "actions": ["Read", "List"]},
  {"name": "nobody", "credentials": [{"accessKey": "nokey", "secretKey": "nosecretnosecret"}],
   "actions": ["Read:elsewhere"]}
]}"#;

fn start() -> Seaweed {
    let weed = env::var("WEED").expect("WEED names no SeaweedFS binary: run these tests by tests/run");
    let folder = tempfile::Builder::new().prefix("seaweed-").tempdir().unwrap().keep();
    std::fs::write(folder.join("s3.json"), IDENTITIES).unwrap();
    let ports = free_ports::<9>();
    let port = |name: &str, number: usize| format!("-{name}={}", ports[number]);
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "guard"]).arg(&folder).arg(weed).args([
        "mini",
        "-dir=.",
        "-s3.config=s3.json",
    ]);
    command.args([
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-bucket=conformance",
        "-s3.autoCreateBucket=false",
    ]);
    // By itself it has as many volumes as the disk has room for at their full size, and each bucket takes some.
    command.arg("-volume.max=2000");
    command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"]);
    command.args(["-filer.localSocket=f.sock", "-s3.localSocket=s.sock"]);
    command.args([
        port("s3.port", 0),
        port("s3.port.grpc", 1),
        port("master.port", 2),
        port("master.port.grpc", 3),
    ]);
    command.args([port("volume.port", 4), port("volume.port.grpc", 5), port("filer.port", 6)]);
    command.args([port("filer.port.grpc", 7), port("admin.port", 8)]);
    let guard = command.env("HOME", &folder).stdin(Stdio::piped()).spawn().unwrap();
    let seaweed =
        Seaweed { endpoint: format!("http://127.0.0.1:{}", ports[0]), bucket: "conformance", _guard: guard };
    let log = folder.join("log");
    // Runtimes do not nest.
    thread::scope(|scope| scope.spawn(|| wait(&seaweed)).join()).unwrap().unwrap_or_else(|error| {
        panic!("SeaweedFS: {error}: {}", std::fs::read_to_string(log).unwrap_or_default())
    });
    seaweed
}

/// All held at once, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Until the bucket is there and takes objects.
#[tokio::main(flavor = "current_thread")]
async fn wait(seaweed: &Seaweed) -> Result<(), String> {
    let client = seaweed.client(Identity::RIG).await;
    let start = Instant::now();
    loop {
        let put = client.put_object().bucket(seaweed.bucket).key("ready").send().await;
        match put {
            Ok(_) => return Ok(()),
            Err(error) if start.elapsed() > Duration::from_secs(60) => return Err(format!("{error:?}")),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
