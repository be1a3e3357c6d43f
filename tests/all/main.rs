//! Scenarios that a user lives through, against the simulated vendors, through the real front door, on both engines.

/// What a person reads, as an inline snapshot that both engines must match.
macro_rules! assert_reads {
    ($read:expr, @$snapshot:literal) => {{
        let read = $read;
        insta::allow_duplicates! { insta::assert_snapshot!(read, @$snapshot) }
    }};
}

mod canon;
mod looking;
mod queue;
mod stage;

mod acts;
mod auto_open;
mod buttons;
mod declare;
mod ends;
mod forms;
mod inbound;
mod jobs;
mod lanes;
mod merges;
mod paged;
mod roster;
mod schema;
mod sweep;
mod timeline;
mod verbs;
