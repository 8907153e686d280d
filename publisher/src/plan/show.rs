//! A plan as text: phases as headings, a line for each step.

use std::fmt::{Display, Formatter, Result};

use contract::key::Key;

use super::{Change, Plan, Step};

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for phase in &self.phases {
            writeln!(f, "{}:", phase.title)?;
            phase.steps.iter().try_for_each(|step| writeln!(f, "  {step}"))?;
        }
        if self.phases.is_empty() {
            writeln!(f, "nothing to write")?;
        }
        if !self.reused.is_empty() {
            writeln!(f, "already there:")?;
        }
        self.reused.iter().try_for_each(|blob| writeln!(f, "  {} ({} bytes)", blob.digest, blob.size))
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Refresh(key) => write!(f, "keep   {key}"),
            Self::Send(key, descriptor) => write!(f, "send   {key} ({} bytes)", descriptor.size),
            Self::Write(key, document) => {
                write!(f, "write  {key}")?;
                document.media_type.iter().try_for_each(|media_type| write!(f, " ({media_type})"))
            }
            Self::Create(key, _) => write!(f, "create {key}"),
            Self::Move(repository, tag, digest) => {
                write!(f, "move   {} to {digest}", Key::TagLink(repository.clone(), tag.clone()))
            }
            Self::Claim(repository, tag, digest, _) => {
                write!(f, "claim  {} for {digest}", Key::TagLink(repository.clone(), tag.clone()))
            }
            Self::Copy(from, to, size) => write!(f, "copy   {to} ({size} bytes, from {from})"),
            Self::Gzip(blob, _, to) => write!(f, "gzip   {to} (from {})", Key::Blob(blob.digest)),
            Self::Delete(key) => write!(f, "delete {key}"),
            Self::Settle(repository, tag) => write!(f, "check  {repository}:{tag}"),
            Self::List(change) => write!(f, "list   {change}"),
        }
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Tags(repository, tags) => {
                write!(f, "tags of {repository}:")?;
                tags.iter().try_for_each(|tag| write!(f, " {tag}"))
            }
            Self::Referrer(repository, subject, referrer) => {
                write!(f, "referrers of {repository}@{subject}: {}", referrer.digest)
            }
            Self::Catalog(repository) => write!(f, "catalog: {repository}"),
            Self::Description(repository, said) => write!(f, "description of {repository}: {said}"),
            Self::V1(repository, ids) => {
                write!(f, "v1 tags of {repository}:")?;
                ids.iter().try_for_each(|(tag, id)| match id {
                    Some(id) => write!(f, " {tag}={id}"),
                    None => write!(f, " {tag} (none)"),
                })
            }
        }
    }
}
