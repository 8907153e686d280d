//! The systemd unit: what systemd says of it, and the program behind all its walls, under a systemd of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::deploy;
use super::running::Container;
use crate::rig::dist::static_endpoint;
use crate::rig::dockerd::dockerd;
use crate::rig::http;
use crate::rig::process::{bare, free_port, must, program};

const UNIT: &str = "registry-endpoint.service";
const IMAGE: &str = "deployed/systemd:local";

/// In tenths, as `--threshold` takes it. What is left is that it speaks with the internet, from the host's file system.
const EXPOSURE: &str = "--threshold=11";

/// Where its unit looks for settings.
const SETTINGS: &str = "etc/registry-endpoint/endpoint.toml";

#[test]
fn the_unit_exposes_little() {
    let mut analyze = bare(program("systemd-analyze", "systemd"));
    must(analyze.args(["security", "--offline=true", EXPOSURE]).arg(deploy(UNIT)));
}

/// A machine's files, but for its programs and libraries, which are this machine's.
fn build(settings: &str) {
    let context = tempfile::tempdir().unwrap();
    let root = context.path().join("root");
    for folder in
        ["etc/systemd/system", "etc/registry-endpoint", "usr/local/bin", "var/log", "var/tmp", "root", "home"]
    {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        symlink(Path::new("usr").join(name), root.join(name)).unwrap();
    }
    fs::copy(static_endpoint(), root.join("usr/local/bin/registry-endpoint")).unwrap();
    fs::copy(deploy(UNIT), root.join("etc/systemd/system").join(UNIT)).unwrap();
    for (path, text) in [
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
        ("etc/group", "root:x:0:\n"),
        ("etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\n"),
        // Not a machine's first start, which would ask for its name and language.
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        (SETTINGS, settings),
    ] {
        fs::write(root.join(path), text).unwrap();
    }
    fs::write(context.path().join("Dockerfile"), "FROM scratch\nCOPY root /\n").unwrap();
    dockerd().build(context.path(), &["--tag", IMAGE]);
}

/// Its own part of the cgroups is its to write: all of them, or of the old ones the hierarchy that is systemd's.
const START: &str =
    "mount -o remount,bind,rw /sys/fs/cgroup/systemd || mount -o remount,bind,rw /sys/fs/cgroup
exec /lib/systemd/systemd --unit=basic.target";

/// A systemd as process 1, on the machine's network.
fn boot() -> Container<'static> {
    let mut flags = vec!["--network", "host", "--cgroupns", "private"];
    // It mounts for its services, gives them users of their own, and filters their system calls.
    flags.extend(["--cap-add=SYS_ADMIN", "--cap-add=SYS_PTRACE"]);
    flags.extend(["--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"]);
    flags.extend(["--env=container=docker", "--tmpfs=/run", "--tmpfs=/tmp"]);
    let lent =
        ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64"].map(|folder| format!("{folder}:{folder}:ro"));
    flags.extend(lent.iter().flat_map(|volume| ["--volume", volume]));
    flags.extend([IMAGE, "/bin/sh", "-c", START]);
    Container::run(dockerd(), &flags)
}

fn location(host: &str) -> String {
    let url = format!("http://{host}/v2/acme/app/tags/list");
    let answer = http::send(&ureq::http::Method::GET, &url, &[]).unwrap();
    answer.header("location").to_owned()
}

#[test]
fn systemd_runs_it_behind_all_its_walls() {
    let host = format!("127.0.0.1:{}", free_port());
    let settings = |cdn: &str| format!("cdn = \"{cdn}\"\nlisten = \"{host}\"\n");
    build(&settings("https://one.example.com"));
    let machine = boot();
    let systemctl = |arguments: &[&str]| machine.exec(&[&["systemctl"], arguments].concat());
    dockerd().wait(|| {
        let ask = ["exec", &machine.id, "systemctl", "is-active", "basic.target"];
        dockerd().command().args(ask).output().unwrap().status.success()
    });
    let verify = format!("systemd-analyze verify --man=no {UNIT} 2>&1");
    assert_eq!(machine.exec(&["sh", "-c", &verify]), "");

    systemctl(&["start", UNIT]);
    dockerd().wait(|| http::answers(&format!("http://{host}/healthz")));
    assert!(location(&host).starts_with("https://one.example.com/"));
    let main = || systemctl(&["show", "--property=MainPID", "--value", UNIT]).trim().to_owned();
    let pid = main();
    let status = machine.exec(&["cat", &format!("/proc/{pid}/status")]);
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in:\n{status}")).trim().to_owned()
    };
    let known = ["NoNewPrivs", "Seccomp", "CapEff", "CapBnd"].map(value);
    assert_eq!(known, ["1", "2", "0000000000000000", "0000000000000000"], "{status}");
    // DynamicUser= takes from a range that no package has.
    let user: u32 = value("Uid").split_whitespace().next().unwrap().parse().unwrap();
    assert!((61184..=65519).contains(&user), "{status}");

    let changed = tempfile::NamedTempFile::new().unwrap();
    fs::write(changed.path(), settings("https://two.example.com")).unwrap();
    let target = format!("{}:/{SETTINGS}", machine.id);
    dockerd().docker(&["cp", changed.path().to_str().unwrap(), &target]);
    machine.exec(&["chmod", "644", &format!("/{SETTINGS}")]);
    systemctl(&["reload", UNIT]);
    dockerd().wait(|| location(&host).starts_with("https://two.example.com/"));
    assert_eq!(main(), pid, "reloading is no restart");

    systemctl(&["stop", UNIT]);
    assert_eq!(systemctl(&["show", "--property=Result", "--value", UNIT]).trim(), "success");
}
