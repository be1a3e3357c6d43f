//! The simulated Prometheus: `GET /api/v1/query`, whose values are text.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Monitors, Outcome, Seen};

impl Monitors {
    /// What a query finds: (labels as `job=api`, value as Prometheus writes it). No series is no data.
    pub fn set_series(&self, query: &str, series: &[(&str, &str)]) {
        let mut seen = self.seen();
        let at = seen.clock.now().as_secs();
        let one = |(labels, value): &(&str, &str)| {
            let labels = labels.split(',').filter_map(|label| label.split_once('='));
            let metric: Map<String, Value> = labels.map(|(name, v)| (name.to_owned(), v.into())).collect();
            json!({ "metric": metric, "value": [at, value] })
        };
        let result: Vec<Value> = series.iter().map(one).collect();
        seen.series.insert(query.into(), json!({ "resultType": "vector", "result": result }));
    }
}

pub(super) fn query(seen: &Seen, query: &[(String, String)]) -> Outcome {
    let one = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let Some(asked) = one("query").filter(|q| !q.is_empty()) else {
        return bad_data(
            "invalid parameter \"query\": unknown position: parse error: no expression found in input",
        );
    };
    if asked.matches('(').count() != asked.matches(')').count() {
        return bad_data("invalid parameter \"query\": 1:1: parse error: unclosed left parenthesis");
    }
    let is_duration = |text: &str| text.strip_suffix(['s', 'm']).is_some_and(|n| n.parse::<u32>().is_ok());
    if one("timeout").is_some_and(|timeout| !is_duration(timeout)) {
        return bad_data("invalid parameter \"timeout\": cannot parse to a valid duration");
    }
    let nothing = || json!({ "resultType": "vector", "result": [] });
    let data = seen.series.get(asked).cloned().unwrap_or_else(nothing);
    (StatusCode::OK, json!({ "status": "success", "data": data }))
}

fn bad_data(error: &str) -> Outcome {
    (StatusCode::BAD_REQUEST, json!({ "status": "error", "errorType": "bad_data", "error": error }))
}
