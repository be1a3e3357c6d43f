//! The incident that the demo plays, and what is expected of it. The demo and its test play the same one.

use std::time::Duration;

use anyhow::{Result, bail};

use super::Demo;
use super::screen::Screen;
use super::watch::{Watch, only_sees};
use crate::clock::Timestamp;
use crate::incidents::Incident;
use crate::incidents::model::{Kind, Status};
use crate::incidents::timeline::Entry;
use crate::sim::scene::CAST;

/// Who declares: somebody who is not on call.
const DECLARER: &str = "U0EVE";
const COMMAND: &str = "/incident declare payments-down sev1";
/// Slack shows an error after this long.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Nothing here takes longer, unless something is wrong.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What was expected, and whether it happened.
#[derive(Debug, Default)]
pub struct Promises {
    pub kept: usize,
    /// A sentence each.
    pub missing: Vec<String>,
}

impl Promises {
    /// An error names what is missing.
    pub fn verdict(&self) -> Result<()> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let count = self.missing.len();
        bail!("{count} of {} expectations missed:\n  {}", self.kept + count, self.missing.join("\n  "));
    }
}

/// One performance: what is needed to show it and to judge it.
pub(super) struct Play<'a> {
    pub demo: &'a Demo,
    pub screen: &'a mut Screen,
    pub watch: Watch,
    pub promises: Promises,
    scenes: usize,
}

/// Plays the whole incident.
pub async fn play(demo: &Demo, screen: &mut Screen) -> Result<Promises> {
    let mut play = Play { demo, screen, watch: Watch::default(), promises: Promises::default(), scenes: 0 };
    play.watch.skip(&demo.world.slack);
    let typed_at = demo.world.clock.now();
    if let Some(incident) = play.declare().await? {
        play.room(&incident, typed_at).await?;
        play.pager(&incident).await?;
        play.timeline(&incident).await?;
    }
    play.nothing_else_went_wrong().await?;
    Ok(play.promises)
}

impl Play<'_> {
    pub(super) fn heading(&mut self, text: &str) -> Result<()> {
        self.scenes += 1;
        Ok(self.screen.heading(&format!("{}. {text}", self.scenes))?)
    }

    /// Something that takes time, shown with the time it took.
    pub(super) fn tick(&mut self, what: &str, took: Duration, detail: &str) -> Result<()> {
        self.promises.kept += 1;
        Ok(self.screen.tick(what, took, detail)?)
    }

    pub(super) fn missed(&mut self, what: &str, why: &str) -> Result<()> {
        self.promises.missing.push(format!("{what}: {why}"));
        Ok(self.screen.cross(what, why)?)
    }

    /// Something that is or is not; only shown when it is not.
    pub(super) fn expect(&mut self, holds: bool, what: &str, else_why: &str) -> Result<()> {
        if holds {
            self.promises.kept += 1;
            return Ok(());
        }
        self.missed(what, else_why)
    }

    pub(super) async fn pause(&mut self) -> Result<()> {
        self.screen.flush()?;
        self.demo.world.clock.sleep(self.demo.options.pause).await;
        Ok(())
    }

    async fn declare(&mut self) -> Result<Option<Incident>> {
        let (demo, slack) = (self.demo, &self.demo.world.slack);
        self.heading("Eve types in #general")?;
        self.screen.command(COMMAND)?;
        self.screen.blank()?;
        let general = slack.channel_named("general").map(|c| c.id).unwrap_or_default();
        let request = slack.command(DECLARER, &general, COMMAND);
        let began_at = demo.world.clock.now();
        let (status, body) = slack.deliver(&demo.running.base_url(), &request).await?;
        let took = demo.world.clock.now().since(began_at);
        let answer = slack.read_whispers(DECLARER).pop();
        if let Some(answer) = answer.as_ref().filter(|_| status == 200 && took < ANSWER_WITHIN) {
            self.screen.message(&only_sees(DECLARER), answer)?;
            self.tick("Answered, and safe on disk", took, "")?;
        } else {
            self.missed("The answer within 3 seconds", &format!("{status} after {took:?}: {body}"))?;
        }
        let declared = demo.running.app.db.read().await?.open_incidents().await?.pop();
        self.expect(declared.is_some(), "The incident in the database", "there is none")?;
        Ok(declared)
    }

    /// PagerDuty's side: people act there, and signed webhooks tell of it.
    async fn pager(&mut self, incident: &Incident) -> Result<()> {
        let pagerduty = self.demo.world.pagerduty.clone();
        self.heading("Meanwhile in PagerDuty, told by signed webhooks")?;
        let linked = self.demo.running.app.db.read().await?.linked_pages(incident.id).await?;
        let Some(page) = linked.first().map(|page| page.id.to_string()) else {
            return self.missed("What people do in PagerDuty", "there is no PagerDuty incident to do it to");
        };
        let rung = pagerduty.pages().iter().any(|p| p.incident_id == page && p.user_id == "PANA001");
        self.expect(rung, "Ana's phone rings", "it did not")?;
        let ana = "Ana acknowledges";
        self.act(incident, ana, Kind::Acknowledged, || pagerduty.acknowledge(&page, "PANA001")).await?;
        self.pause().await?;
        let times_out = "Ana's acknowledgement times out";
        self.act(incident, times_out, Kind::Unacknowledged, || pagerduty.unacknowledge(&page)).await?;
        let escalated_at = self.demo.world.clock.now();
        self.act(incident, "It escalates to Ben", Kind::Escalated, || pagerduty.escalate(&page)).await?;
        match self.comes_in(incident, "U0BEN").await? {
            Some(at) => {
                self.tick("Ben is in the channel", at.since(escalated_at), "and sees why he was paged")?;
            }
            None => self.missed("Ben in the channel", "he was paged and does not see why")?,
        }
        self.pause().await?;
        self.act(incident, "Ben acknowledges", Kind::Acknowledged, || {
            pagerduty.acknowledge(&page, "PBEN001");
        })
        .await?;
        self.pause().await?;
        let note = "Rolled back payments to 4.2.0";
        self.act(incident, "Ben notes what he did", Kind::Note, || {
            pagerduty.annotate(&page, "PBEN001", note);
        })
        .await?;
        self.act(incident, "Ben resolves", Kind::Resolved, || pagerduty.resolve(&page, Some("PBEN001")))
            .await?;
        let ours = self.demo.running.app.db.read().await?.incident(incident.id).await?;
        let why = format!("it is {}", ours.status);
        self.expect(ours.status == Status::Resolved, "Our incident resolved with PagerDuty's", &why)?;
        self.everything_settles().await?;
        let Some(name) = ours.channel_name else { return Ok(()) };
        self.pause().await?;
        self.heading(&format!("What was said in #{name} meanwhile"))?;
        self.watch.show_channel(&self.demo.world.slack, &name, self.screen)
    }

    /// One act, and the time until it stands on the timeline.
    async fn act(&mut self, incident: &Incident, what: &str, kind: Kind, act: impl FnOnce()) -> Result<()> {
        let demo = self.demo;
        let before = self.entries(incident, kind).await?.len();
        self.screen.waiting_for(what)?;
        let acted_at = demo.world.clock.now();
        act();
        demo.bell.notify_one();
        let news =
            demo.until(PATIENCE, async || Ok(self.entries(incident, kind).await?.split_off(before).pop()));
        match news.await? {
            Some(entry) => self.tick(what, entry.recorded_at.since(acted_at), "on the timeline"),
            None => self.missed(what, "it is not on the timeline"),
        }
    }

    async fn entries(&self, incident: &Incident, kind: Kind) -> Result<Vec<Entry>> {
        let mut entries = self.demo.running.app.db.read().await?.timeline(incident.id).await?;
        entries.retain(|entry| entry.kind == kind);
        Ok(entries)
    }

    /// When this person is a member of the channel.
    async fn comes_in(&mut self, incident: &Incident, user: &str) -> Result<Option<Timestamp>> {
        let demo = self.demo;
        let Some(channel) = demo.running.app.db.read().await?.incident(incident.id).await?.channel_id else {
            return Ok(None);
        };
        let is_in = || demo.world.slack.channel(channel.as_str()).is_some_and(|c| c.members.contains(user));
        demo.until(PATIENCE, async || Ok(is_in().then(|| demo.world.clock.now()))).await
    }

    /// What Ben reads when he asks for it.
    async fn timeline(&mut self, incident: &Incident) -> Result<()> {
        let (demo, slack) = (self.demo, &self.demo.world.slack);
        let asked = format!("/incident timeline {}", incident.label());
        self.heading("Ben types in #general")?;
        self.screen.command(&asked)?;
        self.screen.blank()?;
        let general = slack.channel_named("general").map(|c| c.id).unwrap_or_default();
        slack.deliver(&demo.running.base_url(), &slack.command("U0BEN", &general, &asked)).await?;
        match slack.read_whispers("U0BEN").pop() {
            Some(answer) => self.screen.message(&only_sees("U0BEN"), &answer)?,
            None => self.missed("The timeline", "Ben got no answer")?,
        }
        let entries = demo.running.app.db.read().await?.timeline(incident.id).await?;
        for kind in [Kind::Declared, Kind::Channel, Kind::Page] {
            let why = format!("nothing on the timeline says {kind}");
            self.expect(entries.iter().any(|e| e.kind == kind), "The timeline's beginning", &why)?;
        }
        let in_order = entries.is_sorted_by_key(|e| e.occurred_at);
        self.expect(in_order, "The timeline in order", "it is not")
    }

    async fn nothing_else_went_wrong(&mut self) -> Result<()> {
        let demo = self.demo;
        let dropped = demo.world.pagerduty.dropped();
        self.expect(dropped == 0, "Every webhook taken", &format!("{dropped} were dropped"))?;
        let unexpected = demo.world.desk.unexpected().join(", ");
        self.expect(unexpected.is_empty(), "Only calls that the vendors have", &unexpected)?;
        let jobs = demo.running.app.db.read().await?.open_jobs().await?;
        let parked: Vec<String> = jobs
            .into_iter()
            .filter(|j| j.parked_at.is_some())
            .map(|j| format!("{}: {}", j.kind, j.last_error.unwrap_or_default()))
            .collect();
        self.expect(parked.is_empty(), "No job parked", &parked.join(", "))
    }

    /// Until nothing is under way: no webhook, no delivery, no job that is due.
    pub(super) async fn everything_settles(&mut self) -> Result<()> {
        let demo = self.demo;
        demo.bell.notify_one();
        let settled = demo.until(PATIENCE, async || Ok(demo.is_quiet().await?.then_some(()))).await?;
        self.expect(settled.is_some(), "Everything settles", "work is left that does not end")
    }
}

/// The first name of one of the cast.
pub(super) fn first_name(user: &str) -> &str {
    let name = CAST.iter().find(|(id, ..)| *id == user).map_or(user, |(_, _, name, ..)| name);
    name.split(' ').next().unwrap_or(name)
}

impl Demo {
    pub(super) async fn is_quiet(&self) -> Result<bool> {
        let mut tx = self.running.app.db.read().await?;
        let now: Timestamp = tx.now();
        let busy = tx.open_jobs().await?.iter().any(|j| j.parked_at.is_none() && j.run_at <= now);
        Ok(!busy && tx.waiting_deliveries().await? == 0 && self.world.pagerduty.webhooks().is_empty())
    }
}
