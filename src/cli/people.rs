//! `firebell people`: who in PagerDuty is who in Slack. It works on the database alone, beside a running server.

use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{ConfigFile, Failure, print, table};
use crate::clock::Timestamp;
use crate::groups::plan::unfit;
use crate::ids::{PagerDutyUserId, SlackUserId};
use crate::oncall::model::is_user_id;
use crate::oncall::{Directory, Member, Responder, replan};
use crate::store::{Db, Priority};

#[derive(Debug, Subcommand)]
pub(super) enum PeopleCommand {
    /// List PagerDuty's people and who they are in Slack, those on call first
    #[command(
        after_help = "Examples:\n  firebell people list --unmapped\n  firebell people list --json | jq '.[] | select(.on_call and .slack == null)'"
    )]
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Only those whom nobody in Slack is known to be
        #[arg(long)]
        unmapped: bool,
        /// Print a JSON array, an object for each person
        #[arg(long)]
        json: bool,
    },
    /// Say who a PagerDuty user is in Slack; e-mail does not overrule it
    #[command(
        after_help = "Examples:\n  firebell people link PABC123 ana@example.com\n  firebell people link PABC123 @ana\n  firebell people link PABC123 U012AB3CD"
    )]
    Link {
        #[command(flatten)]
        file: ConfigFile,
        /// The PagerDuty user, as `firebell people list` shows them
        #[arg(value_name = "PAGERDUTY_ID")]
        responder: String,
        /// In Slack: an e-mail address, @handle, or user id
        #[arg(value_name = "SLACK_USER")]
        member: String,
    },
    /// Take a link made by hand back: e-mail decides again
    #[command(after_help = "Example:\n  firebell people unlink PABC123")]
    Unlink {
        #[command(flatten)]
        file: ConfigFile,
        /// The PagerDuty user, as `firebell people list` shows them
        #[arg(value_name = "PAGERDUTY_ID")]
        responder: String,
    },
}

pub(super) async fn run(command: PeopleCommand) -> Result<(), Failure> {
    match command {
        PeopleCommand::List { file, unmapped, json } => list(&file.open().await?, unmapped, json).await,
        PeopleCommand::Link { file, responder, member } => {
            link(&file.open().await?, &PagerDutyUserId::new(responder), &member).await
        }
        PeopleCommand::Unlink { file, responder } => {
            unlink(&file.open().await?, &PagerDutyUserId::new(responder)).await
        }
    }
}

/// A person of PagerDuty, as far as known.
struct Person<'a> {
    responder: &'a Responder,
    slack: Option<&'a SlackUserId>,
    is_by_hand: bool,
    is_on_call: bool,
}

fn everybody(people: &Directory, now: Timestamp) -> Vec<Person<'_>> {
    let person = |responder| {
        let responder: &Responder = responder;
        Person {
            responder,
            slack: people.slack_of(&responder.id),
            is_by_hand: people.linked_by_hand.contains(&responder.id),
            is_on_call: people.oncall.iter().any(|r| r.pagerduty_user_id == responder.id && r.covers(now)),
        }
    };
    let mut everybody: Vec<Person<'_>> = people.responders.values().map(person).collect();
    everybody.sort_by_key(|p| (!p.is_on_call, p.responder.name.to_lowercase()));
    everybody
}

async fn list(db: &Db, only_unmapped: bool, json: bool) -> Result<(), Failure> {
    let mut tx = db.read().await?;
    let (people, now) = (tx.directory().await?, tx.now());
    let mut shown = everybody(&people, now);
    shown.retain(|person| !only_unmapped || person.slack.is_none());
    if json {
        let shown: Vec<Value> = shown.iter().map(|person| as_json(&people, person)).collect();
        return print(&serde_json::to_string_pretty(&shown).map_err(anyhow::Error::from)?);
    }
    print(&as_text(&people, &shown, only_unmapped))
}

fn as_json(people: &Directory, person: &Person<'_>) -> Value {
    let slack = person.slack.map(|id| {
        let member = people.member(id);
        json!({ "id": id, "handle": member.map(|m| &m.name), "name": member.map(Member::called) })
    });
    json!({
        "pagerduty_id": person.responder.id,
        "name": person.responder.name,
        "emails": person.responder.emails.0,
        "on_call": person.is_on_call,
        "slack": slack,
        "linked_by_hand": person.is_by_hand,
    })
}

fn as_text(people: &Directory, shown: &[Person<'_>], only_unmapped: bool) -> String {
    if people.responders.is_empty() {
        return "Nobody is known yet: `firebell serve` reads PagerDuty's people.".to_owned();
    }
    if shown.is_empty() {
        return "Everybody in PagerDuty is known in Slack.".to_owned();
    }
    let row = |person: &Person<'_>| {
        let slack = match person.slack.map(|id| (id, people.member(id))) {
            Some((_, Some(member))) => format!("@{} {}", member.name, member.id),
            Some((id, None)) => id.to_string(),
            None => match unlinkable(people, person) {
                Some((member, _)) => format!("@{} (not in groups)", member.name),
                None => "nobody".to_owned(),
            },
        };
        let how = match (person.slack, person.is_by_hand) {
            (None, _) => "",
            (Some(_), true) => "by hand",
            (Some(_), false) => "by e-mail",
        };
        [
            person.responder.id.to_string(),
            person.responder.name.clone(),
            slack,
            how.to_owned(),
            if person.is_on_call { "on call" } else { "" }.to_owned(),
            person.responder.emails.0.join(", "),
        ]
    };
    let rows: Vec<[String; 6]> = shown.iter().map(row).collect();
    let head = ["PAGERDUTY", "NAME", "SLACK", "LINKED", "NOW", "ADDRESSES"].map(str::to_owned);
    let mut text = table(&head, &rows).join("\n");
    for person in shown.iter().filter(|p| p.is_on_call) {
        if let Some((member, why)) = unlinkable(people, person) {
            let name = &person.responder.name;
            let _ = write!(text, "\n\n{name} is on call and @{} in Slack: {why}.", member.name);
        }
    }
    if let Some(first) = shown.iter().find(|p| p.slack.is_none() && unlinkable(people, p).is_none()) {
        text += "\n\n";
        if !only_unmapped {
            text += "`firebell people list --unmapped` lists those who are nobody in Slack. ";
        }
        let _ =
            write!(text, "To say who one of them is: firebell people link {} @handle", first.responder.id);
    }
    text
}

/// The Slack account that has an address of theirs, if it is one that cannot be in user groups, and why.
fn unlinkable<'a>(people: &'a Directory, person: &Person<'_>) -> Option<(&'a Member, &'static str)> {
    let member = person.responder.emails.0.iter().find_map(|email| people.member_by_email(email));
    let member = member.filter(|_| person.slack.is_none())?;
    Some((member, unfit(member, &team_of(people, member))?))
}

/// The workspace that is served; before it was learnt, the one that somebody is of.
fn team_of(people: &Directory, member: &Member) -> String {
    people.ourselves.as_ref().map_or_else(|| member.team_id.clone(), |us| us.team_id.clone())
}

async fn link(db: &Db, responder: &PagerDutyUserId, word: &str) -> Result<(), Failure> {
    let mut tx = db.write(Priority::Command).await?;
    let people = tx.directory().await?;
    let name = name_of(&people, responder)?;
    let member = member(&people, word).ok_or_else(|| {
        Failure::failed(format!(
            "nobody in Slack is known as {word} (a server reads Slack's people every 15 minutes); nothing was changed"
        ))
    })?;
    if let Some(why) = unfit(member, &team_of(&people, member)) {
        return Err(Failure::failed(format!("not {}: {why}; nothing was changed", member.called())));
    }
    tx.link_by_hand(responder, &member.id).await?;
    tx.directory_changed().await?;
    tx.enqueue(replan("firebell people link")).await?;
    tx.commit().await?;
    print(&format!(
        "{name} ({responder}) is @{} ({}) in Slack. A running server's user groups follow.",
        member.name, member.id
    ))
}

async fn unlink(db: &Db, responder: &PagerDutyUserId) -> Result<(), Failure> {
    let mut tx = db.write(Priority::Command).await?;
    let people = tx.directory().await?;
    let name = name_of(&people, responder)?;
    if !tx.unlink_by_hand(responder).await? {
        let why = match people.slack_of(responder) {
            Some(user) => format!(
                "{name} is {} by e-mail, not by hand; to say otherwise: firebell people link {responder} @handle",
                people.name_of(user)
            ),
            None => format!("{name} is linked to nobody"),
        };
        return Err(Failure::failed(format!("{why}; nothing was changed")));
    }
    tx.directory_changed().await?;
    tx.enqueue(replan("firebell people unlink")).await?;
    tx.commit().await?;
    print(&format!("{name} ({responder}) is no longer linked by hand: their e-mail addresses decide."))
}

fn name_of(people: &Directory, id: &PagerDutyUserId) -> Result<String, Failure> {
    people.name_on_call(id).map(str::to_owned).ok_or_else(|| {
        Failure::failed(format!(
            "nobody in PagerDuty has the id {id}; see `firebell people list`; nothing was changed"
        ))
    })
}

/// By id, e-mail address or handle.
pub(super) fn member<'a>(people: &'a Directory, word: &str) -> Option<&'a Member> {
    match word {
        id if is_user_id(id) => people.member(&SlackUserId::new(id)),
        email if email.trim_start_matches('@').contains('@') => people.member_by_email(email),
        handle => people.member_by_handle(handle),
    }
}
