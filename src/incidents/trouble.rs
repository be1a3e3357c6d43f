//! What is said when something does not work: what it means for people, and what they can do.

use std::time::Duration;

use super::effects::{Effect, PageChange};
use super::messages::{contact, said, span};
use super::model::{Incident, LinkedPage, PERHAPS_PAGED};
use crate::error::{Error, IN_DOUBT, Problem, Upstream, Vendor, Why};
use crate::front::Message;
use crate::ids::SlackUserId;
use crate::jobs::Job;
use crate::oncall::model::Contact;
use crate::slack::blocks::{link, mention, section, untrusted};

/// On-call rows older than this are shown with their age.
const STALE: Duration = Duration::from_secs(600);

/// Why something is not done that an operator gave up.
pub const DISCARDED: &str = "an operator gave it up with firebell jobs discard";

/// Why a page does not go out.
#[derive(Debug)]
pub struct Delay {
    pub because: String,
    /// PagerDuty may have taken it all the same.
    pub is_in_doubt: bool,
}

impl Delay {
    /// After this attempt of the job that pages. The one before may have reached PagerDuty, too, and this one only looked.
    pub fn of(job: &Job, error: &Error) -> Self {
        let is_in_doubt = matches!(error, Error::Upstream(upstream) if upstream.is_in_doubt());
        let was_in_doubt = job.last_error.as_ref().is_some_and(|said| said.contains(IN_DOUBT));
        Self { because: in_words(error), is_in_doubt: is_in_doubt || was_in_doubt }
    }

    pub fn no_answer_for(time: Duration) -> Self {
        Self { because: format!("PagerDuty has not answered for {} s", time.as_secs()), is_in_doubt: true }
    }

    /// For the paging step, where the summary finds it.
    pub fn detail(&self) -> String {
        let doubt = if self.is_in_doubt { PERHAPS_PAGED } else { "" };
        format!("{}{doubt}", self.because)
    }

    /// Nobody is told that nobody was woken when somebody may have been.
    pub fn nobody_is_paged(&self) -> &'static str {
        if self.is_in_doubt { "Perhaps nobody has been paged yet" } else { "Nobody has been paged yet" }
    }
}

/// Enough for a person to act on; never an inner text.
pub fn in_words(error: &Error) -> String {
    match error {
        Error::Internal(_) => "something broke on our side; the log says what".into(),
        Error::Upstream(upstream) => of_vendor(upstream),
        other => other.to_string(),
    }
}

/// Without the name of the call, which only the log needs.
fn of_vendor(upstream: &Upstream) -> String {
    let vendor = upstream.service;
    match &upstream.problem {
        Problem::RateLimited { after } => format!("{vendor} asks me to wait {} s", after.as_secs().max(1)),
        Problem::Unavailable { why: Why::NoAnswer | Why::InDoubt | Why::Late, detail } => {
            format!("{vendor} does not answer ({detail})")
        }
        Problem::Unavailable { why: Why::Nonsense, .. } => format!("{vendor}'s answer makes no sense"),
        Problem::Unavailable { why: Why::KeyRefused, detail } => {
            let key = if vendor == Vendor::PagerDuty { "pagerduty.token" } else { "its key" };
            format!("{vendor} refuses our key ({detail}): an administrator must renew {key}")
        }
        Problem::Rejected { code, detail } => match meaning(code) {
            Some(meaning) => format!("{vendor} says no: {meaning} ({code})"),
            None if detail.is_empty() => format!("{vendor} says no ({code})"),
            None => format!("{vendor} says no: {detail} ({code})"),
        },
    }
}

/// The refusals that somebody can do something about.
fn meaning(code: &str) -> Option<&'static str> {
    Some(match code.rsplit('/').next().unwrap_or(code) {
        "1008" => "no PagerDuty user has the address in pagerduty.from_email",
        "1014" => "it does not know the configured escalation policy",
        "1015" => "nobody is on call on the escalation policy",
        "1020" => "it does not know the severity's priority",
        "2006" => "it does not accept pagerduty.token",
        "2010" => "the API key may not do that",
        "5002" => "it does not know the configured service",
        "restricted_action" => "a setting of the workspace forbids it",
        "missing_scope" => "the app lacks a permission; reinstall it with the manifest",
        "invalid_auth" | "account_inactive" | "token_revoked" => "it does not accept slack.bot_token",
        "not_in_channel" => "I am not in that channel; write /invite @firebell there",
        "channel_not_found" => "there is no such channel, or I may not see it",
        "too_many_bookmarks" | "too_many_pins" => "the channel is full of them",
        _ => return None,
    })
}

/// PagerDuty does not answer: the one message that must not be missed.
pub fn nobody_paged_yet(incident: &Incident, call: &str, delay: &Delay) -> Message {
    let asker = incident.declared_by.as_ref().map(|u| format!("{} ", mention(u))).unwrap_or_default();
    Message::text(format!(
        "{asker}:warning: *{}*: {}. I keep trying.\n{call}",
        delay.nobody_is_paged(),
        said(&delay.because),
    ))
}

/// PagerDuty refused, and trying again would hear the same; or an operator gave it up.
pub fn paging_failed(incident: &Incident, call: &str, because: &str, paged: &str) -> Message {
    let asker = incident.declared_by.as_ref().map(|u| format!("{} ", mention(u))).unwrap_or_default();
    Message::text(format!(
        "{asker}:warning: *Failed to page*: {}. {paged}, and I try no more until somebody presses *Retry* on the summary.\n{call}",
        said(because),
    ))
}

pub fn whom_to_call(on_call: &[Contact], with_phones: bool) -> String {
    if on_call.is_empty() {
        return "I know nobody who is on call for this; escalate by hand.".into();
    }
    let mut lines: Vec<String> = on_call
        .iter()
        .take(6)
        .map(|c| format!("• level {}: please call {}", c.level, contact(c, with_phones)))
        .collect();
    lines.extend(said_long_ago(on_call));
    lines.join("\n")
}

/// Where the numbers are that the room does not show.
pub fn numbers_are(told: &[SlackUserId], oncall: &str) -> String {
    let to = told.iter().map(mention).collect::<Vec<_>>().join(" and ");
    if told.is_empty() {
        return format!("_You see the phone numbers with `{oncall}`._");
    }
    format!("_I have sent the phone numbers to {to}; anybody else sees them with `{oncall}`._")
}

/// For one pair of eyes.
pub fn numbers(incident: &Incident, on_call: &[Contact], paged: &str) -> Message {
    let about = said(&incident.headline());
    Message::text(format!(":telephone_receiver: *{about}*: {paged}.\n{}", whom_to_call(on_call, true)))
}

/// The age of what is known, once it is worth a thought.
fn said_long_ago<'a>(on_call: impl IntoIterator<Item = &'a Contact>) -> Option<String> {
    let ago = on_call.into_iter().map(|c| c.said_ago).max().filter(|ago| *ago > STALE)?;
    Some(format!("_That is what PagerDuty said {} ago; it may have changed._", span(ago)))
}

/// PagerDuty hears of it as soon as it answers; until then it may ring people for nothing.
pub fn pagerduty_not_told(change: &PageChange) -> Option<Message> {
    let what = match change {
        PageChange::Acknowledge => "that somebody has acknowledged",
        PageChange::Resolve { .. } => "that this is over",
        PageChange::Severity => return None,
    };
    Some(Message::text(format!(
        ":hourglass: PagerDuty does not answer: it has not heard {what} and may go on paging. I keep trying."
    )))
}

pub fn pagerduty_refused(effect: &Effect, because: &str) -> Option<Message> {
    let what = match effect {
        Effect::ChangePage { change: PageChange::Acknowledge, .. } | Effect::AcknowledgeAlert { .. } => {
            "the acknowledgement; please acknowledge there"
        }
        Effect::ChangePage { change: PageChange::Resolve { .. }, .. } => {
            "that this is over; please resolve its incident there"
        }
        Effect::ChangePage { change: PageChange::Severity, .. } => "the new priority; please set it there",
        Effect::CloseDouble { .. } => {
            "to close a second incident for the same thing; please resolve it there"
        }
        Effect::NotePage { .. } => "a note",
        _ => return None,
    };
    Some(Message::text(format!(":warning: PagerDuty did not take {what}: {}", said(because))))
}

/// Said in private, where it must be said what it is about.
pub fn without_room(incident: &Incident, message: &Message) -> Message {
    let about =
        format!("*{}* has no channel that I can write in, so I tell you here.", said(&incident.headline()));
    let text = format!("{about}\n{}", message.text);
    if message.blocks.is_empty() {
        return Message::text(text);
    }
    let mut blocks = vec![section(&about)];
    blocks.extend(message.blocks.iter().cloned());
    Message::with_blocks(text, blocks)
}

/// When nothing else is known: everybody on the first two levels, service by service.
pub fn whom_to_call_by_service(services: &[(String, Vec<Contact>)], with_phones: bool) -> String {
    let mut lines: Vec<String> = services
        .iter()
        .filter(|(_, on_call)| !on_call.is_empty())
        .take(10)
        .map(|(service, on_call)| {
            let people: Vec<String> = on_call.iter().take(2).map(|c| contact(c, with_phones)).collect();
            format!("• {}: {}", said(service), people.join(", then "))
        })
        .collect();
    lines.extend(said_long_ago(services.iter().flat_map(|(_, on_call)| on_call)));
    match lines.as_slice() {
        [] => "If it is urgent, escalate by hand: I know nobody who is on call.".into(),
        lines => format!("If it is urgent, call who is on call:\n{}", lines.join("\n")),
    }
}

pub fn paged_at_last(page: &LinkedPage) -> Message {
    let label = page.label();
    let shown = page.html_url.as_deref().map_or_else(|| untrusted(&label), |url| link(url, &label));
    Message::text(format!(":pager: PagerDuty answers again: {shown} is paging."))
}

/// `page` is the command that rings people.
pub fn acknowledged_unrung(page: &str) -> Message {
    Message::text(format!(
        ":no_bell: That was acknowledged here before PagerDuty knew of it, so it is acknowledged there, too, and rings \
         nobody. To ring somebody: `{page} @name`."
    ))
}

pub fn paged_by_second_road() -> Message {
    Message::text(
        ":pager: PagerDuty's REST API does not work; I have paged through its Events API instead. \
         The incident's number follows when it works again.",
    )
}

pub fn uninvited(names: &[(String, String)]) -> Message {
    let list: Vec<String> =
        names.iter().map(|(who, code)| format!("• {} — {}", said(who), invite_problem(code))).collect();
    Message::text(format!(":information_source: Could not invite:\n{}", list.join("\n")))
}

fn invite_problem(code: &str) -> &str {
    match code {
        "user_not_found" | "users_not_found" => "Slack does not know them any more",
        "user_disabled" => "the account is deactivated",
        "user_is_restricted" | "ura_max_channels" => "a guest, who cannot be in this channel",
        "cant_invite" => "Slack does not let me invite them",
        "no_slack_account" => "paged by PagerDuty, and has no Slack account that I know",
        "org_user_not_in_team" => "not a member of this workspace",
        other => other,
    }
}
