//! `[runbooks]`: where the runbooks are, and `[[runbook]]`: those that are only a link.

use std::path::PathBuf;

use super::monitor::address;
use super::reader::{Reader, Section};
use super::text::{Parsed, base_url, one_line};

#[derive(Debug, Clone)]
pub struct Runbooks {
    /// Of Markdown files; something else keeps it current.
    pub directory: Option<PathBuf>,
    /// Without a trailing slash: before a file's path, the address of its page.
    pub url_base: Option<String>,
    pub links: Vec<RunbookLink>,
}

/// A runbook that lives elsewhere.
#[derive(Debug, Clone)]
pub struct RunbookLink {
    pub title: String,
    pub service: Option<String>,
    pub alerts: Vec<String>,
    pub url: String,
    pub summary: String,
}

pub(super) fn read(reader: &mut Reader) -> Runbooks {
    let (directory, url_base) = reader.section("runbooks", |section| {
        let directory = section.optional("directory", None, one_line);
        (directory.map(PathBuf::from), section.optional("url_base", None, base_url))
    });
    let entries = reader.entries("runbook", "title");
    let links = entries.into_iter().map(|entry| reader.entry("runbook", entry, link)).collect();
    Runbooks { directory, url_base, links }
}

fn link(section: &mut Section<'_>) -> RunbookLink {
    RunbookLink {
        title: section.parsed("title", String::new(), title),
        service: section.optional("service", None, one_line),
        alerts: section.list("alerts", Vec::new(), one_line),
        url: section.required("url", "the address of the runbook, which starts with https://", address),
        summary: section.parsed("summary", String::new(), one_line),
    }
}

fn title(text: &str) -> Parsed<String> {
    match one_line(text)? {
        title if title.chars().count() > 150 => Err("is longer than 150 letters; write a shorter one".into()),
        title => Ok(title),
    }
}
