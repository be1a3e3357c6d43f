//! The value of a Prometheus query: `GET /api/v1/query`.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

use serde_json::{Map, Value};

use super::{Heard, State, json, worst_of};
use crate::config::Bounds;
use crate::error::Problem;
use crate::http_client::{Answer, Fields, unavailable};

pub(super) fn judge(answer: &Answer, below: &Bounds, above: &Bounds) -> Result<Heard, Problem> {
    let body = json(answer)?;
    let fields = Fields(&body);
    if fields.text("/status") != "success" {
        return Err(unavailable(format!("it could not answer the query: {}", super::refusal(Some(&body)))));
    }
    let result = fields.at("/data/result").0;
    let samples: Vec<(String, Option<f64>)> = match fields.text("/data/resultType").as_str() {
        "vector" => {
            let Some(series) = result.as_array() else { return Err(unavailable("the answer has no result")) };
            series.iter().map(|one| (named(one["metric"].as_object()), value(&one["value"]))).collect()
        }
        "scalar" => vec![(String::new(), value(result))],
        "" => return Err(unavailable("the answer has no result")),
        other => {
            return Err(unavailable(format!("the query gives a {other}; it must give one value a series")));
        }
    };
    if samples.is_empty() {
        return Ok(Heard { state: State::Unknown, notes: vec!["the query finds no data".into()] });
    }
    Ok(worst_of(samples.into_iter().map(|(name, value)| judged(&name, value, below, above))))
}

/// `[time, "0.998"]`: values are text, `NaN` and `+Inf` included.
fn value(sample: &Value) -> Option<f64> {
    sample[1].as_str()?.parse().ok()
}

fn named(labels: Option<&Map<String, Value>>) -> String {
    let labels = labels.into_iter().flatten().filter(|(name, _)| *name != "__name__");
    let labels: Vec<String> =
        labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    if labels.is_empty() { String::new() } else { format!("{{{}}} ", labels.join(", ")) }
}

fn judged(name: &str, value: Option<f64>, below: &Bounds, above: &Bounds) -> (State, String) {
    let Some(value) = value.filter(|v| !v.is_nan()) else {
        return (State::Unknown, format!("{name}is no number"));
    };
    let levels = [
        (State::MajorOutage, below.major, above.major),
        (State::PartialOutage, below.partial, above.partial),
        (State::Degraded, below.degraded, above.degraded),
    ];
    for (state, low, high) in levels {
        if let Some(low) = low.filter(|low| value < *low) {
            return (state, format!("{name}{value} is below {low}"));
        }
        if let Some(high) = high.filter(|high| value > *high) {
            return (state, format!("{name}{value} is above {high}"));
        }
    }
    (State::Normal, String::new())
}
