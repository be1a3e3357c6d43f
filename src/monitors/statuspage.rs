//! The public summary of a status page: `GET /api/v2/summary.json`. No key; several products imitate it, so unknown
//! words are expected. <https://metastatuspage.com/api>

use serde_json::Value;

use super::{Heard, State, json, worst_of};
use crate::error::Problem;
use crate::http_client::{Answer, Fields, unavailable};

pub(super) fn judge(answer: &Answer) -> Result<Heard, Problem> {
    let body = json(answer)?;
    let fields = Fields(&body);
    let Some(indicator) = fields.some("/status/indicator") else {
        return Err(unavailable("the answer is no summary of a status page"));
    };
    let said = fields.text("/status/description");
    let overall = match indicator.as_str() {
        "none" => State::Normal,
        "minor" => State::Degraded,
        "major" => State::PartialOutage,
        "critical" => State::MajorOutage,
        "maintenance" => State::Maintenance,
        _ => State::Unknown,
    };
    let mut found = vec![(overall, if said.is_empty() { indicator } else { said })];
    for component in fields.list("/components").filter(|c| c.at("/group").0 != &Value::Bool(true)) {
        let status = component.text("/status");
        let state = match status.as_str() {
            "operational" => State::Normal,
            "degraded_performance" => State::Degraded,
            "partial_outage" => State::PartialOutage,
            "major_outage" => State::MajorOutage,
            "under_maintenance" => State::Maintenance,
            _ => State::Unknown,
        };
        found.push((state, format!("{}: {}", component.text("/name"), status.replace('_', " "))));
    }
    Ok(worst_of(found))
}
