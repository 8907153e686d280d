//! What clients meet that they refuse or stumble over, in words.

use contract::digest::Digest;

/// What is wrong with an exchange.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Nothing came.
    #[error("is not answered: {0}")]
    NoAnswer(String),
    /// A redirect without a place.
    #[error("is redirected to `{0}`, where nobody can follow")]
    Nowhere(String),
    /// More redirects than any client follows.
    #[error("is redirected again and again")]
    Endless,
    /// More than one redirect.
    #[error("takes {0} redirects instead of one")]
    Hops(usize),
    /// From https to http.
    #[error("leads from https to {0}")]
    Downgrade(String),
    /// To an address that is nobody's on the Internet, or the client's own.
    #[error("leads from {from} to the private address {to}")]
    PrivateAddress {
        /// The host that redirects.
        from: String,
        /// The host it redirects to.
        to: String,
    },
    /// 308, for a client of Registry v1.
    #[error("is redirected with {0}")]
    NewRedirect(u16),
    /// Registries on the Internet speak https.
    #[error("is asked for without TLS")]
    PlainHttp,
    /// `/v2/` says that this is no registry.
    #[error("is answered {0} instead of 200")]
    NoRegistry(u16),
    /// `/v2/` wants credentials.
    #[error("wants a login")]
    Login,
    /// `/v2/` wants credentials and does not say which.
    #[error("is answered 401 without `WWW-Authenticate`")]
    NoChallenge,
    /// `_ping` says that this is no registry of v1.
    #[error("is answered {0} instead of 200")]
    NoPing(u16),
    /// `_ping` of an https endpoint that leads to an http bucket.
    #[error("says no `X-Docker-Registry-Standalone: false`, and layers come from {0}")]
    Standalone(String),
    /// What the store has is answered otherwise.
    #[error("is in the store and answered {0}")]
    Status(u16),
    /// Wrapped on the way, and only where gzip is welcome.
    #[error("is compressed on its way (Content-Encoding `{0}`)")]
    Compressed(String),
    /// Wrapped for everybody.
    #[error("is sent with the Content-Encoding `{0}`")]
    Encoded(String),
    /// Not what is in the store.
    #[error("comes with other bytes than the store has")]
    Bytes,
    /// Of another length than it is.
    #[error("comes with the length {found}, and has {expected} bytes in the store")]
    Size {
        /// `Content-Length`.
        found: u64,
        /// In the store.
        expected: u64,
    },
    /// Clients refuse a document of another type.
    #[error("comes with the Content-Type {}, not `{expected}`", quoted(.found.as_deref()))]
    ContentType {
        /// As it is sent.
        found: Option<String>,
        /// As it should be.
        expected: String,
    },
    /// The right type with something behind it.
    #[error("comes with the Content-Type `{0}`, which says more than the type")]
    Parameters(String),
    /// A list of referrers of another type, or with something behind it.
    #[error("comes with the Content-Type {}, not `{expected}` alone", quoted(.found.as_deref()))]
    ReferrersType {
        /// As it is sent.
        found: Option<String>,
        /// As it should be.
        expected: &'static str,
    },
    /// `Docker-Content-Digest` of something else.
    #[error("comes with the Docker-Content-Digest `{found}`, and is {expected}")]
    WrongDigestHeader {
        /// As it is sent.
        found: String,
        /// Of what is sent.
        expected: Digest,
    },
    /// No `Docker-Content-Digest`.
    #[error("comes without Docker-Content-Digest")]
    NoDigestHeader,
    /// `ETag: W/…`.
    #[error("comes with the weak ETag `{0}`: something on the way may change bytes")]
    WeakTag(String),
    /// HEAD is answered otherwise than GET.
    #[error("is answered {head}, and GET {get}")]
    HeadStatus {
        /// To GET.
        get: u16,
        /// To HEAD.
        head: u16,
    },
    /// HEAD says something else than GET.
    #[error("says {what} {}, and GET {}", quoted(.head.as_deref()), quoted(.get.as_deref()))]
    HeadDiffers {
        /// The header.
        what: &'static str,
        /// To GET.
        get: Option<String>,
        /// To HEAD.
        head: Option<String>,
    },
    /// A part is asked for, the whole comes.
    #[error("is answered 200 with the whole: ranges are not understood")]
    NoParts,
    /// A part is asked for, something else comes.
    #[error("is answered {0} instead of 206")]
    PartStatus(u16),
    /// A part is asked for, another one comes.
    #[error("comes with other bytes than those (Content-Range {})", quoted(.0.as_deref()))]
    Part(Option<String>),
    /// A tag that shows what it showed once.
    #[error("shows {shown}, and its link in the store says {link}{}", .kept.told())]
    Stale {
        /// By its bytes.
        shown: Digest,
        /// In the store.
        link: Digest,
        /// What the answer says of its age.
        kept: Kept,
    },
    /// A tag whose view in the store does not agree with its link.
    #[error("shows {shown} as the store's own view does, and its link says {link}")]
    StoreBehind {
        /// By its bytes.
        shown: Digest,
        /// In the store.
        link: Digest,
    },
    /// A list or a v1 document that says what was once so.
    #[error("{what}{}", .kept.told())]
    OldList {
        /// In which way.
        what: String,
        /// What the answer says of its age.
        kept: Kept,
    },
    /// Something that changes may be kept for longer than the store says.
    #[error("may be kept for {found} s by its Cache-Control, and {expected} s are what the store says")]
    KeptLong {
        /// As it is sent.
        found: u64,
        /// By settings.
        expected: u64,
    },
    /// A list that is none.
    #[error("is no list that clients can read")]
    Unreadable,
    /// A repository that search does not find.
    #[error("does not name {0}")]
    Unlisted(String),
    /// What is not there is answered otherwise than 404.
    #[error("is not in the store and answered {0} instead of 404")]
    Missing(u16),
    /// What is not there is refused in words that are no registry's.
    #[error("is not in the store, and the 404 is not a registry's JSON")]
    MissingWords,
    /// The same, where old Docker needs the registry's words to go on with v1.
    #[error("is not in the store, and the 404 says {0} instead of MANIFEST_UNKNOWN")]
    MissingStops(String),
    /// The store itself lacks something.
    #[error("cannot be compared: the store has no {0}")]
    Store(String),
}

/// What an answer says of how long it was and may be kept, and whether that is as the store says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// `Age`, in seconds.
    pub age: Option<u64>,
    /// `Cache-Control`.
    pub caching: Option<String>,
    /// Old, but no longer than the store permits.
    pub in_time: bool,
}

impl Kept {
    fn told(&self) -> String {
        let age = self.age.map_or_else(|| "no Age".to_owned(), |age| format!("Age {age}"));
        format!(" ({age}, Cache-Control {})", quoted(self.caching.as_deref()))
    }
}

fn quoted(value: Option<&str>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"))
}
