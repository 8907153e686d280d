//! Which source of a setting wins.

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};

use super::*;

/// A profile in place of the user's.
async fn profile(text: &str) -> SdkConfig {
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, text).build();
    let region = ProfileFileRegionProvider::builder().profile_files(files.clone()).build();
    loader(http().unwrap()).profile_files(files).region(region).load().await
}

async fn reach(location: &str, text: &str) -> Result<Reach, SettingsError> {
    Reach::of(&location.parse().unwrap(), &profile(text).await)
}

fn expected(endpoint: Option<&str>, region: &str, path_style: bool) -> Result<Reach, SettingsError> {
    Ok(Reach { endpoint: endpoint.map(str::to_owned), region: region.to_owned(), path_style })
}

#[tokio::test]
async fn aws_needs_a_region_and_others_do_not() {
    assert_eq!(reach("b", "").await, Err(SettingsError::NoRegion));
    assert_eq!(reach("b?region=eu-1", "").await, expected(None, "eu-1", false));
    assert_eq!(reach("b", "[default]\nregion = eu-2\n").await, expected(None, "eu-2", false));
    assert_eq!(reach("b?endpoint=http://h", "").await, expected(Some("http://h"), "us-east-1", true));
}

#[tokio::test]
async fn the_location_wins_over_the_profile() {
    let text = "[default]\nregion = eu-2\nendpoint_url = http://profile\naddressing_style = virtual\n";
    assert_eq!(reach("b", text).await, expected(Some("http://profile"), "eu-2", false));
    let location = "b?endpoint=http://h&region=eu-1&path-style=true";
    assert_eq!(reach(location, text).await, expected(Some("http://h"), "eu-1", true));
}

#[tokio::test]
async fn a_profile_may_say_it_for_s3_alone() {
    let services = "[default]\nservices = s\n[services s]\ns3 =\n  endpoint_url = http://s3\n  addressing_style = auto\n";
    assert_eq!(reach("b", services).await, expected(Some("http://s3"), "us-east-1", true));
    let nested = |style: &str| {
        format!("[default]\nregion = r\ns3 =\n  max_queue_size = 1\n  addressing_style = {style}\n")
    };
    assert_eq!(reach("b", &nested("path")).await, expected(None, "r", true));
    let error = SettingsError::AddressingStyle("paths".to_owned());
    assert_eq!(reach("b", &nested("paths")).await, Err(error));
}

#[test]
fn the_bundled_roots_are_taken() {
    // The SDK panics on a certificate that it cannot read, when the connector is built.
    let tls = TlsContext::builder().with_trust_store(bundled_roots()).build().unwrap();
    ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build();
}
