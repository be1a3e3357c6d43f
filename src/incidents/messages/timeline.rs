//! The timeline as people read it: page by page, because a message has an end, and a long night more to tell.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::tz::TimeZone;
use serde_json::Value;
use uuid::Uuid;

use super::said;
use crate::config::Commands;
use crate::error::{Error, Result};
use crate::front::Message;
use crate::incidents::model::Incident;
use crate::incidents::timeline::Entry;
use crate::slack::blocks::{link, plain, section, untrusted};

/// All blocks of a message together. Slack gives no number; messages of 12,000 characters and more have been refused.
const PAGE: usize = 9_000;
/// A block takes 3,000, the first one a headline as well.
const BLOCK: usize = 2_700;
/// A day, where one begins, and the end of the line.
const HEAD: usize = 40;
/// What is longer is read whole where it was said.
const ENTRY: usize = 300;

/// One page of it, oldest first, in the zone in which people also type times. The first page has the last entries.
pub fn timeline(
    incident: &Incident,
    entries: &[Entry],
    page: usize,
    zone: &TimeZone,
    commands: &Commands,
) -> Result<Message> {
    let lines = lines(entries, zone);
    let pages = pages(&lines);
    let label = incident.label();
    let Some(shown) = page.checked_sub(1).and_then(|at| pages.get(at)) else {
        let count = if pages.len() == 1 { "one page".into() } else { format!("{} pages", pages.len()) };
        return Err(Error::refused(format!("The timeline of {label} has {count}.")));
    };
    let which = if pages.len() == 1 { String::new() } else { format!(", page {page} of {}", pages.len()) };
    let zone_name = zone.iana_name().unwrap_or("UTC");
    let mut block = format!("*{}* timeline ({zone_name}){which}", said(&incident.headline()));
    if shown.start > 0 {
        let (left, name, next) = (shown.start, &commands.incident, page + 1);
        let hint = format!("_{left} earlier entries:_ `{name} timeline {label} page {next}`");
        block.extend(["\n", &hint]);
    }
    let text = block.clone();
    let mut blocks = Vec::new();
    let mut day = None;
    for (entry, line) in entries.iter().zip(&lines).skip(shown.start).take(shown.len()) {
        if block.chars().count() + line.chars().count() + HEAD > BLOCK {
            blocks.push(unfolded(block.trim_start()));
            block.clear();
        }
        let at = entry.occurred_at.to_jiff().to_zoned(zone.clone());
        if day.replace(at.date()) != Some(at.date()) {
            block.push_str(&at.strftime("\n_%A, %-d %B %Y_").to_string());
        }
        block.extend(["\n", line]);
    }
    if blocks.is_empty() {
        return Ok(Message::text(block));
    }
    blocks.push(unfolded(block.trim_start()));
    Ok(Message::with_blocks(text, blocks))
}

/// Slack folds a long block, unless it is told not to.
fn unfolded(text: &str) -> Value {
    let mut block = section(text);
    block["expand"] = true.into();
    block
}

/// Each entry without its day.
fn lines(entries: &[Entry], zone: &TimeZone) -> Vec<String> {
    let corrected: BTreeSet<Uuid> = entries.iter().filter_map(|e| e.corrects).collect();
    let line = |e: &Entry| {
        let at = e.occurred_at.to_jiff().to_zoned(zone.clone()).strftime("%H:%M").to_string();
        let by = if e.actor == "Firebell" {
            String::new()
        } else {
            format!(" — {}", said(&plain(&e.actor, 80)))
        };
        let mut text = untrusted(&plain(&e.text, ENTRY));
        if corrected.contains(&e.id) {
            text = format!("~{text}~ (corrected)");
        }
        if let Some(url) = e.permalink.as_deref().filter(|_| e.text.chars().nth(ENTRY).is_some()) {
            text = format!("{text} ({})", link(url, "whole"));
        }
        format!("`{at}` *{}* {text}{by}", e.kind)
    };
    entries.iter().map(line).collect()
}

/// As many entries as fit, the last ones first. Later entries push earlier ones on, so that between two looks one may
/// be on two pages, and none on neither.
fn pages(lines: &[String]) -> Vec<Range<usize>> {
    let mut pages = Vec::new();
    let (mut end, mut room) = (lines.len(), PAGE);
    for (at, line) in lines.iter().enumerate().rev() {
        let length = line.chars().count() + HEAD;
        if length > room && at + 1 < end {
            pages.push(at + 1..end);
            (end, room) = (at + 1, PAGE);
        }
        room = room.saturating_sub(length);
    }
    pages.push(0..end);
    pages
}
