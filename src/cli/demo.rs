//! `firebell demo`: see it work, and take part.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::logging::coloured;
use super::signals::Signals;
use crate::demo::{self, Options, Screen, Typing};

pub(super) const EXAMPLES: &str = "\
Examples:
  firebell demo                          play an incident, then keep serving
  firebell demo --exit                   play it, and say by the exit status how it went
  firebell demo send '/incident list'    type a command in the demo that runs";

/// As if the vendors were on another continent.
const LATENCY: Duration = Duration::from_millis(120);
/// Long enough to read a line.
const PAUSE: Duration = Duration::from_millis(800);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Demo {
    /// End after the incident; the exit status is 1 if anything was missing, and each missing thing is named
    #[arg(long)]
    exit: bool,
    /// No simulated distance to the vendors, and no pauses
    #[arg(long)]
    fast: bool,
    /// The server's port [default: 8080 if it is free, else any]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(subcommand)]
    command: Option<DemoCommand>,
}

#[derive(Debug, Subcommand)]
enum DemoCommand {
    /// Type something in the running demo's Slack
    ///
    /// A text that begins with / is a command, one in brackets presses the button of that label; the answer is printed
    /// as the person reads it. Anything else is said in the channel, where Firebell listens for !oncall and the like if it is
    /// a member. What happens there appears where the demo runs.
    #[command(after_help = "Examples:
  firebell demo send '/incident declare search-slow sev2 --service search' --as eve
  firebell demo send '[Take command]' --as cho --channel inc-2-search-slow
  firebell demo send 'who is on it?' --channel inc-2-search-slow
  firebell demo send '!oncall search' --channel inc-2-search-slow")]
    Send {
        /// A command such as '/incident list', a button's label in brackets, or words to say
        text: String,
        /// Who types: ana, ben, cho, dee or eve
        #[arg(long = "as", value_name = "NAME", default_value = "ana")]
        who: String,
        /// Where: a channel of the simulated workspace
        #[arg(long, value_name = "NAME", default_value = "general")]
        channel: String,
    },
}

pub(super) async fn run(demo: Demo) -> Result<(), Failure> {
    match demo.command {
        Some(DemoCommand::Send { text, who, channel }) => Ok(send(Typing { who, channel, text }).await?),
        None => play(&demo).await,
    }
}

fn screen() -> Screen {
    let live = io::stdout().is_terminal();
    Screen::new(Box::new(io::stdout()), live && coloured(), live)
}

async fn play(demo: &Demo) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let (latency, pause) = if demo.fast { (Duration::ZERO, Duration::ZERO) } else { (LATENCY, PAUSE) };
    let options = Options { port: demo.port, latency, pause, exit: demo.exit };
    let (mut screen, stop) = (screen(), CancellationToken::new());
    let mut playing = Box::pin(demo::run(options, &mut screen, stop.clone()));
    tokio::select! {
        played = &mut playing => return Ok(played?),
        _ = signals.next() => stop.cancel(),
    }
    tokio::select! {
        played = playing => Ok(played?),
        signal = signals.next() => Err(Failure::failed(format!("ended at once by a second {signal}"))),
    }
}

async fn send(typing: Typing) -> anyhow::Result<()> {
    let heard = demo::send(&typing).await?;
    screen().heard(&typing, &heard)?;
    Ok(())
}
