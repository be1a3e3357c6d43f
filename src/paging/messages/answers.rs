//! What is said of a page once it is out: who answers, who declines, and that nobody does.

use std::time::Duration;

use super::{Eyes, numbers_told, reach};
use crate::clock::Timestamp;
use crate::front::Message;
use crate::incidents::messages::span;
use crate::oncall::Known;
use crate::paging::model::{Kind, Page, Target};
use crate::slack::blocks::{date, link, mention, plain, untrusted};

pub fn answered(page: &Page, who: &str) -> Message {
    Message::text(format!(":eyes: {} has answered {}.", untrusted(who), about(page)))
}

pub fn declined(known: &Known, page: &Page, who: &str) -> Message {
    let (who, ic) = (untrusted(who), &known.config.commands.ic);
    Message::text(format!(
        ":no_entry_sign: {who} has declined {}. To call them: `{ic} who {who}`.",
        about(page)
    ))
}

fn about(page: &Page) -> String {
    match page.kind {
        Kind::Commanders => "the page of the incident commanders".into(),
        Kind::Responders => "the page of the team responders".into(),
        Kind::Person => format!("the page of '{}'", untrusted(&page.whom)),
        Kind::Page => {
            let words = untrusted(&plain(&page.message, 80));
            format!("the page of '{}' (“{words}”)", untrusted(&page.whom))
        }
    }
}

/// Nobody has answered in time; or, where PagerDuty is `away`, nobody that we know of.
pub fn unanswered(
    known: &Known,
    page: &Page,
    targets: &[Target],
    (waited, away): (Duration, Option<&str>),
    at: Timestamp,
) -> Message {
    let on =
        page.html_url.as_deref().map(|url| format!(" on {}", link(url, "PagerDuty"))).unwrap_or_default();
    let (by, about, waited, since) =
        (mention(&page.asked_by), about(page), span(waited), date(page.asked_at));
    let (text, call) = match away {
        None => (format!("Nobody has answered {about} for {waited}: asked {since}{on}."), "Please call"),
        Some(away) => (
            format!(
                "I know of no answer to {about} for {waited}, and cannot look whether there is one: {}. Asked {since}{on}.",
                untrusted(away)
            ),
            "To be sure, please call",
        ),
    };
    let mut lines = vec![format!(":alarm_clock: {by} {text}")];
    lines.extend(targets.iter().map(|t| format!("• {call} {}.", reach(known, t, at, Eyes::Everybody))));
    lines.extend(numbers_told(known, page, &targets.iter().collect::<Vec<_>>(), at));
    Message::text(lines.join("\n"))
}
