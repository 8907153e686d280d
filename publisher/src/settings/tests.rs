//! Which of several sayings wins, and what is refused.

use super::*;

fn file(text: &str) -> File {
    toml::from_str(text).unwrap()
}

#[test]
fn flags_win_over_the_file_over_the_default() {
    let defaults = resolve(&Global::default(), &File::default()).unwrap();
    assert_eq!((defaults.jobs, defaults.changing_ttl, defaults.v1), (4, None, V1::Readable));
    assert_eq!(defaults.v1_platform, "linux/amd64");

    let text = "jobs = 2\nchanging-ttl = \"5m\"\nv1 = false\nv1-platform = \"linux/arm64\"\nformat = \"json\"\nlimit-rate = \"10M\"";
    let of_file = resolve(&Global::default(), &file(text)).unwrap();
    assert_eq!((of_file.jobs, of_file.changing_ttl, of_file.v1), (2, Some(300), V1::Off));
    assert_eq!((of_file.v1_platform.as_str(), of_file.format), ("linux/arm64", Format::Json));
    assert_eq!((defaults.limit_rate, of_file.limit_rate), (None, "10M".parse().ok()));

    let flags = Global {
        jobs: Some(7),
        changing_ttl: Some(Duration::from_secs(1)),
        limit_rate: "2K".parse().ok(),
        format: Some(Format::Text),
        v1_platform: Some("linux/arm/v7".into()),
        ..Global::default()
    };
    let of_flags = resolve(&flags, &file(text)).unwrap();
    assert_eq!((of_flags.jobs, of_flags.changing_ttl, of_flags.format), (7, Some(1), Format::Text));
    assert_eq!((of_flags.v1_platform.as_str(), of_flags.limit_rate), ("linux/arm/v7", "2K".parse().ok()));
}

#[test]
fn the_store_says_what_nobody_else_does() {
    let rules =
        |text: &str, said: &StoreSettings| resolve(&Global::default(), &file(text)).unwrap().with_store(said);
    let nothing = rules("", &StoreSettings::default());
    assert_eq!((nothing.objects.changing_ttl, nothing.v1, nothing.immutable.len()), (60, V1::Readable, 0));
    assert_eq!(nothing.grace, StoreSettings::GRACE);

    let said = br#"{"grace":"1h","v1":false,"immutable":["v*"],"changing-ttl":"5m"}"#;
    let said = StoreSettings::from_bytes(said).unwrap();
    let of_store = rules("", &said);
    assert_eq!((of_store.objects.changing_ttl, of_store.v1), (300, V1::Off));
    assert_eq!(of_store.grace, Duration::from_secs(3600));
    assert_eq!(rules("changing-ttl = \"7s\"", &said).objects.changing_ttl, 7);
}

#[test]
fn init_changes_what_is_given_and_keeps_the_rest() {
    use clap::Parser;
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        init: Init,
        #[command(flatten)]
        global: Global,
    }
    let changed = |flags: &str, said: &StoreSettings| {
        let line =
            Line::try_parse_from(["init", "./store"].into_iter().chain(flags.split_whitespace())).unwrap();
        told(&line.init, &line.global, said.clone())
    };
    let text = |said: &StoreSettings| String::from_utf8(said.to_bytes()).unwrap();
    let first = changed(
        "--grace 36h --no-v1 --immutable v*,w* --changing-ttl 90s --s3-acl public-read",
        &StoreSettings::default(),
    );
    assert_eq!(
        text(&first),
        r#"{"grace":"36h","v1":false,"immutable":["v*","w*"],"changing-ttl":"90s","s3":{"acl":"public-read"}}"#
    );
    assert_eq!(changed("", &first), first);
    let gzip = changed("--v1-gzip", &StoreSettings::default());
    assert_eq!(text(&gzip), r#"{"v1-gzip":true}"#);
    assert_eq!(text(&changed("--no-v1-gzip", &gzip)), r#"{"v1-gzip":false}"#);
    let then = changed("--v1 --immutable r*", &first);
    assert_eq!(
        text(&then),
        r#"{"grace":"36h","v1":true,"immutable":["r*"],"changing-ttl":"90s","s3":{"acl":"public-read"}}"#
    );
    assert_eq!(
        text(&changed("--no-immutable", &then)),
        r#"{"grace":"36h","v1":true,"changing-ttl":"90s","s3":{"acl":"public-read"}}"#
    );
}

#[test]
fn what_protects_a_store_only_adds_up() {
    let said = StoreSettings::from_bytes(br#"{"v1":false,"immutable":["v*"]}"#).unwrap();
    let file = file("v1 = true\nimmutable = [\"r*\"]");
    let rules = resolve(&Global::default(), &file).unwrap().with_store(&said);
    assert_eq!(rules.v1, V1::Off);
    assert_eq!(rules.immutable.iter().map(TagPattern::to_string).collect::<Vec<_>>(), ["r*", "v*"]);
    let flags = Fixed { immutable: vec!["f*".parse().unwrap()], if_absent: false };
    let why = |tag: &str| rules.immutable(&flags).why(&tag.parse().unwrap()).map(|why| why.to_string());
    assert_eq!(why("v1").unwrap(), "is immutable (v*)");
    assert!(why("r1").is_some() && why("f1").is_some());
    assert_eq!(why("latest"), None);

    let said = StoreSettings { v1: Some(true), ..StoreSettings::default() };
    let off = toml::from_str("v1 = false").unwrap();
    assert_eq!(resolve(&Global::default(), &off).unwrap().with_store(&said).v1, V1::Off);
}

#[test]
fn gzip_of_zstd_is_for_v1_where_anybody_asks_for_it_and_v1_is_on() {
    use crate::cli::OfV1;
    let (none, no_v1, v1_gzip) =
        (OfV1::default(), OfV1 { no_v1: true, v1_gzip: false }, OfV1 { no_v1: false, v1_gzip: true });
    for (of_file, of_store, flags, expected) in [
        ("", "{}", &none, V1::Readable),
        ("", "{}", &v1_gzip, V1::Gzip),
        ("v1-gzip = true", "{}", &none, V1::Gzip),
        ("", r#"{"v1-gzip":true}"#, &none, V1::Gzip),
        ("v1-gzip = false", r#"{"v1-gzip":true}"#, &none, V1::Gzip),
        ("", r#"{"v1-gzip":true}"#, &no_v1, V1::Off),
        ("v1-gzip = true", r#"{"v1":false}"#, &v1_gzip, V1::Off),
        ("v1 = false\nv1-gzip = true", "{}", &v1_gzip, V1::Off),
    ] {
        let said = StoreSettings::from_bytes(of_store.as_bytes()).unwrap();
        let rules = resolve(&Global::default(), &file(of_file)).unwrap().with_store(&said);
        assert_eq!(flags.over(rules.v1), expected, "{of_file:?} {of_store} {flags:?}");
    }
}

#[test]
fn what_is_out_of_range_is_refused_by_name() {
    for (text, name) in [
        ("jobs = 0", "jobs is 0"),
        ("jobs = 65", "jobs is 65"),
        ("changing-ttl = \"soon\"", "changing-ttl is soon"),
        ("changing-ttl = \"400days\"", "changing-ttl is"),
        ("request-timeout = \"0s\"", "request-timeout is 0s"),
        ("deadline = \"later\"", "deadline is later"),
        ("s3-acl = \"public read\"", "s3-acl is public read"),
        ("v1-platform = \"linux\"", "v1-platform is linux"),
        ("to = \"gopher://x\"", "`to` in the settings file"),
    ] {
        let message = resolve(&Global::default(), &file(text)).unwrap_err().to_string();
        assert!(message.starts_with(name), "{message}");
    }
}

#[test]
fn the_example_is_a_settings_file() {
    let settings =
        resolve(&Global::default(), &file(include_str!("../../../examples/publisher.toml"))).unwrap();
    assert!(settings.to.is_some());
}

#[test]
fn unknown_keys_are_refused() {
    assert!(toml::from_str::<File>("secret-key = \"x\"").is_err());
}

#[test]
fn a_level_goes_with_its_compression() {
    let of_file = |text: &str| resolve(&Global::default(), &toml::from_str(text).unwrap()).unwrap();
    let flags = |compression, compression_level| Layers { compression, compression_level };
    let (gzip, zstd, none) = (Compression::Gzip, Compression::Zstd, Compression::None);
    let file = of_file("compression = \"zstd\"\ncompression-level = 19");
    for (said, expected) in [
        (flags(None, None), Compress::new(zstd, Some(19))),
        (flags(None, Some(3)), Compress::new(zstd, Some(3))),
        (flags(Some(gzip), None), Compress::new(gzip, None)),
        (flags(Some(gzip), Some(19)), None),
        (flags(Some(none), None), Compress::new(none, None)),
        (flags(Some(none), Some(1)), None),
    ] {
        assert_eq!(file.compress(&said).ok(), expected, "{said:?}");
    }
    assert_eq!(of_file("").compress(&Layers::default()).unwrap(), Compress::default());
}
