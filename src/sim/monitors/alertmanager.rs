//! The simulated Alertmanager: `GET /api/v2/alerts`, its switches and matchers.
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Monitors, Outcome, Seen};
use crate::clock::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Alert {
    labels: BTreeMap<String, String>,
    summary: String,
    is_silenced: bool,
    starts_at: Timestamp,
}

impl Monitors {
    /// An alert fires. Its labels besides the name: severity and service.
    pub fn fire(&self, alertname: &str, severity: &str, service: &str, summary: &str) {
        let labels = [("alertname", alertname), ("severity", severity), ("service", service)];
        let labels = labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let mut seen = self.seen();
        let starts_at = seen.clock.now();
        seen.alerts.push(Alert { labels, summary: summary.into(), is_silenced: false, starts_at });
    }

    pub fn silence(&self, alertname: &str) {
        for alert in self.seen().alerts.iter_mut().filter(|a| a.labels["alertname"] == alertname) {
            alert.is_silenced = true;
        }
    }

    /// Every alert of that name is over.
    pub fn calm(&self, alertname: &str) {
        self.seen().alerts.retain(|alert| alert.labels["alertname"] != alertname);
    }
}

pub(super) fn alerts(seen: &Seen, query: &[(String, String)]) -> Outcome {
    // All are on unless switched off.
    let switch = |name: &str| match query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()) {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(refused(&format!("{name} in query must be of type boolean: {other:?}"))),
    };
    let (active, silenced) =
        match (switch("active"), switch("silenced"), switch("inhibited"), switch("unprocessed")) {
            (Ok(active), Ok(silenced), Ok(_), Ok(_)) => (active, silenced),
            (a, b, c, d) => {
                return [a, b, c, d].into_iter().find_map(Result::err).unwrap_or_else(|| refused(""));
            }
        };
    let mut matchers = Vec::new();
    for (_, filter) in query.iter().filter(|(name, _)| name == "filter") {
        match Matcher::parse(filter) {
            Some(matcher) => matchers.push(matcher),
            None => return refused(&format!("bad matcher format: {filter}")),
        }
    }
    let wanted = |alert: &&Alert| {
        let is_on = if alert.is_silenced { silenced } else { active };
        is_on && matchers.iter().all(|matcher| matcher.fits(&alert.labels))
    };
    let found: Vec<Value> = seen.alerts.iter().filter(wanted).map(|alert| render(alert, seen)).collect();
    (StatusCode::OK, found.into())
}

/// A refusal's body is a bare string.
fn refused(why: &str) -> Outcome {
    (StatusCode::BAD_REQUEST, why.into())
}

fn render(alert: &Alert, seen: &Seen) -> Value {
    let silenced_by: &[&str] = if alert.is_silenced { &["silence-1"] } else { &[] };
    json!({
        "labels": alert.labels,
        "annotations": { "summary": alert.summary },
        "receivers": [{ "name": "default" }],
        "fingerprint": format!("{:016x}", alert.starts_at.as_micros()),
        "startsAt": alert.starts_at,
        "updatedAt": seen.clock.now(),
        "endsAt": seen.clock.now(),
        "generatorURL": "http://prometheus.example.com/graph",
        "status": {
            "state": if alert.is_silenced { "suppressed" } else { "active" },
            "silencedBy": silenced_by, "inhibitedBy": [], "mutedBy": [],
        },
    })
}

/// `severity=~"critical|page"`. Of regular expressions only alternatives are known; any other is refused.
struct Matcher {
    label: String,
    values: Vec<String>,
    is_equal: bool,
}

impl Matcher {
    fn parse(text: &str) -> Option<Self> {
        let at = text.find(['=', '!'])?;
        let (label, rest) = text.split_at(at);
        let operator = ["=~", "!~", "!=", "="].into_iter().find(|operator| rest.starts_with(operator))?;
        let value = rest[operator.len()..].trim().trim_matches('"');
        let is_pattern = operator.ends_with('~');
        if label.trim().is_empty() || (is_pattern && value.contains(|c: char| ".*+?()[]{}^$\\".contains(c))) {
            return None;
        }
        let values = if is_pattern { value.split('|').collect() } else { vec![value] };
        Some(Self {
            label: label.trim().into(),
            values: values.into_iter().map(Into::into).collect(),
            is_equal: operator.starts_with('='),
        })
    }

    fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.label).map(String::as_str).unwrap_or_default();
        self.values.iter().any(|wanted| wanted == value) == self.is_equal
    }
}
