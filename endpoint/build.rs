//! How the static program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    // A static program may be loaded anywhere and so relocates itself. Packed, the list of what it relocates is a
    // thirtieth of its size: glibc has known it since 2.36. Only then, since dynamic ones may meet an older glibc.
    if features.split(',').any(|feature| feature == "crt-static") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
