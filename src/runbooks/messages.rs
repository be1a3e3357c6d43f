//! What is said about runbooks. All of it is written by people: escaped here.

use super::find::{Found, find, name_of, near_services, of_service, typed_for};
use super::help::VERBS;
use super::model::{Index, Runbook};
use crate::config::Config;
use crate::front::Reply;
use crate::incidents::Incident;
use crate::slack::blocks::{escape, link, plain, untrusted};
use crate::slack::spoken;
use crate::slack::words::{first_word, quoted};

/// What is named in one answer.
const MOST_NAMED: usize = 10;
const LONGEST_LIST: usize = 2_800;

/// Link, title, summary, key commands.
pub fn runbook(runbook: &Runbook) -> String {
    let title = match &runbook.url {
        Some(url) => link(url, &unnotified(&runbook.title)),
        None => untrusted(&runbook.title),
    };
    let about = if runbook.services.is_empty() {
        String::new()
    } else {
        format!(" — {}", untrusted(&runbook.services.join(", ")))
    };
    let mut text = format!(":green_book: *{title}*{about}");
    if !runbook.summary.is_empty() {
        text = format!("{text}\n{}", untrusted(&runbook.summary));
    }
    if !runbook.commands.is_empty() {
        text = format!("{text}\n```{}```", code(&runbook.commands));
    }
    if let (None, Some(file)) = (&runbook.url, &runbook.file) {
        text = format!("{text}\n_{}_", untrusted(file));
    }
    text
}

/// Text that stays as it is when it is copied, and cannot end its block. Nothing in a code block is a mention.
fn code(text: &str) -> String {
    escape(&plain(text, 2_100)).replace("```", "\u{02CB}\u{02CB}\u{02CB}")
}

/// A label is escaped by what builds the link; calls to everybody are not its business.
fn unnotified(label: &str) -> String {
    crate::slack::blocks::unescape(&untrusted(label))
}

/// What was typed, looked up.
pub fn looked_up(index: &Index, config: &Config, typed: &str) -> Reply {
    let name = &config.commands.runbook;
    match find(index, config, typed) {
        Found::One(one) => Reply::everyone(runbook(one)),
        Found::Several(several) => Reply::only(format!(
            "{} runbooks fit “{}”. Which one?\n{}",
            several.len(),
            said(typed),
            named(&several, index, config)
        )),
        Found::Near(near) => {
            let mut near: Vec<String> = near.into_iter().take(3).collect();
            if let Some(meant) = misspelt_verb(index, config, typed) {
                near = vec![meant];
            }
            if near.is_empty() {
                near = near_services(index, typed);
            }
            let near: Vec<String> = near.iter().map(|near| format!("`{name} {}`", untrusted(near))).collect();
            let hint = match near.as_slice() {
                [] => String::new(),
                [one] => format!(" Did you mean {one}?"),
                [others @ .., last] => format!(" Did you mean {} or {last}?", others.join(", ")),
            };
            Reply::only(format!("I have no runbook for “{}”.{hint} `{name} list` shows all.", said(typed)))
        }
    }
}

/// `shwo payments`
fn misspelt_verb(index: &Index, config: &Config, typed: &str) -> Option<String> {
    let (word, rest) = first_word(typed);
    let verb = spoken::near(VERBS, word)?;
    let is_there = matches!(find(index, config, rest), Found::One(_) | Found::Several(_));
    (is_there || rest.is_empty()).then(|| format!("{verb} {rest}").trim_end().to_owned())
}

fn said(typed: &str) -> String {
    untrusted(&quoted(&escape(typed)))
}

/// Each with what to type for it.
fn named(runbooks: &[&Runbook], index: &Index, config: &Config) -> String {
    let mut lines: Vec<String> =
        runbooks.iter().take(MOST_NAMED).map(|runbook| line(runbook, index, config)).collect();
    let more = runbooks.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        lines.push(format!("… and {more} more: name an alert too"));
    }
    lines.join("\n")
}

fn line(runbook: &Runbook, index: &Index, config: &Config) -> String {
    let name = &config.commands.runbook;
    let typed = typed_for(index, config, runbook);
    format!("• `{name} {}` — {}", untrusted(&plain(&typed, 200)), untrusted(&runbook.title))
}

/// All of them, or those of a service.
pub fn list(index: &Index, config: &Config, service: &str) -> Reply {
    let name = &config.commands.runbook;
    let wanted: Vec<&Runbook> =
        if service.is_empty() { index.runbooks.iter().collect() } else { of_service(index, config, service) };
    if wanted.is_empty() {
        return match service {
            "" => Reply::only(nothing_there()),
            service => {
                Reply::only(format!("I have no runbook of “{}”. `{name} list` shows all.", said(service)))
            }
        };
    }
    let mut text = format!("*{} runbook{}*", wanted.len(), if wanted.len() == 1 { "" } else { "s" });
    for (at, runbook) in wanted.iter().enumerate() {
        let line = line(runbook, index, config);
        if text.len() + line.len() > LONGEST_LIST {
            text = format!("{text}\n… and {} more: `{name} list <service>` shows fewer", wanted.len() - at);
            text = text.replace("<service>", "&lt;service&gt;");
            break;
        }
        text = format!("{text}\n{line}");
    }
    Reply::only(text)
}

pub fn nothing_there() -> String {
    "No runbooks are set up here. An administrator can name a directory of them under [runbooks] in Firebell's \
     configuration, or single ones as [[runbook]]."
        .into()
}

/// Nothing was named, and the channel names nothing.
pub fn nowhere(index: &Index, config: &Config) -> String {
    let name = &config.commands.runbook;
    let example = index.runbooks.first().map(name_of).unwrap_or_default();
    format!(
        "This is no incident's channel. Name a service or an alert: `{name} {}`; `{name} list` shows all runbooks.",
        quoted(&escape(&example))
    )
}

/// In an incident's room: the one for its alert, or of its service.
pub fn of_incident(index: &Index, config: &Config, incident: &Incident, alerts: &[String]) -> Reply {
    let name = &config.commands.runbook;
    let Some(service) = &incident.service else {
        return Reply::only(format!("{} is of no service. Name one: `{name} payments`", incident.label()));
    };
    let of_it = of_service(index, config, service);
    let meant = for_alerts(index, config, incident, alerts);
    match (meant.as_slice(), of_it.as_slice()) {
        ([one], _) | ([], [one]) => Reply::everyone(runbook(one)),
        ([], []) => Reply::only(format!(
            "I have no runbook of {}, the service of {}. `{name} list` shows all.",
            untrusted(service),
            incident.label()
        )),
        ([], several) | (several, _) => Reply::only(format!(
            "{} has {} runbooks. Which one?\n{}",
            untrusted(service),
            several.len(),
            named(several, index, config)
        )),
    }
}

/// Those for an alert that the incident's title or one of its pages names: of its service, or of none.
pub fn for_alerts<'a>(
    index: &'a Index,
    config: &Config,
    incident: &Incident,
    alerts: &[String],
) -> Vec<&'a Runbook> {
    let of_it =
        incident.service.as_deref().map(|service| of_service(index, config, service)).unwrap_or_default();
    let of_none = index.runbooks.iter().filter(|runbook| runbook.services.is_empty());
    let titles: Vec<&String> = alerts.iter().chain([&incident.title]).collect();
    let is_meant = |runbook: &&Runbook| titles.iter().any(|title| runbook.is_for_alert_in(title));
    of_it.into_iter().chain(of_none).filter(is_meant).collect()
}

/// In the room of an incident that opened with an alert.
pub fn offer(runbooks: &[&Runbook], index: &Index, config: &Config) -> String {
    match runbooks {
        [one] => format!("There is a runbook for this:\n{}", runbook(one)),
        several => {
            format!("There are {} runbooks for this:\n{}", several.len(), named(several, index, config))
        }
    }
}
