//! The SDK's client: where settings come from, timeouts, trusted roots.
//!
//! Credentials are the SDK's default chain: environment, profile (keys, SSO, `credential_process`, roles), web
//! identity, ECS, EC2; of the profile alone where the location names one, whose region goes before the environment's then,
//! too. Endpoint, region and addressing style come from the location, else from the environment, else from
//! the profile. The environment's variable for the addressing style is `AWS_S3_ADDRESSING_STYLE`, with the words
//! that profiles have for `s3.addressing_style`: `path`, `virtual`, `auto`.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, ConfigBag, Intercept, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::BoxError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder as HttpBuilder, ConnectorBuilder, HttpClientError};
use aws_smithy_types::base64;
use aws_types::service_config::ServiceConfigKey;

use super::super::Patience;
use super::super::clock::Clock;
use super::location::S3Location;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);

/// For stores that have none: most take any, and this is what their documents show.
const REGION_OF_CUSTOM: &str = "us-east-1";

/// Settings that do not lead to a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SettingsError {
    #[error(
        "no region is set: append ?region=… to the store, or set AWS_REGION, or `region` in the AWS profile"
    )]
    NoRegion,
    #[error(
        "`{0}` is not an addressing style: AWS_S3_ADDRESSING_STYLE and the profile's s3.addressing_style know path, virtual and auto"
    )]
    AddressingStyle(String),
}

/// How the bucket is reached, all sources considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) endpoint: Option<String>,
    pub(super) region: String,
    pub(super) path_style: bool,
}

impl Reach {
    pub(super) fn of(location: &S3Location, sdk: &SdkConfig) -> Result<Self, SettingsError> {
        let endpoint = location.endpoint.clone().or_else(|| endpoint(sdk));
        let fallback = endpoint.as_ref().map(|_| REGION_OF_CUSTOM.to_owned());
        let region = location.region.clone().or_else(|| sdk.region().map(Region::to_string)).or(fallback);
        let path_style = match location.path_style {
            Some(path_style) => Some(path_style),
            None => addressing_style(sdk)?,
        };
        Ok(Self {
            region: region.ok_or(SettingsError::NoRegion)?,
            // A host per bucket needs a DNS that knows them all, which is AWS's and few others'.
            path_style: path_style.unwrap_or(endpoint.is_some()),
            endpoint,
        })
    }

    /// One that sends each request once: when one is sent again is decided in one place for all stores.
    pub(super) fn client(&self, sdk: &SdkConfig, patience: &Patience, clock: &Arc<Clock>) -> Client {
        let config = Builder::from(sdk)
            .interceptor(Hearing(Arc::clone(clock)))
            .region(Region::new(self.region.clone()))
            .force_path_style(self.path_style)
            // What the SDK adds otherwise, several stores refuse, or keep as a part of the object.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(patience.request))
            // Stores pause while they write to slow disks.
            .stalled_stream_protection(
                StalledStreamProtectionConfig::enabled().grace_period(patience.request).build(),
            );
        let config = match &self.endpoint {
            Some(endpoint) => config.endpoint_url(endpoint),
            None => config,
        };
        Client::from_conf(config.build())
    }
}

/// The same client with other patience.
pub(super) fn patient(client: &Client, patience: &Patience) -> Client {
    let stalled = StalledStreamProtectionConfig::enabled().grace_period(patience.request).build();
    let config = client.config().to_builder().timeout_config(timeouts(patience.request));
    Client::from_conf(config.stalled_stream_protection(stalled).build())
}

/// The same client, paying for what it asks.
pub(super) fn paying(client: &Client) -> Client {
    Client::from_conf(client.config().to_builder().interceptor(Paying).build())
}

/// Reads the store's clock off each answer.
#[derive(Debug)]
struct Hearing(Arc<Clock>);

impl Intercept for Hearing {
    fn name(&self) -> &'static str {
        "hearing"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.hear(context.response().headers().get("date"));
        Ok(())
    }
}

/// Says on each request that who asks pays.
#[derive(Debug)]
struct Paying;

impl Intercept for Paying {
    fn name(&self) -> &'static str {
        "paying"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().headers_mut().insert("x-amz-request-payer", "requester");
        Ok(())
    }
}

/// For a request that may take as long as this.
pub(super) fn within(time: Duration) -> Builder {
    aws_sdk_s3::Config::builder().timeout_config(timeouts(time))
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT.min(attempt)).operation_attempt_timeout(attempt).build()
}

/// What the environment and the AWS profile say.
pub(super) async fn load(location: &S3Location) -> Result<SdkConfig, HttpClientError> {
    let http = http()?;
    let given = RegionProviderChain::first_try(location.region.clone().map(Region::new));
    if let Some(profile) = &location.profile {
        let region = given
            .or_else(ProfileFileRegionProvider::builder().profile_name(profile).build())
            .or_else(EnvironmentVariableRegionProvider::new());
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
        let loader = loader(http).profile_name(profile).credentials_provider(credentials);
        return Ok(loader.region(region).load().await);
    }
    let region =
        given.or_else(EnvironmentVariableRegionProvider::new()).or_else(ProfileFileRegionProvider::new());
    let sdk = loader(http.clone()).region(region).load().await;
    if sdk.region().is_some() || location.endpoint.is_some() || endpoint(&sdk).is_some() {
        return Ok(sdk);
    }
    // The machine's own region counts for AWS only; asking where there is none costs a second.
    match ImdsRegionProvider::builder().build().region().await {
        Some(region) => Ok(loader(http).region(region).load().await),
        None => Ok(sdk),
    }
}

/// Whom AWS's own programs take us for, for what the SDK here has no client for.
pub(crate) async fn credentials() -> Result<Credentials, BoxError> {
    let sdk = loader(http()?).load().await;
    let provider = sdk.credentials_provider().ok_or("nothing names any")?;
    Ok(provider.provide_credentials().await?)
}

fn loader(http: SharedHttpClient) -> aws_config::ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest()).http_client(http)
}

fn endpoint(sdk: &SdkConfig) -> Option<String> {
    setting(sdk, "AWS_ENDPOINT_URL", "endpoint_url").or_else(|| sdk.endpoint_url().map(str::to_owned))
}

/// `None` for `auto`.
fn addressing_style(sdk: &SdkConfig) -> Result<Option<bool>, SettingsError> {
    let nested = || {
        // boto's form: `s3 =`, and below it indented lines.
        let block = setting(sdk, "AWS_S3_ADDRESSING_STYLE", "s3")?;
        block.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == "addressing_style").then(|| value.trim().to_owned())
        })
    };
    let style = setting(sdk, "AWS_S3_ADDRESSING_STYLE", "addressing_style").or_else(nested);
    match style.as_deref() {
        None | Some("auto") => Ok(None),
        Some("path") => Ok(Some(true)),
        Some("virtual") => Ok(Some(false)),
        Some(other) => Err(SettingsError::AddressingStyle(other.to_owned())),
    }
}

/// An S3 setting of the environment, else of the profile.
fn setting(sdk: &SdkConfig, variable: &str, of_profile: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env(variable).profile(of_profile).build();
    sdk.service_config()?.load_config(key.ok()?)
}

/// The SDK's own HTTP client, which trusts the machine's roots, or Mozilla's where the machine has none: an empty
/// container image around a static binary.
fn http() -> Result<SharedHttpClient, HttpClientError> {
    let none = rustls_native_certs::load_native_certs().certs.is_empty();
    let roots = if none { bundled_roots() } else { TrustStore::default() };
    let tls = TlsContext::builder().with_trust_store(roots).build()?;
    Ok(HttpBuilder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.build()
    }))
}

fn bundled_roots() -> TrustStore {
    let mut roots = TrustStore::empty();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        roots.add_pem_certificate(pem(certificate));
    }
    roots
}

/// [RFC 7468](https://www.rfc-editor.org/rfc/rfc7468): the one form that the SDK takes certificates in.
fn pem(der: &[u8]) -> String {
    let body = base64::encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

#[cfg(test)]
mod tests;
