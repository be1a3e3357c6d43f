//! The directory's SQL.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{Directory, Group, Member, OnCall, Responder};
use super::reads::Step;
use super::rota::ANSWERED;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{PagerDutyUserId, SlackUserId, UserGroupId};
use crate::row;
use crate::store::{Json, Tx};

/// How most links are found.
const BY_EMAIL: &str = "email";

row! {
    #[derive(Debug)]
    pub struct LinkRow { pub pagerduty_user_id: PagerDutyUserId, pub slack_user_id: Option<SlackUserId>, pub how: String }
}

row! {
    #[derive(Debug)]
    pub struct Fact { pub name: String, pub body: Json<Value>, pub read_at: Timestamp }
}

row! {
    #[derive(Debug)]
    pub struct ReadTime { pub name: String, pub read_at: Timestamp }
}

impl Tx {
    /// Everything that is known about people, in seven queries.
    pub async fn directory(&mut self) -> Result<Directory> {
        // First: what changes while the rest is read is then of a later version, and read again.
        let version = self.directory_version().await?;
        // Before the rows that they are about, for the same reason: rows of a read that nobody knows of yet are passed over,
        // and no rows beside the word that all were read would be nobody on call.
        let facts: Vec<Fact> = self.all("SELECT * FROM vendor_fact", &[]).await?;
        let members: Vec<Member> = self.all("SELECT * FROM slack_user", &[]).await?;
        let groups = self.groups().await?;
        let responders: Vec<Responder> = self.all("SELECT * FROM pagerduty_user", &[]).await?;
        let links: Vec<LinkRow> =
            self.all("SELECT pagerduty_user_id, slack_user_id, how FROM person_link", &[]).await?;
        let oncall = self.oncall_rows().await?;
        Ok(Directory {
            ourselves: fact(&facts, "ourselves"),
            our_responder: fact(&facts, "our_responder"),
            members: members.into_iter().map(|m| (m.id.clone(), m)).collect(),
            groups,
            responders: responders.into_iter().map(|r| (r.id.clone(), r)).collect(),
            linked_by_hand: links
                .iter()
                .filter(|l| l.how != BY_EMAIL)
                .map(|l| l.pagerduty_user_id.clone())
                .collect(),
            links: links.into_iter().filter_map(|l| Some((l.pagerduty_user_id, l.slack_user_id?))).collect(),
            oncall: oncall.into(),
            schedules: fact(&facts, "schedules").unwrap_or_default(),
            answered: fact(&facts, ANSWERED),
            priorities: fact(&facts, "priorities").unwrap_or_default(),
            services: fact(&facts, "services").unwrap_or_default(),
            announce_channel: fact(&facts, "announce_channel"),
            channels: fact(&facts, "channels").unwrap_or_default(),
            read_at: facts.iter().map(|f| (f.name.clone(), f.read_at)).collect(),
            version,
        })
    }

    /// Slack's user groups, as last read or written.
    pub async fn groups(&mut self) -> Result<Vec<Group>> {
        self.all("SELECT * FROM user_group ORDER BY handle", &[]).await
    }

    /// One of them.
    pub async fn group(&mut self, id: &UserGroupId) -> Result<Option<Group>> {
        self.opt("SELECT * FROM user_group WHERE id = $1", &[id]).await
    }

    /// Those of which Slack has told since.
    pub async fn groups_since(&mut self, since: Timestamp) -> Result<Vec<Group>> {
        self.all("SELECT * FROM user_group WHERE read_at > $1", &[&since]).await
    }

    /// One group, as Slack has just told.
    pub async fn save_group(&mut self, g: &Group) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO user_group (id, handle, name, members, is_disabled, read_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE SET handle = excluded.handle, name = excluded.name,
                members = excluded.members, is_disabled = excluded.is_disabled, read_at = excluded.read_at",
            &[&g.id, &g.handle, &g.name, &g.members, &g.is_disabled, &now],
        )
        .await?;
        Ok(())
    }

    /// Who is on call, as last read.
    pub async fn oncall_rows(&mut self) -> Result<Vec<OnCall>> {
        self.all("SELECT * FROM oncall ORDER BY policy_id, level, starts_at, pagerduty_user_id", &[]).await
    }

    /// When each source was last read well.
    pub async fn read_times(&mut self) -> Result<BTreeMap<String, Timestamp>> {
        let times: Vec<ReadTime> = self.all("SELECT name, read_at FROM vendor_fact", &[]).await?;
        Ok(times.into_iter().map(|t| (t.name, t.read_at)).collect())
    }

    /// When this source was last read well.
    pub async fn read_time(&mut self, step: Step) -> Result<Option<Timestamp>> {
        self.scalar("SELECT read_at FROM vendor_fact WHERE name = $1", &[&step.kind()]).await
    }

    /// A small fact, as last read.
    pub async fn fact<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        let found: Option<Fact> = self.opt("SELECT * FROM vendor_fact WHERE name = $1", &[&name]).await?;
        Ok(found.and_then(|f| serde_json::from_value(f.body.0).ok()))
    }

    pub async fn directory_version(&mut self) -> Result<i64> {
        let version = self.scalar("SELECT value FROM counter WHERE name = 'directory'", &[]).await?;
        Ok(version.unwrap_or(0))
    }

    /// Tells every replica that its memory is out of date.
    pub async fn directory_changed(&mut self) -> Result<()> {
        self.exec("UPDATE counter SET value = value + 1 WHERE name = 'directory'", &[]).await?;
        Ok(())
    }

    /// Remembers a small fact, and when it was read.
    pub async fn remember_fact<T: Serialize + Sync>(&mut self, name: &str, body: &T) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO vendor_fact (name, body, read_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET body = excluded.body, read_at = excluded.read_at",
            &[&name, &Json(serde_json::to_value(body)?), &now],
        )
        .await?;
        Ok(())
    }

    pub async fn save_member(&mut self, m: &Member) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO slack_user (id, name, real_name, email, time_zone, team_id, is_bot, is_guest, is_deleted,
                read_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, real_name = excluded.real_name,
                email = excluded.email, time_zone = excluded.time_zone, team_id = excluded.team_id,
                is_bot = excluded.is_bot, is_guest = excluded.is_guest, is_deleted = excluded.is_deleted,
                read_at = excluded.read_at",
            &[
                &m.id,
                &m.name,
                &m.real_name,
                &m.email,
                &m.time_zone,
                &m.team_id,
                &m.is_bot,
                &m.is_guest,
                &m.is_deleted,
                &now,
            ],
        )
        .await?;
        Ok(())
    }

    pub async fn replace_groups(&mut self, groups: &[Group]) -> Result<()> {
        self.exec("DELETE FROM user_group", &[]).await?;
        for group in groups {
            self.save_group(group).await?;
        }
        Ok(())
    }

    pub async fn save_responder(&mut self, r: &Responder) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO pagerduty_user (id, name, email, emails, phone, html_url, read_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, emails = excluded.emails,
                phone = excluded.phone, html_url = excluded.html_url, read_at = excluded.read_at",
            &[&r.id, &r.name, &r.email, &r.emails, &r.phone, &r.html_url, &now],
        )
        .await?;
        Ok(())
    }

    pub async fn responder(&mut self, id: &PagerDutyUserId) -> Result<Option<Responder>> {
        self.opt("SELECT * FROM pagerduty_user WHERE id = $1", &[id]).await
    }

    pub async fn responder_ids(&mut self) -> Result<BTreeSet<String>> {
        Ok(self.scalars("SELECT id FROM pagerduty_user", &[]).await?.into_iter().collect())
    }

    /// Somebody of whom only the name and the login are known yet.
    pub async fn meet_responder(
        &mut self,
        id: &PagerDutyUserId,
        name: &str,
        email: Option<&str>,
    ) -> Result<()> {
        let now = self.now();
        let email = email.map(str::to_owned);
        let emails: Vec<String> = email.iter().cloned().collect();
        self.exec(
            "INSERT INTO pagerduty_user (id, name, email, emails, phone, html_url, read_at)
                 VALUES ($1, $2, $3, $4, NULL, NULL, $5) ON CONFLICT (id) DO NOTHING",
            &[id, &name, &email, &Json(emails), &now],
        )
        .await?;
        Ok(())
    }

    pub async fn forget_responder(&mut self, id: &PagerDutyUserId) -> Result<()> {
        self.exec("DELETE FROM pagerduty_user WHERE id = $1", &[id]).await?;
        Ok(())
    }

    /// The rows of one policy are these, and no others.
    pub async fn replace_oncall(&mut self, policy_id: &str, rows: &[&OnCall]) -> Result<()> {
        self.exec("DELETE FROM oncall WHERE policy_id = $1", &[&policy_id]).await?;
        for r in rows {
            self.exec(
                "INSERT INTO oncall (policy_id, policy_name, level, schedule_id, schedule_name, pagerduty_user_id,
                    user_name, starts_at, ends_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                &[
                    &r.policy_id,
                    &r.policy_name,
                    &r.level,
                    &r.schedule_id,
                    &r.schedule_name,
                    &r.pagerduty_user_id,
                    &r.user_name,
                    &r.starts_at,
                    &r.ends_at,
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// Links by e-mail; one made by hand stays.
    pub async fn link_by_email(&mut self, responder: &PagerDutyUserId, slack: &SlackUserId) -> Result<()> {
        let now = self.now();
        self.exec(
            "INSERT INTO person_link (pagerduty_user_id, slack_user_id, how, linked_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (pagerduty_user_id) DO UPDATE
             SET slack_user_id = excluded.slack_user_id, linked_at = excluded.linked_at
             WHERE person_link.how = excluded.how",
            &[responder, slack, &BY_EMAIL, &now],
        )
        .await?;
        Ok(())
    }

    pub async fn unlink_by_email(&mut self, responder: &PagerDutyUserId) -> Result<()> {
        self.exec(
            "DELETE FROM person_link WHERE pagerduty_user_id = $1 AND how = $2",
            &[responder, &BY_EMAIL],
        )
        .await?;
        Ok(())
    }
}

fn fact<T: DeserializeOwned>(facts: &[Fact], name: &str) -> Option<T> {
    let fact = facts.iter().find(|f| f.name == name)?;
    serde_json::from_value(fact.body.0.clone()).ok()
}
