//! `firebell audit`: who used which command where, and what came of it. It works on the database alone.

use std::time::Duration;

use clap::Args;

use super::people::member;
use super::{ConfigFile, Failure, print, table};
use crate::audit::Used;
use crate::config::parse_duration;
use crate::ids::SlackUserId;
use crate::oncall::Directory;
use crate::oncall::model::is_user_id;

pub(super) const EXAMPLES: &str = "\
Examples:
  firebell audit                             the last 50 of the last day
  firebell audit --since 7d --user @ana
  firebell audit --json | jq '.[] | select(.outcome == \"denied\")'

Outcomes: answered (told something or asked back; nothing was changed), done (stored; what becomes of it
afterwards is on the incident's timeline), denied (has not the right), refused (misspelt, or not
possible then), failed (Firebell or a vendor could not).";

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(flatten)]
    file: ConfigFile,
    /// How far back, such as 90m, 24h or 7d
    #[arg(long, default_value = "24h", value_parser = parse_duration)]
    since: Duration,
    /// Only what this person used: a Slack user id, @handle or e-mail address
    #[arg(long, value_name = "SLACK_USER")]
    user: Option<String>,
    /// How many, the newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
    /// Print a JSON array, an object for each use
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(audit: Audit) -> Result<(), Failure> {
    let db = audit.file.open().await?;
    let mut tx = db.read().await?;
    let since = tx.now() - audit.since;
    let slack_id = match &audit.user {
        Some(word) => Some(find(&tx.directory().await?, word)?),
        None => None,
    };
    let uses = tx.uses(since, slack_id.as_ref().map(SlackUserId::as_str), audit.limit).await?;
    if audit.json {
        return print(&serde_json::to_string_pretty(&uses).map_err(anyhow::Error::from)?);
    }
    if uses.is_empty() {
        let nobody = match &audit.user {
            Some(who) => format!("{who} did not use"),
            None => "Nobody used".to_owned(),
        };
        return print(&format!("{nobody} Firebell in that time; --since looks further back."));
    }
    let head = ["USED AT (UTC)", "WHO", "WHERE", "VIA", "OUTCOME", "WHAT"].map(str::to_owned);
    let rows: Vec<[String; 6]> = uses.iter().map(row).collect();
    print(&table(&head, &rows).join("\n"))
}

/// Whoever was deleted in Slack since is still found by their id.
fn find(people: &Directory, word: &str) -> Result<SlackUserId, Failure> {
    if is_user_id(word) {
        return Ok(SlackUserId::new(word));
    }
    member(people, word).map(|member| member.id.clone()).ok_or_else(|| {
        Failure::failed(format!(
            "{word} is no Slack user id, and nobody in Slack is known as {word}; give the id, which their profile there has, \
             a handle, or an e-mail address"
        ))
    })
}

fn row(used: &Used) -> [String; 6] {
    let words = format!("{} {}", used.command, used.text);
    // A terminal obeys control characters, whoever typed them.
    let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect();
    [
        used.used_at.to_jiff().strftime("%Y-%m-%d %H:%M:%S").to_string(),
        used.user_id.clone(),
        used.channel_id.clone().unwrap_or_default(),
        used.via.clone(),
        used.outcome.clone(),
        words.trim_end().to_owned(),
    ]
}
