//! Connection: clients for one account and region.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use compact_str::CompactString;

use crate::AwsError;

/// Tries of one call, the first included; between them the SDK waits, longer each time.
const ATTEMPTS: u32 = 4;
/// The same of a handful of calls: half a second, one, two, four on average, twice that at most.
const FEW_CALLS_ATTEMPTS: u32 = 5;
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(30);
const CALL: Duration = Duration::from_secs(120);

/// What the user said about AWS. Everything else is the SDK's own chain: environment, profile, single sign-on, web
/// identity, instance role.
#[derive(Debug, Clone, Default)]
pub struct ConnectionOptions {
    /// Profile of the AWS configuration.
    pub profile: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Another endpoint for every service.
    pub endpoint_url: Option<String>,
}

/// Clients for one account and region.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Region in use.
    pub region: CompactString,
    /// Profile the user named.
    pub profile: Option<String>,
    config: SdkConfig,
}

impl Connection {
    /// Finds out region and credentials; does not call AWS yet.
    ///
    /// # Errors
    /// No region, or settings that cannot be used.
    pub async fn open(options: &ConnectionOptions) -> Result<Self, AwsError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client()?)
            .retry_config(RetryConfig::adaptive().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT)
                    .operation_attempt_timeout(ATTEMPT)
                    .operation_timeout(CALL)
                    .build(),
            );
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        let region = config.region().map(|region| CompactString::from(region.as_ref()));
        let region = region.ok_or(AwsError::NoRegion)?;
        let profile = options.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
        Ok(Self { region, profile, config })
    }

    /// The same for a handful of calls. The adaptive limiter measures a rate and shares it among all calls of a
    /// service: of a few calls it learns nothing, and lets each wait ten seconds after the first that was limited.
    pub(crate) fn for_few_calls(&self) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(FEW_CALLS_ATTEMPTS);
        Self { config: self.config.to_builder().retry_config(retries).build(), ..self.clone() }
    }

    /// The account that the credentials belong to.
    ///
    /// # Errors
    /// When AWS does not accept them or cannot be reached.
    pub async fn account(&self) -> Result<CompactString, AwsError> {
        let identity = aws_sdk_sts::Client::new(&self.config).get_caller_identity().send().await;
        let identity = identity.map_err(|error| AwsError::of("sts:GetCallerIdentity", &error))?;
        Ok(identity.account().unwrap_or("unknown").into())
    }

    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.config)
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config)
    }

    /// The price list is served from few regions.
    pub(crate) fn pricing(&self) -> aws_sdk_pricing::Client {
        let region = pricing_region(&self.region);
        let config = self.config.to_builder().region(Region::from_static(region)).build();
        aws_sdk_pricing::Client::new(&config)
    }
}

/// Region that serves the price list. AWS provider: pkg/providers/pricing/pricing.go.
fn pricing_region(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("ap") => "ap-south-1",
        Some("cn") => "cn-northwest-1",
        Some("eu") => "eu-central-1",
        _ => "us-east-1",
    }
}

/// One TLS stack for the whole program: rustls with ring. The SDK does not read `AWS_CA_BUNDLE` itself, so users
/// behind a proxy that opens TLS would be left out.
fn http_client() -> Result<aws_smithy_runtime_api::client::http::SharedHttpClient, AwsError> {
    let builder =
        aws_smithy_http_client::Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring));
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return Ok(builder.build_https());
    };
    let settings = |message: String| AwsError::Settings { message };
    let pem = std::fs::read(&path).map_err(|cause| {
        settings(format!("AWS_CA_BUNDLE {} cannot be read: {cause}", path.to_string_lossy()))
    })?;
    let store = tls::TrustStore::default().with_pem_certificate(pem);
    let context = tls::TlsContext::builder().with_trust_store(store).build();
    let context = context.map_err(|cause| settings(format!("AWS_CA_BUNDLE cannot be used: {cause}")))?;
    Ok(builder.tls_context(context).build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_list_is_near() {
        for (region, served) in [
            ("us-west-2", "us-east-1"),
            ("eu-west-1", "eu-central-1"),
            ("ap-southeast-2", "ap-south-1"),
            ("cn-north-1", "cn-northwest-1"),
            ("sa-east-1", "us-east-1"),
        ] {
            assert_eq!(pricing_region(region), served);
        }
    }
}
