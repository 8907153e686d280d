//! The counters in the text format of Prometheus.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::Sight;
use super::tally::{BOUNDS, Total, total};
use crate::documents::Held;
use crate::live::View;

/// What [`text`] returns.
pub(crate) const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Labels by name.
type Labels<'l> = &'l [(&'static str, &'l str)];

/// All metrics.
pub(crate) fn text(sight: &Sight, view: &View) -> Result<String, prometheus::Error> {
    let total = total(&sight.tallies.lock().unwrap_or_else(PoisonError::into_inner));
    let mut families = requests(&total);
    families.extend(connections(&total, view));
    families.push(counter(
        "sent_bytes_total",
        "Bytes sent to clients, heads included.",
        [(&[][..], total.sent)],
    ));
    families.extend(bases(view));
    families.extend(documents(view));
    families.extend(process(sight));
    // A family without a member is none.
    families.retain(|family| !family.get_metric().is_empty());
    TextEncoder::new().encode_to_string(&families)
}

fn requests(total: &Total) -> Vec<MetricFamily> {
    let by_kind: Vec<_> = total
        .requests
        .iter()
        .map(|(kind, status, count)| ([("kind", kind.as_str()), ("status", status.as_str())], *count))
        .collect();
    vec![
        counter(
            "requests_total",
            "Requests answered, by what they asked for and by status.",
            by_kind.iter().map(|(labels, count)| (&labels[..], *count)),
        ),
        family(
            "request_duration_seconds",
            "From a request read to its answer ready to be sent.",
            MetricType::HISTOGRAM,
            vec![histogram(total)],
        ),
    ]
}

fn connections(total: &Total, view: &View) -> Vec<MetricFamily> {
    let limit = view.settings.limits.connections as f64;
    vec![
        gauge("connections_open", "Connections open.", [(&[][..], total.open as f64)]),
        gauge("connections_limit", "Connections that may be open; more wait.", [(&[][..], limit)]),
        counter("connections_accepted_total", "Connections accepted.", [(&[][..], total.accepted)]),
        counter(
            "connections_refused_total",
            "Attempts to accept a connection that the system refused, mostly for want of file descriptors.",
            [(&[][..], total.refused)],
        ),
        counter(
            "connections_cut_total",
            "Connections cut off because nothing moved: before the first request, or after it.",
            [(&[("reason", "silent")][..], total.silent), (&[("reason", "idle")], total.idle)],
        ),
    ]
}

/// Those that are watched: of the others nobody knows.
fn bases(view: &View) -> Option<MetricFamily> {
    let routes = &view.settings.routes;
    let watched: Vec<_> = routes
        .to_watch()
        .into_iter()
        .filter_map(|id| Some((routes.base(id)?.as_str(), view.health.seen(id)?)))
        .collect();
    let watched = watched.iter().map(|(base, up)| ([("base", *base)], f64::from(u8::from(*up))));
    let watched: Vec<_> = watched.collect();
    let up = watched.iter().map(|(labels, up)| (&labels[..], *up));
    Some(gauge("base_up", "Whether a base is up, of those between which there is a choice.", up))
}

/// Only where they are served.
fn documents(view: &View) -> Option<MetricFamily> {
    let documents = view.documents.as_ref()?;
    let held = Held::ALL.map(|how| {
        let name = match how {
            Held::Hit => "hit",
            Held::Stale => "stale",
            Held::Miss => "miss",
        };
        ([("result", name)], documents.held(how))
    });
    Some(counter(
        "documents_total",
        "Documents wanted of an origin: kept (hit), kept for too long but sent (stale), or asked for (miss).",
        held.iter().map(|(labels, count)| (&labels[..], *count)),
    ))
}

fn process(sight: &Sight) -> Vec<MetricFamily> {
    let [good, bad] = [0, 1].map(|nth| sight.loads[nth].load(Ordering::Relaxed));
    let mut families = vec![
        counter(
            "reloads_total",
            "Times that settings were loaded since the start, or refused.",
            [(&[("result", "good")][..], good), (&[("result", "bad")], bad)],
        ),
        gauge(
            "build_info",
            "1, with what this program is.",
            [(&[("version", env!("CARGO_PKG_VERSION"))][..], 1.0)],
        ),
    ];
    if let Some(access) = &sight.access {
        let [written, dropped] =
            [&access.fate().written, &access.fate().dropped].map(|counter| counter.load(Ordering::Relaxed));
        families.push(counter(
            "access_log_lines_total",
            "Lines of the access log that were written, or dropped because nobody took them in time.",
            [(&[("result", "written")][..], written), (&[("result", "dropped")], dropped)],
        ));
    }
    families
}

fn histogram(total: &Total) -> Metric {
    let mut histogram = Histogram::default();
    let mut count = 0;
    let mut buckets = Vec::with_capacity(BOUNDS.len());
    for (bound, within) in BOUNDS.into_iter().zip(total.took) {
        count += within;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound as f64 / 1e6);
        bucket.set_cumulative_count(count);
        buckets.push(bucket);
    }
    histogram.set_bucket(buckets);
    // Of the same counters as the buckets, so that they agree while others are at it.
    histogram.set_sample_count(total.took.iter().sum());
    histogram.set_sample_sum(total.took_seconds);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    metric
}

fn counter<'l>(name: &str, help: &str, values: impl IntoIterator<Item = (Labels<'l>, u64)>) -> MetricFamily {
    let metrics = values.into_iter().map(|(labels, value)| {
        let mut metric = labelled(labels);
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        metric.set_counter(counter);
        metric
    });
    family(name, help, MetricType::COUNTER, metrics.collect())
}

fn gauge<'l>(name: &str, help: &str, values: impl IntoIterator<Item = (Labels<'l>, f64)>) -> MetricFamily {
    let metrics = values.into_iter().map(|(labels, value)| {
        let mut metric = labelled(labels);
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
        metric
    });
    family(name, help, MetricType::GAUGE, metrics.collect())
}

fn labelled(labels: Labels<'_>) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("registry_endpoint_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}
