//! What the demo looks like: calm, at most 80 columns, coloured where colours are wanted.

use std::io::{self, Write};
use std::time::Duration;

use super::door::{Heard, Typing};
use super::look::{cut, padded, pictures, width, wrap};
use crate::clock::Timestamp;
use crate::sim::slack::{Part, Reading};

const WIDTH: usize = 80;
const MARGIN: &str = "  ";
/// What is said begins here, after the time.
const INDENT: usize = 7;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Bold,
    Dim,
    Good,
    Bad,
    Name,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Name => "1;36",
        }
    }
}

/// Where the demo is shown.
pub struct Screen {
    out: Box<dyn Write + Send>,
    coloured: bool,
    /// A person looks at it as it is written, so that a line may come and go.
    live: bool,
    last: Last,
}

/// What the last line is.
#[derive(PartialEq, Eq)]
enum Last {
    Text,
    /// One empty line is enough.
    Empty,
    /// Says what is waited for; the next line takes its place.
    Waiting(String),
}

impl Screen {
    pub fn new(out: Box<dyn Write + Send>, coloured: bool, live: bool) -> Self {
        Self { out, coloured, live, last: Last::Text }
    }

    pub(super) fn paint(&self, ink: Ink, text: &str) -> String {
        if self.coloured && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", ink.code())
        } else {
            text.to_owned()
        }
    }

    fn put(&mut self, line: &str) -> io::Result<()> {
        let now = if line.is_empty() { Last::Empty } else { Last::Text };
        match (std::mem::replace(&mut self.last, now), line.is_empty()) {
            (Last::Empty, true) => return Ok(()),
            (Last::Waiting(_), _) => write!(self.out, "\r\x1b[2K")?,
            _ => {}
        }
        if line.is_empty() { writeln!(self.out) } else { writeln!(self.out, "{MARGIN}{line}") }
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        self.put("")
    }

    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.paint(Ink::Bold, text);
        self.blank()?;
        self.put(&text)?;
        self.blank()
    }

    /// A paragraph.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        wrap(text, WIDTH - width(MARGIN), 0).iter().try_for_each(|line| self.put(line))
    }

    /// A paragraph in small print.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        for line in wrap(text, WIDTH - width(MARGIN), 0) {
            let line = self.paint(Ink::Dim, &line);
            self.put(&line)?;
        }
        Ok(())
    }

    /// `server    http://127.0.0.1:8080`
    pub(super) fn fact(&mut self, name: &str, value: &str) -> io::Result<()> {
        let name = self.paint(Ink::Dim, &padded(name, 10));
        self.put(&format!("{name}{value}"))
    }

    /// Something to paste, exactly as given.
    pub(super) fn command(&mut self, lines: &str) -> io::Result<()> {
        for line in lines.lines() {
            let line = self.paint(Ink::Name, line);
            self.put(&format!("  {line}"))?;
        }
        Ok(())
    }

    /// Done, after this long.
    pub(super) fn tick(&mut self, what: &str, took: Duration, detail: &str) -> io::Result<()> {
        let mark = self.paint(Ink::Good, "✓");
        let line = format!("{} {:>5} ms", padded(what, 32), took.as_millis());
        let detail = self.paint(Ink::Dim, &cut(detail, WIDTH - width(&line) - 7));
        self.put(format!("{mark} {line}   {detail}").trim_end())
    }

    /// Not done, and why not.
    pub(super) fn cross(&mut self, what: &str, why: &str) -> io::Result<()> {
        let mark = self.paint(Ink::Bad, "✗");
        let mut lines = wrap(&format!("{what}: {why}"), WIDTH - 4, 0).into_iter();
        let first = lines.next().unwrap_or_default();
        self.put(&format!("{mark} {first}"))?;
        lines.try_for_each(|line| self.put(&format!("  {line}")))
    }

    /// Under way: the line is there until the next one comes.
    pub(super) fn waiting_for(&mut self, what: &str) -> io::Result<()> {
        let now = Last::Waiting(what.to_owned());
        if self.live && !what.is_empty() && self.last != now {
            let line = self.paint(Ink::Dim, &cut(&format!("… {what}"), WIDTH - width(MARGIN)));
            write!(self.out, "\r\x1b[2K{MARGIN}{line}")?;
            self.last = now;
            self.out.flush()?;
        }
        Ok(())
    }

    /// A message, after its time and author.
    pub(super) fn message(&mut self, place: &str, message: &Reading) -> io::Result<()> {
        let thread = if message.is_reply { "in a thread" } else { "" };
        let pinned = if message.is_pinned { "pinned" } else { "" };
        let around: Vec<&str> = [place, thread, pinned].into_iter().filter(|word| !word.is_empty()).collect();
        let time = self.paint(Ink::Dim, &message.at.hh_mm());
        let author = self.paint(Ink::Name, &message.author);
        match message.parts.as_slice() {
            [Part::Text(text)] if around.is_empty() && !text.contains('\n') => {
                self.one_line(&time, &author, message, text)?;
            }
            parts => {
                let around = self.paint(Ink::Dim, &around.join(" · "));
                let head = [time, author, around].into_iter().filter(|part| !part.is_empty());
                self.put(&head.collect::<Vec<_>>().join("  "))?;
                parts.iter().try_for_each(|part| self.part(part))?;
            }
        }
        self.blank()
    }

    fn one_line(&mut self, time: &str, author: &str, message: &Reading, text: &str) -> io::Result<()> {
        // The author's columns are held free while breaking, and painted afterwards.
        let lead = width(&message.author) + if message.author.is_empty() { 0 } else { 2 };
        let text = format!("{}{}", "\u{a0}".repeat(lead), pictures(text));
        let gap = if message.author.is_empty() { "" } else { "  " };
        for (n, line) in wrap(&text, WIDTH - width(MARGIN) - INDENT, 0).iter().enumerate() {
            let line = line.trim_start_matches('\u{a0}');
            let line = if message.author.is_empty() { self.paint(Ink::Dim, line) } else { line.to_owned() };
            let lead = if n == 0 { format!("{time}  {author}{gap}") } else { " ".repeat(INDENT) };
            self.put(&format!("{lead}{line}"))?;
        }
        Ok(())
    }

    fn part(&mut self, part: &Part) -> io::Result<()> {
        let most = WIDTH - width(MARGIN) - INDENT;
        let lines: Vec<String> = match part {
            Part::Text(text) => wrap(&pictures(text), most, 2),
            Part::Small(text) => {
                wrap(&pictures(text), most, 0).iter().map(|line| self.paint(Ink::Dim, line)).collect()
            }
            Part::Buttons(labels) => {
                wrap(&labels.join(" "), most, 0).iter().map(|line| self.paint(Ink::Dim, line)).collect()
            }
            Part::Fields(fields) => fields.chunks(2).map(|pair| self.fields(pair)).collect(),
        };
        lines.iter().try_for_each(|line| self.put(&format!("{}{line}", " ".repeat(INDENT))))
    }

    /// Two columns, as Slack sets them.
    fn fields(&self, pair: &[(String, String)]) -> String {
        let cells = pair.iter().map(|(label, value)| {
            let value = pictures(value);
            let room = 36usize.saturating_sub(width(label) + 1 + width(&value)).max(2);
            format!("{} {value}{}", self.paint(Ink::Dim, label), " ".repeat(room))
        });
        cells.collect::<String>().trim_end().to_owned()
    }

    /// A change in one line.
    pub(super) fn edited(&mut self, place: &str, at: Timestamp, changed: &[Part]) -> io::Result<()> {
        let words = changed.iter().map(|part| match part {
            Part::Text(text) | Part::Small(text) => text.replace('\n', " · "),
            Part::Fields(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(label, value)| format!("{label}: {value}")).collect();
                fields.join(" · ")
            }
            Part::Buttons(_) => String::new(),
        });
        let words: Vec<String> = words.filter(|text| !text.is_empty()).collect();
        if words.is_empty() {
            return Ok(());
        }
        let line = format!("{}  ✎ {place}: {}", at.hh_mm(), pictures(&words.join(" · ")));
        let line = self.paint(Ink::Dim, &cut(&line, WIDTH - width(MARGIN)));
        self.put(&line)?;
        self.blank()
    }

    /// Somebody types a command, or presses a button.
    pub(super) fn typed(&mut self, at: Timestamp, typing: &Typing) -> io::Result<()> {
        let time = self.paint(Ink::Dim, &at.hh_mm());
        let (who, place) = (typing.person(), typing.channel.trim_start_matches('#'));
        let does = if typing.text.starts_with('/') { "types" } else { "presses" };
        self.put(&format!("{time}  {who} {does} in #{place}"))?;
        self.command(&wrap(&typing.text, WIDTH - width(MARGIN) - INDENT, 2).join("\n"))?;
        self.blank()
    }

    /// The answer to what was typed.
    pub fn heard(&mut self, typing: &Typing, heard: &Heard) -> io::Result<()> {
        if heard.others > 0 {
            let all = heard.others + 1;
            self.note(&format!("{all} demos run here; this is the newest, at {}.", heard.server))?;
        }
        let (channel, took) = (typing.channel.trim_start_matches('#'), heard.took.as_millis());
        for answer in &heard.answers {
            self.message(&format!("only {} sees this · after {took} ms", typing.person()), answer)?;
        }
        for answer in &heard.aloud {
            self.message(&format!("everybody in #{channel} sees this · after {took} ms"), answer)?;
        }
        if let Some(form) = &heard.form {
            self.say(&format!("Firebell opens a form for {}: {form}.", typing.person()))?;
            self.note("Forms are filled in with a mouse; here, type the whole command instead.")?;
        } else if heard.answers.is_empty() && heard.aloud.is_empty() {
            self.say(&if typing.acts() {
                "Taken, without a word; the channel shows what comes of it.".to_owned()
            } else {
                format!("{} said it in #{channel}.", typing.person())
            })?;
            if typing.text.starts_with('!') || typing.text.contains("@firebell") {
                self.note("Firebell hears the channels that it was invited to: try --channel incidents.")?;
            }
        }
        self.flush()
    }

    pub(super) fn farewell(&mut self, home: &str) -> io::Result<()> {
        self.blank()?;
        self.note(&format!("Stopped. {home} is removed."))
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
