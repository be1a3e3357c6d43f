//! What Slack makes of a typed command when the app asked for `should_escape`: names become references.
//! <https://docs.slack.dev/interactivity/implementing-slash-commands>

use super::state::{Channel, World};

/// Splits `/incident declare x` into the command and its text, mentions and links resolved.
pub(super) fn split(world: &World, typed: &str) -> (String, String) {
    let (command, text) = typed.split_once(' ').unwrap_or((typed, ""));
    (command.to_owned(), escaped(world, text))
}

/// The same of a message, where people are references without their names.
pub(super) fn message(world: &World, typed: &str) -> String {
    let mut text = escaped(world, typed);
    for (id, user) in &world.users {
        text = text.replace(&format!("<@{id}|{}>", user.name), &format!("<@{id}>"));
    }
    text
}

fn escaped(world: &World, text: &str) -> String {
    let mut escaped = String::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let bare = piece.trim_end();
        escaped += &resolve(world, bare);
        escaped += &piece[bare.len()..];
    }
    escaped
}

/// One word; punctuation after a mention stays outside of it.
fn resolve(world: &World, written: &str) -> String {
    let bare = written.trim_end_matches(['.', ',', ':', ';', '!', '?', ')']);
    match reference(world, bare) {
        Some(reference) => reference + &escape(&written[bare.len()..]),
        None => escape(written),
    }
}

fn reference(world: &World, written: &str) -> Option<String> {
    if let Some(name) = written.strip_prefix('@') {
        if ["here", "channel", "everyone"].contains(&name) {
            return Some(format!("<!{name}>"));
        }
        if let Some(user) = world.users.values().find(|u| u.name == name) {
            return Some(format!("<@{}|{name}>", user.id));
        }
        let group = world.usergroups.values().find(|g| g.handle == name)?;
        return Some(format!("<!subteam^{}|@{name}>", group.id));
    }
    if let Some(name) = written.strip_prefix('#') {
        let channel = world.channels.values().find(|c| c.dm_with.is_none() && c.name == name)?;
        // The name of a private channel is not given away.
        let Channel { id, is_private, .. } = channel;
        return Some(if *is_private { format!("<#{id}|>") } else { format!("<#{id}|{name}>") });
    }
    if written.starts_with("https://") || written.starts_with("http://") {
        return Some(format!("<{}>", escape(written)));
    }
    let (local, domain) = written.split_once('@')?;
    let is_mail = !local.is_empty() && domain.contains('.') && !written.contains(['<', '>', '|']);
    is_mail.then(|| format!("<mailto:{written}|{written}>"))
}

/// The three characters that Slack escapes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{OPS, field, room};

    #[tokio::test]
    async fn names_become_references_and_markup_is_escaped() {
        let room = room().await;
        room.slack.add_usergroup("S1", "oncall", &["U1"]);
        room.slack.add_channel("secret", true, "U1", &[]);
        let typed =
            "/page @bob, @oncall in #ops #secret: a<b & c@d.example https://x.example/?a&b @nobody <@U1>";
        let text = field(&room.slack.command("U1", OPS, typed).body, "text");
        assert_eq!(
            text,
            "<@U2|bob>, <!subteam^S1|@oncall> in <#C0000001|ops> <#C0000002|>: a&lt;b &amp; \
             <mailto:c@d.example|c@d.example> <https://x.example/?a&amp;b> @nobody &lt;@U1&gt;"
        );
    }
}
