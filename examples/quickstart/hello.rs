//! A real image that is small: a program of a few instructions for amd64 and for arm64, as an OCI layout.

use std::fs;
use std::io::Write;
use std::path::Path;

use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::media::MediaType;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

use crate::Outcome;

const MESSAGE: &str = "Hello from a registry that is nothing but objects in a bucket.\n";

/// Writes the layout.
pub(crate) fn write(layout: &Path) -> Outcome<()> {
    let mut entries = Vec::new();
    for (architecture, machine, code) in [("amd64", 62, amd64()), ("arm64", 183, arm64())] {
        let tar = layer(&program(machine, &code))?;
        let diff_id = Digest::of(Algorithm::Sha256, &tar);
        let config = json!({
            "architecture": architecture, "os": "linux", "created": "2026-01-01T00:00:00Z",
            "config": { "Cmd": ["/hello"] },
            "rootfs": { "type": "layers", "diff_ids": [diff_id] },
            "history": [{ "created": "2026-01-01T00:00:00Z", "created_by": "quickstart" }],
        });
        let config = blob(layout, MediaType::OCI_CONFIG, config.to_string().as_bytes())?;
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
        gzip.write_all(&tar)?;
        let layer = blob(layout, MediaType::OCI_LAYER_GZIP, &gzip.finish()?)?;
        let manifest = json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST,
                               "config": config, "layers": [layer] });
        let manifest = blob(layout, MediaType::OCI_MANIFEST, manifest.to_string().as_bytes())?;
        let mut entry = json!(manifest);
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        entries.push(entry);
    }
    let index = |entries: &[Value]| {
        json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries }).to_string()
    };
    let root = blob(layout, MediaType::OCI_INDEX, index(&entries).as_bytes())?;
    fs::write(layout.join("index.json"), index(&[json!(root)]))?;
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(())
}

fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> Outcome<Descriptor> {
    let digest = Digest::of(Algorithm::Sha256, bytes);
    let folder = layout.join("blobs/sha256");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(digest.hex().to_string()), bytes)?;
    Ok(Descriptor::new(media_type.into(), digest, bytes.len() as u64))
}

fn layer(program: &[u8]) -> Outcome<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(0);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, "hello", program)?;
    Ok(tar.into_inner()?)
}

/// An ELF executable of one segment: 64 bytes of header, 56 of program header, the code, the message.
fn program(machine: u16, code: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let size = HEADERS + (code.len() + MESSAGE.len()) as u64;
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half = |elf: &mut Vec<u8>, value: u16| elf.extend(value.to_le_bytes());
    let word = |elf: &mut Vec<u8>, value: u32| elf.extend(value.to_le_bytes());
    let long = |elf: &mut Vec<u8>, value: u64| elf.extend(value.to_le_bytes());
    [2, machine].into_iter().for_each(|value| half(&mut elf, value)); // executable, machine
    word(&mut elf, 1);
    [BASE + HEADERS, 64, 0].into_iter().for_each(|value| long(&mut elf, value)); // entry, program headers, sections
    word(&mut elf, 0);
    [64, 56, 1, 0, 0, 0].into_iter().for_each(|value| half(&mut elf, value)); // sizes and counts of headers
    [1, 5].into_iter().for_each(|value| word(&mut elf, value)); // to be loaded; read and execute
    [0, BASE, BASE, size, size, 0x1000].into_iter().for_each(|value| long(&mut elf, value));
    elf.extend(code);
    elf.extend(MESSAGE.as_bytes());
    elf
}

/// write(1, message, length); exit(0)
fn amd64() -> Vec<u8> {
    let mut code = vec![0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0]; // mov eax, 1; mov edi, 1
    code.extend([0x48, 0x8d, 0x35, 16, 0, 0, 0, 0xba]); // lea rsi, [behind the code]; mov edx, …
    code.extend((MESSAGE.len() as u32).to_le_bytes());
    code.extend([0x0f, 0x05, 0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05]); // syscall; mov eax, 60; xor edi, edi; syscall
    code
}

/// The same.
fn arm64() -> Vec<u8> {
    let length = 0xd280_0002 | (MESSAGE.len() as u32) << 5;
    // mov x0, 1; adr x1, behind the code; mov x2, length; mov x8, 64; svc 0; mov x0, 0; mov x8, 93; svc 0
    let code = [
        0xd280_0020,
        0x1000_00e1,
        length,
        0xd280_0808,
        0xd400_0001,
        0xd280_0000,
        0xd280_0ba8,
        0xd400_0001_u32,
    ];
    code.into_iter().flat_map(u32::to_le_bytes).collect()
}
