//! `/incident list`: what is open, and what ended last.

use std::sync::Arc;

use super::messages;
use super::model::Incident;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::Result;
use crate::front::{Caller, Reply};
use crate::oncall::Known;
use crate::store::{Db, Together, Tx};

/// The list that everybody may see, read once for all who ask at the same moment; nothing while something in it is not
/// for everybody. Cheap to clone.
#[derive(Clone, Default)]
pub struct ListCell(Arc<Together<Option<Arc<str>>>>);

impl ListCell {
    pub async fn reply(&self, db: &Db, known: &Known, caller: &Caller) -> Result<Reply> {
        let for_all = self.0.read(async || {
            let mut tx = db.read().await?;
            let (open, ended) = tx.listed_incidents().await?;
            let is_private = open.iter().chain(&ended).any(|incident| incident.is_private);
            Ok((!is_private).then(|| text(&known.config, &open, &ended, tx.now()).into()))
        });
        if let Some(text) = for_all.await? {
            return Ok(Reply::only(&*text));
        }
        list(&mut db.read().await?, &known.config, caller).await
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
