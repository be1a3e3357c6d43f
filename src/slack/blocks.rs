//! Block Kit values and message text. Each builder keeps Slack's limit for what it builds
//! (<https://docs.slack.dev/reference/block-kit/blocks>), by cutting text rather than by having the whole message
//! refused; and because Slack refuses empty texts, an empty one becomes a dash.
//!
//! Two kinds of text: *plain* is shown as it is; *mrkdwn* has markup, and everything in it that a person wrote must
//! have gone through [`escape`] or [`untrusted`].

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::ids::{ChannelId, SlackUserId};

pub fn header(text: &str) -> Value {
    json!({ "type": "header", "text": plain_text(text, 150) })
}

/// One paragraph of mrkdwn.
pub fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text, 3000) })
}

/// A paragraph with something to press beside it.
pub fn section_with(text: &str, accessory: Value) -> Value {
    let mut block = section(text);
    block["accessory"] = accessory;
    block
}

/// Up to ten short mrkdwn texts in two columns.
pub fn fields(texts: &[String]) -> Value {
    let texts: Vec<Value> = texts.iter().take(10).map(|text| mrkdwn(text, 2000)).collect();
    json!({ "type": "section", "fields": texts })
}

/// Small grey mrkdwn.
pub fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [mrkdwn(text, 2000)] })
}

/// A row of at most 25 buttons and selects.
pub fn actions(block_id: &str, elements: &[Value]) -> Value {
    json!({ "type": "actions", "block_id": block_id, "elements": elements })
}

pub fn divider() -> Value {
    json!({ "type": "divider" })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Default,
    Primary,
    Danger,
}

/// `value` (at most 2,000 characters) comes back when it is pressed; it proves nothing about who pressed.
pub fn button(text: &str, action_id: &str, value: &str, style: Style, confirm: Option<Value>) -> Value {
    let mut button = json!({
        "type": "button", "text": plain_text(text, 75), "action_id": action_id, "value": value,
    });
    match style {
        Style::Default => {}
        Style::Primary => button["style"] = "primary".into(),
        Style::Danger => button["style"] = "danger".into(),
    }
    if let Some(confirm) = confirm {
        button["confirm"] = confirm;
    }
    button
}

/// The question before a button does its work.
pub fn confirm(title: &str, text: &str, yes: &str, no: &str) -> Value {
    json!({
        "title": plain_text(title, 100), "text": plain_text(text, 300),
        "confirm": plain_text(yes, 30), "deny": plain_text(no, 30),
    })
}

/// A menu of at most 100 `(text, value)` options, with the option of value `initial` chosen.
pub fn static_select(
    action_id: &str,
    placeholder: &str,
    options: &[(String, String)],
    initial: Option<&str>,
) -> Value {
    let option = |(text, value): &(String, String)| json!({ "text": plain_text(text, 75), "value": plain(value, 150) });
    let shown = &options[..options.len().min(100)];
    let mut select = json!({
        "type": "static_select", "action_id": action_id, "placeholder": plain_text(placeholder, 150),
        "options": shown.iter().map(option).collect::<Vec<_>>(),
    });
    if let Some(chosen) = shown.iter().find(|(_, value)| Some(value.as_str()) == initial) {
        select["initial_option"] = option(chosen);
    }
    select
}

/// A text field of at most `max_length` (up to 3,000) characters.
pub fn plain_text_input(action_id: &str, multiline: bool, max_length: u16, initial: &str) -> Value {
    let max_length = max_length.clamp(1, 3000);
    let mut input = json!({
        "type": "plain_text_input", "action_id": action_id, "multiline": multiline, "max_length": max_length,
    });
    if !initial.is_empty() {
        input["initial_value"] = plain(initial, max_length.into()).into();
    }
    input
}

/// A labelled element of a modal. Errors of a submission are shown by `block_id`.
pub fn input(block_id: &str, label: &str, element: &Value, optional: bool) -> Value {
    json!({
        "type": "input", "block_id": block_id, "label": plain_text(label, 2000), "element": element,
        "optional": optional,
    })
}

/// `private_metadata` (at most 3,000 characters) comes back on submission, unseen by the person but not secret.
pub fn modal(
    callback_id: &str,
    title: &str,
    submit: &str,
    private_metadata: &str,
    blocks: &[Value],
) -> Value {
    json!({
        "type": "modal", "callback_id": callback_id, "title": plain_text(title, 24),
        "submit": plain_text(submit, 24), "close": plain_text("Cancel", 24),
        "private_metadata": private_metadata, "blocks": blocks,
    })
}

fn plain_text(text: &str, max: usize) -> Value {
    json!({ "type": "plain_text", "text": or_dash(plain(text, max)), "emoji": true })
}

/// `verbatim`: Slack makes no links, channels or mentions out of words that are not marked up as such.
fn mrkdwn(text: &str, max: usize) -> Value {
    json!({ "type": "mrkdwn", "text": or_dash(cut_mrkdwn(text, max)), "verbatim": true })
}

fn or_dash(text: String) -> String {
    if text.trim().is_empty() { "–".into() } else { text }
}

/// For user text inside mrkdwn: `&`, `<` and `>`, the three that Slack names, and no others
/// (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    }
}

/// What Slack sends us, as the person typed it.
pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// At most `max` characters, with an ellipsis where text was cut; without control characters and without the
/// characters that reverse the reading direction of what follows. Not escaped: cut first, escape after.
pub fn plain(text: &str, max: usize) -> String {
    let mut visible = text.chars().filter(|&c| is_harmless(c));
    let mut out: String = visible.by_ref().take(max).collect();
    if visible.next().is_some() {
        out.pop();
        out.push('…');
    }
    out
}

fn is_harmless(c: char) -> bool {
    match c {
        '\n' | '\t' => true,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => false,
        other => !other.is_control(),
    }
}

/// User text inside a mrkdwn template, unable to be more than text: escaped, backticks made look-alikes so that it
/// cannot leave a code span, no quote at the start of a line, and no `@here`, `@channel`, `@everyone` that a client
/// or a later copy could take for a call to all. Bold and italics stay: names are full of `_`.
pub fn untrusted(text: &str) -> String {
    if text.bytes().all(is_plainly_text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut at_line_start = true;
    for (index, c) in text.char_indices() {
        if !is_harmless(c) {
            continue;
        }
        match c {
            '`' => out.push(GRAVE),
            '>' if at_line_start => out.push_str("\u{200B}&gt;"),
            '@' if !out.ends_with(is_part_of_address) && calls_everybody(&text[index + 1..]) => {
                out.push_str("@\u{200B}");
            }
            other => push_escaped(&mut out, other),
        }
        at_line_start = c == '\n' || (at_line_start && c.is_whitespace());
    }
    out
}

/// Most names and numbers are nothing else: an answer about a whole company has hundreds of them.
fn is_plainly_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'@' | b'`')
}

/// Looks like a backtick, and ends no code span. Unicode calls it a letter.
const GRAVE: char = '\u{02CB}';

fn is_part_of_address(c: char) -> bool {
    c.is_alphanumeric() && c != GRAVE
}

/// Whether the word after an `@` is one of the three; `@heretic` is not.
fn calls_everybody(rest: &str) -> bool {
    // Without what is stripped anyway, or a control character in the middle would hide the word.
    let word: String =
        rest.chars().filter(|&c| is_harmless(c)).take_while(|&c| is_part_of_address(c)).take(9).collect();
    ["here", "channel", "everyone"].iter().any(|call| word.eq_ignore_ascii_case(call))
}

/// Cuts finished mrkdwn, but never inside a `<…>` or an `&…;`.
fn cut_mrkdwn(text: &str, max: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(max) else {
        return text.to_owned();
    };
    let mut kept = &text[..end];
    // Room for the ellipsis.
    kept = &kept[..kept.char_indices().next_back().map_or(0, |(last, _)| last)];
    if let Some(open) = kept.rfind('<').filter(|&open| !kept[open..].contains('>')) {
        kept = &kept[..open];
    }
    if let Some(open) = kept.rfind('&').filter(|&open| !kept[open..].contains(';')) {
        kept = &kept[..open];
    }
    format!("{kept}…")
}

/// Ids of vendors are letters and digits; anything else in one would be somebody's markup.
fn id(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

pub fn mention(user: &SlackUserId) -> String {
    format!("<@{}>", id(user.as_str()))
}

pub fn channel(channel: &ChannelId) -> String {
    format!("<#{}>", id(channel.as_str()))
}

/// A link, or only its label when the address is none that a browser or mail client should open.
pub fn link(url: &str, label: &str) -> String {
    let clean: String =
        label.chars().filter(|&c| is_harmless(c) && !matches!(c, '|' | '>' | '<' | '\n')).collect();
    let label = escape(clean.trim());
    if !["https://", "http://", "mailto:", "slack://"].iter().any(|scheme| url.starts_with(scheme)) {
        return label;
    }
    let mut address = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '<' => address.push_str("%3C"),
            '>' => address.push_str("%3E"),
            '|' => address.push_str("%7C"),
            '&' => address.push_str("&amp;"),
            c if c.is_whitespace() || !is_harmless(c) => address.push_str("%20"),
            other => address.push(other),
        }
    }
    if label.is_empty() { format!("<{address}>") } else { format!("<{address}|{label}>") }
}

/// An instant in each reader's own time zone, in UTC where a client cannot.
pub fn date(at: Timestamp) -> String {
    let fallback = at.to_jiff().strftime("%Y-%m-%d %H:%M UTC");
    format!("<!date^{}^{{date_short_pretty}} at {{time}}|{fallback}>", at.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_write_stays_text() {
        assert_eq!(escape("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(
            untrusted("@here, @Channel ann@here.org @heretic"),
            "@\u{200B}here, @\u{200B}Channel ann@here.org @heretic"
        );
        assert_eq!(untrusted("@he\u{202E}re"), "@\u{200B}here");
        assert_eq!(untrusted("`@here`"), "\u{02CB}@\u{200B}here\u{02CB}");
        assert_eq!(untrusted("\u{02CB}@here\u{02CB}"), "\u{02CB}@\u{200B}here\u{02CB}");
        assert_eq!(untrusted("`rm`"), "\u{02CB}rm\u{02CB}");
        assert_eq!(untrusted("a > b\n > c"), "a &gt; b\n \u{200B}&gt; c");
        assert_eq!(unescape("&amp;lt; &lt;"), "&lt; <");
    }

    #[test]
    fn plain_text_is_cut_by_characters_and_cleaned() {
        assert_eq!(plain("żółw", 4), "żółw");
        assert_eq!(plain("żółwie", 4), "żół…");
        assert_eq!(plain("a\u{0}b\u{202E}c\td\u{2066}\ne", 99), "abc\td\ne");
        assert_eq!(plain("\u{7}\u{7}\u{7}ab", 2), "ab");
    }

    #[test]
    fn links_dates_and_mentions() {
        assert_eq!(link("https://x/?a=1&b=|2 3", "a|b> c"), "<https://x/?a=1&amp;b=%7C2%203|ab c>");
        assert_eq!(link("javascript:alert(1)", "run & see"), "run &amp; see");
        assert_eq!(link("https://x", ""), "<https://x>");
        assert_eq!(mention(&SlackUserId::new("U1><!here")), "<@U1here>");
        assert_eq!(channel(&ChannelId::new("C1")), "<#C1>");
        assert_eq!(
            date(Timestamp::from_secs(1_392_734_382)),
            "<!date^1392734382^{date_short_pretty} at {time}|2014-02-18 14:39 UTC>"
        );
    }

    #[test]
    fn long_mrkdwn_is_cut_outside_of_markup() {
        let text = format!("{}<https://x|label>", "a".repeat(2990));
        let block = section(&text);
        let cut = block["text"]["text"].as_str().expect("text");
        assert_eq!(cut, format!("{}…", "a".repeat(2990)));
        assert_eq!(cut_mrkdwn("ab&amp;cd", 5), "ab…");
        assert_eq!(cut_mrkdwn("abcde", 5), "abcde");
        assert_eq!(section("")["text"]["text"], "–");
    }

    #[test]
    fn a_modal_with_its_parts() {
        let options = [("SEV 1".to_owned(), "sev1".to_owned()), ("SEV 2".to_owned(), "sev2".to_owned())];
        let select = static_select("severity", "Severity", &options, Some("sev2"));
        assert_eq!(select["initial_option"]["value"], "sev2");
        assert_eq!(static_select("s", "S", &options, Some("sev9")).get("initial_option"), None);
        let title = plain_text_input("title", false, 200, "");
        let view = modal(
            "declare",
            "Declare an incident, now",
            "Declare",
            "{}",
            &[input("title", "Title", &title, false), input("severity", "Severity", &select, true)],
        );
        assert_eq!(view["title"]["text"], "Declare an incident, now");
        assert_eq!(view["blocks"][0]["element"]["max_length"], 200);
        let ask = confirm("Resolve?", "Everybody is told.", "Resolve", "Not yet");
        let button = button("Resolve", "resolve", "42", Style::Danger, Some(ask));
        assert_eq!(
            (&button["style"], &button["confirm"]["deny"]["text"]),
            (&"danger".into(), &"Not yet".into())
        );
        let row = actions("row", &[button]);
        assert_eq!(row["elements"][0]["value"], "42");
        assert_eq!(section_with("x", json!({}))["accessory"], json!({}));
        assert_eq!(fields(&vec!["f".to_owned(); 12])["fields"].as_array().map(Vec::len), Some(10));
    }

    proptest! {
        #[test]
        fn nothing_a_person_writes_becomes_markup(text in "(?s)[@<>!&#`|a-e\\u{202E}\\u{0} hrevyon]{0,60}|.{0,60}") {
            for safe in [escape(&text), untrusted(&text), untrusted(&plain(&text, 20))] {
                prop_assert!(!safe.contains(['<', '>']), "{safe:?}");
            }
            let said = format!(" {} ", untrusted(&text).to_ascii_lowercase());
            for (at, call) in ["@here", "@channel", "@everyone"].iter().flat_map(|call| said.match_indices(call)) {
                let inside_a_word = said[..at].ends_with(char::is_alphanumeric)
                    || said[at + call.len()..].starts_with(char::is_alphanumeric);
                prop_assert!(inside_a_word, "{said:?}");
            }
        }

        #[test]
        fn escaping_can_be_undone(text in ".*") {
            prop_assert_eq!(unescape(&escape(&text)), text);
        }

        #[test]
        fn builders_keep_their_limits_and_never_break_markup(text in "(?s)[a<>&;|é]{0,40}", max in 1usize..40) {
            prop_assert!(plain(&text, max).chars().count() <= max);
            prop_assert!(cut_mrkdwn(&escape(&text), max).chars().count() <= max);
            prop_assert_eq!(unescape(&cut_mrkdwn(&escape(&text), max)).matches('<').count(),
                cut_mrkdwn(&escape(&text), max).matches("&lt;").count());
        }

        #[test]
        fn a_label_cannot_end_its_link(label in ".*", url in "https://[ -~]{0,40}") {
            let made = link(&url, &label);
            prop_assert!(made.starts_with('<') && made.ends_with('>'));
            prop_assert_eq!(made.matches(['<', '>']).count(), 2);
            prop_assert!(made.matches('|').count() <= 1);
        }
    }
}
