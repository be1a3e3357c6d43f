//! What the API says: answers, and refusals in the two shapes that its document and its servers have.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::sim::desk::Wording;

pub(super) type Outcome = Result<Answer, Refusal>;

#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub fn created(body: Value) -> Self {
        Self { status: 201, body }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/json")], self.body.to_string()).into_response()
    }
}

/// A no: its status, and what is wrong, field by field for a 422.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub error: Value,
}

impl Refusal {
    pub fn unauthorized() -> Self {
        Self { status: 401, error: json!("Could not authenticate") }
    }

    pub fn not_found() -> Self {
        Self { status: 404, error: json!("Not found") }
    }

    pub fn bad_request(why: &str) -> Self {
        Self { status: 400, error: json!(why) }
    }

    pub fn invalid(field: &str, why: &str) -> Self {
        Self { status: 422, error: json!({ field: [why] }) }
    }

    pub fn into_answer(self) -> Answer {
        Answer { status: self.status, body: json!({ "error": self.error }) }
    }
}

/// 60 calls a minute: over it 420, Statuspage's older word, with a body that is no JSON.
pub(super) fn over_the_limit(after_secs: u64) -> Response {
    let status = StatusCode::from_u16(420).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    (status, [(header::RETRY_AFTER, after_secs.to_string())], "Enhance your calm").into_response()
}

/// Refusals go by status; besides these, `429-json` has a body in the document's shape, and `nonsense` is a page of
/// HTML under 200.
pub(super) const WORDING: Wording = Wording {
    rate_limited: over_the_limit,
    refused: |code| match code {
        "429-json" => Answer { status: 429, body: json!({ "message": "Too many requests" }) }.into_response(),
        "nonsense" => (StatusCode::OK, "<html>It works!</html>").into_response(),
        code => {
            let status = code.parse().unwrap_or(422);
            Answer { status, body: json!({ "message": "refused by the test" }) }.into_response()
        }
    },
};
