//! A blocking HTTP client that follows a redirect only when told to, so that a test sees every hop.

use std::time::Duration;

use ureq::http::{HeaderMap, Method, Request};

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value, empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One request, one answer, no redirect followed.
pub(crate) fn send(method: &Method, url: &str, headers: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
    let config = ureq::Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(60)))
        .build();
    let mut request = Request::builder().method(method.clone()).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = ureq::Agent::from(config).run(request.body(())?)?;
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec()?;
    Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
}

/// GETs `url`, and where that is a 302, the one place it names: the product promises one hop.
#[track_caller]
pub(crate) fn get(url: &str) -> Answer {
    let first = send(&Method::GET, url, &[]).unwrap_or_else(|error| panic!("GET {url}: {error}"));
    if first.status != 302 {
        return first;
    }
    let location = absolute(url, first.header("location"));
    let second = send(&Method::GET, &location, &[]).unwrap_or_else(|error| panic!("GET {location}: {error}"));
    assert_ne!(second.status / 100, 3, "{url} takes more than one hop, by {location}");
    second
}

/// Where a `Location` leads: it is a URL, or a path of the server that sent it.
pub(crate) fn absolute(url: &str, location: &str) -> String {
    match location.strip_prefix('/') {
        Some(path) => {
            let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
            format!("http://{host}/{path}")
        }
        None => location.to_owned(),
    }
}

/// Whether any HTTP server answers there.
pub(crate) fn answers(url: &str) -> bool {
    send(&Method::GET, url, &[]).is_ok()
}
