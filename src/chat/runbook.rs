//! `/runbook`: from memory; in an incident's room, the database says which incident it is.

use super::{Answer, Typed, look};
use crate::app::App;
use crate::error::{Error, Result};
use crate::front::Reply;
use crate::oncall::Known;
use crate::runbooks::command::{self, Asked};
use crate::runbooks::help::help;
use crate::runbooks::messages;

pub(super) async fn runbook(app: &App, known: &Known, typed: &Typed) -> Result<Answer> {
    let (index, config) = (app.runbooks.current(), &known.config);
    let asked = command::parse(&typed.text);
    if let Asked::Help { about } = &asked {
        return Ok(Answer::Looked(Reply::only(help(config, about))));
    }
    if index.runbooks.is_empty() {
        return Err(Error::refused(messages::nothing_there()));
    }
    let reply = match &asked {
        Asked::Find { typed } => messages::looked_up(&index, config, typed),
        Asked::List { service } => messages::list(&index, config, service),
        Asked::Help { .. } | Asked::Here => {
            return look(app, async {
                let mut tx = app.db.read().await?;
                let Some(incident) = tx.incident_in(&typed.channel).await? else {
                    return Err(Error::refused(messages::nowhere(&index, config)));
                };
                let pages = tx.linked_pages(incident.id).await?;
                let alerts: Vec<String> = pages.into_iter().map(|page| page.title).collect();
                Ok(messages::of_incident(&index, config, &incident, &alerts))
            })
            .await;
        }
    };
    Ok(Answer::Looked(reply))
}
