//! What people typed, as the public reads it: plain text. Slack's marks become words; what names people or channels
//! inside is refused, because it is nobody's business outside.

use std::iter;

use crate::error::{Error, Result};
use crate::oncall::Directory;
use crate::slack::blocks::{plain, unescape};
use crate::slack::words::{Reference, is_own_label, quoted, reference};

/// The most that a post may hold: <https://developer.statuspage.io/#operation/postPagesPageIdIncidents>
pub const LONGEST_BODY: usize = 25_000;
const LONGEST_NAME: usize = 200;

/// A message for the public, from Slack's text.
pub fn public(typed: &str, people: &Directory) -> Result<String> {
    let text = without_references(typed)?;
    if text.chars().count() > LONGEST_BODY {
        return Err(Error::refused(format!(
            "The message is too long for the page, which takes {LONGEST_BODY} characters."
        )));
    }
    if let Some(name) = called(&text, people) {
        return Err(naming(&name));
    }
    let text = unmarked(&text);
    let text = plain(text.trim(), usize::MAX);
    if text.trim().is_empty() {
        return Err(Error::refused("The message is empty: there is nothing to tell the public."));
    }
    Ok(text)
}

/// What the page incident is called: the incident's own title, unless that says what the public must not read.
pub fn public_name(title: &str, is_private: bool, components: &[&str]) -> String {
    let name = unmarked(title).split_whitespace().collect::<Vec<_>>().join(" ");
    let name = plain(&name, LONGEST_NAME);
    // In a title, whom an `@` meant is not known any more.
    if !is_private && !name.contains('@') && !name.trim().is_empty() {
        return name;
    }
    match components {
        [] => "Service disruption".into(),
        names => plain(&format!("Problem with {}", super::model::listed(names)), LONGEST_NAME),
    }
}

/// Slack's `<…>` and `&…;` as words.
fn without_references(typed: &str) -> Result<String> {
    let mut out = String::with_capacity(typed.len());
    let mut rest = typed;
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>').map(|at| open + at) else { break };
        out.push_str(&unescape(&rest[..open]));
        let inner = &rest[open + 1..close];
        match reference(&rest[open..=close]) {
            Some(Reference::User(_)) => return Err(naming("a person")),
            Some(Reference::Group(_)) => return Err(naming("a group")),
            Some(Reference::Channel(..)) => return Err(naming("a channel")),
            None if inner.starts_with('!') => return Err(naming("everybody here")),
            None if inner.contains("://") || inner.starts_with("mailto:") => {
                out.push_str(&unescape(&linked(inner)));
            }
            // No reference: a form's text is not escaped.
            None => out.push_str(&rest[open..=close]),
        }
        rest = &rest[close + 1..];
    }
    out.push_str(&unescape(rest));
    Ok(out)
}

/// `https://x|label` as people read it: the address is not hidden behind its label.
fn linked(inner: &str) -> String {
    let (target, label) = inner.split_once('|').unwrap_or((inner, ""));
    let target = target.strip_prefix("mailto:").unwrap_or(target);
    if label.is_empty() || is_own_label(target, label) {
        return target.to_owned();
    }
    format!("{label} ({target})")
}

fn naming(whom: &str) -> Error {
    Error::refused(format!(
        "The message names {}, which means nothing to the public. Write it without, as customers should read it.",
        quoted(whom)
    ))
}

/// Whom an `@` in plain text calls, if we know them.
fn called(text: &str, people: &Directory) -> Option<String> {
    let everybody = ["here", "channel", "everyone"].into_iter();
    let members = people.members.values().flat_map(|m| [m.name.as_str(), m.real_name.as_str()]);
    let names: Vec<&str> = everybody
        .chain(members)
        .chain(people.groups.iter().map(|g| g.handle.as_str()))
        .filter(|name| !name.is_empty())
        .collect();
    // Not inside of an address.
    let mut calls = text.match_indices('@').filter(|(at, _)| !text[..*at].ends_with(char::is_alphanumeric));
    calls.find_map(|(at, _)| {
        let rest = text[at + 1..].to_lowercase();
        let is_called = |name: &&&str| {
            let after = rest.strip_prefix(&name.to_lowercase());
            after.is_some_and(|after| !after.starts_with(char::is_alphanumeric))
        };
        names.iter().find(is_called).map(|name| format!("@{name}"))
    })
}

/// Without the marks of mrkdwn, and without what a page would take for markup of its own.
fn unmarked(text: &str) -> String {
    let text = without_shortcodes(text);
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<char> = Vec::new();
    let mut next = 0;
    while let Some(&c) = chars.get(next) {
        let at = next;
        // `**bold**` is one mark at each end.
        let run = chars[at..].iter().take_while(|other| **other == c && "*_~".contains(c)).count().max(1);
        next = at + run;
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
        let after = chars.get(next).copied();
        match c {
            '`' => {}
            '*' | '_' | '~' => {
                let outside = |side: Option<char>| side.is_none_or(|side| !side.is_alphanumeric());
                let filled = |side: Option<char>| side.is_some_and(|side| !side.is_whitespace());
                if open.contains(&c) && outside(after) && filled(before) {
                    open.retain(|mark| *mark != c);
                } else if outside(before) && filled(after) && closes(&chars[next..], c) {
                    open.push(c);
                } else {
                    out.extend(iter::repeat_n(c, run));
                }
            }
            '<' => out.push('‹'),
            '>' => out.push('›'),
            // A link in Markdown.
            '(' if before == Some(']') => out.push_str(" ("),
            other => out.push(other),
        }
    }
    out
}

/// Whether the mark has a partner on the same line.
fn closes(rest: &[char], mark: char) -> bool {
    let is_partner =
        |three: &[char]| three[1] == mark && !three[0].is_whitespace() && !three[2].is_alphanumeric();
    let line = rest.split(|c| *c == '\n').next().unwrap_or_default();
    line.windows(3).any(is_partner)
        || matches!(line, [.., before, last] if *last == mark && !before.is_whitespace())
}

/// `:fire:` is a picture in Slack, and noise elsewhere.
fn without_shortcodes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once(':') {
        out.push_str(head);
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_+-".contains(c);
        let (name, after) = tail.split_at(tail.find(|c| !is_part(c)).unwrap_or(tail.len()));
        let is_picture = !head.ends_with(char::is_alphanumeric)
            && name.contains(|c: char| c.is_ascii_lowercase())
            && after.starts_with(':');
        if is_picture {
            rest = &after[1..];
            // Not two blanks where the picture was.
            if out.ends_with(' ') || out.is_empty() {
                rest = rest.strip_prefix(' ').unwrap_or(rest);
            }
        } else {
            out.push(':');
            rest = tail;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::SlackUserId;
    use crate::oncall::Member;

    fn people() -> Directory {
        let ana = Member {
            id: SlackUserId::new("U0ANA"),
            name: "ana".into(),
            real_name: "Ana Example".into(),
            email: None,
            time_zone: None,
            team_id: "T1".into(),
            is_bot: false,
            is_guest: false,
            is_deleted: false,
        };
        Directory { members: [(ana.id.clone(), ana)].into(), ..Directory::default() }
    }

    fn read(typed: &str) -> String {
        public(typed, &people()).unwrap_or_else(|error| format!("refused: {error}"))
    }

    #[test]
    fn marks_become_plain_words() {
        assert_eq!(read("*All* _users_ ~some~ `code` :fire: are hit"), "All users some code are hit");
        assert_eq!(
            read("snake_case_name 2 * 3 * 4 at 10:30:15, ~5 min"),
            "snake_case_name 2 * 3 * 4 at 10:30:15, ~5 min"
        );
        assert_eq!(
            read("see <https://status.example.com/x|the page> or <https://a.b|a.b>"),
            "see the page (https://status.example.com/x) or https://a.b"
        );
        assert_eq!(
            read("write to <mailto:help@example.com|help@example.com> &amp; wait"),
            "write to help@example.com & wait"
        );
        assert_eq!(
            read("&lt;script&gt;alert(1)&lt;/script&gt; [x](https://evil)"),
            "‹script›alert(1)‹/script› [x] (https://evil)"
        );
        assert_eq!(
            read("**md** [l](http://e), __all__ ~~gone~~ 2**3 a ** b *** c_d__e"),
            "md [l] (http://e), all gone 2**3 a ** b *** c_d__e"
        );
        assert_eq!(read("one\ntwo\u{0}\u{202E}\u{7}"), "one\ntwo");
    }

    #[test]
    fn whoever_is_inside_stays_inside() {
        insta::assert_snapshot!(
            ["<@U0ANA> is on it", "ask @ana", "ask @Ana Example!", "<!here> look", "in <#C1|ops>", "<!subteam^S1|@sre>",
             "@channel now", "  ", "mail ben@ana.example"].map(read).join("\n"), @"
        refused: The message names a person, which means nothing to the public. Write it without, as customers should read it.
        refused: The message names @ana, which means nothing to the public. Write it without, as customers should read it.
        refused: The message names @ana, which means nothing to the public. Write it without, as customers should read it.
        refused: The message names everybody here, which means nothing to the public. Write it without, as customers should read it.
        refused: The message names a channel, which means nothing to the public. Write it without, as customers should read it.
        refused: The message names a group, which means nothing to the public. Write it without, as customers should read it.
        refused: The message names @channel, which means nothing to the public. Write it without, as customers should read it.
        refused: The message is empty: there is nothing to tell the public.
        mail ben@ana.example
        ");
        assert!(read(&"x".repeat(25_001)).starts_with("refused: The message is too long"));
    }

    #[test]
    fn the_title_stands_unless_it_says_too_much() {
        assert_eq!(public_name("payments *down*", false, &[]), "payments down");
        assert_eq!(
            public_name("ask @Ana", false, &["Checkout", "Search"]),
            "Problem with Checkout and Search"
        );
        assert_eq!(public_name("payroll leaked", true, &[]), "Service disruption");
    }

    proptest! {
        #[test]
        fn nothing_typed_reaches_the_page_as_markup(typed in "(?s)[<>@!#&|`*_~:a-c\\]\\[( \\n]{0,50}|.{0,50}") {
            if let Ok(text) = public(&typed, &people()) {
                prop_assert!(!text.contains(['<', '>', '`']), "{text:?}");
                prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
            }
            let _ = public_name(&typed, false, &[]);
        }
    }
}
