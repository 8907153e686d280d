//! Whom it hits, and what to do about it: one table. What clients do is measured, or read in their source.

use super::wrong::Wrong;

/// What is to be said of something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// No pull of an image that is there fails by it.
    pub notice: bool,
    /// Which clients it breaks.
    pub breaks: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// It is so for everything at that place: once is enough.
    pub everywhere: bool,
}

const ALL: &str = "every client";
const GO: &str = "crane, ko, kaniko and all else by go-containerregistry, and regclient";
const V1: &str = "Docker before 1.10 (Registry v1)";
const TODAY: &str = "Docker, containerd, Podman and skopeo";
const TRANSFORMS: &str =
    "switch off all that changes content at the CDN (compression, minifying, optimising)";
const OLD: &str =
    "purge it at the CDN, and let the CDN heed the store's Cache-Control: no minimum time of its own";

impl Wrong {
    /// The table.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoAnswer(_)
            | Self::Nowhere(_)
            | Self::Endless
            | Self::Hops(_)
            | Self::Downgrade(_)
            | Self::PrivateAddress { .. }
            | Self::NewRedirect(_)
            | Self::PlainHttp => self.on_the_way(),
            Self::NoRegistry(_) | Self::Login | Self::NoChallenge | Self::NoPing(_) | Self::Standalone(_) => {
                self.at_the_door()
            }
            Self::Compressed(_)
            | Self::Encoded(_)
            | Self::Bytes
            | Self::Size { .. }
            | Self::ContentType { .. }
            | Self::Parameters(_)
            | Self::ReferrersType { .. }
            | Self::WrongDigestHeader { .. }
            | Self::NoDigestHeader
            | Self::WeakTag(_) => self.in_what_comes(),
            Self::HeadStatus { .. }
            | Self::HeadDiffers { .. }
            | Self::NoParts
            | Self::PartStatus(_)
            | Self::Part(_) => self.in_parts(),
            Self::Stale { .. }
            | Self::StoreBehind { .. }
            | Self::OldList { .. }
            | Self::KeptLong { .. }
            | Self::Unreadable
            | Self::Unlisted(_) => self.by_age(),
            Self::Status(_)
            | Self::Missing(_)
            | Self::MissingWords
            | Self::MissingStops(_)
            | Self::Store(_) => self.there_or_not(),
        }
    }

    fn on_the_way(&self) -> Advice {
        match self {
            Self::NoAnswer(why) if why.contains("certificate") => problem(
                ALL,
                "renew the certificate, send its whole chain, or let clients trust its authority",
            ),
            Self::NoAnswer(_) => problem(ALL, "look at name, port, firewall and logs of who is asked"),
            Self::Nowhere(_) => problem(ALL, "give the endpoint a --cdn that is an http or https URL"),
            Self::Endless => problem(ALL, "the CDN must not redirect back to the endpoint"),
            Self::Hops(_) => problem(
                "stargz-snapshotter, which follows one redirect and drops headers",
                "let --cdn be the URL that answers, and clients ask for the endpoint's own name by https",
            ),
            Self::Downgrade(_) => problem(
                "regclient and whoever forbids http behind https",
                "serve the bucket or CDN by https, and name it so in --cdn",
            ),
            Self::PrivateAddress { .. } => {
                problem(GO, "give the bucket or CDN a name, or the same host as the endpoint")
            }
            Self::PlainHttp => notice(
                "clients that are not told to trust it (insecure-registries, --plain-http, --tls-verify=false)",
                "put TLS in front of the endpoint, or give it --tls-cert and --tls-key",
            ),
            _ => problem(V1, "redirect with 302"),
        }
        .everywhere()
    }

    fn at_the_door(&self) -> Advice {
        match self {
            Self::NoRegistry(_) => problem(
                "Podman, skopeo and Docker, which ask there first",
                "let all of /v2/ reach the endpoint, with the path unchanged",
            ),
            Self::Login => notice(
                "who has no login",
                "what is in a public bucket needs none: take it away, or give people one",
            ),
            Self::NoChallenge => problem(ALL, "answer 200, or say in WWW-Authenticate how to log in"),
            Self::NoPing(_) => problem(V1, "let all of /v1/ reach the endpoint, with the path unchanged"),
            _ => problem(
                "Docker 1.7 to 17.05, which sends `Authorization: Basic` to the bucket for v1 images",
                "tell the endpoint its --public-url https://…, or serve the bucket by https",
            ),
        }
        .everywhere()
    }

    fn in_what_comes(&self) -> Advice {
        match self {
            Self::Compressed(_) => problem(TODAY, TRANSFORMS).everywhere(),
            Self::Encoded(_) => problem(
                TODAY,
                "take the Content-Encoding off the object (`verify --repair` where it is derived), or stop who adds it",
            )
            .everywhere(),
            Self::Bytes => problem(ALL, "`verify STORE --deep` looks at the store; where that is right, purge the \
                object at the CDN and switch off all that changes content there"),
            Self::Size { .. } => problem(ALL, "`verify STORE` looks at the store; where that is right, purge the object at the CDN"),
            Self::ContentType { .. } => problem(TODAY, "`verify STORE --repair` if the store has it wrong; else let the CDN pass \
                Content-Type on as it is, or run the endpoint with --documents serve")
            .everywhere(),
            Self::Parameters(_) => {
                notice("nobody who pulls", "let nobody on the way add a charset").everywhere()
            }
            Self::ReferrersType { .. } => {
                problem("oras, cosign and others that look for referrers", "let the CDN pass Content-Type on as it is")
                    .everywhere()
            }
            Self::WrongDigestHeader { .. } => {
                problem(TODAY, "whoever sets it must set it for each answer, or not at all")
            }
            Self::NoDigestHeader => notice(
                "`oras resolve` and `crane digest` by tag; no pull",
                "run the endpoint with --documents serve where that matters",
            )
            .everywhere(),
            _ => notice("who goes on with a pull that broke off, since a weak ETag fits no If-Range", TRANSFORMS)
                .everywhere(),
        }
    }

    fn in_parts(&self) -> Advice {
        let again = "Docker and containerd, when a layer breaks off in the middle";
        match self {
            Self::HeadStatus { .. } => problem(
                "crane, oras and Docker, which ask with HEAD first",
                "let HEAD pass as GET does, at the endpoint's proxy, the CDN and the bucket's policy",
            ),
            Self::HeadDiffers { .. } => problem(
                "crane, oras and Docker, which believe what HEAD says",
                "let HEAD be answered as GET is",
            ),
            Self::NoParts => notice(
                "nobody at first; a layer that breaks off begins anew",
                "let the CDN pass Range on, or keep whole objects and cut them itself",
            ),
            _ => problem(again, "let the CDN pass Range on as it is; purge what it has cut wrongly"),
        }
        .everywhere()
    }

    fn by_age(&self) -> Advice {
        match self {
            Self::Stale { kept, .. } | Self::OldList { kept, .. } if kept.in_time => {
                notice("nobody for long: caches may keep it so", "wait, or purge it at the CDN")
            }
            Self::Stale { .. } => problem("whoever pulls by tag: it is another image", OLD),
            Self::OldList { .. } => problem("whoever lists, and old Docker", OLD),
            Self::StoreBehind { .. } => problem(
                "whoever pulls by tag: it is another image",
                "`verify STORE --repair` makes the view anew",
            ),
            Self::KeptLong { .. } => notice(
                "whoever moves tags: others see it late",
                "let the CDN heed the store's Cache-Control, or say --changing-ttl",
            )
            .everywhere(),
            Self::Unreadable => problem("whoever lists", "`verify STORE --repair`, then purge it at the CDN"),
            _ => notice(
                "`podman search`",
                "`relist STORE`, if this is all that the registry's name stands for",
            )
            .everywhere(),
        }
    }

    fn there_or_not(&self) -> Advice {
        match self {
            Self::Status(401 | 403) => problem(
                ALL,
                "let everybody read the store (`init STORE` grants it), and the CDN read the bucket",
            ),
            Self::Status(404) => problem(
                ALL,
                "look whether --cdn leads to this store, prefix and all, and whether the CDN keeps an old 404: purge it",
            ),
            Self::Status(500..) => problem(ALL, "look at the logs of who answered"),
            Self::Status(_) => problem(ALL, "look at the rules of who answered: a client expects 200"),
            Self::Missing(403) => problem(
                "cosign, Podman and others that look for signatures and expect 404",
                "let everybody list the bucket (s3:ListBucket), let the CDN say 404, or run the endpoint with --documents serve",
            )
            .everywhere(),
            Self::Missing(_) => problem(
                "whoever looks whether something is there",
                "let who answers say 404: no page for people, no fallback",
            )
            .everywhere(),
            Self::MissingWords => notice(
                "nobody; Docker and Podman show people the bucket's words",
                "run the endpoint with --documents serve where that matters",
            )
            .everywhere(),
            Self::MissingStops(_) => problem(
                "Docker 1.8 to 17.05 with images that only v1 has",
                "no Docker-Distribution-Api-Version on /v2/ (no --api-version-header), or --documents serve",
            )
            .everywhere(),
            _ => problem(ALL, "`verify STORE` says more"),
        }
    }
}

const fn problem(breaks: &'static str, fix: &'static str) -> Advice {
    Advice { notice: false, breaks, fix, everywhere: false }
}

const fn notice(breaks: &'static str, fix: &'static str) -> Advice {
    Advice { notice: true, ..problem(breaks, fix) }
}

impl Advice {
    const fn everywhere(self) -> Self {
        Self { everywhere: true, ..self }
    }
}
