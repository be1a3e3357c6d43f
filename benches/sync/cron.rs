//! What a script from cron does: a call per rotation, per user, per address, and a write per group, changed or not.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use firebell::app::App;
use firebell::clock::Clock;
use firebell::error::{Problem, Upstream};
use firebell::ids::{PagerDutyUserId, SlackUserId};
use firebell::pagerduty::Filter;

use crate::company::Company;

/// One run; obeys 429 as it is told.
pub async fn run(app: &App, company: &Company) -> Result<()> {
    let pagerduty = app.pagerduty.as_ref().context("PagerDuty")?;
    let clock = &company.clock;
    let groups = patiently(clock, async || app.slack.list_usergroups().await).await?;
    let mut known: BTreeMap<PagerDutyUserId, SlackUserId> = BTreeMap::new();
    for n in 0..company.groups {
        let mut members = Vec::new();
        for place in ["A", "B"] {
            let schedule = [format!("P{n:05}{place}")];
            let wanted = Filter { policy_ids: &[], schedule_ids: &schedule };
            for row in patiently(clock, async || pagerduty.oncalls(&wanted, None, None).await).await? {
                if !known.contains_key(&row.user_id) {
                    let user = patiently(clock, async || pagerduty.user(&row.user_id).await).await?;
                    let email = user.and_then(|u| u.email).context("an address")?;
                    let found = patiently(clock, async || app.slack.user_by_email(&email).await).await?;
                    known.insert(row.user_id.clone(), found.context("somebody in Slack")?.id);
                }
                members.push(known[&row.user_id].clone());
            }
        }
        let handle = format!("team-{n}");
        let group = groups.iter().find(|g| g.handle == handle).context("the group")?;
        patiently(clock, async || app.slack.set_usergroup_users(&group.id, &members).await).await?;
    }
    Ok(())
}

async fn patiently<T>(clock: &Clock, call: impl AsyncFn() -> Result<T, Upstream>) -> Result<T> {
    loop {
        match call().await {
            Err(Upstream { problem: Problem::RateLimited { after }, .. }) => {
                clock.advance(after.max(Duration::from_millis(1)));
            }
            other => return Ok(other?),
        }
    }
}
