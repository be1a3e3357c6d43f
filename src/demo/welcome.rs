//! What the demo says before and after the incident.

use anyhow::Result;

use super::Demo;
use super::scenario::Promises;
use super::screen::{Ink, Screen};
use crate::sim::scene::ROUTING_KEY;
use crate::sim::slack::Slack;

pub(super) fn welcome(demo: &Demo, screen: &mut Screen) -> Result<()> {
    let base = demo.running.base_url();
    screen.heading("Firebell demo")?;
    screen.say(
        "The real server, with a simulated Slack workspace and PagerDuty account around it, all in this \
         process: no accounts, no database server, no network.",
    )?;
    screen.blank()?;
    screen.fact("server", &format!("{base}   metrics http://{}/metrics", demo.running.admin))?;
    screen.fact("database", &format!("SQLite in {}, removed at the end", demo.home.path().display()))?;
    let latency = match demo.options.latency.as_millis() {
        0 => "answer as fast as they can".to_owned(),
        ms => format!("every call to them takes {ms} ms, as if they were far away"),
    };
    screen.fact("vendors", &latency)?;
    let took = demo.world.clock.now().since(demo.began_at);
    screen.fact("started", &format!("in {} ms, people and on-call read", took.as_millis()))?;
    Ok(())
}

/// What is missing was shown where it was missed.
pub(super) fn verdict(promises: &Promises, screen: &mut Screen) -> Result<()> {
    let (kept, missing) = (promises.kept, promises.missing.len());
    let (mark, text) = match missing {
        0 => (screen.paint(Ink::Good, "✓"), format!("All {kept} expectations were met.")),
        _ => (
            screen.paint(Ink::Bad, "✗"),
            format!("{missing} of {} expectations were missed.", kept + missing),
        ),
    };
    screen.blank()?;
    Ok(screen.say(&format!("{mark} {text}"))?)
}

/// What a visitor may try, ready to paste.
pub(super) fn what_next(demo: &Demo, screen: &mut Screen) -> Result<()> {
    // As it was started: a newcomer has it in target/, not on the path.
    let program = std::env::args().next().unwrap_or_else(|| "firebell".to_owned());
    let send = format!("{program} demo send");
    screen.heading("Now you, in another terminal")?;
    screen.note("Type or press a button as ana or ben (on call for payments), cho (search), dee or eve.")?;
    screen.blank()?;
    screen.command(&format!("{send} '/incident declare search-slow sev2 --service search' --as eve"))?;
    screen.command(&format!("{send} '[Take command]' --as cho --channel inc-2-search-slow"))?;
    screen.command(&format!("{send} '/incident update on it' --as cho --channel inc-2-search-slow"))?;
    screen.command(&format!(
        "{send} '/statuspage update degraded \"Search is slow.\" Europe/Search' --as cho --channel inc-2-search-slow"
    ))?;
    screen.command(&format!(
        "{send} '/statuspage update investigating \"Search is slow.\"' --channel inc-2-search-slow"
    ))?;
    screen.command(&format!("{send} '/page @ben can you look at the index?' --channel inc-2-search-slow"))?;
    screen.command(&format!("{send} '!ic' --channel inc-2-search-slow"))?;
    screen.command(&format!("{send} '/oncall why @payments-oncall'"))?;
    screen.command(&format!("{send} '/status-check'"))?;
    screen.command(&format!("{send} '/runbook payments'"))?;
    screen.command(&format!("{send} '/firebell help'"))?;
    screen.blank()?;
    screen.note("Let a machine raise an alert in PagerDuty: Firebell opens the channel for it.")?;
    screen.blank()?;
    screen.command(&alert(demo))?;
    screen.blank()?;
    screen.note("Knock at the front door yourself, signed as Slack signs.")?;
    screen.blank()?;
    screen.command(&signed_request(demo))?;
    screen.blank()?;
    let press = screen.paint(Ink::Bold, "What happens in the channels appears below. Ctrl-C ends the demo.");
    screen.say(&press)?;
    screen.blank()?;
    Ok(screen.flush()?)
}

fn alert(demo: &Demo) -> String {
    format!(
        "curl {}/v2/enqueue -H 'Content-Type: application/json' -d '{{
  \"routing_key\": \"{ROUTING_KEY}\", \"event_action\": \"trigger\",
  \"payload\": {{\"summary\": \"disk full on db1\", \"source\": \"db1\", \"severity\": \"critical\"}}}}'",
        demo.world.pagerduty.events_url()
    )
}

fn signed_request(demo: &Demo) -> String {
    let general = demo.world.slack.channel_named("general").map(|c| c.id).unwrap_or_default();
    format!(
        "ts=$(date +%s)
body=\"team_id={team}&user_id=U0ANA&channel_id={general}\"
body=\"$body&command=/incident&text=list&trigger_id=$ts\"
sig=$(printf %s \"v0:$ts:$body\" | openssl dgst -sha256 -r \\
  -hmac {secret} | cut -c1-64)
curl {base}/slack/commands -d \"$body\" \\
  -H \"X-Slack-Request-Timestamp: $ts\" -H \"X-Slack-Signature: v0=$sig\"",
        team = Slack::TEAM_ID,
        secret = Slack::SIGNING_SECRET,
        base = demo.running.base_url(),
    )
}
