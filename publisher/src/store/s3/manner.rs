//! In which manner objects are kept: the headers that say it.

use aws_sdk_s3::config::http::HttpRequest;
use contract::manner::{Encryption, Manner};

/// Adds the headers of a request that makes an object.
pub(super) fn of_new(manner: &Manner) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static + use<> {
    let mut headers = Vec::new();
    if let Some(Encryption { algorithm, key }) = manner.encryption.clone() {
        headers.push(("x-amz-server-side-encryption", algorithm));
        headers.extend(key.map(|key| ("x-amz-server-side-encryption-aws-kms-key-id", key)));
    }
    headers.extend(manner.storage_class.clone().map(|class| ("x-amz-storage-class", class)));
    headers.extend(manner.acl.clone().map(|acl| ("x-amz-acl", acl)));
    move |request| {
        for (name, value) in &headers {
            request.headers_mut().insert(*name, value.as_str().to_owned());
        }
    }
}
