//! The bucket: made, readable, and rid of unfinished uploads.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLifecycleConfiguration, BucketLocationConstraint, CreateBucketConfiguration};
use contract::key::Prefix;
use url::Url;

use super::super::failure::Failure;
use super::super::ground::{Grant, Ground};
use super::super::{Kind, StoreError};
use super::{S3, lifecycle, policy};

/// The region that AWS wants not to be named.
const UNNAMED: &str = "us-east-1";

impl S3 {
    async fn has_bucket(&self) -> Result<bool, Failure> {
        let ask = || async {
            let request = self.client.head_bucket().bucket(&self.location.bucket);
            let Err(error) = request.send().await else { return Ok(()) };
            let raw = error.raw_response();
            let region = raw.and_then(|raw| raw.headers().get("x-amz-bucket-region")).map(str::to_owned);
            let failure = Failure::from(error);
            Err(match region {
                Some(region) if region != self.reach.region && failure.status != 404 => {
                    let said =
                        format!("the bucket is in the region {region}: append ?region={region} to the store");
                    Failure { kind: Kind::Other, said, ..failure }
                }
                _ => failure,
            })
        };
        match self.requests.answer(ask).await {
            Err(failure) if failure.status == 404 => Ok(false),
            asked => asked.map(|()| true),
        }
    }

    async fn create_bucket(&self) -> Result<(), Failure> {
        let region = self.reach.region.as_str();
        let place = (region != UNNAMED).then(|| {
            let place = BucketLocationConstraint::from(region);
            CreateBucketConfiguration::builder().location_constraint(place).build()
        });
        let ask = || async {
            let request = self.client.create_bucket().bucket(&self.location.bucket);
            let request = request.set_create_bucket_configuration(place.clone());
            Ok::<_, Failure>(request.send().await.map(|_| ())?)
        };
        match self.requests.answer(ask).await {
            Err(failure) if failure.code == "BucketAlreadyOwnedByYou" => Ok(()),
            // Not a conflict of writers: the name is another's.
            Err(failure) if failure.status == 409 => Err(Failure { kind: Kind::Other, ..failure }),
            made => made,
        }
    }

    async fn policy(&self) -> Result<Option<String>, Failure> {
        let ask = || async {
            let request = self.client.get_bucket_policy().bucket(&self.location.bucket);
            Ok::<_, Failure>(request.send().await?.policy)
        };
        match self.requests.answer(ask).await {
            Err(failure) if failure.code == "NoSuchBucketPolicy" => Ok(None),
            got => Ok(got?.filter(|text| !text.trim().is_empty())),
        }
    }

    async fn put_policy(&self, text: &str) -> Result<(), Failure> {
        let ask = || async {
            let request = self.client.put_bucket_policy().bucket(&self.location.bucket).policy(text);
            Ok::<_, Failure>(request.send().await.map(|_| ())?)
        };
        self.requests.answer(ask).await
    }

    /// What clients read, in the names of policies.
    fn resources(&self) -> Vec<String> {
        let partition = match &self.reach.region {
            _ if self.reach.endpoint.is_some() => "aws",
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let resource = |path: &str| {
            let all = if path.ends_with('/') { "*" } else { "" };
            format!("arn:{partition}:s3:::{}/{}{all}", self.location.bucket, self.location.below(path))
        };
        Prefix::PUBLIC.iter().map(|path| resource(path)).collect()
    }

    async fn rule(&self, after: Duration) -> Result<(), Failure> {
        let bucket = &self.location.bucket;
        let ask = || async {
            let request = self.client.get_bucket_lifecycle_configuration().bucket(bucket);
            Ok::<_, Failure>(request.send().await?)
        };
        let got = match self.requests.answer(ask).await {
            Err(failure) if failure.code == "NoSuchLifecycleConfiguration" => None,
            got => Some(got?),
        };
        let smallest = got.as_ref().and_then(|got| got.transition_default_minimum_object_size.clone());
        let existing = got.and_then(|got| got.rules).unwrap_or_default();
        let merged = lifecycle::merged(&existing, &self.location.prefix, after);
        let Some(rules) = merged.map_err(|error| Failure::new(Kind::Other, error.to_string()))? else {
            return Ok(());
        };
        let rules = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
        let rules = rules.map_err(|error| Failure::new(Kind::Other, error.to_string()))?;
        let put = || async {
            let request = self.client.put_bucket_lifecycle_configuration().bucket(bucket);
            let request = request.set_transition_default_minimum_object_size(smallest.clone());
            Ok::<_, Failure>(request.lifecycle_configuration(rules.clone()).send().await.map(|_| ())?)
        };
        self.requests.answer(put).await
    }

    /// [How AWS names buckets](https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html), and all who
    /// follow it.
    fn url(&self) -> Option<Url> {
        let (bucket, region) = (&self.location.bucket, &self.reach.region);
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let of_aws = format!("https://s3.{region}.{domain}");
        let mut url = Url::parse(self.reach.endpoint.as_deref().unwrap_or(&of_aws)).ok()?;
        // No certificate covers a host with further dots.
        let in_path = self.reach.path_style || (url.scheme() == "https" && bucket.contains('.'));
        if !in_path {
            let host = format!("{bucket}.{}", url.host_str()?);
            url.set_host(Some(&host)).ok()?;
        }
        let bucket = in_path.then_some(bucket.as_str());
        let prefix = self.location.prefix.split('/').filter(|segment| !segment.is_empty());
        url.path_segments_mut().ok()?.pop_if_empty().extend(bucket.into_iter().chain(prefix));
        Some(url)
    }
}

#[async_trait]
impl Ground for S3 {
    async fn exists(&self) -> Result<bool, StoreError> {
        let has = self.has_bucket().await;
        has.map_err(|failure| self.failed(failure, "looking for the bucket".to_owned()))
    }

    async fn create(&self) -> Result<(), StoreError> {
        let made = self.create_bucket().await;
        made.map_err(|failure| self.failed(failure, "creating the bucket".to_owned()))
    }

    async fn wanted(&self, exists: bool) -> Result<Option<Grant>, StoreError> {
        let action = || "reading the bucket's policy".to_owned();
        let existing = if exists { self.policy().await } else { Ok(None) };
        let existing = existing.map_err(|failure| self.failed(failure, action()))?;
        let merged = policy::merged(existing.as_deref(), &self.resources()).map_err(|error| StoreError {
            kind: Kind::Other,
            store: self.location.to_string(),
            action: "letting everybody read".to_owned(),
            source: Some(error.into()),
        })?;
        Ok(merged.map(|text| Grant { what: "bucket policy", text }))
    }

    async fn grant(&self, grant: &Grant) -> Result<(), StoreError> {
        let put = self.put_policy(&grant.text).await;
        put.map_err(|failure| self.failed(failure, "setting the bucket's policy".to_owned()))
    }

    async fn abort_unfinished(&self, after: Duration) -> Result<(), StoreError> {
        let ruled = self.rule(after).await;
        ruled.map_err(|failure| self.failed(failure, "setting a lifecycle rule".to_owned()))
    }

    async fn public_url(&self) -> Result<Option<String>, StoreError> {
        Ok(self.url().map(|url| url.as_str().trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests;
