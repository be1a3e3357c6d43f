//! How text sits on a terminal: widths, line breaks, and the pictures that Slack shows for its shortcodes.

/// Slack's names of pictures, as far as Firebell uses them. Only pictures that every terminal gives the same width.
const EMOJI: &[(&str, &str)] = &[
    ("adhesive_bandage", "🩹"),
    ("alarm_clock", "⏰"),
    ("arrow_right", "→"),
    ("arrow_up", "↑"),
    ("arrows_counterclockwise", "🔄"),
    ("ballot_box_with_check", "☑"),
    ("bulb", "💡"),
    ("bust_in_silhouette", "👤"),
    ("exclamation", "❗"),
    ("eyes", "👀"),
    ("firefighter", "🚒"),
    ("green_book", "📗"),
    ("grey_question", "❔"),
    ("hammer_and_wrench", "🔧"),
    ("heavy_plus_sign", "➕"),
    ("hourglass", "⌛"),
    ("hourglass_flowing_sand", "⏳"),
    ("information_source", "ℹ"),
    ("label", "🔖"),
    ("large_blue_circle", "🔵"),
    ("large_orange_circle", "🟠"),
    ("large_yellow_circle", "🟡"),
    ("link", "🔗"),
    ("lock", "🔒"),
    ("mega", "📣"),
    ("memo", "📝"),
    ("no_entry_sign", "🚫"),
    ("pager", "📟"),
    ("question", "❓"),
    ("red_circle", "🔴"),
    ("repeat", "🔁"),
    ("rewind", "⏪"),
    ("rotating_light", "🚨"),
    ("satellite", "📡"),
    ("scales", "⚖"),
    ("scissors", "✂"),
    ("speech_balloon", "💬"),
    ("telephone_receiver", "📞"),
    ("test_tube", "🧪"),
    ("twisted_rightwards_arrows", "🔀"),
    ("warning", "⚠"),
    ("white_check_mark", "✅"),
    ("wrench", "🔧"),
    ("x", "❌"),
];

/// `:eyes:` becomes 👀; what is not in the table stays.
pub(super) fn pictures(text: &str) -> String {
    EMOJI.iter().fold(text.to_owned(), |text, (name, picture)| text.replace(&format!(":{name}:"), picture))
}

/// Columns on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        // East Asian scripts, then pictures.
        0x1100..=0x115F
        | 0x2E80..=0xD7FF
        | 0xF900..=0xFAFF
        | 0xFF00..=0xFF60
        | 0x1F300..=0x1FAFF
        | 0x231B
        | 0x23E9..=0x23EC
        | 0x23F0
        | 0x23F3
        | 0x2705
        | 0x2753..=0x2755
        | 0x2757
        | 0x274C
        | 0x2795 => 2,
        _ => 1,
    }
}

/// Breaks at spaces so that no line is wider than `most` columns; later lines begin with `hang` spaces. A longer word
/// stays whole: half an address helps nobody.
pub(super) fn wrap(text: &str, most: usize, hang: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.trim().is_empty() && width(&line) + 1 + width(word) > most {
                lines.push(std::mem::replace(&mut line, " ".repeat(hang)));
                line += word;
            } else {
                if !line.is_empty() {
                    line.push(' ');
                }
                line += word;
            }
        }
        lines.push(line);
    }
    lines
}

/// Filled with spaces to this many columns.
pub(super) fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// As much as fits, with an ellipsis where something is missing.
pub(super) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(char_width(*c));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_pictures_count_double() {
        assert_eq!(pictures(":eyes: at :10:30 :nothing:"), "👀 at :10:30 :nothing:");
        assert_eq!((width("👀 ok"), padded("👀", 4).len() - "👀".len()), (5, 2));
        assert_eq!(wrap("one two three\n\nfour", 8, 2), ["one two", "  three", "", "four"]);
        assert_eq!(wrap("https://a.very.long/address x", 8, 0), ["https://a.very.long/address", "x"]);
        assert_eq!((cut("short", 5), cut("too long 👀", 6)), ("short".into(), "too l…".into()));
    }
}
