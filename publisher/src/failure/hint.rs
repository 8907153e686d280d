//! What helps after a failure, where we know.

use contract::name::NameError;

use super::CommandError;
use crate::content::ContentError;
use crate::immutable::Why;
use crate::source::registry::RegistryError;
use crate::store::{Kind, StoreError};

impl CommandError {
    /// What helps, where we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Reference { source: NameError::Host { host, .. }, .. } => Some(leave_away(host)),
            Self::History { source, .. } => source.hint().map(str::to_owned),
            Self::Join(error) => error.hint().map(str::to_owned),
            Self::Rules(error) => error.hint().map(str::to_owned),
            Self::Content(ContentError::Read { source, .. }) if RegistryError::behind(source).is_some() => {
                RegistryError::behind(source).and_then(RegistryError::hint)
            }
            Self::Source(error) => error.hint(),
            Self::Store(error) => store_hint(error).map(str::to_owned),
            other => other.advice().map(str::to_owned),
        }
    }

    /// The same, where it does not depend on what went wrong below.
    fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Reference { .. } => "a reference is repository[:tag][@digest], such as acme/app:1.2",
            Self::NoStore => {
                "say --to ./folder, --to s3://bucket or --to swift://container, or set REGISTRY_PUBLISHER_TO"
            }
            Self::Absent(_) => "`list STORE` shows its repositories, `list STORE REPOSITORY` the tags of one",
            Self::Which(_) => "append :tag or @digest",
            Self::NoTag(_) => "a tag's history is meant: acme/app:1.2",
            Self::Image(_) => "publish it again from its source",
            Self::NotPublic(_) => NOT_PUBLIC,
            Self::Refused(refusal) => match refusal.why {
                Why::Pattern(_) => {
                    "publish under another tag. Patterns come from --immutable, the settings file and the store's settings"
                }
                Why::IfAbsent => "publish under another tag; without --if-absent the tag would be moved",
            },
            Self::Protected { .. } => "--force removes it all the same",
            Self::Needed { .. } => "remove the image index first",
            Self::Digest { .. } => "publish under a tag, or under the digest that the image has",
            Self::Content(_) => "the source changed or is damaged: save the image again. No tag was moved",
            Self::Interrupted | Self::TooLate { .. } => {
                "every tag shows its old image or its new one whole; run it again to complete"
            }
            Self::Wanted { .. } => {
                "write docker://HOST/REPOSITORY; in a file, target and patterns of tags may follow"
            }
            Self::OneTarget => "name targets in a file: --from-file",
            Self::NotMirrored { .. } => "run it again: what was copied is not copied twice",
            Self::Announce(_) => {
                "see `[[webhooks]]` and `[[purges]]` in README; secrets are in the environment alone"
            }
            Self::NotTold(_) => {
                "caches forget what changed by themselves within --changing-ttl; who was to be told has to look"
            }
            Self::Noted(_) => "name another file, or delete it to begin anew",
            Self::ShortGrace { .. } => "`init STORE --grace TIME` changes it for all who publish",
            Self::Settings(_)
            | Self::History { .. }
            | Self::Join(_)
            | Self::Rules(_)
            | Self::Source(_)
            | Self::Store(_)
            | Self::NoClient(_)
            | Self::Pages { .. }
            | Self::File { .. }
            | Self::Unwritten(_)
            | Self::Problems(_) => return None,
        })
    }
}

/// A reference that begins with a host.
fn leave_away(host: &str) -> String {
    let keep = if host.contains(':') { "" } else { ". --keep-host makes it part of the repository's name" };
    format!("leave `{host}/` away: clients put the name of your endpoint there{keep}")
}

/// Where a grant does not do it.
const NOT_PUBLIC: &str = "let everybody read what is below docker/, images/ and repositories/, and static-registry/search.json, then \
    run init again. AWS: \
    `aws s3api put-public-access-block --bucket BUCKET --public-access-block-configuration \
    BlockPublicPolicy=false,RestrictPublicBuckets=false`, and so for the account. Ceph without bucket policies: a public-read \
    ACL on each object. Garage: `garage bucket website --allow BUCKET`, and R2: its public URL; both with --public-url. \
    Swift: `swift post --read-acl '.r:*' CONTAINER`. A CDN that may read a private bucket: --public-url";

fn store_hint(error: &StoreError) -> Option<&'static str> {
    let swift = error.store.starts_with("swift://");
    let directory = !swift && !error.store.starts_with("s3://");
    match error.kind {
        Kind::Denied if directory => {
            Some("whoever publishes to a directory has to be allowed to write into it and all folders in it")
        }
        Kind::Credentials if swift => Some(
            "set ST_AUTH, ST_USER and ST_KEY, or OS_AUTH_URL with a password or an application credential",
        ),
        Kind::Denied if swift => Some("a publisher to Swift needs to read, list and write the container"),
        // Its own text: by it and by nothing else a store's profile is known here.
        Kind::Credentials if error.store.contains("profile=") => Some(
            "the profile that the store names is looked for in ~/.aws/credentials and ~/.aws/config, or where AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE say",
        ),
        Kind::Credentials => Some("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
        Kind::Denied => Some(
            "a publisher to S3 needs s3:ListBucket on the bucket, s3:GetObject, s3:PutObject and s3:DeleteObject below it; `init` also \
             s3:CreateBucket, s3:GetBucketPolicy, s3:PutBucketPolicy, s3:GetLifecycleConfiguration and \
             s3:PutLifecycleConfiguration",
        ),
        Kind::NoStore => Some("make it with `registry-publisher init STORE`, or check its name"),
        Kind::Full => Some("make room and run it again: what was sent is not sent twice"),
        Kind::Unavailable => {
            Some("check the endpoint and the network, and run it again: what was sent is not sent twice")
        }
        Kind::Conflict => Some("run it again, or `relist` the store"),
        Kind::Missing => {
            Some("`relist` makes what is derived anew; publish the image again if content is missing")
        }
        Kind::Other => None,
    }
}
