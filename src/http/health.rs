//! Whether we live, whether we can serve, and what we counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Edge;
use crate::metrics::Metrics;

const DATABASE_WITHIN: Duration = Duration::from_secs(1);

/// The process runs; nothing else is looked at, or an outage of the database would restart us too.
pub(super) async fn alive() -> &'static str {
    "ok"
}

/// 200 when requests can be served, else 503 with what is missing. Vendors do not count: without them we still serve.
pub(super) async fn ready(State(edge): State<Arc<Edge>>) -> Response {
    let mut missing = Vec::new();
    if !edge.accepting.load(Ordering::Relaxed) {
        missing.push("accepting");
    }
    if !edge.intake.is_open() {
        missing.push("intake");
    }
    if !matches!(tokio::time::timeout(DATABASE_WITHIN, edge.db.ping()).await, Ok(Ok(()))) {
        missing.push("database");
    }
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": missing.is_empty(), "missing": missing }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

pub(super) async fn metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, open_metrics)], metrics.encode())
}
