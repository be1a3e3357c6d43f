//! Slack's markup as the words a person reads. <https://docs.slack.dev/messaging/formatting-message-text>

use super::state::World;

/// References and links become names and labels, marks of emphasis go, entities become characters.
pub(super) fn plain(world: &World, text: &str) -> String {
    let mut out = String::new();
    // Every second piece is code: no markup inside but references.
    for (i, piece) in text.replace("```", "`").split('`').enumerate() {
        let words = if i % 2 == 0 { unmark(piece) } else { piece.to_owned() };
        out += &references(world, &words);
    }
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Replaces every `<…>`.
fn references(world: &World, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out += before;
        let Some((inside, after)) = after.split_once('>') else {
            out.push('<');
            rest = after;
            continue;
        };
        out += &reference(world, inside);
        rest = after;
    }
    out + rest
}

fn reference(world: &World, inside: &str) -> String {
    let (target, label) = inside.split_once('|').unwrap_or((inside, ""));
    if let Some(id) = target.strip_prefix('@') {
        return format!("@{}", user(world, id));
    }
    if let Some(id) = target.strip_prefix('#') {
        return format!("#{}", channel(world, id));
    }
    if let Some(id) = target.strip_prefix("!subteam^") {
        return format!("@{}", usergroup(world, id));
    }
    if target.starts_with("!date^") {
        return label.to_owned();
    }
    if let Some(whom) = target.strip_prefix('!') {
        return format!("@{whom}");
    }
    let shown = if label.is_empty() { target } else { label };
    shown.to_owned()
}

pub(super) fn user(world: &World, id: &str) -> String {
    world.users.get(id).map_or_else(|| id.to_owned(), |u| u.name.clone())
}

pub(super) fn channel(world: &World, id: &str) -> String {
    world.channels.get(id).map_or_else(|| id.to_owned(), |c| c.name.clone())
}

pub(super) fn usergroup(world: &World, id: &str) -> String {
    world.usergroups.get(id).map_or_else(|| id.to_owned(), |g| g.handle.clone())
}

/// Takes `*bold*`, `_italic_` and `~strike~` marks away where Slack would see them: around words, in one line.
fn unmark(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut is_mark = vec![false; chars.len()];
    let mut in_reference = false;
    for at in 0..chars.len() {
        match chars[at] {
            '<' => in_reference = true,
            '>' => in_reference = false,
            '*' | '_' | '~' if !in_reference && !is_mark[at] => {
                if let Some(end) = closing(&chars, at) {
                    is_mark[at] = true;
                    is_mark[end] = true;
                }
            }
            _ => {}
        }
    }
    chars.iter().zip(is_mark).filter(|(_, mark)| !mark).map(|(c, _)| *c).collect()
}

/// Where the mark opened at `open` ends, if it opens anything.
fn closing(chars: &[char], open: usize) -> Option<usize> {
    let is_word = |at: Option<usize>| at.and_then(|i| chars.get(i)).is_some_and(|c| c.is_alphanumeric());
    let is_space = |at: usize| chars.get(at).is_none_or(|c| c.is_whitespace());
    if is_word(open.checked_sub(1)) || is_space(open + 1) || chars.get(open + 1) == Some(&chars[open]) {
        return None;
    }
    let line = chars[open + 1..].iter().take_while(|c| **c != '\n').count();
    (open + 2..=open + line).find(|&i| chars[i] == chars[open] && !is_space(i - 1) && !is_word(Some(i + 1)))
}

#[cfg(test)]
mod tests {
    use super::super::state::World;
    use super::plain;

    #[test]
    fn shows_words_without_their_marks() {
        let world = World::new(&[]);
        for (written, read) in [
            ("*bold* _it_ ~no~", "bold it no"),
            ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
            ("*open", "*open"),
            ("```let *a* = 1```", "let *a* = 1"),
            ("&lt;!channel&gt; is safe, <!channel> is not", "<!channel> is safe, @channel is not"),
            (
                "<https://a_b.example/x_y_z|doc> <mailto:a@b|a@b> <https://c.example>",
                "doc a@b https://c.example",
            ),
            ("<@U0FIREBELL> <@U404>", "@firebell @U404"),
            ("a &amp;lt; b", "a &lt; b"),
        ] {
            assert_eq!(plain(&world, written), read);
        }
    }
}
