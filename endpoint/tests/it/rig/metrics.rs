//! Metrics as Prometheus would read them.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use prometheus_parse::{Scrape, Value};

use super::DEADLINE;
use super::client::ask;

/// Every sample's value by its name and labels, `connections_cut_total{reason=idle}`, in order; buckets are left out.
pub(crate) type Metrics = Vec<(String, f64)>;

/// What the admin address says at this moment.
pub(crate) fn scrape(admin: SocketAddr) -> Metrics {
    let answer = ask(admin, "GET /metrics", "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4");
    let lines = answer.text().lines().map(|line| Ok(line.to_owned()));
    let scrape = Scrape::parse(lines).unwrap();
    let mut metrics = Vec::new();
    for sample in scrape.samples {
        let (name, value) = match sample.value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => (sample.metric, value),
            Value::Histogram(buckets) => {
                assert!(
                    buckets.is_sorted_by(|one, two| one.less_than < two.less_than && one.count <= two.count)
                );
                assert_eq!(buckets.last().unwrap().less_than, f64::INFINITY);
                (format!("{}_inf", sample.metric), buckets.last().unwrap().count)
            }
            Value::Summary(_) => panic!("{} is no summary", sample.metric),
        };
        let name = name.strip_prefix("registry_endpoint_").unwrap_or_else(|| panic!("{name}"));
        let mut labels: Vec<_> =
            sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        labels.sort();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        metrics.push((format!("{name}{labels}"), value));
    }
    metrics.sort_by(|one, two| one.0.cmp(&two.0));
    metrics
}

/// One of them; 0 where there is none, as Prometheus' `or vector(0)`.
pub(crate) fn value(metrics: &Metrics, name: &str) -> f64 {
    metrics.iter().find(|(is, _)| is == name).map_or(0.0, |(_, value)| *value)
}

/// Those whose name begins so.
pub(crate) fn all(metrics: &Metrics, prefix: &str) -> Vec<(String, f64)> {
    metrics.iter().filter(|(name, _)| name.starts_with(prefix)).cloned().collect()
}

/// Waits until one has this value: what a client has read may be counted a moment later.
pub(crate) fn becomes(admin: SocketAddr, name: &str, expected: f64) {
    let begin = Instant::now();
    loop {
        let metrics = scrape(admin);
        if value(&metrics, name) == expected {
            return;
        }
        assert!(begin.elapsed() < DEADLINE, "{name} is not {expected}: {metrics:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}
