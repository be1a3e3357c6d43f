//! What an operator can count, in OpenMetrics. Labels come from small fixed sets, never from what people typed.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::error::Vendor;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    path: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PathLabels {
    path: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    sender: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    source: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    vendor: &'static str,
    call: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VendorLabels {
    vendor: &'static str,
    call: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    kind: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupLabels {
    group: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StandingLabels {
    group: String,
    standing: &'static str,
}

/// How one user group stands. The handle comes from the configuration.
#[derive(Clone, Debug)]
pub struct GroupGauge {
    pub handle: String,
    pub standing: &'static str,
    pub in_step: bool,
    pub staleness: Duration,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics of the process; every name begins with `firebell_`.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histograms<PathLabels>,
    refused: Family<RefusalLabels, Counter>,
    deliveries: Family<DeliveryLabels, Counter>,
    vendor_calls: Family<CallLabels, Counter>,
    vendor_seconds: Histograms<VendorLabels>,
    jobs_done: Family<JobLabels, Counter>,
    inbox_waiting: Gauge<i64>,
    jobs_waiting: Gauge<i64>,
    jobs_parked: Gauge<i64>,
    roster_age: Gauge<f64, AtomicU64>,
    group_staleness: Family<GroupLabels, Gauge<f64, AtomicU64>>,
    group_in_step: Family<GroupLabels, Gauge>,
    group_standing: Family<StandingLabels, Gauge>,
    group_writes: Counter,
    unmapped_people: Gauge,
    next_handoff: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("firebell"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(request_buckets),
            refused: Family::default(),
            deliveries: Family::default(),
            vendor_calls: Family::default(),
            vendor_seconds: Family::new_with_constructor(vendor_buckets),
            jobs_done: Family::default(),
            inbox_waiting: Gauge::default(),
            jobs_waiting: Gauge::default(),
            jobs_parked: Gauge::default(),
            roster_age: Gauge::default(),
            group_staleness: Family::default(),
            group_in_step: Family::default(),
            group_standing: Family::default(),
            group_writes: Counter::default(),
            unmapped_people: Gauge::default(),
            next_handoff: Gauge::default(),
        };
        metrics.register();
        metrics.register_groups();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("requests", "HTTP requests answered, by route and status", self.requests.clone());
        r.register_with_unit(
            "request",
            "Time from the request's head to the answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        r.register("refused_requests", "Requests refused before anything was stored", self.refused.clone());
        r.register("deliveries", "Verified deliveries, by what became of them", self.deliveries.clone());
        r.register("vendor_calls", "Calls to vendors, by outcome", self.vendor_calls.clone());
        r.register_with_unit(
            "vendor_call",
            "Time a vendor took to answer",
            Unit::Seconds,
            self.vendor_seconds.clone(),
        );
        r.register("jobs_done", "Attempts of durable jobs, by outcome", self.jobs_done.clone());
        r.register("inbox_waiting", "Deliveries stored and not yet understood", self.inbox_waiting.clone());
        r.register("jobs_waiting", "Jobs that wait or run", self.jobs_waiting.clone());
        r.register("jobs_parked", "Jobs that need a person", self.jobs_parked.clone());
        r.register_with_unit(
            "roster_age",
            "Time since people and on-call were last read",
            Unit::Seconds,
            self.roster_age.clone(),
        );
    }

    fn register_groups(&mut self) {
        let r = &mut self.registry;
        r.register_with_unit(
            "group_staleness",
            "Time since a user group and the rota were last known to agree",
            Unit::Seconds,
            self.group_staleness.clone(),
        );
        r.register(
            "group_in_step",
            "1 while a user group says what the rota says",
            self.group_in_step.clone(),
        );
        r.register("group_standing", "1 for how a user group stands", self.group_standing.clone());
        r.register("group_writes", "User groups written by this process", self.group_writes.clone());
        r.register("unmapped_people", "People on call whom nobody in Slack is", self.unmapped_people.clone());
        r.register_with_unit(
            "next_handoff",
            "Time until somebody comes on or goes off call; +Inf while nobody does",
            Unit::Seconds,
            self.next_handoff.clone(),
        );
    }

    /// `path` is the route's pattern, never the address as sent.
    pub fn request(&self, path: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { path, status }).inc();
        self.request_seconds.get_or_create(&PathLabels { path }).observe(took.as_secs_f64());
    }

    /// A request that was turned away; `reason` is `missing`, `malformed`, `stale`, `mismatch`, …
    pub fn refused(&self, sender: &'static str, reason: &'static str) {
        self.refused.get_or_create(&RefusalLabels { sender, reason }).inc();
    }

    /// A verified delivery; `outcome` is `stored`, `ping`, `unreadable`, `unstorable`, `unavailable`, …
    pub fn delivery(&self, source: &'static str, outcome: &'static str) {
        self.deliveries.get_or_create(&DeliveryLabels { source, outcome }).inc();
    }

    /// The clients' observer: `outcome` is `ok`, `rate_limited`, `unavailable` or `rejected`.
    pub fn vendor_call(&self, vendor: Vendor, call: &'static str, outcome: &'static str, took: Duration) {
        let vendor = match vendor {
            Vendor::Slack => "slack",
            Vendor::PagerDuty => "pagerduty",
            Vendor::Statuspage => "statuspage",
            Vendor::Cachet => "cachet",
            Vendor::Monitor => "monitor",
        };
        self.vendor_calls.get_or_create(&CallLabels { vendor, call, outcome }).inc();
        if (call, outcome) == ("usergroups.users.update", "ok") {
            self.group_writes.inc();
        }
        self.vendor_seconds.get_or_create(&VendorLabels { vendor, call }).observe(took.as_secs_f64());
    }

    /// One attempt of a job; `outcome` is `done`, `retry` or `parked`.
    pub fn job_done(&self, kind: &str, outcome: &'static str) {
        self.jobs_done.get_or_create(&JobLabels { kind: kind.to_owned(), outcome }).inc();
    }

    pub fn set_inbox_waiting(&self, count: i64) {
        self.inbox_waiting.set(count);
    }

    pub fn set_jobs(&self, waiting: i64, parked: i64) {
        self.jobs_waiting.set(waiting);
        self.jobs_parked.set(parked);
    }

    pub fn set_roster_age(&self, age: Duration) {
        self.roster_age.set(age.as_secs_f64());
    }

    /// All user groups that are kept; the others are forgotten.
    pub fn set_groups(&self, groups: &[GroupGauge]) {
        self.group_staleness.clear();
        self.group_in_step.clear();
        self.group_standing.clear();
        for g in groups {
            let labels = GroupLabels { group: g.handle.clone() };
            self.group_staleness.get_or_create(&labels).set(g.staleness.as_secs_f64());
            self.group_in_step.get_or_create(&labels).set(i64::from(g.in_step));
            let labels = StandingLabels { group: g.handle.clone(), standing: g.standing };
            self.group_standing.get_or_create(&labels).set(1);
        }
    }

    pub fn set_rota(&self, unmapped: usize, next_handoff: Option<Duration>) {
        self.unmapped_people.set(i64::try_from(unmapped).unwrap_or(i64::MAX));
        self.next_handoff.set(next_handoff.map_or(f64::INFINITY, |left| left.as_secs_f64()));
    }

    /// The page that Prometheus scrapes, in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut page = String::new();
        text::encode(&mut page, &self.registry).expect("a String takes all that is written");
        page
    }
}

/// Around the promises: 10 ms for a webhook's commit, 2 s for a command, 3 s for Slack.
fn request_buckets() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0])
}

fn vendor_buckets() -> Histogram {
    Histogram::new([0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0, 10.0, 30.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_what_was_counted() {
        let metrics = Metrics::new();
        metrics.request("/slack/commands", 200, Duration::from_millis(3));
        metrics.refused("slack", "stale");
        metrics.delivery("pagerduty", "stored");
        metrics.vendor_call(Vendor::Slack, "chat.postMessage", "ok", Duration::from_millis(80));
        metrics.job_done("invite", "parked");
        metrics.set_inbox_waiting(7);
        metrics.set_jobs(3, 1);
        metrics.set_roster_age(Duration::from_secs(30));
        let page = metrics.encode();
        for line in [
            r#"firebell_requests_total{path="/slack/commands",status="200"} 1"#,
            r#"firebell_request_seconds_bucket{le="0.005",path="/slack/commands"} 1"#,
            r#"firebell_refused_requests_total{sender="slack",reason="stale"} 1"#,
            r#"firebell_deliveries_total{source="pagerduty",outcome="stored"} 1"#,
            r#"firebell_vendor_calls_total{vendor="slack",call="chat.postMessage",outcome="ok"} 1"#,
            r#"firebell_jobs_done_total{kind="invite",outcome="parked"} 1"#,
            "firebell_inbox_waiting 7",
            "firebell_jobs_parked 1",
            "firebell_roster_age_seconds 30.0",
            "# EOF",
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
        }
    }
}
