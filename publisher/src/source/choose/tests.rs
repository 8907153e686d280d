//! Tables of what is held, what is asked for, and what is chosen.

use contract::digest::Algorithm;

use super::*;

/// Candidates `0`, `1`, …, each with these names; `#1.2` is the tag of an OCI layout.
fn held(names: &[&[&str]]) -> Vec<Candidate> {
    let name =
        |text: &&str| text.strip_prefix('#').map_or_else(|| Name::Full((*text).into()), Name::of_layout);
    let of = |(at, names): (usize, &&[&str])| Candidate {
        digests: vec![digest(at)],
        names: names.iter().map(name).collect(),
    };
    names.iter().enumerate().map(of).collect()
}

fn digest(of: usize) -> Digest {
    Digest::of(Algorithm::Sha256, &[of as u8])
}

fn chosen(held: &[Candidate], image: Option<&str>, references: &[Reference]) -> Result<usize, ChooseError> {
    choose(&held.iter().collect::<Vec<_>>(), image, references)
}

fn published(held: &[Candidate], references: &[&str]) -> Result<usize, ChooseError> {
    let references: Vec<_> = references.iter().map(|text| text.parse().unwrap()).collect();
    chosen(held, None, &references)
}

const MANY: &[&[&str]] = &[
    &["acme/app:1", "acme/app:one"],
    &["docker.io/library/busybox:latest"],
    &["quay.io/acme/tool:2"],
    &["localhost:5000/acme/app:3"],
    &[],
];

#[test]
fn image_chooses_by_any_name() {
    let held = held(MANY);
    for (wanted, expected) in [
        ("acme/app:1", 0),
        ("acme/app:one", 0),
        ("docker.io/acme/app:1", 0),
        ("quay.io/acme/app:1", 0),
        ("one", 0),
        ("busybox", 1),
        ("busybox:latest", 1),
        ("library/busybox", 1),
        ("docker.io/busybox", 1),
        ("index.docker.io/library/busybox:latest", 1),
        ("latest", 1),
        ("acme/tool:2", 2),
        ("quay.io/acme/tool:2", 2),
        ("2", 2),
        ("acme/app:3", 3),
        ("localhost:5000/acme/app:3", 3),
        (&digest(4).to_string(), 4),
        (&format!("acme/app@{}", digest(2)), 2),
    ] {
        assert_eq!(chosen(&held, Some(wanted), &[]), Ok(expected), "{wanted}");
    }
    for wanted in
        ["acme/app", "app:1", "ghcr.io/acme/tool:2", "acme/tool", "1.0", "", "@", &digest(9).to_string()]
    {
        let error = chosen(&held, Some(wanted), &[]).unwrap_err();
        assert!(error.to_string().contains("quay.io/acme/tool:2"), "{error}");
        assert!(error.to_string().contains(&digest(4).to_string()), "{error}");
        assert!(matches!(error, ChooseError::NoneMatches { .. }), "{wanted}");
    }
    let published = ["acme/app:1".parse().unwrap()];
    assert_eq!(chosen(&held, Some("2"), &published), Ok(2), "what is published does not matter then");
    assert!(chosen(&held[..1], Some("2"), &[]).is_err(), "not even where there is only one");
}

#[test]
fn an_image_of_ones_own_name_is_meant() {
    let held = held(MANY);
    for (references, expected) in [
        (&["acme/app:1"][..], 0),
        (&["acme/app:1", "acme/app:one"], 0),
        (&["acme/app:1", "acme/app:5"], 0),
        (&["busybox"], 1),
        (&["acme/tool:2"], 2),
        (&["acme/app:3"], 3),
    ] {
        assert_eq!(published(&held, references), Ok(expected), "{references:?}");
    }
    let by_digest = format!("other/name@{}", digest(4));
    assert_eq!(published(&held, &[&by_digest]), Ok(4));
    for references in [&["acme/app:2"][..], &["other/app:1"], &["acme/app:1", "acme/tool:2"], &["acme/app"]] {
        let error = published(&held, references).unwrap_err();
        assert!(matches!(error, ChooseError::Several(_)) && error.hint().is_some(), "{references:?}");
    }
}

#[test]
fn tags_of_an_oci_layout_match_any_repository() {
    let held = held(&[&["#1.1"], &["#1.2"], &["#quay.io/acme/app:7"], &["acme/app:1.2.3"]]);
    assert_eq!(published(&held, &["acme/app:1.2"]), Ok(1));
    assert_eq!(published(&held, &["acme/app:7"]), Ok(2));
    assert!(published(&held, &["acme/app"]).is_err());
    assert!(published(&held, &["other/app:1.2.3"]).is_err(), "the tag of another repository");
    assert_eq!(chosen(&held, Some("1.1"), &[]), Ok(0));
    assert_eq!(chosen(&held, Some("acme/app:1.1"), &[]), Ok(0));
    assert_eq!(chosen(&held, Some("1.2.3"), &[]), Ok(3));
}

#[test]
fn one_image_needs_no_name_and_none_is_an_error() {
    for names in [&[][..], &["quay.io/other/thing:9"], &["#x"]] {
        assert_eq!(published(&held(&[names]), &["acme/app:1"]), Ok(0));
    }
    assert_eq!(published(&[], &["acme/app:1"]), Err(ChooseError::Nothing));
    assert_eq!(chosen(&[], Some("a"), &[]), Err(ChooseError::Nothing));
}

#[test]
fn names_that_fit_two_images_are_no_choice() {
    let held = held(&[&["quay.io/a/b:1"], &["ghcr.io/a/b:1"], &["c:2"]]);
    let error = chosen(&held, Some("a/b:1"), &[]).unwrap_err();
    assert_eq!(error, ChooseError::Several(vec!["quay.io/a/b:1".into(), "ghcr.io/a/b:1".into()]));
    assert_eq!(chosen(&held, Some("ghcr.io/a/b:1"), &[]), Ok(1));
}
