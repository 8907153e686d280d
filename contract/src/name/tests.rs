//! The grammar's productions, each with what it takes and what it refuses.

use super::*;

#[test]
fn repositories_that_the_grammar_accepts() {
    let longest = "a".repeat(REPOSITORY_MAX);
    for good in [
        "a",
        "0",
        "app",
        "acme/app",
        "a/b/c/d",
        "a.b",
        "a_b",
        "a__b",
        "a-b",
        "a---b",
        "1.2-3_4/x__y",
        "library/app",
        &longest,
    ] {
        assert_eq!(good.parse::<Repository>().unwrap().as_str(), good);
    }
}

#[test]
fn repositories_that_the_grammar_refuses() {
    let too_long = "a".repeat(REPOSITORY_MAX + 1);
    for bad in [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "A",
        "acme/App",
        "a..b",
        "a___b",
        "a._b",
        "a-_b",
        "-a",
        "a-",
        ".a",
        "a.",
        "_a",
        "a_",
        "a b",
        "a:b",
        "a@b",
        "é",
        "a/../b",
        ".",
        "..",
        "a\n",
        "a%2fb",
        "_manifests",
        "a/_layers",
        &too_long,
    ] {
        assert!(bad.parse::<Repository>().is_err(), "{bad}");
    }
}

#[test]
fn tags_by_the_grammar() {
    let longest = "t".repeat(TAG_MAX);
    for good in ["latest", "1", "_", "V1.0-rc_1", "a..b", "tags", "current", &longest] {
        assert_eq!(good.parse::<Tag>().unwrap().as_str(), good);
    }
    let too_long = "t".repeat(TAG_MAX + 1);
    for bad in ["", ".a", "-a", "a:b", "a/b", "a@b", "a b", "é", "..", &too_long] {
        assert!(bad.parse::<Tag>().is_err(), "{bad}");
    }
}

#[test]
fn references_print_as_they_were_typed() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for text in
        ["app", "acme/app", "acme/app:1.2", &format!("acme/app@{digest}"), &format!("acme/app:1@{digest}")]
    {
        assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
    }
}

#[test]
fn a_host_is_refused_or_kept() {
    for text in ["registry.example.com/acme/app:1", "localhost/app", "127.0.0.1:5000/app"] {
        assert!(matches!(text.parse::<Reference>(), Err(NameError::Host { .. })), "{text}");
    }
    let kept = Reference::parse_keeping_host("registry.example.com/app:1").unwrap();
    assert_eq!(kept.repository.as_str(), "registry.example.com/app");
    assert!(Reference::parse_keeping_host("127.0.0.1:5000/app").is_err(), "a port is not in the grammar");
    assert_eq!(Reference::without_host("docker.io/library/app:1"), "library/app:1");
    assert_eq!(Reference::without_host("acme/app:1"), "acme/app:1");
}

#[test]
fn messages_name_the_production_that_fails() {
    let message = |text: &str| text.parse::<Reference>().unwrap_err().to_string();
    assert!(
        message("acme/App").contains("`App` in the repository's name `acme/App` is not a path component")
    );
    assert!(message("acme/app:-1").contains("`-1` is not a tag"));
    assert!(message("acme/app@sha256:1").contains("`sha256:1` is not a digest"));
    assert!(message("acme/app:").contains("`` is not a tag"));
    assert!(message("").contains("empty"));
}
