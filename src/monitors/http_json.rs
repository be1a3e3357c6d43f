//! A value in any JSON answer, such as a health check's.

use super::{Heard, State};
use crate::config::Words;
use crate::error::Problem;
use crate::http_client::{Answer, Fields, unavailable};

pub(super) fn judge(answer: &Answer, pointer: &str, words: &Words) -> Result<Heard, Problem> {
    let status = answer.status.as_u16();
    let http = || unavailable(format!("HTTP {status}"));
    let Ok(body) = serde_json::from_slice(&answer.body) else {
        return Err(if answer.status.is_success() { unavailable("the answer is no JSON") } else { http() });
    };
    let fields = Fields(&body);
    let said = fields.some(pointer).or_else(|| fields.at(pointer).0.as_bool().map(|flag| flag.to_string()));
    let Some(said) = said else {
        return Err(if answer.status.is_success() {
            unavailable(format!("the answer has no {pointer}"))
        } else {
            http()
        });
    };
    let is = |list: &[String]| list.iter().any(|word| word.eq_ignore_ascii_case(&said));
    let state = if is(&words.major) {
        State::MajorOutage
    } else if is(&words.partial) {
        State::PartialOutage
    } else if is(&words.degraded) {
        State::Degraded
    } else if is(&words.maintenance) {
        State::Maintenance
    } else if is(&words.normal) {
        // Health checks answer 503 with a body that says what is wrong. One that says "ok" with it cannot be believed.
        if !answer.status.is_success() {
            return Err(http());
        }
        return Ok(Heard { state: State::Normal, notes: Vec::new() });
    } else {
        State::Unknown
    };
    let said: String = said.chars().take(super::LONGEST_NOTE).collect();
    let unlisted = if state == State::Unknown { ", which the configuration does not list" } else { "" };
    Ok(Heard { state, notes: vec![format!("says “{said}”{unlisted}")] })
}
