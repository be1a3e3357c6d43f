//! `/incident list`: what is open, and what ended last.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::messages;
use super::model::Incident;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::Result;
use crate::front::{Caller, Reply};
use crate::oncall::Known;
use crate::store::{Db, Tx};

/// Another replica's change may take this long to be listed here; this server's own are listed at once.
const FRESH: Duration = Duration::from_millis(250);

/// The list that everybody may see, read once for all who ask until something is committed. Cheap to clone; the clones
/// share it.
#[derive(Clone, Default)]
pub struct ListCell(Arc<Mutex<Option<Made>>>);

struct Made {
    /// What this server had committed when the list was read, and when that was.
    commits: u64,
    at: Timestamp,
    /// Nothing while something in it is not for everybody.
    for_all: Option<Arc<str>>,
}

impl Made {
    fn holds(&self, commits: u64, now: Timestamp) -> bool {
        self.commits >= commits && (self.at..self.at + FRESH).contains(&now)
    }
}

impl ListCell {
    /// What was read since the last commit, if nobody has to be waited for.
    pub fn at_hand(&self, db: &Db) -> Option<Reply> {
        let made = self.0.try_lock().ok()?;
        let made = made.as_ref().filter(|made| made.holds(db.commits(), db.clock().now()))?;
        made.for_all.as_deref().map(Reply::only)
    }

    pub async fn reply(&self, db: &Db, known: &Known, caller: &Caller) -> Result<Reply> {
        if let Some(text) = self.for_all(db, &known.config).await? {
            return Ok(Reply::only(&*text));
        }
        list(&mut db.read().await?, &known.config, caller).await
    }

    async fn for_all(&self, db: &Db, config: &Config) -> Result<Option<Arc<str>>> {
        let asked_at = db.commits();
        let mut made = self.0.lock().await;
        // Who waited while another read shares what was read since they asked.
        let now = db.clock().now();
        if let Some(made) = made.as_ref().filter(|made| made.holds(asked_at, now)) {
            return Ok(made.for_all.clone());
        }
        let commits = db.commits();
        let mut tx = db.read().await?;
        let (open, ended) = tx.listed_incidents().await?;
        let is_private = open.iter().chain(&ended).any(|incident| incident.is_private);
        let for_all = (!is_private).then(|| text(config, &open, &ended, tx.now()).into());
        *made = Some(Made { commits, at: tx.now(), for_all });
        Ok(made.as_ref().and_then(|made| made.for_all.clone()))
    }
}

/// As one person may see it.
async fn list(tx: &mut Tx, config: &Config, caller: &Caller) -> Result<Reply> {
    let (open, ended) = tx.visible_incidents(&caller.user).await?;
    Ok(Reply::only(text(config, &open, &ended, tx.now())))
}

fn text(config: &Config, open: &[Incident], ended: &[Incident], now: Timestamp) -> String {
    const MOST: usize = 25;
    let lines = |incidents: &[Incident]| {
        let lines = incidents.iter().take(MOST).map(|i| format!("• {}", messages::list_line(i, now)));
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut text = if open.is_empty() {
        format!(":white_check_mark: No open incidents. `{} declare` opens one.", config.commands.incident)
    } else {
        format!("*Open incidents*\n{}", lines(open))
    };
    if open.len() > MOST {
        text += "\n… and more: the oldest are not shown.";
    }
    if !ended.is_empty() {
        text += "\n*Last closed*\n";
        text += &lines(ended);
    }
    text
}
