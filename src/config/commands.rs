//! The slash commands and the names under which this workspace types them. Slack does not namespace commands (the app
//! installed last wins), so each name can be changed: <https://docs.slack.dev/interactivity/implementing-slash-commands/>.

use super::reader::Section;
use super::text::Parsed;

/// Slack's own commands. A manifest with one of them is refused as a whole.
const BUILT_IN: [&str; 28] = [
    "/apps",
    "/archive",
    "/away",
    "/call",
    "/collapse",
    "/dm",
    "/dnd",
    "/expand",
    "/feed",
    "/help",
    "/invite",
    "/join",
    "/leave",
    "/me",
    "/msg",
    "/mute",
    "/open",
    "/pro",
    "/remind",
    "/remove",
    "/rename",
    "/search",
    "/shortcuts",
    "/shrug",
    "/status",
    "/topic",
    "/unarchive",
    "/who",
];

macro_rules! commands {
    ($($variant:ident: $key:ident = $default:literal,)*) => {
        /// What a typed command is about, whatever it is called in this workspace.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Command { $($variant,)* }

        /// The typed names, with their slash.
        #[derive(Debug, Clone)]
        pub struct Commands { $(pub $key: String,)* }

        /// As they are called where nobody says otherwise.
        impl Default for Commands {
            fn default() -> Self {
                Self { $($key: $default.into(),)* }
            }
        }

        impl Commands {
            /// Each command with its key in `[commands]` and its typed name.
            pub fn all(&self) -> Vec<(Command, &'static str, &str)> {
                vec![$((Command::$variant, stringify!($key), self.$key.as_str()),)*]
            }

            pub(super) fn read(section: &mut Section<'_>) -> Self {
                Self { $($key: section.parsed(stringify!($key), $default.to_owned(), command_name),)* }
            }
        }
    };
}

commands! {
    Incident: incident = "/incident",
    Oncall: oncall = "/oncall",
    Page: page = "/page",
    Ic: ic = "/ic",
    Statuspage: statuspage = "/statuspage",
    Status: status = "/status-check",
    Runbook: runbook = "/runbook",
    Firebell: firebell = "/firebell",
}

impl Commands {
    /// Which command was typed, if it is one of ours.
    pub fn typed(&self, name: &str) -> Option<Command> {
        self.all().into_iter().find(|(_, _, typed)| *typed == name).map(|(command, _, _)| command)
    }

    /// The command that a word means where there is no slash: `incident`, or what it is called here.
    pub fn word(&self, word: &str) -> Option<Command> {
        let is = |name: &str| name.eq_ignore_ascii_case(word);
        self.all().into_iter().find(|(_, key, typed)| is(key) || is(&typed[1..])).map(|(command, ..)| command)
    }

    /// Its typed name.
    pub fn name(&self, wanted: Command) -> &str {
        self.all().into_iter().find(|(command, ..)| *command == wanted).map_or("", |(.., typed)| typed)
    }
}

fn command_name(text: &str) -> Parsed<String> {
    let text = text.trim();
    let Some(word) = text.strip_prefix('/') else {
        return Err(format!("does not begin with a slash; write /{text}"));
    };
    let well_formed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if word.is_empty() || text.len() > 32 || !word.chars().all(well_formed) {
        return Err("is not a command; write / and up to 31 of a-z, 0-9, - and _, such as /incident".into());
    }
    if BUILT_IN.contains(&text) {
        return Err(format!(
            "is built into Slack, which refuses it to apps; write another, such as /inc{word}"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_and_malformed_names_are_refused() {
        assert_eq!(command_name("/incident").as_deref(), Ok("/incident"));
        let refused = command_name("/status").expect_err("built in");
        assert!(refused.contains("/incstatus"), "{refused}");
        for wrong in ["incident", "/", "/Incident", "/two words", "/a-name-that-is-much-too-long-for-slack"] {
            assert!(command_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_typed_name_leads_to_its_command() {
        let commands = Commands { incident: "/inc".into(), ..Commands::default() };
        assert_eq!(commands.typed("/inc"), Some(Command::Incident));
        assert_eq!(commands.typed("/incident"), None);
        assert_eq!(commands.word("Inc"), Some(Command::Incident));
        assert_eq!(commands.word("incident"), Some(Command::Incident), "by its key, too");
        assert_eq!(commands.name(Command::Oncall), "/oncall");
    }
}
