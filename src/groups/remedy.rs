//! What an operator does about a vendor's no: one sentence each.

use super::messages::refusal;
use crate::error::{Problem, Upstream, Vendor};

/// What went wrong, and what to do about it.
pub fn remedy(upstream: &Upstream, group: Option<&str>) -> String {
    match (&upstream.problem, upstream.service) {
        (Problem::Rejected { code, detail }, Vendor::Slack) => of_slack(upstream, code, detail, group),
        (Problem::Rejected { code, .. }, Vendor::PagerDuty) => match code.split('/').next() {
            Some("401") => {
                "PagerDuty does not accept the token: set pagerduty.token to a REST API key that is valid (and, \
                 for a European account, pagerduty.api_url to https://api.eu.pagerduty.com)"
                    .to_owned()
            }
            Some("403") => format!(
                "the PagerDuty token may not do {}: it needs an API key that may read users, schedules and escalation policies",
                upstream.call
            ),
            _ => upstream.to_string(),
        },
        (Problem::Rejected { code, .. }, vendor @ (Vendor::Statuspage | Vendor::Cachet)) => match code.as_str() {
            "401" => format!("{vendor} does not accept the key: set statuspage.api_key to one that is valid"),
            "403" => format!("the key may not do {} on {vendor}: take one of somebody who manages the page", upstream.call),
            "404" if vendor == Vendor::Cachet => {
                format!("there is no Cachet 3 that knows {}: mend statuspage.api_url", upstream.call)
            }
            "404" => format!("{vendor} does not know {}: mend statuspage.page_id", upstream.call),
            _ => upstream.to_string(),
        },
        (Problem::Rejected { .. }, Vendor::Monitor) => upstream.to_string(),
        (Problem::RateLimited { after }, vendor) => format!(
            "{vendor} has had enough calls for now: run it again in {} s",
            after.as_secs()
        ),
        (Problem::Unavailable { detail, .. }, vendor) => format!(
            "{vendor} did not answer {} ({detail}): run it again when it does",
            upstream.call
        ),
    }
}

fn of_slack(upstream: &Upstream, code: &str, detail: &str, group: Option<&str>) -> String {
    match (code, group) {
        ("missing_scope", _) => {
            let scope = detail.strip_prefix("needs ").unwrap_or("a scope");
            format!("the Slack token lacks {scope}: add it to the app and install it again")
        }
        ("invalid_users" | "failed_for_some_users" | "user_not_found", Some(_)) => {
            "Slack does not take one of the people (just deactivated?): run it again".to_owned()
        }
        (_, Some(group)) => refusal(code, group),
        (_, None) if is_about_the_token(upstream) => refusal(code, ""),
        (_, None) => upstream.to_string(),
    }
}

/// Whether every other group would hear the same.
pub fn is_about_the_token(upstream: &Upstream) -> bool {
    matches!(
        upstream.code(),
        Some(
            "invalid_auth"
                | "account_inactive"
                | "token_revoked"
                | "token_expired"
                | "not_authed"
                | "missing_scope"
                | "not_allowed_token_type"
                | "plan_upgrade_required"
                | "paid_teams_only"
        )
    )
}
