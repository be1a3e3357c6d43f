//! What only the person who asked reads.

use jiff::tz::TimeZone;

use super::{said, span};
use crate::clock::Timestamp;
use crate::config::Commands;
use crate::incidents::model::{Incident, RoleRow};
use crate::incidents::timeline::Entry;
use crate::oncall::model::Contact;
use crate::slack::blocks::{channel, plain, untrusted};

/// One line of `/incident list`.
pub fn list_line(incident: &Incident, now: Timestamp) -> String {
    let room = incident.channel_id.as_ref().map(|c| format!(" · {}", channel(c))).unwrap_or_default();
    let private = if incident.is_private { " :lock:" } else { "" };
    let age = match incident.ended_at {
        Some(ended_at) => format!("{} ago", span(now.since(ended_at))),
        None => format!("for {}", span(now.since(incident.declared_at))),
    };
    format!(
        "*{}* {}{private} {} · {} {age}{room}",
        incident.label(),
        incident.severity_shout(),
        said(&incident.headline().replacen(&format!("{} ", incident.label()), "", 1)),
        incident.status.title(),
    )
}

/// The timeline as people read it: oldest first, as many of the last entries as fit, in the zone in which they also
/// type times.
pub fn timeline(incident: &Incident, entries: &[Entry], zone: &TimeZone) -> String {
    let mut day = None;
    let lines: Vec<String> = entries
        .iter()
        .map(|e| {
            let at = e.occurred_at.to_jiff().to_zoned(zone.clone());
            let new_day = day.replace(at.date()) != Some(at.date());
            let head = if new_day { format!("_{}_\n", at.strftime("%A, %-d %B %Y")) } else { String::new() };
            let by = if e.actor == "Firebell" { String::new() } else { format!(" — {}", said(&e.actor)) };
            format!("{head}`{}` *{}* {}{by}", at.strftime("%H:%M"), e.kind, untrusted(&plain(&e.text, 300)))
        })
        .collect();
    let mut shown = lines.len();
    while shown > 1 && lines[lines.len() - shown..].iter().map(|l| l.len() + 1).sum::<usize>() > 2700 {
        shown -= 1;
    }
    let left_out = lines.len() - shown;
    let more = if left_out == 0 { String::new() } else { format!("_{left_out} earlier entries left out_\n") };
    let zone = zone.iana_name().unwrap_or("UTC");
    format!("*{}* timeline ({zone})\n{more}{}", said(&incident.headline()), lines[left_out..].join("\n"))
}

pub fn contact(contact: &Contact) -> String {
    said(&contact.name_and_phone())
}

/// One that looks the same is open.
pub fn looks_like(twin: &Incident, now: Timestamp) -> String {
    format!(
        "This looks like an incident that is open already:\n{}\nJoin it there. If yours is another one, declare it anyway.",
        list_line(twin, now)
    )
}

pub fn is_commanded(commands: &Commands, by: &RoleRow) -> String {
    format!(
        "{} is incident commander already. To take over, type `{} role ic`.",
        said(&by.name),
        commands.incident
    )
}

pub fn is_open(incident: &Incident) -> String {
    format!("{} is open.", incident.label())
}

pub fn which_severity(incident: &Incident) -> String {
    format!("{} is *{}*. Change it to:", said(&incident.headline()), incident.severity_shout())
}

/// What the declarer reads at once.
pub fn declaring(incident: &Incident, channel: &str, paging: &str) -> String {
    let test = if incident.is_test { ":test_tube: *Test.* " } else { "" };
    let private = if incident.is_private { " (private)" } else { "" };
    format!(
        "{test}:rotating_light: Declaring *{}* as *{}*{private}: opening #{channel}, {paging}.",
        said(&incident.headline()),
        incident.severity_shout(),
    )
}
