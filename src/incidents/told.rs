//! How PagerDuty's events read on the timeline and in the channel.

use super::messages::who;
use super::model::{Actor, Kind, LinkedPage};
use super::pages::{PageEvent, Person, What};
use crate::oncall::Known;
use crate::slack::blocks::{plain, untrusted};

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
    /// Tells two events of one kind in one second apart.
    pub subject: String,
}

impl Told {
    #[expect(clippy::too_many_lines, reason = "one table: what happened, and its words")]
    pub(super) fn of(known: &Known, page: &LinkedPage, event: &PageEvent) -> Self {
        let by = actor(known, event.agent.as_ref());
        let label = page.label();
        let assignees = event.details.as_ref().map(|d| d.assignees.as_slice()).unwrap_or_default();
        let names = assignees.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
        let mentions = assignees.iter().map(|p| who(&actor(known, Some(p)))).collect::<Vec<_>>().join(", ");
        let whom = |list: &str| if list.is_empty() { "nobody".to_owned() } else { list.to_owned() };
        let doer = who(&by);
        let (kind, icon, text, line, loud) = match &event.what {
            What::Triggered => (
                Kind::Page,
                ":pager:",
                format!("{label} triggered, paging {}", whom(&names)),
                format!("{} is paging {}.", untrusted(&label), whom(&mentions)),
                !assignees.is_empty(),
            ),
            What::Acknowledged => (
                Kind::Acknowledged,
                ":eyes:",
                format!("{} acknowledged {label} in PagerDuty", by.name),
                format!("{doer} acknowledged in PagerDuty."),
                true,
            ),
            What::Unacknowledged => (
                Kind::Unacknowledged,
                ":warning:",
                format!("{label} is no longer acknowledged"),
                format!("{} is no longer acknowledged: PagerDuty pages on.", untrusted(&label)),
                true,
            ),
            What::Escalated => (
                Kind::Escalated,
                ":arrow_up:",
                format!("{label} escalated to {}", whom(&names)),
                format!("PagerDuty escalated to {}.", whom(&mentions)),
                true,
            ),
            What::Reassigned => (
                Kind::Reassigned,
                ":arrow_right:",
                format!("{label} reassigned to {} by {}", whom(&names), by.name),
                format!("{doer} reassigned {} to {}.", untrusted(&label), whom(&mentions)),
                true,
            ),
            What::Delegated => (
                Kind::Delegated,
                ":arrow_right:",
                format!("{label} moved to another escalation policy; it pages {}", whom(&names)),
                format!(
                    "{doer} moved {} to another escalation policy: {}.",
                    untrusted(&label),
                    whom(&mentions)
                ),
                true,
            ),
            What::PriorityChanged => {
                let priority = event.details.as_ref().and_then(|d| d.priority.clone());
                let priority = priority.unwrap_or_else(|| "none".into());
                let line = format!("{doer} set PagerDuty's priority to {}.", untrusted(&priority));
                (Kind::Priority, ":label:", format!("{label} priority is {priority}"), line, true)
            }
            What::Reopened => (
                Kind::Reopened,
                ":repeat:",
                format!("{label} reopened in PagerDuty by {}", by.name),
                format!("{doer} reopened {} in PagerDuty.", untrusted(&label)),
                true,
            ),
            What::Resolved { merged_into: Some(into) } => (
                Kind::Linked,
                ":twisted_rightwards_arrows:",
                format!("{label} was merged into {into}"),
                format!("{doer} merged {} into another PagerDuty incident.", untrusted(&label)),
                true,
            ),
            What::Resolved { merged_into: None } => (
                Kind::Resolved,
                ":ballot_box_with_check:",
                format!("{label} resolved in PagerDuty"),
                format!("{doer} resolved {} in PagerDuty.", untrusted(&label)),
                // The primary's end is told by what it does to ours.
                !page.is_primary,
            ),
            What::Annotated { text } => (
                Kind::Note,
                ":memo:",
                text.clone(),
                format!("{} — {doer} in PagerDuty", untrusted(&plain(text, 2000))),
                true,
            ),
            What::ResponderAdded { who: person } => (
                Kind::Responder,
                ":heavy_plus_sign:",
                format!("{} asked {} to respond", by.name, person.name),
                format!("{doer} asked {} to respond.", who(&actor(known, Some(person)))),
                true,
            ),
            What::ResponderReplied { who: person, joined } => {
                let verb = if *joined { "joins" } else { "declined" };
                let line = format!("{} {verb}.", who(&actor(known, Some(person))));
                (Kind::Responder, ":speech_balloon:", format!("{} {verb}", person.name), line, true)
            }
            What::StatusUpdate { text } => (
                Kind::Update,
                ":mega:",
                text.clone(),
                format!("{} — {doer}, to PagerDuty's subscribers", untrusted(&plain(text, 2000))),
                true,
            ),
        };
        let subject = match &event.what {
            What::ResponderAdded { who } | What::ResponderReplied { who, .. } => who.id.to_string(),
            What::Annotated { text } | What::StatusUpdate { text } => plain(text, 40),
            _ => event.agent.as_ref().map(|a| a.id.to_string()).unwrap_or_default(),
        };
        Self { kind, actor: by, text, icon, line, loud, subject }
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
