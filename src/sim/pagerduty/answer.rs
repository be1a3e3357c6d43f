//! What the REST API says: answers, refusals with PagerDuty's codes, pages of a list, the rate-limit headers.
//! Rules from PagerDuty's developer documentation, "REST API: Errors".

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::sim::desk::Wording;

use super::server::Request;

pub(super) type Outcome = Result<Answer, Refusal>;

pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    pub fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    pub fn created(body: Value) -> Self {
        Self { status: StatusCode::CREATED, body }
    }

    pub fn accepted(body: Value) -> Self {
        Self { status: StatusCode::ACCEPTED, body }
    }

    pub fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: Value::Null }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        if self.status == StatusCode::NO_CONTENT {
            return self.status.into_response();
        }
        (self.status, [(header::CONTENT_TYPE, "application/json")], self.body.to_string()).into_response()
    }
}

/// A no in PagerDuty's words: its code decides the status and the message, `errors` say more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: u16,
    pub errors: Vec<String>,
}

impl Refusal {
    pub fn code(code: u16) -> Self {
        Self { code, errors: Vec::new() }
    }

    pub fn because(code: u16, error: impl Into<String>) -> Self {
        Self { code, errors: vec![error.into()] }
    }

    /// Code 2001 with a sentence: the usual refusal of a body.
    pub fn invalid(error: impl Into<String>) -> Self {
        Self::because(2001, error)
    }

    pub fn into_answer(self) -> Answer {
        let (status, message) = meaning(self.code);
        let mut error = json!({"message": message, "code": self.code});
        if !self.errors.is_empty() {
            error["errors"] = json!(self.errors);
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Answer { status, body: json!({"error": error}) }
    }

    /// `400/2002`, for the log of calls.
    pub fn word(&self) -> String {
        format!("{}/{}", meaning(self.code).0, self.code)
    }
}

fn meaning(code: u16) -> (u16, &'static str) {
    match code {
        1001 => (400, "Incident Already Resolved"),
        1002 => (400, "Incident Already Acknowledged"),
        1006 => (400, "Incident Cannot Be Escalated"),
        1007 => (400, "Assigned User Not Found"),
        1008 => (400, "Requester User Not Found"),
        1012 => (400, "Incident Not Acknowledged"),
        1013 => (400, "Snooze Duration Invalid"),
        1014 => (400, "Escalation Policy Not Found"),
        1015 => (400, "Escalation Policy Has No User On Call"),
        1019 => (400, "Incident Already Merged"),
        1020 => (400, "Invalid Priority"),
        2002 => (400, "Arguments Caused Error"),
        2003 => (400, "Missing Arguments"),
        2004 => (400, "Invalid Since Or Until Parameter Provided"),
        2005 => (400, "Invalid Query Date Range"),
        2006 => (401, "Authentication Failed"),
        2010 => (403, "Access Denied"),
        2014 => (402, "Account Does Not Have The Required Ability"),
        2016 => (504, "Request Took Too Long"),
        2020 => (429, "Rate Limit Exceeded"),
        2100 => (404, "Not Found"),
        4004 => (400, "Override Invalid"),
        5001 => (400, "Incident Not Found"),
        5002 => (400, "Service Not Found"),
        // Also what an invented code is worded as.
        _ => (400, "Invalid Input Provided"),
    }
}

/// One page of a list, by `limit` (25, at most 100) and `offset`; `total` only when asked for.
/// PagerDuty documentation, "REST API: Pagination".
pub(super) fn page(request: &Request, collection: &str, items: &[Value]) -> Outcome {
    page_of(request, collection, items, Value::clone)
}

/// The same of what is written down only when it is on the page.
pub(super) fn page_of<T>(
    request: &Request,
    collection: &str,
    items: &[T],
    show: impl Fn(&T) -> Value,
) -> Outcome {
    page_within(request, collection, items, (25, 100), show)
}

/// The same with another `limit` than usual, by default and at most.
pub(super) fn page_within<T>(
    request: &Request,
    collection: &str,
    items: &[T],
    (usual, most): (usize, usize),
    show: impl Fn(&T) -> Value,
) -> Outcome {
    let number = |name: &str, default: usize| match request.one(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Refusal::invalid(format!("{name} must be a number."))),
    };
    let (limit, offset) = (number("limit", usual)?, number("offset", 0)?);
    if !(1..=most).contains(&limit) {
        return Err(Refusal::invalid(format!("limit must be between 1 and {most}.")));
    }
    if offset + limit > 10_000 {
        return Err(Refusal::invalid("Offset must be less than or equal to 10000 when combined with limit."));
    }
    let rows: Vec<Value> = items.iter().skip(offset).take(limit).map(show).collect();
    let total = (request.one("total") == Some("true")).then_some(items.len());
    Ok(Answer::ok(json!({
        collection: rows,
        "limit": limit,
        "offset": offset,
        "more": offset + limit < items.len(),
        "total": total,
    })))
}

/// The REST API's two faults with a wording. Refusals go by PagerDuty's code (`2100`, `2014`, `1015` …); besides
/// these: `429-bare` has neither headers nor body, `400-string` has a plain string for its error.
pub(super) const REST: Wording = Wording {
    rate_limited: |after_secs| {
        let mut response = Refusal::code(2020).into_answer().into_response();
        budget(response.headers_mut(), 0, after_secs);
        response
    },
    refused: |code| match code {
        "429-bare" => StatusCode::TOO_MANY_REQUESTS.into_response(),
        "400-string" => {
            Answer { status: StatusCode::BAD_REQUEST, body: json!({"error": "Bad Request"}) }.into_response()
        }
        code => Refusal::code(code.parse().unwrap_or(2001)).into_answer().into_response(),
    },
};

/// The same for the Events API, which has no rate-limit headers.
pub(super) const EVENTS: Wording = Wording {
    rate_limited: |_| {
        let body = json!({"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."});
        Answer { status: StatusCode::TOO_MANY_REQUESTS, body }.into_response()
    },
    refused: |code| match code {
        "429-bare" => StatusCode::TOO_MANY_REQUESTS.into_response(),
        code => {
            let body =
                json!({"status": "invalid event", "message": "Event object is invalid", "errors": [code]});
            Answer { status: StatusCode::BAD_REQUEST, body }.into_response()
        }
    },
};

/// `ratelimit-*`: what is left of 960 calls a minute, and the **seconds** until the count starts anew.
/// <https://developer.pagerduty.com/docs/72d3b724589e3-rest-api-rate-limits>
pub(super) fn budget(headers: &mut HeaderMap, remaining: u64, reset_secs: u64) {
    headers.insert("ratelimit-limit", HeaderValue::from(960));
    headers.insert("ratelimit-remaining", HeaderValue::from(remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(reset_secs));
}
