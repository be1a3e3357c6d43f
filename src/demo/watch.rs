//! Sees what is new in the simulated workspace, and shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::scenario::first_name;
use super::{Demo, Screen};
use crate::sim::scene::CAST;
use crate::sim::slack::{Part, Reading, Slack};

/// How often it looks while people look on.
const EVERY: Duration = Duration::from_millis(100);

/// What has been shown.
#[derive(Default)]
pub(super) struct Watch {
    /// By place and `ts`.
    shown: BTreeMap<(String, String), Vec<Part>>,
}

enum News {
    Said(Reading),
    Edited {
        now: Reading,
        /// Of it, what is not as it was.
        changed: Vec<Part>,
    },
}

impl Watch {
    /// Shows what is new in one channel.
    pub(super) fn show_channel(&mut self, slack: &Slack, name: &str, screen: &mut Screen) -> Result<()> {
        let id = slack.channel_named(name).map(|c| c.id).unwrap_or_default();
        let mut edited = Vec::new();
        for news in self.news(&format!("#{name}"), slack.read(&id)) {
            match news {
                News::Said(message) => screen.message("", &message)?,
                News::Edited { now, .. } => edited.push(now),
            }
        }
        Ok(edited.iter().try_for_each(|message| screen.message("edited in place", message))?)
    }

    /// Counts everything as shown.
    pub(super) fn skip(&mut self, slack: &Slack) {
        for (place, messages) in everywhere(slack) {
            self.news(&place, messages);
        }
    }

    /// Shows what is typed and said, until dropped.
    pub(super) async fn follow(&mut self, demo: &mut Demo, screen: &mut Screen) -> Result<()> {
        let slack = demo.world.slack.clone();
        loop {
            while let Ok(typed) = demo.typed.try_recv() {
                if typed.acts() {
                    screen.typed(demo.world.clock.now(), &typed)?;
                }
            }
            let mut news: Vec<(String, News)> = everywhere(&slack)
                .into_iter()
                .flat_map(|(place, messages)| {
                    self.news(&place, messages).into_iter().map(move |news| (place.clone(), news))
                })
                .collect();
            news.sort_by(|(_, a), (_, b)| a.ts().cmp(b.ts()));
            for (place, news) in news {
                match news {
                    News::Said(message) => screen.message(&place, &message)?,
                    News::Edited { now, changed } => screen.edited(&place, now.at, &changed)?,
                }
            }
            screen.flush()?;
            demo.world.clock.sleep(EVERY).await;
        }
    }

    fn news(&mut self, place: &str, messages: Vec<Reading>) -> Vec<News> {
        let news = messages.into_iter().filter_map(|message| {
            let key = (place.to_owned(), message.ts.clone());
            match self.shown.insert(key, message.parts.clone()) {
                None => Some(News::Said(message)),
                Some(before) if before != message.parts => {
                    Some(News::Edited { changed: changed(&before, &message.parts), now: message })
                }
                Some(_) => None,
            }
        });
        news.collect()
    }
}

impl News {
    fn ts(&self) -> &str {
        match self {
            Self::Said(message) | Self::Edited { now: message, .. } => &message.ts,
        }
    }
}

fn changed(before: &[Part], now: &[Part]) -> Vec<Part> {
    let old_fields: Vec<_> = before
        .iter()
        .flat_map(|part| if let Part::Fields(fields) = part { fields.as_slice() } else { &[] })
        .collect();
    let new = now.iter().filter(|part| !before.contains(part)).map(|part| match part {
        Part::Fields(fields) => {
            Part::Fields(fields.iter().filter(|f| !old_fields.contains(f)).cloned().collect())
        }
        other => other.clone(),
    });
    new.collect()
}

/// Every channel, and what each person alone was shown.
fn everywhere(slack: &Slack) -> Vec<(String, Vec<Reading>)> {
    let channels = slack.channels().into_iter().map(|c| (format!("#{}", c.name), slack.read(&c.id)));
    let whispers = CAST.iter().map(|(id, ..)| (only_sees(id), slack.read_whispers(id)));
    channels.chain(whispers).collect()
}

pub(super) fn only_sees(user: &str) -> String {
    format!("only {} sees this", first_name(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_edit_only_the_change_is_shown() {
        let field = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        let text = |text: &str| Part::Text(text.to_owned());
        let before =
            [text("INC-1"), Part::Fields(vec![field("Status", "Investigating"), field("IC", "@ana")])];
        let now =
            [text("INC-1"), Part::Fields(vec![field("Status", "Resolved"), field("IC", "@ana")]), text("x")];
        assert_eq!(changed(&before, &now), [Part::Fields(vec![field("Status", "Resolved")]), text("x")]);
    }
}
