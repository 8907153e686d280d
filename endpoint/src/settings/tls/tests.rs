//! Which files can be served with, and what is said of the others.

use std::fs;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::*;

fn folder() -> (TempDir, TlsFiles) {
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
        client_ca: None,
    };
    write(&files, 2100);
    (folder, files)
}

/// A certificate that is good until this year, and its key.
fn write(files: &TlsFiles, until: i32) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["registry.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
}

fn refused(files: &TlsFiles) -> String {
    Tls::unread(files.clone()).read().unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_said_with_the_files_name() {
    let (_folder, files) = folder();
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let good = fs::read(&files.key).unwrap();
    assert!(Tls::unread(files.clone()).read().is_ok());

    write(&files, 2100);
    fs::write(&files.key, &good).unwrap();
    assert_eq!(
        refused(&files),
        format!("the private key in `{key}` is not that of the certificate in `{certificate}`")
    );
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    fs::write(&files.key, encrypted).unwrap();
    assert_eq!(refused(&files), format!("there is no private key in the TLS file `{key}`"));
    fs::remove_file(&files.key).unwrap();
    assert_eq!(refused(&files), format!("the TLS file `{key}` cannot be read"));
    fs::write(&files.certificate, &good).unwrap();
    assert_eq!(refused(&files), format!("there is no certificate in the TLS file `{certificate}`"));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&files.certificate, broken).unwrap();
    fs::write(&files.key, &good).unwrap();
    assert!(refused(&files).starts_with(&format!("the certificate in `{certificate}` cannot be used")));
}

#[test]
fn authorities_of_clients_are_read_too() {
    let (folder, files) = folder();
    let ca = folder.path().join("ca.pem");
    let with = TlsFiles { client_ca: Some(ca.clone()), ..files.clone() };
    assert_eq!(refused(&with), format!("`tls-client-ca` names {}, which cannot be used", ca.display()));
    fs::copy(&files.certificate, ca).unwrap();
    assert!(Tls::unread(with).read().is_ok());
}

#[test]
fn a_certificate_out_of_time_is_noted() {
    let (_folder, files) = folder();
    assert_eq!(Tls::unread(files.clone()).read().unwrap().note(), None);
    write(&files, 2001);
    let note = Tls::unread(files).read().unwrap().note().unwrap();
    assert!(note.ends_with("is not valid today: clients refuse it"), "{note}");
}

#[test]
fn a_change_of_any_file_is_seen() {
    let (_folder, files) = folder();
    let tls = Tls::unread(files.clone()).read().unwrap();
    assert_eq!(tls.seen, files.look());
    write(&files, 2100);
    assert_ne!(tls.seen, files.look());
}
