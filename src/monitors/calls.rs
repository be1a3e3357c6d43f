//! The monitors' calls that we make, as data. All of them read.

use crate::http_client::calls;

calls! {
    ALERTS = "alertmanager GET /api/v2/alerts", Idempotent, [], "none";
    QUERY = "prometheus GET /api/v1/query", Idempotent, [], "none";
    SUMMARY = "status page GET /api/v2/summary.json", Idempotent, [], "cached for 10 s";
    ADDRESS = "http_json GET", Idempotent, [], "unknown";
}
