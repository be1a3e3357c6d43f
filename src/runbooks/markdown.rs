//! A runbook's file: front matter, then Markdown. Of YAML only what front matter needs: `key: value`, `key: [a, b]`, and
//! `key:` with a list of `- item` lines below it. Quotes around a value are taken off; `#` begins a comment line.

use std::collections::BTreeMap;

use super::model::Runbook;

const LONGEST_TITLE: usize = 150;
const LONGEST_SUMMARY: usize = 500;
/// With the rest of the answer, what one message holds.
const LONGEST_COMMANDS: usize = 2_000;

/// The runbook in a file's text; `None` without front matter. Errs with what is not understood, and where.
pub fn read(text: &str, file: &str) -> Result<Option<Runbook>, String> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    if lines.first() != Some(&"---") {
        return Ok(None);
    }
    let Some(length) = lines[1..].iter().position(|line| *line == "---") else {
        return Err("the front matter has no end; write a line with --- below it".into());
    };
    let mut facts = front_matter(&lines[1..=length])?;
    let body = &lines[length + 2..];
    let mut take = |key: &str| facts.remove(key).unwrap_or_default();
    let (mut services, mut alerts) = (take("service"), take("alert"));
    services.extend(take("services"));
    alerts.extend(take("alerts"));
    let one = |values: Vec<String>| values.join(", ");
    let (title, url, summary) = (one(take("title")), one(take("url")), one(take("summary")));
    if !(url.is_empty() || url.starts_with("https://") || url.starts_with("http://")) {
        return Err("its url is no web address; write one that starts with https://".into());
    }
    let title = [title, heading(body), stem(file)].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    let summary = if summary.is_empty() { first_paragraph(body) } else { summary };
    Ok(Some(Runbook {
        title: cut(&title, LONGEST_TITLE),
        services,
        alerts,
        url: Some(url).filter(|url| !url.is_empty()),
        summary: cut(&summary, LONGEST_SUMMARY),
        commands: commands(body),
        file: Some(file.to_owned()),
    }))
}

type Facts = BTreeMap<String, Vec<String>>;

fn front_matter(lines: &[&str]) -> Result<Facts, String> {
    let mut facts = Facts::new();
    let mut open: Option<String> = None;
    for (number, line) in (2..).zip(lines) {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        if let Some(item) = bare.strip_prefix("- ") {
            let Some(key) = &open else { return Err(format!("line {number} is an item of no list")) };
            facts.entry(key.clone()).or_default().push(unquoted(item)?);
            continue;
        }
        let is_key =
            |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        let found = line
            .split_once(':')
            .filter(|(key, value)| is_key(key) && (value.is_empty() || value.starts_with(' ')));
        let Some((key, value)) = found else {
            return Err(format!(
                "line {number} is not understood; write key: value, key: [a, b] or a list of - items"
            ));
        };
        let (key, value) = (key.to_lowercase(), value.trim());
        if value.starts_with(['|', '>', '{', '&', '*', '!']) {
            return Err(format!(
                "line {number} uses more of YAML than is read; write the value on one line, in quotes"
            ));
        }
        let values = match value.strip_prefix('[') {
            None if value.is_empty() => Vec::new(),
            None => vec![unquoted(value).map_err(|what| format!("line {number} {what}"))?],
            Some(items) => {
                let Some(items) = items.strip_suffix(']') else {
                    return Err(format!(
                        "line {number} begins a list and does not end it; write [a, b] on one line"
                    ));
                };
                let items = items.split(',').map(str::trim).filter(|item| !item.is_empty());
                items
                    .map(unquoted)
                    .collect::<Result<_, _>>()
                    .map_err(|what| format!("line {number} {what}"))?
            }
        };
        open = value.is_empty().then(|| key.clone());
        if facts.insert(key.clone(), values).is_some() {
            return Err(format!("line {number} says {key} again"));
        }
    }
    Ok(facts)
}

fn unquoted(value: &str) -> Result<String, String> {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let inner = rest.strip_suffix(quote).filter(|inner| !inner.contains(quote));
            return inner.map(str::to_owned).ok_or_else(|| "has a quote that does not end".into());
        }
    }
    Ok(value.to_owned())
}

/// `payments/high-error-rate.md` → `high-error-rate`
fn stem(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// Level and text of a heading.
fn heading_of(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    ((1..=6).contains(&level) && text.starts_with(' '))
        .then(|| (level, text.trim().trim_end_matches('#').trim()))
}

fn heading(body: &[&str]) -> String {
    outside_of_fences(body)
        .find_map(|line| heading_of(line))
        .map(|(_, text)| text.to_owned())
        .unwrap_or_default()
}

/// The fence that opens or closes a code block: its sign and length.
fn fence(line: &str) -> Option<(char, usize)> {
    let line = line.trim_start();
    let sign = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.chars().take_while(|c| *c == sign).count();
    (length >= 3).then_some((sign, length))
}

fn outside_of_fences<'a>(body: &'a [&'a str]) -> impl Iterator<Item = &'a &'a str> {
    let mut open: Option<(char, usize)> = None;
    body.iter().filter(move |line| match (open, fence(line)) {
        (None, Some(opened)) => {
            open = Some(opened);
            false
        }
        (Some((sign, length)), Some((other, count))) if other == sign && count >= length => {
            open = None;
            false
        }
        (Some(_), _) => false,
        (None, None) => true,
    })
}

/// The first lines of text that are neither heading nor list nor code.
fn first_paragraph(body: &[&str]) -> String {
    let is_text = |line: &str| {
        let line = line.trim_start();
        !line.is_empty()
            && heading_of(line).is_none()
            && !line.starts_with(['-', '*', '|', '>', '<', '!', '+'])
    };
    let lines = outside_of_fences(body).map(|line| line.trim());
    let paragraph = lines.skip_while(|line| !is_text(line)).take_while(|line| is_text(line));
    paragraph.collect::<Vec<_>>().join(" ")
}

/// The code under a heading like "Commands"; without one, the first code there is.
fn commands(body: &[&str]) -> String {
    let mut blocks: Vec<(bool, String)> = Vec::new();
    let mut under: Option<usize> = None;
    let mut open: Option<((char, usize), Vec<&str>)> = None;
    for line in body {
        match (&mut open, fence(line)) {
            (None, Some(opened)) => open = Some((opened, Vec::new())),
            (Some(((sign, length), code)), Some((other, count))) if other == *sign && count >= *length => {
                blocks.push((under.is_some(), code.join("\n")));
                open = None;
            }
            (Some((_, code)), _) => code.push(line),
            (None, None) => {
                if let Some((level, text)) = heading_of(line) {
                    let is_over = under.is_some_and(|above| level <= above);
                    if text.to_lowercase().contains("command") && (under.is_none() || is_over) {
                        under = Some(level);
                    } else if is_over {
                        under = None;
                    }
                }
            }
        }
    }
    let meant: Vec<String> =
        blocks.iter().filter(|(is_under, _)| *is_under).map(|(_, code)| code.clone()).collect();
    let first = || blocks.first().map(|(_, code)| code.clone()).unwrap_or_default();
    let code = if meant.is_empty() { first() } else { meant.join("\n\n") };
    whole_lines(code.trim_matches('\n'), LONGEST_COMMANDS)
}

/// A command that is cut in the middle is another command.
fn whole_lines(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept = String::new();
    for line in text.lines() {
        if kept.chars().count() + line.chars().count() + 1 > max {
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    format!("{kept}# … and more in the runbook")
}

fn cut(text: &str, max: usize) -> String {
    crate::slack::blocks::plain(text.trim(), max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn good(text: &str) -> Runbook {
        read(text, "payments/errors.md").unwrap_or_else(|e| panic!("{e}")).expect("front matter")
    }

    #[test]
    fn front_matter_in_its_few_forms() {
        let runbook = good(
            "---\ntitle: \"High: error rate\"\nservice: payments\nservices: [checkout, 'pay api']\nalerts:\n  - HighErrorRate\n  - \"Slow: checkout\"\n# a comment\nurl: https://wiki/x\nsummary: When many fail.\nowner: team-pay\n---\n# Other title\n\nText.\n",
        );
        assert_eq!(runbook.title, "High: error rate");
        assert_eq!(runbook.services, ["payments", "checkout", "pay api"]);
        assert_eq!(runbook.alerts, ["HighErrorRate", "Slow: checkout"]);
        assert_eq!(
            (runbook.url.as_deref(), runbook.summary.as_str()),
            (Some("https://wiki/x"), "When many fail.")
        );
    }

    #[test]
    fn what_is_not_said_is_read_from_the_text() {
        let runbook = good(
            "---\r\nservice: a\r\n---\r\n\r\n# Errors ##\r\n\r\n- a list\r\n\r\nFirst line\r\nsecond line.\r\n\r\nMore.\r\n",
        );
        assert_eq!((runbook.title.as_str(), runbook.summary.as_str()), ("Errors", "First line second line."));
        let bare = good("\u{FEFF}---\nservice: a\n---\n");
        assert_eq!((bare.title.as_str(), bare.summary.as_str(), bare.commands.as_str()), ("errors", "", ""));
        assert_eq!(read("# A README\n", "README.md"), Ok(None));
        assert_eq!(read("", "empty.md"), Ok(None));
    }

    #[test]
    fn key_commands_stand_under_their_heading_or_come_first() {
        let head = "---\nservice: a\n---\n";
        let first = good(&format!("{head}```sh\nfirst\n```\n\n## Later\n~~~\nsecond\n~~~\n"));
        assert_eq!(first.commands, "first");
        let named = good(&format!(
            "{head}```\nnot this\n```\n## Key commands\n```sh\none\n# a comment, no heading\n```\n### more\n````\ntwo ```\n````\n## Background\n```\nnor this\n```\n"
        ));
        assert_eq!(named.commands, "one\n# a comment, no heading\n\ntwo ```");
        let long = good(&format!("{head}```\n{}```\n", "kubectl get pods\n".repeat(300)));
        assert!(long.commands.len() < 2_050 && long.commands.ends_with("pods\n# … and more in the runbook"));
        assert_eq!(good(&format!("{head}```\nnever closed\n")).commands, "");
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        let wrong = |matter: &str| read(&format!("---\n{matter}\n---\n"), "x.md").expect_err(matter);
        let said = [
            "title: x\nservice payments",
            "- a",
            "alerts: [a, b",
            "title: \"never closed",
            "summary: |\n  many lines",
            "title: a\ntitle: b",
            "url: javascript:alert(1)",
        ]
        .map(wrong);
        insta::assert_snapshot!(said.join("\n"), @"
        line 3 is not understood; write key: value, key: [a, b] or a list of - items
        line 2 is an item of no list
        line 2 begins a list and does not end it; write [a, b] on one line
        line 2 has a quote that does not end
        line 2 uses more of YAML than is read; write the value on one line, in quotes
        line 3 says title again
        its url is no web address; write one that starts with https://
        ");
        assert!(read("---\ntitle: x\n", "x.md").is_err(), "no end");
    }

    proptest! {
        #[test]
        fn nothing_in_a_file_makes_it_panic(text in "(---\n)?([a-z]+: |- |```|~~~|#+ |---|\\PC{0,20}|\n){0,40}") {
            let _ = read(&text, "x.md");
        }
    }
}
