//! Scenarios that a user lives through, against the simulated vendors, through the real front door, on both engines.

/// What a person reads, as an inline snapshot that both engines must match.
macro_rules! assert_reads {
    ($read:expr, @$snapshot:literal) => {{
        let read = &$read;
        insta::allow_duplicates! { insta::assert_snapshot!(read, @$snapshot) }
    }};
}

mod acts;
mod stage;

mod buttons;
mod declare;
mod forms;
mod hostile;
mod outages;
mod reminders;
mod repeats;
mod rights;
mod verbs;
