//! Typed words as Slack delivers them: escaped mentions, curly quotes, dashes that a phone made long. Flags are taken
//! out of free text; the rest stays as it was typed.

use std::collections::BTreeMap;

use super::blocks::unescape;
use crate::config::nearest;
use crate::error::{Error, Result};
use crate::ids::{ChannelId, SlackUserId};

/// A switch (`--private`) or an option with a value (`--service payments`, `--service="Payments API"`).
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub name: &'static str,
    pub takes_value: bool,
    /// Words that belong to the value when they follow it.
    units: &'static [&'static str],
}

pub const fn switch(name: &'static str) -> Flag {
    Flag { name, takes_value: false, units: &[] }
}

pub const fn option(name: &'static str) -> Flag {
    option_in(name, &[])
}

/// An option whose value may be of two words: `--at 3:05 pm`.
pub const fn option_in(name: &'static str, units: &'static [&'static str]) -> Flag {
    Flag { name, takes_value: true, units }
}

/// Flags found, and the text without them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub text: String,
    flags: BTreeMap<&'static str, String>,
}

impl Words {
    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains_key(flag)
    }

    pub fn value(&self, option: &str) -> Option<&str> {
        self.flags.get(option).map(String::as_str)
    }
}

/// What an unknown `--flag` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// A mistake: where a misread switch would do harm.
    IsRefused,
    /// Words, as in "restarted with --force", unless it is nearly a known one.
    IsText,
}

/// Takes the flags out of `raw`. An unknown `--flag` that is refused names the nearest known one; a long dash before
/// an unknown word is only a dash.
pub fn take_flags(raw: &str, known: &[Flag], unknown: Unknown) -> Result<Words> {
    let mut words = Words::default();
    let mut rest = raw;
    let mut text = String::new();
    while let Some((blank, token, after)) = next_token(rest) {
        let Some((dashes, body)) = dashed(token) else {
            text.push_str(blank);
            text.push_str(token);
            rest = after;
            continue;
        };
        let (name, inline) = body.split_once('=').map_or((body, None), |(n, v)| (n, Some(v)));
        let Some(flag) = known.iter().find(|f| f.name.eq_ignore_ascii_case(name)) else {
            let is_slip = nearest(name, known.iter().map(|f| f.name)).is_some();
            if dashes == "--" && (is_slip || unknown == Unknown::IsRefused) {
                return Err(unknown_flag(name, known));
            }
            text.push_str(blank);
            text.push_str(token);
            rest = after;
            continue;
        };
        rest = after;
        let mut value = String::new();
        if flag.takes_value {
            let at = match inline {
                Some(_) => &token[token.len() - inline.map_or(0, str::len)..],
                None => "",
            };
            let (taken, left) =
                if inline.is_some() { take_value_inline(at, after) } else { take_value(after) };
            value =
                taken.ok_or_else(|| Error::refused(format!("`--{}` needs a value after it.", flag.name)))?;
            rest = left;
            if let Some((_, token, left)) = next_token(rest)
                && let Some(unit) = flag.units.iter().find(|unit| unit.eq_ignore_ascii_case(ended(token)))
            {
                value.push_str(unit);
                rest = left;
            }
        }
        words.flags.insert(flag.name, value);
    }
    text.trim().clone_into(&mut words.text);
    Ok(words)
}

/// (blanks before, token, what follows); `None` at the end.
fn next_token(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find(|c: char| !c.is_whitespace())?;
    let end = text[start..].find(char::is_whitespace).map_or(text.len(), |e| start + e);
    Some((&text[..start], &text[start..end], &text[end..]))
}

/// Without what ends a sentence or a part of it.
pub fn ended(word: &str) -> &str {
    word.trim_end_matches([',', '.', ';', ':'])
}

/// `--word`, or the same with the long dash that phones make of it: the dash, and the rest.
pub fn dashed(token: &str) -> Option<(&str, &str)> {
    ["--", "—", "–"]
        .iter()
        .find_map(|d| token.strip_prefix(d).map(|body| (*d, body)))
        .filter(|(_, body)| body.starts_with(|c: char| c.is_alphabetic()))
}

fn take_value(after: &str) -> (Option<String>, &str) {
    let Some((_, token, left)) = next_token(after) else { return (None, after) };
    if token.starts_with(is_quote) {
        let start = after.len() - left.len() - token.len();
        return take_quoted(&after[start..]);
    }
    (Some(token.to_owned()), left)
}

/// `--service="Payments API"`: the quote may close in a later token.
fn take_value_inline<'a>(value: &str, after: &'a str) -> (Option<String>, &'a str) {
    if value.is_empty() {
        return (None, after);
    }
    if !value.starts_with(is_quote) {
        return (Some(value.to_owned()), after);
    }
    let opened = value.trim_start_matches(is_quote);
    if let Some(inner) = opened.strip_suffix(is_quote) {
        return (Some(inner.to_owned()), after);
    }
    match after.find(is_quote) {
        Some(end) => {
            let quote = after[end..].chars().next().map_or(1, char::len_utf8);
            (Some(format!("{opened}{}", &after[..end])), &after[end + quote..])
        }
        None => (Some(opened.to_owned()), after),
    }
}

fn take_quoted(text: &str) -> (Option<String>, &str) {
    let opening = text.chars().next().map_or(0, char::len_utf8);
    let inner = &text[opening..];
    match inner.char_indices().find(|(_, c)| is_quote(*c)) {
        Some((end, quote)) => (Some(inner[..end].to_owned()), &inner[end + quote.len_utf8()..]),
        // Never closed: one word, as if the quote were not there.
        None => match next_token(inner) {
            Some((_, token, left)) => (Some(token.to_owned()), left),
            None => (None, inner),
        },
    }
}

/// Whether nothing of it can be seen.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
    })
}

/// A double quote, straight or as phones make it.
pub fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\u{201C}' | '\u{201D}' | '\u{201E}')
}

fn unknown_flag(name: &str, known: &[Flag]) -> Error {
    let hint = if let Some(near) = nearest(name, known.iter().map(|f| f.name)) {
        format!("Did you mean `--{near}`?")
    } else {
        let known: Vec<String> = known.iter().map(|f| format!("`--{}`", f.name)).collect();
        format!("I know {}.", known.join(", "))
    };
    Error::refused(format!("I do not know `--{}`. {hint}", quoted(name)))
}

/// Quotes around the whole of it, straight or curly, taken off.
pub fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix(is_quote).and_then(|t| t.strip_suffix(is_quote));
    match inner {
        Some(inner) if !inner.contains(is_quote) => inner.trim(),
        _ => text,
    }
}

/// Splits off the first word.
pub fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    match text.find(char::is_whitespace) {
        Some(end) => (&text[..end], text[end..].trim_start()),
        None => (text, ""),
    }
}

/// Splits off the last word.
pub fn last_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    match text.char_indices().rfind(|(_, c)| c.is_whitespace()) {
        Some((at, blank)) => (text[..at].trim_end(), &text[at + blank.len_utf8()..]),
        None => ("", text),
    }
}

/// What somebody typed, to be repeated inside a sentence: one line, not long, and unable to end a code span.
pub fn quoted(text: &str) -> String {
    let words = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    super::blocks::plain(&words, 80).replace('`', "\u{02CB}")
}

/// A reference that Slack put into the text: <https://docs.slack.dev/messaging/formatting-message-text>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    User(SlackUserId),
    Channel(ChannelId, String),
    Group(String),
}

/// Is this whole word a reference?
pub fn reference(word: &str) -> Option<Reference> {
    let inner = word.strip_prefix('<')?.strip_suffix('>')?;
    let (target, label) = inner.split_once('|').unwrap_or((inner, ""));
    if let Some(id) = target.strip_prefix('@') {
        return Some(Reference::User(SlackUserId::new(id)));
    }
    if let Some(id) = target.strip_prefix('#') {
        return Some(Reference::Channel(ChannelId::new(id), label.to_owned()));
    }
    target.strip_prefix("!subteam^").map(|id| Reference::Group(id.to_owned()))
}

/// A name as a person reads it: references by their labels, entities resolved once and last.
pub fn plain(text: &str) -> String {
    rendered(text, ToString::to_string, false)
}

/// What somebody says, the same way. A link that is called otherwise keeps its address, for whoever reads it on a pager
/// or a year later; people whose label Slack left out are named by `name_of`.
pub fn plain_addressed(text: &str, name_of: impl Fn(&SlackUserId) -> String) -> String {
    rendered(text, name_of, true)
}

fn rendered(text: &str, name_of: impl Fn(&SlackUserId) -> String, with_addresses: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>').map(|c| open + c) else { break };
        out.push_str(&unescape(&rest[..open]));
        out.push_str(&unescape(&shown(&rest[open + 1..close], &name_of, with_addresses)));
        rest = &rest[close + 1..];
    }
    out.push_str(&unescape(rest));
    out
}

fn shown(inner: &str, name_of: impl Fn(&SlackUserId) -> String, with_addresses: bool) -> String {
    let (target, label) = inner.split_once('|').unwrap_or((inner, ""));
    match target.chars().next() {
        Some('@') if label.is_empty() => format!("@{}", name_of(&SlackUserId::new(&target[1..]))),
        Some('@') => format!("@{label}"),
        Some('#') if label.is_empty() => "#private-channel".into(),
        Some('#') => format!("#{label}"),
        Some('!') if label.is_empty() => format!("@{}", target.trim_start_matches('!')),
        Some('!') => format!("@{}", label.trim_start_matches('@')),
        _ if label.is_empty() => target.trim_start_matches("mailto:").to_owned(),
        _ if with_addresses && !is_own_label(target, label) => {
            format!("{label} ({})", target.trim_start_matches("mailto:"))
        }
        _ => label.to_owned(),
    }
}

/// Whether a link is called by its address: Slack makes links of `x.example` and of telephone numbers by itself.
pub fn is_own_label(target: &str, label: &str) -> bool {
    let bare = |text: &str| -> String {
        let schemes = ["https://", "http://", "mailto:", "tel:"];
        let text = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
        text.trim_end_matches('/').split_whitespace().collect()
    };
    bare(target) == bare(label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLAGS: &[Flag] = &[option("service"), switch("private"), switch("test")];

    #[test]
    fn flags_are_taken_out_and_the_rest_stays_as_typed() {
        let words =
            take_flags("it's  “down” --service \"Payments API\" — sev1 —private", FLAGS, Unknown::IsRefused)
                .unwrap();
        assert_eq!(words.text, "it's  “down” — sev1");
        assert_eq!(words.value("service"), Some("Payments API"));
        assert!(words.has("private") && !words.has("test"));

        let words = take_flags("x --service=“Payments API” y", FLAGS, Unknown::IsRefused).unwrap();
        assert_eq!((words.text.as_str(), words.value("service")), ("x y", Some("Payments API")));
        let words = take_flags("x --service=pay", FLAGS, Unknown::IsRefused).unwrap();
        assert_eq!(words.value("service"), Some("pay"));
        let words = take_flags("x --service \"never closed", FLAGS, Unknown::IsRefused).unwrap();
        assert_eq!((words.text.as_str(), words.value("service")), ("x closed", Some("never")));
    }

    #[test]
    fn misspelt_flags_are_refused_with_a_hint() {
        let error = take_flags("x --privat", FLAGS, Unknown::IsText).unwrap_err().to_string();
        assert_eq!(error, "I do not know `--privat`. Did you mean `--private`?");
        assert_eq!(
            take_flags("x --service", FLAGS, Unknown::IsRefused).unwrap_err().to_string(),
            "`--service` needs a value after it."
        );
    }

    #[test]
    fn unknown_flags_may_be_words() {
        let words = take_flags("deleted it with --all --test", FLAGS, Unknown::IsText).unwrap();
        assert!(words.text == "deleted it with --all" && words.has("test"));
        assert!(take_flags("deleted it with --all", FLAGS, Unknown::IsRefused).is_err());
    }

    #[test]
    fn words_at_the_ends() {
        assert_eq!(first_word(" a  b c "), ("a", "b c"));
        assert_eq!(last_word(" a b\u{a0}\u{a0}c "), ("a b", "c"));
        assert_eq!((last_word("a"), last_word("")), (("", "a"), ("", "")));
        assert_eq!(quoted("a `b`\n &lt;c&gt; <!here>"), "a \u{02CB}b\u{02CB} <c> @here");
        assert_eq!(quoted(&"x".repeat(99)).chars().count(), 80);
    }

    #[test]
    fn references_read_as_people_wrote_them() {
        assert_eq!(
            plain(
                "<@U1|ana> &amp; <@U2> in <#C1|ops>, <#C2|> see <https://x.y|x.y> &lt;b&gt; <!subteam^S1|@sre> <!here>"
            ),
            "@ana & @U2 in #ops, #private-channel see x.y <b> @sre @here"
        );
        assert_eq!(plain("a < b"), "a < b");
        for (link, read) in [
            ("<https://x.y/1|dash>", "dash (https://x.y/1)"),
            ("<https://x.y/1|1>", "1 (https://x.y/1)"),
            ("<http://x.y/|x.y>", "x.y"),
            ("<https://x.y?a&amp;b|http://x.y?a&amp;b>", "http://x.y?a&b"),
            ("<mailto:ana@x.y|ana@x.y> <mailto:ana@x.y|Ana>", "ana@x.y Ana (ana@x.y)"),
            ("<tel:+4930123|+49 30 123>", "+49 30 123"),
            ("<https://x.y>", "https://x.y"),
        ] {
            assert_eq!(plain_addressed(link, ToString::to_string), read);
        }
        assert_eq!(reference("<@U1|ana>"), Some(Reference::User(SlackUserId::new("U1"))));
        assert_eq!(reference("ana"), None);
        assert_eq!(unquoted("“payments down”"), "payments down");
        assert_eq!(unquoted("\"a\" and \"b\""), "\"a\" and \"b\"");
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_it_panic(text in "\\PC{0,60}") {
            let _ = take_flags(&text, FLAGS, Unknown::IsRefused);
            let _ = plain(&text);
            let _ = unquoted(&text);
            let _ = reference(&text);
        }
    }
}
