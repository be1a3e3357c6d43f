//! The scenario's second act: the steps of provisioning, ticked off as they become done, and the room that they make.

use std::time::Duration;

use anyhow::Result;

use super::scenario::{PATIENCE, Play, first_name};
use crate::clock::Timestamp;
use crate::incidents::Incident;
use crate::incidents::model::{LinkedPage, Step, StepRow, StepState};
use crate::sim::slack::Slack;

impl Play<'_> {
    /// Each step as it becomes done, then the room as people see it.
    pub(super) async fn room(&mut self, incident: &Incident, typed_at: Timestamp) -> Result<()> {
        let ready_after = self.steps(incident, typed_at).await?;
        self.everything_settles().await?;
        let declared = self.demo.running.app.db.read().await?.incident(incident.id).await?;
        let Some(name) = declared.channel_name else {
            return self.missed("The room", "there is no channel");
        };
        let members = self.demo.world.slack.channel_named(&name).map(|c| c.members).unwrap_or_default();
        for (user, why) in [("U0EVE", "declared"), ("U0ANA", "is on call"), ("U0DEE", "leads on sev1")] {
            let what = format!("{} in the channel, who {why}", first_name(user));
            self.expect(members.contains(user), &what, "not invited")?;
        }
        if let Some(took) = ready_after {
            self.screen.blank()?;
            self.screen
                .say(&format!("The room was complete {} ms after Eve pressed Enter.", took.as_millis()))?;
        }
        self.pause().await?;
        self.heading(&format!("What people see in #{name} (times are UTC)"))?;
        self.watch.show_channel(&self.demo.world.slack, &name, self.screen)
    }

    /// How long all of them took; `None` when one is missing.
    async fn steps(&mut self, incident: &Incident, typed_at: Timestamp) -> Result<Option<Duration>> {
        let clock = self.demo.world.clock.clone();
        let give_up_at = clock.now() + PATIENCE;
        let mut left: Vec<Step> = Step::ALL.to_vec();
        let mut longest = Some(Duration::ZERO);
        while !left.is_empty() {
            // Looked at before the steps: what is quiet now leaves no step behind.
            let quiet = self.demo.is_quiet().await?;
            let mut rows = self.demo.running.app.db.read().await?.steps(incident.id).await?;
            let retrying = rows.iter().any(|row| row.state == StepState::Retrying);
            let under_way = |row: &StepRow| matches!(row.state, StepState::Waiting | StepState::Retrying);
            rows.retain(|row| left.contains(&row.step) && !under_way(row));
            rows.sort_by_key(|row| row.changed_at);
            for row in &rows {
                left.retain(|step| *step != row.step);
                let took = row.changed_at.since(typed_at);
                if row.state == StepState::Done {
                    longest = longest.map(|longest| longest.max(took));
                    self.tick(row.step.title(), took, &self.detail(incident, row.step).await?)?;
                } else {
                    longest = None;
                    let why = row.detail.as_deref().unwrap_or("no reason given");
                    self.missed(row.step.title(), &format!("{}, {why}", row.state))?;
                }
            }
            if (quiet && !retrying && rows.is_empty()) || clock.now() >= give_up_at {
                break;
            }
            let titles: Vec<&str> = left.iter().map(|step| step.title()).collect();
            self.screen.waiting_for(&titles.join(", "))?;
            clock.sleep(Duration::from_millis(5)).await;
        }
        for step in &left {
            self.missed(step.title(), "it did not happen")?;
        }
        Ok(longest.filter(|_| left.is_empty()))
    }

    /// What there is to see of a finished step.
    async fn detail(&self, incident: &Incident, step: Step) -> Result<String> {
        let mut tx = self.demo.running.app.db.read().await?;
        let now = tx.incident(incident.id).await?;
        let linked = tx.linked_pages(incident.id).await?;
        drop(tx);
        let world = &self.demo.world;
        let channel = now.channel_id.and_then(|id| world.slack.channel(id.as_str()));
        Ok(match (step, channel) {
            (Step::Page, _) => {
                let label = linked.first().map(LinkedPage::label).unwrap_or_default();
                let rung: Vec<String> = world.pagerduty.pages().into_iter().map(|p| p.user_id).collect();
                let on_call =
                    if rung.iter().any(|id| id == "PANA001") { "rings Ana" } else { "rings nobody" };
                format!("{label} {on_call}")
            }
            (Step::Channel, Some(channel)) => format!("#{}", channel.name),
            (Step::Invite, Some(channel)) => {
                let people = channel.members.iter().filter(|id| *id != Slack::BOT_USER);
                people.map(|id| first_name(id)).collect::<Vec<_>>().join(", ")
            }
            (Step::Announce, _) => "#incidents".to_owned(),
            (Step::Bookmark, Some(channel)) => {
                channel.bookmarks.first().map(|b| b.title.clone()).unwrap_or_default()
            }
            _ => String::new(),
        })
    }
}
