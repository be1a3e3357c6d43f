//! `firebell audit`: who used which command where, and what came of it. It works on the database alone.

use std::time::Duration;

use clap::Args;

use super::{ConfigFile, Failure, print, table};
use crate::audit::Used;
use crate::config::parse_duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  firebell audit                             the last 50 of the last day
  firebell audit --since 7d --user U012AB3CD
  firebell audit --json | jq '.[] | select(.outcome == \"denied\")'

Outcomes: answered (looked something up), done (stored, and carried out), denied (has not the right),
refused (misspelt, or not possible then), failed (Firebell or a vendor could not).";

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(flatten)]
    file: ConfigFile,
    /// How far back, such as 90m, 24h or 7d
    #[arg(long, default_value = "24h", value_parser = parse_duration)]
    since: Duration,
    /// Only what this person used, by their Slack id
    #[arg(long, value_name = "ID")]
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
    let uses = tx.uses(since, audit.user.as_deref(), audit.limit).await?;
    if audit.json {
        return print(&serde_json::to_string_pretty(&uses).map_err(anyhow::Error::from)?);
    }
    if uses.is_empty() {
        return print("Nobody used Firebell in that time; --since looks further back.");
    }
    let head = ["USED AT (UTC)", "WHO", "WHERE", "VIA", "OUTCOME", "WHAT"].map(str::to_owned);
    let rows: Vec<[String; 6]> = uses.iter().map(row).collect();
    print(&table(&head, &rows).join("\n"))
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
