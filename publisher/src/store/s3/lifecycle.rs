//! The bucket's rule that aborts unfinished uploads, beside the rules of others. Pure.

use std::time::Duration;

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
};
use contract::digest::{Algorithm, Digest};

/// What a rule's name begins with. Behind it stands which prefix it is for: each store in a bucket has its own.
const ID: &str = "static-registry-unfinished-uploads";

/// The rules with ours for this prefix; `None` where it is there. A rule of others that does nothing does something
/// which we cannot read and would lose: then there is no answer.
pub(super) fn merged(
    existing: &[LifecycleRule],
    prefix: &str,
    after: Duration,
) -> Result<Option<Vec<LifecycleRule>>, LifecycleError> {
    let ours = rule(prefix, after)?;
    if existing.contains(&ours) {
        return Ok(None);
    }
    let mut rules: Vec<LifecycleRule> = existing.iter().filter(|rule| rule.id != ours.id).cloned().collect();
    if let Some(odd) = rules.iter().find(|rule| !does_something(rule)) {
        return Err(LifecycleError::Unreadable(odd.id.clone().unwrap_or_default()));
    }
    rules.push(ours);
    Ok(Some(rules))
}

/// Why rules are left alone.
#[derive(Debug, thiserror::Error)]
pub(super) enum LifecycleError {
    #[error("the bucket's lifecycle rule `{0}` cannot be understood, and would be lost")]
    Unreadable(String),
    #[error("the rule cannot be written")]
    Build(#[from] BuildError),
}

fn does_something(rule: &LifecycleRule) -> bool {
    rule.expiration.is_some()
        || !rule.transitions().is_empty()
        || !rule.noncurrent_version_transitions().is_empty()
        || rule.noncurrent_version_expiration.is_some()
        || rule.abort_incomplete_multipart_upload.is_some()
}

/// Whole days, as S3 counts.
fn rule(prefix: &str, after: Duration) -> Result<LifecycleRule, BuildError> {
    let days = after.as_secs().div_ceil(24 * 3600).clamp(1, 365);
    let below = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let whose = Digest::of(Algorithm::Sha256, prefix.as_bytes()).hex().to_string();
    let days = i32::try_from(days).unwrap_or(1);
    LifecycleRule::builder()
        .id(format!("{ID}-{}", &whose[..8]))
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(below).build())
        .abort_incomplete_multipart_upload(
            AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build(),
        )
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn our_rule_stands_beside_those_of_others() {
        let other = rule("logs", DAY * 7).unwrap();
        let once = merged(std::slice::from_ref(&other), "p/q", DAY).unwrap().unwrap();
        assert_eq!(once, [other.clone(), rule("p/q", DAY).unwrap()]);
        assert_eq!(merged(&once, "p/q", DAY).unwrap(), None);
        let longer = merged(&once, "p/q", DAY * 2).unwrap().unwrap();
        assert_eq!(longer, [other, rule("p/q", DAY * 2).unwrap()]);
        let days = longer[1].abort_incomplete_multipart_upload().unwrap().days_after_initiation();
        assert_eq!(days, Some(2));
    }

    #[test]
    fn parts_of_days_count_as_days() {
        let days = |after| rule("", after).unwrap().abort_incomplete_multipart_upload.unwrap();
        assert_eq!(days(Duration::from_secs(1)).days_after_initiation, Some(1));
        assert_eq!(days(DAY + Duration::from_secs(1)).days_after_initiation, Some(2));
    }

    #[test]
    fn a_rule_that_we_cannot_read_is_not_lost() {
        let odd = LifecycleRule::builder().id("odd").status(ExpirationStatus::Enabled).build().unwrap();
        let error = merged(&[odd], "", DAY).unwrap_err().to_string();
        assert!(error.contains("`odd`"), "{error}");
    }
}
