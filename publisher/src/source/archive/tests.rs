//! What a scan finds in archives, good and bad.

use std::io::Write;

use super::*;

/// A tar of members with these types, names, and contents or link targets.
fn tar_of(members: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (kind, name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        // The builder refuses bad names, which are what is wanted here.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let is_link = matches!(kind, EntryType::Link | EntryType::Symlink);
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        let data = if is_link { "" } else { content };
        header.set_size(data.len() as u64);
        header.set_cksum();
        tar.append(&header, data.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn scan(bytes: &[u8]) -> Result<Members, ArchiveError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    Members::scan("x.tar", file)
}

fn content(members: &Members, name: &str) -> Option<String> {
    let mut text = String::new();
    members.find(name).unwrap()?.reader().unwrap().read_to_string(&mut text).unwrap();
    Some(text)
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn members_are_found_by_their_clean_names_and_through_links() {
    let members = scan(&tar_of(&[
        (EntryType::Directory, "a/", ""),
        (FILE, "./a/x", "one"),
        (FILE, "b//y", "two"),
        (EntryType::Symlink, "c/z", "../a/./x"),
        (EntryType::Symlink, "c/zz", "z"),
        (EntryType::Link, "hard", "b/y"),
        (EntryType::Symlink, "nowhere", "c/none"),
        (FILE, "twice", "old"),
        (FILE, "twice", "new"),
        (FILE, "empty", ""),
        (EntryType::Fifo, "pipe", ""),
    ]))
    .unwrap();
    for (name, expected) in [
        ("a/x", Some("one")),
        ("b/y", Some("two")),
        ("c/z", Some("one")),
        ("c/zz", Some("one")),
        ("hard", Some("two")),
        ("nowhere", None),
        ("twice", Some("new")),
        ("empty", Some("")),
        ("pipe", None),
        ("a", None),
        ("none", None),
    ] {
        assert_eq!(content(&members, name).as_deref(), expected, "{name}");
    }
}

#[test]
fn long_names_and_large_sizes_of_all_dialects_are_read() {
    let long = format!("{}/layer.tar", "d".repeat(200));
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    tar.append_data(&mut header, &long, &b"gnu"[..]).unwrap();
    tar.append_pax_extensions([("path", &b"pax/name"[..]), ("size", b"3")]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("short").unwrap();
    header.set_size(0);
    header.set_cksum();
    let mut bytes = tar.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(b"pax");
    bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
    let members = scan(&bytes).unwrap();
    assert_eq!(content(&members, &long).unwrap(), "gnu");
    assert_eq!(content(&members, "pax/name").unwrap(), "pax");
}

#[test]
fn members_that_lead_out_are_refused() {
    for (kind, name, target) in [
        (FILE, "../x", ""),
        (FILE, "a/../../x", ""),
        (FILE, "/etc/x", ""),
        (EntryType::Directory, "../", ""),
        (EntryType::Symlink, "a/x", "../../x"),
        (EntryType::Symlink, "a/x", "/etc/passwd"),
        (EntryType::Link, "a/x", "../x"),
    ] {
        let error = scan(&tar_of(&[(FILE, "good", ""), (kind, name, target)])).unwrap_err();
        assert!(matches!(error, ArchiveError::Escapes { .. }), "{name} {target}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn links_in_a_circle_are_an_error_only_for_who_follows_them() {
    let members = scan(&tar_of(&[
        (EntryType::Symlink, "a", "b"),
        (EntryType::Symlink, "b", "a"),
        (EntryType::Link, "c", "c"),
        (FILE, "d", "good"),
    ]))
    .unwrap();
    for name in ["a", "b", "c"] {
        assert!(matches!(members.find(name), Err(ArchiveError::Circle { .. })), "{name}");
    }
    assert_eq!(content(&members, "d").unwrap(), "good");
}

#[test]
fn what_is_no_tar_says_so() {
    assert!(matches!(scan(b""), Err(ArchiveError::Empty(_))));
    for bytes in [&b"hello"[..], &[b'x'; 512], &[b'x'; 5000]] {
        assert!(matches!(scan(bytes), Err(ArchiveError::NotAnArchive(_))), "{}", bytes.len());
    }
    assert!(scan(&[0; 1024]).unwrap().members.is_empty());
}

#[test]
fn an_archive_cut_anywhere_is_truncated() {
    let whole = tar_of(&[(FILE, "a", &"x".repeat(1300)), (FILE, &"b".repeat(90), "y")]);
    let end = whole.len() - 1024;
    for length in 1..=end {
        let error = scan(&whole[..length]).unwrap_err();
        let says = matches!(error, ArchiveError::Truncated(_));
        assert!(says || length < 512 && matches!(error, ArchiveError::NotAnArchive(_)), "{length}: {error}");
    }
    assert_eq!(scan(&whole[..end + 512]).unwrap().members.len(), 2, "one block of the end is enough");
}

#[test]
fn damage_behind_the_beginning_is_told_as_damage() {
    let mut bytes = tar_of(&[(FILE, "a", "x"), (FILE, "b", "y")]);
    bytes[1024] ^= 1;
    assert!(matches!(scan(&bytes), Err(ArchiveError::Damaged { .. })));
}

#[test]
fn sparse_members_of_both_kinds_are_refused() {
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_pax_extensions([("GNU.sparse.major", &b"1"[..])]).unwrap();
    let mut bytes = tar.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(tar_of(&[(FILE, "a", "x")]));
    assert!(matches!(scan(&bytes), Err(ArchiveError::Sparse { .. })));
    let mut bytes = tar_of(&[(EntryType::GNUSparse, "a", "")]);
    bytes[483..495].copy_from_slice(b"00000000000\0");
    let mut header = tar::Header::from_byte_slice(&bytes[..512]).clone();
    header.set_cksum();
    bytes[..512].copy_from_slice(header.as_bytes());
    assert!(matches!(scan(&bytes), Err(ArchiveError::Sparse { .. })), "{:?}", scan(&bytes));
}

#[test]
fn a_name_that_fills_the_memory_is_refused() {
    let name = "n".repeat(4 << 20);
    let bytes = tar_of(&[(EntryType::GNULongName, "././@LongLink", &name), (FILE, "a", "x")]);
    assert!(matches!(scan(&bytes), Err(ArchiveError::Damaged { .. })));
}
