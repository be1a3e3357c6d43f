//! Scenarios that a user lives through, against the simulated vendors, through the real front door, on both engines.

#![expect(clippy::unwrap_used, reason = "in a test, an unwrap is the test's failure")]

/// What a person reads, as an inline snapshot that both engines must match.
macro_rules! assert_reads {
    ($read:expr, @$snapshot:literal) => {{
        let read = &$read;
        insta::allow_duplicates! { insta::assert_snapshot!(read, @$snapshot) }
    }};
}

mod acts;
mod canon;
mod looking;
mod queue;
mod stage;

mod auto_open;
mod bad_days;
mod buttons;
mod declare;
mod discarded;
mod elsewhere;
mod ends;
mod follows;
mod forms;
mod groups;
mod heals;
mod hostile;
mod ic;
mod inbound;
mod jobs;
mod kept;
mod lanes;
mod merges;
mod not_rung;
mod notices;
mod notices_asked;
mod notices_bad_days;
mod notices_cachet;
mod notices_forms;
mod notices_stuck;
mod notices_sweep;
mod notices_twice;
mod notices_words;
mod oncall_bad_days;
mod oncall_command;
mod oncall_groups;
mod outages;
mod paged;
mod paging;
mod paging_days;
mod paging_roads;
mod paging_twins;
mod paging_words;
mod posts;
mod reminders;
mod reopened;
mod repeats;
mod rights;
mod roster;
mod rota;
mod runbooks;
mod said;
mod schema;
mod slack_days;
mod stale;
mod stalk;
mod status;
mod sweep;
mod timeline;
mod turns;
mod verbs;
mod watched;
mod whom_to_call;
mod words;
