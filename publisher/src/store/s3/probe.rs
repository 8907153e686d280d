//! Whether the store keeps its word on conditional writes. Some answer 200 and overwrite; some want an ETag without its
//! quotes. What was seen is kept in the bucket, so that each run pays one GET.

use bytes::Bytes;
use contract::key::Key;
use serde::{Deserialize, Serialize};

use super::super::failure::Failure;
use super::super::{Document, Kind, headers};
use super::S3;
use super::write::Condition;

/// The ETag of no object.
const WRONG: &str = "\"00000000000000000000000000000000\"";

/// What a store was seen to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Probe {
    /// Where it was seen: an object that was copied to another store says nothing about that one.
    store: String,
    /// `If-None-Match: *` refuses to overwrite.
    pub(super) create_only: bool,
    /// `If-Match` refuses a wrong ETag, and takes the right one in this form.
    if_match: Option<Form>,
}

/// How an ETag is written in `If-Match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// As [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1) has it.
    Quoted,
    /// As old Ceph wants it.
    Unquoted,
}

impl Form {
    fn write(self, etag: &str) -> String {
        match self {
            Self::Quoted => etag.to_owned(),
            Self::Unquoted => etag.trim_matches('"').to_owned(),
        }
    }
}

impl Probe {
    pub(super) fn compares(&self) -> bool {
        self.create_only && self.if_match.is_some()
    }

    /// An ETag that was read, for `If-Match`.
    pub(super) fn etag(&self, etag: &str) -> String {
        self.if_match.unwrap_or(Form::Quoted).write(etag)
    }
}

impl S3 {
    /// What was seen of this store, by an earlier run or just here.
    pub(super) async fn probe(&self) -> Result<&Probe, Failure> {
        self.probe.get_or_try_init(|| self.remembered_or_seen()).await
    }

    async fn remembered_or_seen(&self) -> Result<Probe, Failure> {
        let remembered = self.get(&Key::Probe).await?;
        let remembered = remembered.and_then(|found| serde_json::from_slice::<Probe>(&found.bytes).ok());
        if let Some(probe) = remembered.filter(|probe| probe.store == self.whose()) {
            return Ok(probe);
        }
        let probe = self.see().await?;
        let text =
            serde_json::to_vec(&probe).map_err(|error| Failure::new(Kind::Other, error.to_string()))?;
        let document = Document::new(text);
        self.put(&self.path(&Key::Probe), document.bytes, &headers(&Key::Probe, None, self.changing_ttl))
            .await?;
        Ok(probe)
    }

    /// The bucket of this endpoint.
    fn whose(&self) -> String {
        format!("{}/{}", self.reach.endpoint.as_deref().unwrap_or("aws"), self.location.bucket)
    }

    async fn see(&self) -> Result<Probe, Failure> {
        let mut tries = self.requests.tries();
        loop {
            let key = Key::Staged(fastrand::u64(..));
            let trial = Trial { store: self, path: self.path(&key), key };
            let seen = trial.run().await;
            // What it leaves is small and nobody's; who publishes does not wait for it.
            let _ = self.delete_once(&trial.path).await;
            let failure = match seen {
                Ok(Some((create_only, if_match))) => {
                    return Ok(Probe { store: self.whose(), create_only, if_match });
                }
                Ok(None) => {
                    Failure::new(Kind::Unavailable, "it gives no clear answers to conditional writes")
                }
                Err(failure) => failure,
            };
            tries.after(failure).await?;
        }
    }
}

/// Conditional writes of an object that nobody else knows.
struct Trial<'a> {
    store: &'a S3,
    key: Key,
    path: String,
}

impl Trial<'_> {
    /// `None` when the answers prove nothing.
    async fn run(&self) -> Result<Option<(bool, Option<Form>)>, Failure> {
        let etag = match self.put("1", Condition::Absent).await? {
            Answer::Written(Some(etag)) => etag,
            // No ETag, or a refusal of the header itself: nothing can be compared here.
            Answer::Written(None) | Answer::Unknown => return Ok(Some((false, None))),
            // The answer to an earlier attempt was lost.
            Answer::Refused => return Ok(None),
        };
        let create_only = self.put("2", Condition::Absent).await? == Answer::Refused;
        if !create_only {
            return Ok(Some((false, None)));
        }
        if self.put("3", Condition::Match(WRONG.to_owned())).await? != Answer::Refused {
            return Ok(Some((true, None)));
        }
        for form in [Form::Quoted, Form::Unquoted] {
            self.put("4", Condition::Match(form.write(&etag))).await?;
            // The content decides: an answer may be lost, or wrong.
            if self.store.get(&self.key).await?.is_some_and(|found| found.bytes == "4") {
                return Ok(Some((true, Some(form))));
            }
        }
        Ok(Some((true, None)))
    }

    async fn put(&self, bytes: &'static str, condition: Condition) -> Result<Answer, Failure> {
        let headers = headers(&self.key, None, self.store.changing_ttl);
        let bytes = Bytes::from_static(bytes.as_bytes());
        let put = self.store.put_if(&self.path, bytes, &headers, Some(&condition));
        match self.store.requests.once(put).await {
            Ok(etag) => Ok(Answer::Written(etag)),
            Err(failure) if failure.kind == Kind::Conflict => Ok(Answer::Refused),
            Err(failure) if failure.is_not_understood() => Ok(Answer::Unknown),
            Err(failure) => Err(failure),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Written(Option<String>),
    Refused,
    Unknown,
}
