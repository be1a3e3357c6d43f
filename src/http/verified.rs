//! One extractor per sender: read the body up to the limit, check the signature on its raw bytes, and only then let
//! a handler see it. Nothing that fails here is stored, and the answer tells a stranger nothing.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::signature::{Flaw, verify_pagerduty, verify_slack};
use super::{Edge, form, watch};
use crate::config::HintSender;

/// A body that Slack signed in the last five minutes.
pub struct VerifiedSlack {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A body that PagerDuty signed, or somebody who may say that a rota changed.
pub struct VerifiedPagerDuty {
    /// The name of such a sender; `None` for PagerDuty itself.
    pub hint_sender: Option<String>,
    pub body: Bytes,
}

impl FromRequest<Arc<Edge>> for VerifiedSlack {
    type Rejection = Response;

    async fn from_request(request: Request, edge: &Arc<Edge>) -> Result<Self, Response> {
        let (headers, body) = read(request, edge, "slack").await?;
        let verdict = verify_slack(&headers, &body, &edge.settings.signing_secrets, edge.clock.now());
        if is_ssl_check(&headers, &body) {
            // Slack looks whether we answer. Signed or not, nothing else in it is read.
            return Err(StatusCode::OK.into_response());
        }
        verdict.map_err(|flaw| refuse(edge, "slack", flaw, &body))?;
        Ok(Self { headers, body })
    }
}

impl FromRequest<Arc<Edge>> for VerifiedPagerDuty {
    type Rejection = Response;

    async fn from_request(request: Request, edge: &Arc<Edge>) -> Result<Self, Response> {
        if edge.settings.webhook_secrets.is_empty() {
            return Err(StatusCode::NOT_FOUND.into_response());
        }
        let (headers, body) = read(request, edge, "pagerduty").await?;
        let settings = &edge.settings;
        let verdict = verify_pagerduty(&headers, &body, &settings.webhook_secrets);
        let hint_sender = match verdict {
            Ok(()) => None,
            Err(flaw) => {
                let is_theirs =
                    |sender: &&HintSender| verify_pagerduty(&headers, &body, &sender.secrets).is_ok();
                let sender = settings.hint_senders.iter().find(is_theirs);
                Some(sender.ok_or_else(|| refuse(edge, "pagerduty", flaw, &body))?.name.clone())
            }
        };
        Ok(Self { hint_sender, body })
    }
}

/// The router's body limit cuts here: 413, although PagerDuty gives up after a 4xx, because neither sender ever
/// sends a body of that size.
async fn read(
    mut request: Request,
    edge: &Edge,
    sender: &'static str,
) -> Result<(HeaderMap, Bytes), Response> {
    let headers = std::mem::take(request.headers_mut());
    let body = tokio::time::timeout(edge.settings.body_timeout, Bytes::from_request(request, &())).await;
    let Ok(body) = body else {
        edge.metrics.refused(sender, "slow");
        return Err(watch::come_back());
    };
    let body = body.map_err(|rejection| {
        let status = rejection.status();
        let reason = if status == StatusCode::PAYLOAD_TOO_LARGE { "oversized" } else { "broken" };
        edge.metrics.refused(sender, reason);
        status.into_response()
    })?;
    Ok((headers, body))
}

fn refuse(edge: &Edge, sender: &'static str, flaw: Flaw, body: &[u8]) -> Response {
    edge.metrics.refused(sender, flaw.word());
    tracing::warn!(sender, reason = flaw.word(), "refused: the signature does not hold");
    if body.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::UNAUTHORIZED }.into_response()
}

/// <https://docs.slack.dev/interactivity/implementing-slash-commands#validating-ssl>
fn is_ssl_check(headers: &HeaderMap, body: &[u8]) -> bool {
    form::is_form(headers) && form::asks_ssl_check(body)
}
