//! How PagerDuty's events read on the timeline and in the channel.

use super::messages::who;
use super::model::{Actor, Kind, LinkedPage};
use super::pages::{PageEvent, Person, Responder, What, Words};
use crate::oncall::Known;
use crate::slack::blocks::{link, plain, untrusted};

/// How an event is told.
pub(super) struct Told {
    pub kind: Kind,
    pub actor: Actor,
    /// For the timeline.
    pub text: String,
    pub icon: &'static str,
    /// For the channel, in mrkdwn.
    pub line: String,
    pub loud: bool,
    /// The same event told twice is one entry.
    pub key: String,
}

impl Told {
    /// `into`: what the page was merged into, as far as known.
    #[expect(clippy::too_many_lines, reason = "one table: what happened, and its words")]
    pub(super) fn of(known: &Known, page: &LinkedPage, event: &PageEvent, into: Option<&LinkedPage>) -> Self {
        let by = actor(known, event.agent.as_ref());
        let label = page.label();
        let shown = untrusted(&label);
        let assignees = event.details.as_ref().map(|d| d.assignees.as_slice()).unwrap_or_default();
        let names = assignees.iter().map(|p| actor(known, Some(p)).name).collect::<Vec<_>>().join(", ");
        let mentions = assignees.iter().map(|p| who(&actor(known, Some(p)))).collect::<Vec<_>>().join(", ");
        let or_nobody = |list: String| if list.is_empty() { "nobody".to_owned() } else { list };
        let (names, mentions) = (or_nobody(names), or_nobody(mentions));
        let doer = who(&by);
        let (kind, icon, text, line, loud) = match &event.what {
            What::Triggered => (
                Kind::Page,
                ":pager:",
                format!("{label} triggered, paging {names}"),
                format!("{shown} is paging {mentions}."),
                !assignees.is_empty(),
            ),
            What::Acknowledged => (
                Kind::Acknowledged,
                ":eyes:",
                format!("Acknowledged {label} in PagerDuty"),
                format!("{doer} acknowledged {shown} in PagerDuty."),
                true,
            ),
            What::Unacknowledged => (
                Kind::Unacknowledged,
                ":warning:",
                format!("{label} is no longer acknowledged"),
                format!("{shown} is no longer acknowledged: PagerDuty pages {mentions} again."),
                true,
            ),
            What::Escalated => (
                Kind::Escalated,
                ":arrow_up:",
                format!("Escalated {label} to {names}"),
                format!("{doer} escalated {shown} to {mentions}."),
                true,
            ),
            What::Reassigned => (
                Kind::Reassigned,
                ":arrow_right:",
                format!("Reassigned {label} to {names}"),
                format!("{doer} reassigned {shown} to {mentions}."),
                true,
            ),
            What::Delegated => (
                Kind::Delegated,
                ":arrow_right:",
                format!("Moved {label} to another escalation policy, which pages {names}"),
                format!("{doer} moved {shown} to another escalation policy, which pages {mentions}."),
                true,
            ),
            What::PriorityChanged => {
                let priority = event.details.as_ref().and_then(|d| d.priority.clone());
                let (text, line) = match priority {
                    Some(p) => (
                        format!("Set the priority of {label} to {p}"),
                        format!("{doer} set the priority of {shown} to {} in PagerDuty.", untrusted(&p)),
                    ),
                    None => (
                        format!("Took the priority of {label} away"),
                        format!("{doer} took the priority of {shown} away in PagerDuty."),
                    ),
                };
                (Kind::Priority, ":label:", text, line, true)
            }
            What::Reopened => (
                Kind::Page,
                ":repeat:",
                format!("Reopened {label} in PagerDuty, which pages {names}"),
                format!("{doer} reopened {shown} in PagerDuty, which pages {mentions}."),
                true,
            ),
            What::Resolved { merged_into: Some(target) } => {
                let title = target.title.as_ref().map(|t| plain(t, 200));
                let unknown = || title.unwrap_or_else(|| target.id.to_string());
                let into = into.and_then(|p| p.number).map_or_else(unknown, |n| format!("#{n}"));
                let line = format!("{doer} merged {shown} into {} in PagerDuty.", untrusted(&into));
                (
                    Kind::Linked,
                    ":twisted_rightwards_arrows:",
                    format!("Merged {label} into {into}"),
                    line,
                    true,
                )
            }
            What::Resolved { merged_into: None } => (
                Kind::Page,
                ":ballot_box_with_check:",
                format!("Resolved {label} in PagerDuty"),
                format!("{doer} resolved {shown} in PagerDuty."),
                // The primary's end is told by what it does to ours.
                !page.is_primary,
            ),
            What::Annotated(words) => (
                Kind::Note,
                ":memo:",
                words.text.clone(),
                format!("{} — {doer} in PagerDuty", quoted(words, page)),
                true,
            ),
            What::ResponderAdded { who: responder, message } => {
                let (name, mention) = responder_names(known, responder);
                let why = message.as_ref().map_or_else(String::new, |m| format!(": {}", plain(m, 500)));
                (
                    Kind::Responder,
                    ":heavy_plus_sign:",
                    format!("Asked {name} to respond{why}"),
                    format!("{doer} asked {mention} to respond{}", untrusted(&why)),
                    true,
                )
            }
            What::ResponderReplied { who: responder, joined } => {
                let (name, mention) = responder_names(known, responder);
                let verb = if *joined { "joins the response" } else { "declined to respond" };
                // Mostly they answer for themselves, and their name stands beside the text.
                let text = if name == by.name { capitalised(verb) } else { format!("{name} {verb}") };
                (Kind::Responder, ":speech_balloon:", text, format!("{mention} {verb}."), true)
            }
            What::StatusUpdate(words) => (
                Kind::Update,
                ":mega:",
                words.text.clone(),
                format!("{} — {doer}, to PagerDuty's subscribers", quoted(words, page)),
                true,
            ),
        };
        Self { kind, actor: by, text, icon, line, loud, key: key(event) }
    }
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What somebody wrote; and where the rest is, when PagerDuty sent only the beginning.
fn quoted(words: &Words, page: &LinkedPage) -> String {
    let text = untrusted(&plain(&words.text, 2000));
    match (&page.html_url, words.trimmed) {
        (_, false) => text,
        (Some(url), true) => format!("{text} {}", link(url, "… (the rest in PagerDuty)")),
        (None, true) => format!("{text} … (the rest in PagerDuty)"),
    }
}

/// (for the timeline, for the channel)
fn responder_names(known: &Known, responder: &Responder) -> (String, String) {
    match responder {
        Responder::Person(person) => {
            let actor = actor(known, Some(person));
            (actor.name.clone(), who(&actor))
        }
        Responder::Policy(name) => {
            let name = format!("the on-call of {name}");
            (name.clone(), untrusted(&name))
        }
    }
}

impl What {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Unacknowledged => "unacknowledged",
            Self::Escalated => "escalated",
            Self::Reassigned => "reassigned",
            Self::Delegated => "delegated",
            Self::PriorityChanged => "priority",
            Self::Reopened => "reopened",
            Self::Resolved { .. } => "resolved",
            Self::Annotated(_) => "annotated",
            Self::ResponderAdded { .. } => "responder-added",
            Self::ResponderReplied { .. } => "responder-replied",
            Self::StatusUpdate(_) => "status-update",
        }
    }
}

/// What makes an event this one and no other. Healing tells some of them too, from PagerDuty's REST API, which knows
/// no event ids and whole seconds only: those go by what both know.
fn key(event: &PageEvent) -> String {
    let head = format!("pd:{}:{}", event.page, event.what.word());
    let agent = event.agent.as_ref().map_or("-", |a| a.id.as_str());
    let (secs, micros) = (event.occurred_at.as_secs(), event.occurred_at.as_micros());
    match &event.what {
        What::Triggered => head,
        What::Acknowledged | What::Escalated | What::Reassigned | What::Delegated => {
            format!("{head}:{secs}:{agent}")
        }
        What::Unacknowledged | What::Reopened | What::Resolved { .. } => format!("{head}:{secs}"),
        What::Annotated(Words { id: Some(id), .. }) | What::StatusUpdate(Words { id: Some(id), .. }) => {
            format!("{head}:{id}")
        }
        What::ResponderAdded { who: Responder::Person(person), .. }
        | What::ResponderReplied { who: Responder::Person(person), .. } => {
            format!("{head}:{micros}:{}", person.id)
        }
        What::PriorityChanged => {
            let priority = event.details.as_ref().and_then(|d| d.priority.as_deref()).unwrap_or("-");
            format!("{head}:{micros}:{}", plain(priority, 40))
        }
        _ => format!("{head}:{micros}:{agent}"),
    }
}

/// A PagerDuty person under the name and with the Slack account that we know.
pub(super) fn actor(known: &Known, person: Option<&Person>) -> Actor {
    match person {
        None => Actor { name: "PagerDuty".into(), slack: None },
        Some(person) => {
            let name = if person.name.is_empty() {
                known.people.responder_name(&person.id).unwrap_or("somebody").to_owned()
            } else {
                person.name.clone()
            };
            Actor { name, slack: known.people.slack_of(&person.id).cloned() }
        }
    }
}
