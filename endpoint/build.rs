//! How the static program is linked.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=no-unwind.ld");
    let is =
        |name: &str, value: &str| var(name).is_ok_and(|values| values.split(',').any(|one| one == value));
    if !is("CARGO_CFG_TARGET_FEATURE", "crt-static") {
        return;
    }
    // A static program may be loaded anywhere and so relocates itself. Packed, the list of what it relocates is a
    // thirtieth of its size: glibc has known it since 2.36.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // Only profile dist asks for a small program, and it does not unwind; cargo tells no script so. Elsewhere than here
    // Rust does not link with lld, which knows what this one of the linker's says.
    if is("OPT_LEVEL", "s") && is("TARGET", "x86_64-unknown-linux-gnu") {
        let folder = var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bins=-Wl,--strip-all,--no-eh-frame-hdr,-T,{folder}/no-unwind.ld");
        // What is the same for several types is there once, as far as nobody compares addresses.
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=safe");
    }
}
