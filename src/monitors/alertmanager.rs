//! Alertmanager's firing alerts: `GET /api/v2/alerts`, of its API v2.
//! <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>

use serde_json::Value;

use super::{Heard, State, json, worst_of};
use crate::config::Words;
use crate::error::Problem;
use crate::http_client::{Answer, Fields, unavailable};

/// They fire to show that alerting works, and to mute others.
const NEVER_COUNT: [&str; 2] = ["Watchdog", "InfoInhibitor"];

/// All four switches are on unless they are sent.
pub(super) fn query(filter: &[String]) -> Vec<(&str, &str)> {
    let mut query =
        vec![("active", "true"), ("silenced", "false"), ("inhibited", "false"), ("unprocessed", "false")];
    query.extend(filter.iter().map(|matcher| ("filter", matcher.as_str())));
    query
}

pub(super) fn judge(answer: &Answer, severity_label: &str, words: &Words) -> Result<Heard, Problem> {
    let body = json(answer)?;
    let Some(alerts) = body.as_array() else { return Err(unavailable("the answer is no list of alerts")) };
    let mut found = Vec::new();
    for alert in alerts {
        let Some(labels) = alert["labels"].as_object() else {
            return Err(unavailable("the answer is no list of alerts"));
        };
        let label = |name: &str| labels.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_muted = Fields(alert).text("/status/state") == "suppressed";
        if is_muted || NEVER_COUNT.contains(&label("alertname")) {
            continue;
        }
        let severity = label(severity_label);
        let annotations = Fields(alert).at("/annotations");
        let says = annotations.some("/summary").or_else(|| annotations.some("/description"));
        let mut note = if label("alertname").is_empty() { "an alert" } else { label("alertname") }.to_owned();
        if !severity.is_empty() {
            note = format!("{note} ({severity})");
        }
        found.push((state(severity, words), says.map_or(note.clone(), |says| format!("{note}: {says}"))));
    }
    Ok(worst_of(found))
}

/// An alert whose severity is listed nowhere is an alert all the same.
fn state(severity: &str, words: &Words) -> State {
    let is = |list: &[String]| list.iter().any(|word| word.eq_ignore_ascii_case(severity));
    if is(&words.major) {
        State::MajorOutage
    } else if is(&words.partial) {
        State::PartialOutage
    } else if is(&words.normal) && !is(&words.degraded) {
        State::Normal
    } else {
        State::Degraded
    }
}
