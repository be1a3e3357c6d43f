//! Where the log goes: stderr, in lines for people on a terminal, in JSON for everything else.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};

use super::Failure;
use crate::config::environment;

/// `asked` wins over `RUST_LOG`, which wins over `usual`.
pub(super) fn start(asked: Option<&str>, usual: &str) -> Result<(), Failure> {
    let from_environment = environment().find(|(name, text)| name == "RUST_LOG" && !text.is_empty());
    let (name, text) = match (asked.filter(|text| !text.is_empty()), from_environment) {
        (Some(text), _) => ("--log (or FIREBELL_LOG)", text.to_owned()),
        (None, Some((_, text))) => ("RUST_LOG", text),
        (None, None) => ("", usual.to_owned()),
    };
    let filter: Targets = text.parse().map_err(|e| {
        Failure::Usage(format!("{name}: {text:?} is no log filter ({e}); write for example debug"))
    })?;
    let (log, lines) = (registry().with(filter), fmt::layer().with_writer(io::stderr));
    let started = if io::stderr().is_terminal() {
        log.with(lines.with_ansi(coloured()).with_target(false)).try_init()
    } else {
        log.with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false)).try_init()
    };
    started.map_err(|e| Failure::failed(format!("cannot start logging: {e}")))
}

/// <https://no-color.org>; a dumb terminal has none either.
pub(super) fn coloured() -> bool {
    !environment()
        .any(|(name, value)| (name == "NO_COLOR" && !value.is_empty()) || (name == "TERM" && value == "dumb"))
}
