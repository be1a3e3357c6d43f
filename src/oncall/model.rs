//! The directory: people, groups, links between the two worlds, and on-call rows. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reads::Step;
use super::rota::{Answered, Schedule};
use super::rows::Rows;
use crate::clock::Timestamp;
use crate::config::{Config, Service, Who};
use crate::error::Error;
use crate::ids::{ChannelId, PagerDutyUserId, SlackUserId, UserGroupId};
use crate::row;
use crate::store::Json;

row! {
    /// A person in Slack.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Member {
        pub id: SlackUserId,
        /// The handle, without `@`.
        pub name: String,
        pub real_name: String,
        pub email: Option<String>,
        pub time_zone: Option<String>,
        pub team_id: String,
        pub is_bot: bool,
        pub is_guest: bool,
        pub is_deleted: bool,
    }
}

impl Member {
    /// As colleagues know them.
    pub fn called(&self) -> &str {
        if self.real_name.is_empty() { &self.name } else { &self.real_name }
    }

    /// Full members of our workspace; not guests, bots, people of other workspaces, or those who left.
    pub fn is_full(&self, team_id: &str) -> bool {
        !self.is_bot && !self.is_guest && !self.is_deleted && self.team_id == team_id
    }
}

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Group {
        pub id: UserGroupId,
        /// Without `@`, as Slack spells it.
        pub handle: String,
        pub name: String,
        pub members: Json<Vec<SlackUserId>>,
        pub is_disabled: bool,
    }
}

row! {
    /// A person in PagerDuty.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Responder {
        pub id: PagerDutyUserId,
        pub name: String,
        /// The login address.
        pub email: Option<String>,
        /// All addresses, the login first.
        pub emails: Json<Vec<String>>,
        /// `+49 151 5550100`: country code and number, as people dial it.
        pub phone: Option<String>,
        pub html_url: Option<String>,
    }
}

row! {
    /// Somebody is on call on a level of an escalation policy; without start and end, permanently.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OnCall {
        pub policy_id: String,
        pub policy_name: String,
        /// 1 is paged first.
        pub level: i64,
        pub schedule_id: Option<String>,
        pub schedule_name: Option<String>,
        pub pagerduty_user_id: PagerDutyUserId,
        pub user_name: String,
        pub starts_at: Option<Timestamp>,
        pub ends_at: Option<Timestamp>,
    }
}

impl OnCall {
    /// The next moment at which somebody of these comes on or goes off call.
    pub fn next_handoff(rows: &[Self], now: Timestamp) -> Option<Timestamp> {
        rows.iter().flat_map(|r| [r.starts_at, r.ends_at]).flatten().filter(|at| *at > now).min()
    }

    pub fn covers(&self, at: Timestamp) -> bool {
        self.starts_at.is_none_or(|s| s <= at) && self.ends_at.is_none_or(|e| at < e)
    }
}

/// Who our tokens are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ourselves {
    pub team_id: String,
    pub app_id: Option<String>,
    pub bot_user: String,
    pub bot_id: String,
    /// `https://acme.slack.com/`.
    pub workspace_url: String,
}

impl Ourselves {
    /// Where people find a message, as `chat.getPermalink` would say it.
    /// <https://docs.slack.dev/reference/methods/chat.getPermalink>
    pub fn permalink(&self, channel: &ChannelId, ts: &str) -> String {
        let workspace = self.workspace_url.trim_end_matches('/');
        format!("{workspace}/archives/{channel}/p{}", ts.replace('.', ""))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priority {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagerDutyService {
    pub id: String,
    pub name: String,
    pub html_url: Option<String>,
    pub policy_id: Option<String>,
}

/// Channels (direct conversations, too) and people can be named by id: <https://docs.slack.dev/reference/objects/conversation-object>
pub fn is_channel_id(word: &str) -> bool {
    is_id(word, "CGD")
}

pub fn is_user_id(word: &str) -> bool {
    is_id(word, "UW")
}

fn is_id(word: &str, first: &str) -> bool {
    let all = word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    all && word.len() > 1 && word.starts_with(|c| first.contains(c))
}

/// All that is known about people. Built from the database; never asks anybody.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub ourselves: Option<Ourselves>,
    /// Our own user in PagerDuty: events by them are echoes of what we did.
    pub our_responder: Option<PagerDutyUserId>,
    pub members: BTreeMap<SlackUserId, Member>,
    pub groups: Vec<Group>,
    pub responders: BTreeMap<PagerDutyUserId, Responder>,
    pub links: BTreeMap<PagerDutyUserId, SlackUserId>,
    /// Those whose link was made by hand: e-mail does not overrule it.
    pub linked_by_hand: BTreeSet<PagerDutyUserId>,
    pub oncall: Rows,
    /// Empty until something needs them.
    pub schedules: Vec<Schedule>,
    /// `None`: everything that was configured was asked for.
    pub answered: Option<Answered>,
    pub priorities: Vec<Priority>,
    pub services: Vec<PagerDutyService>,
    /// Where incidents are announced, once found among the channels that we are in.
    pub announce_channel: Option<ChannelId>,
    /// The channels that the configuration names, as far as we are in them.
    pub channels: BTreeMap<String, ChannelId>,
    /// Job kind → when it was last read well.
    pub read_at: BTreeMap<String, Timestamp>,
    /// Goes up with each change in the database, whichever replica made it.
    pub version: i64,
}

/// A person to call, as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub name: String,
    pub phone: Option<String>,
    pub slack: Option<SlackUserId>,
    pub responder: PagerDutyUserId,
    pub level: i64,
    pub until: Option<Timestamp>,
    /// How long ago PagerDuty said so.
    pub said_ago: Duration,
}

impl Contact {
    /// The name, with the phone number where numbers are shown.
    pub fn called(&self, with_phone: bool) -> String {
        if with_phone { self.name_and_phone() } else { self.name.clone() }
    }

    /// `Ana Example ☎ +49 151 5550100`.
    pub fn name_and_phone(&self) -> String {
        match &self.phone {
            Some(phone) => format!("{} ☎ {phone}", self.name),
            None => format!("{} (no phone number known)", self.name),
        }
    }
}

impl Directory {
    pub fn member(&self, id: &SlackUserId) -> Option<&Member> {
        self.members.get(id)
    }

    /// The name people know them by, or the id.
    pub fn name_of(&self, id: &SlackUserId) -> String {
        self.member(id).map_or_else(|| id.to_string(), |m| m.called().to_owned())
    }

    /// A channel's id, by its name (without `#`) or its id.
    pub fn channel(&self, word: &str) -> Result<ChannelId, Error> {
        if is_channel_id(word) {
            return Ok(ChannelId::new(word));
        }
        let found = self.channels.get(word).cloned();
        found.ok_or_else(|| Error::refused(format!("not in #{word}: write /invite @firebell there")))
    }

    /// By handle (with or without `@`, any case) or id.
    pub fn group(&self, word: &str) -> Option<&Group> {
        let word = word.trim_start_matches('@');
        self.groups.iter().find(|g| g.id.as_str() == word || g.handle.eq_ignore_ascii_case(word))
    }

    pub fn member_by_handle(&self, handle: &str) -> Option<&Member> {
        let handle = handle.trim_start_matches('@');
        self.members.values().find(|m| !m.is_deleted && m.name.eq_ignore_ascii_case(handle))
    }

    pub fn member_by_email(&self, email: &str) -> Option<&Member> {
        self.members
            .values()
            .find(|m| !m.is_deleted && m.email.as_deref().is_some_and(|e| e.eq_ignore_ascii_case(email)))
    }

    /// Does one of these words mean this person?
    pub fn is_one_of(&self, user: &SlackUserId, whom: &[Who]) -> bool {
        whom.iter().any(|who| match who {
            Who::Everyone => true,
            Who::User(id) => id == user.as_str(),
            Who::Group(handle) => {
                self.group(handle).is_some_and(|g| !g.is_disabled && g.members.0.contains(user))
            }
            Who::Email(email) => self.member_by_email(email).is_some_and(|m| m.id == *user),
        })
    }

    /// The people meant, and the words that mean nobody we know.
    pub fn expand(&self, whom: &[Who]) -> (BTreeSet<SlackUserId>, Vec<String>) {
        let mut people = BTreeSet::new();
        let mut unknown = Vec::new();
        for who in whom {
            match who {
                Who::Everyone => {}
                Who::User(id) => {
                    people.insert(SlackUserId::new(id.clone()));
                }
                Who::Group(handle) => match self.group(handle) {
                    Some(group) => people.extend(group.members.0.iter().cloned()),
                    None => unknown.push(format!("@{handle}")),
                },
                Who::Email(email) => match self.member_by_email(email) {
                    Some(member) => {
                        people.insert(member.id.clone());
                    }
                    None => unknown.push(email.clone()),
                },
            }
        }
        (people, unknown)
    }

    pub fn slack_of(&self, responder: &PagerDutyUserId) -> Option<&SlackUserId> {
        self.links.get(responder)
    }

    pub fn responder_of(&self, user: &SlackUserId) -> Option<&Responder> {
        let id = self.links.iter().find(|(_, slack)| *slack == user).map(|(id, _)| id)?;
        self.responders.get(id)
    }

    pub fn responder_name(&self, id: &PagerDutyUserId) -> Option<&str> {
        self.responders.get(id).map(|r| r.name.as_str())
    }

    /// The same, also of somebody who is only known to be on call.
    pub fn name_on_call(&self, id: &PagerDutyUserId) -> Option<&str> {
        let on_call =
            || self.oncall.iter().find(|r| r.pagerduty_user_id == *id).map(|r| r.user_name.as_str());
        self.responder_name(id).or_else(on_call)
    }

    /// The escalation policy that answers for a service: the configured one, or PagerDuty's own, as last read.
    pub fn policy_of<'a>(&'a self, service: &'a Service) -> Option<&'a str> {
        let own = || self.services.iter().find(|s| s.id == service.pagerduty_service)?.policy_id.as_deref();
        service.escalation_policy.as_deref().or_else(own)
    }

    /// The one that the service has in PagerDuty, which an alert raised on it pages, whatever is configured here; until
    /// that is read, the configured one.
    pub fn policy_of_alerts<'a>(&'a self, service: &'a Service) -> Option<&'a str> {
        let own = || self.services.iter().find(|s| s.id == service.pagerduty_service)?.policy_id.as_deref();
        own().or(service.escalation_policy.as_deref())
    }

    /// Whether PagerDuty has ever answered this question.
    pub fn was_read(&self, step: Step) -> bool {
        self.read_at.contains_key(step.kind())
    }

    /// The workspace that is served: configured, or learnt.
    pub fn team_id(&self, config: &Config) -> Option<String> {
        config.slack.team_id.clone().or_else(|| Some(self.ourselves.as_ref()?.team_id.clone()))
    }

    /// Who is on call on a policy at that instant, first level first, each person once.
    pub fn on_call(&self, policy_id: &str, at: Timestamp) -> Vec<Contact> {
        let mut rows = self.standing(self.oncall.of_policy(policy_id), at).rows;
        rows.sort_by_key(|r| (r.level, r.user_name.clone()));
        let mut seen = BTreeSet::new();
        rows.retain(|r| seen.insert(r.pagerduty_user_id.clone()));
        let said_ago = self.age(Step::ReadOnCall, at).unwrap_or_default();
        rows.into_iter().map(|r| self.contact(r, said_ago)).collect()
    }

    /// Who holds this row, and how they are reached.
    pub fn contact(&self, row: &OnCall, said_ago: Duration) -> Contact {
        let responder = self.responders.get(&row.pagerduty_user_id);
        Contact {
            name: responder.map_or_else(|| row.user_name.clone(), |r| r.name.clone()),
            phone: responder.and_then(|r| r.phone.clone()),
            slack: self.slack_of(&row.pagerduty_user_id).cloned(),
            responder: row.pagerduty_user_id.clone(),
            level: row.level,
            until: row.ends_at,
            said_ago,
        }
    }

    pub fn priority_id(&self, name: &str) -> Option<&str> {
        self.priorities.iter().find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| p.id.as_str())
    }

    /// How long ago this was last read well; `None` if it never was.
    pub fn age(&self, step: Step, now: Timestamp) -> Option<Duration> {
        self.read_at.get(step.kind()).map(|at| now.since(*at))
    }

    /// Links by e-mail, but for those linked by hand: a full member whose address is one of the responder's.
    pub fn links_by_email(&self, team_id: &str) -> BTreeMap<PagerDutyUserId, SlackUserId> {
        let by_email: BTreeMap<String, &Member> = self
            .members
            .values()
            .filter(|m| m.is_full(team_id))
            .filter_map(|m| Some((m.email.as_ref()?.to_lowercase(), m)))
            .collect();
        self.responders
            .values()
            .filter(|r| !self.linked_by_hand.contains(&r.id))
            .filter_map(|r| {
                let found = r.emails.0.iter().find_map(|e| by_email.get(&e.to_lowercase()))?;
                Some((r.id.clone(), found.id.clone()))
            })
            .collect()
    }
}
