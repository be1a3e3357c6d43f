//! What incidents say about PagerDuty in Slack, and to PagerDuty about themselves.

use super::{LONGEST_LINE, said, told};
use crate::front::Message;
use crate::incidents::lifecycle::Remark;
use crate::incidents::model::{Actor, Incident, Kind, LinkedPage, Outsider, Status};
use crate::slack::blocks::{channel, plain, untrusted};

// ── what PagerDuty said ───────────────────────────────────────────────────────────────────────────────────

pub fn pagerduty_line(icon: &str, sentence: &str) -> Message {
    Message::text(format!("{icon} {sentence}"))
}

/// PagerDuty closed its incident with nobody's hand; `ask` puts the question.
pub fn resolved_by_itself(page: &LinkedPage, incident: &Incident, ask: bool) -> String {
    let label = incident.label();
    let then = if ask { format!("Is {label} over?") } else { format!("{label} stays open.") };
    format!(":ballot_box_with_check: PagerDuty resolved {} by itself. {then}", untrusted(&page.label()))
}

/// PagerDuty had opened its incident of a closed one again.
pub fn resolved_again(by: &Actor, page: &LinkedPage, text: &str) -> Message {
    let (by, page) = (said(&by.name), untrusted(&page.label()));
    let words = if text.is_empty() { String::new() } else { format!("\n{}", told(text)) };
    Message::text(format!(":white_check_mark: {by} resolved {page} in PagerDuty.{words}"))
}

/// For the timeline and the room of the incident that took the page in.
pub fn merged_in(page: &LinkedPage, from: &Incident) -> String {
    format!("PagerDuty incident {} of {} was merged into ours", page.label(), from.label())
}

/// For the room that the page has left; `into` unless that incident is private.
pub fn merged_away(page: &LinkedPage, incident: &Incident, into: Option<&Incident>) -> String {
    let whose = into.map_or_else(|| "another one".to_owned(), |other| format!("that of {}", other.label()));
    format!(
        ":twisted_rightwards_arrows: PagerDuty incident {} was merged into {whose}. Is {} over?",
        untrusted(&page.label()),
        incident.label()
    )
}

/// Somebody pressed Open a second time; the incident if they may see it.
pub fn open_already(incident: Option<&Incident>) -> String {
    let Some(incident) = incident else { return "It has a channel already.".into() };
    let room = incident.channel_id.as_ref().map_or_else(String::new, |id| format!(", in {}", channel(id)));
    format!("It is {} already{room}.", said(&incident.headline()))
}

/// Paged, and not in Slack: somebody else must tell them.
pub fn not_in_slack(outsider: &Outsider) -> Message {
    let call = outsider.phone.as_ref().map_or_else(String::new, |phone| format!(": {}", said(phone)));
    Message::text(format!(
        ":bust_in_silhouette: PagerDuty pages *{}*, who has no Slack account that I can find by e-mail. \
         Somebody please tell them{call}",
        said(&outsider.name)
    ))
}

/// The same for the summary's list of who could not be invited.
pub fn outsider(outsider: &Outsider) -> (String, String) {
    let phone = outsider.phone.as_ref().map_or_else(String::new, |phone| format!(" ☎ {phone}"));
    (format!("{}{phone}", outsider.name), "no_slack_account".into())
}

// ── towards PagerDuty ─────────────────────────────────────────────────────────────────────────────────────

pub fn pagerduty_details(incident: &Incident) -> String {
    if incident.is_private {
        return format!("{}: a private incident. Details are in its Slack channel.", incident.label());
    }
    format!(
        "{} {} declared in Slack by {}. Firebell keeps the timeline.",
        incident.severity_shout(),
        incident.label(),
        incident.declared_by_name
    )
}

pub fn pagerduty_note(by: &Actor, remark: &Remark) -> String {
    let label = match remark.kind {
        Kind::Hypothesis => "Hypothesis: ",
        Kind::Decision => "Decision: ",
        Kind::Action => "Action: ",
        _ => "",
    };
    let at = remark.occurred_at.map(|at| at.to_jiff().strftime(" (%Y-%m-%d %H:%M UTC)").to_string());
    format!("{label}{}{} — {} (Slack)", plain(&remark.text, LONGEST_LINE), at.unwrap_or_default(), by.name)
}

pub fn pagerduty_resolution(by: &Actor, to: Status, text: &str) -> String {
    let verb = if to == Status::Cancelled { "Cancelled" } else { "Resolved" };
    if text.is_empty() {
        format!("{verb} by {} in Slack", by.name)
    } else {
        format!("{verb} by {}: {text}", by.name)
    }
}
