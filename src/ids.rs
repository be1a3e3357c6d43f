//! Identifiers. Vendors' ids are opaque strings in their own types, so a channel cannot be passed for a person.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Clock;

/// The longest id of any vendor is far shorter; a longer one would not fit into an index.
const LONGEST: usize = 100;

/// An opaque id out of a vendor's JSON. Signed bodies are still strangers' text: what could not be a key is none.
pub fn opaque(value: &Value) -> Option<&str> {
    let id = value.as_str()?;
    let fits = (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(id)
}

macro_rules! vendor_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

vendor_id!(
    /// A person in Slack: `U…` or `W…`.
    SlackUserId
);
vendor_id!(
    /// A Slack channel, public or private: `C…` (older private ones `G…`).
    ChannelId
);
vendor_id!(
    /// A Slack user group: `S…`.
    UserGroupId
);
vendor_id!(
    /// A person in PagerDuty: `P…`.
    PagerDutyUserId
);
vendor_id!(
    /// A PagerDuty incident: `P…` or `Q…`, any length.
    PagerDutyIncidentId
);

/// An incident of ours. Also its PagerDuty `incident_key` and Events v2 `dedup_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub Uuid);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

static LAST: AtomicU64 = AtomicU64::new(0);

/// A new UUID v7 from the given clock: sorts by time, and within one process by order of creation.
pub fn new_id(clock: &Clock) -> Uuid {
    let millis = u64::try_from(clock.now().as_micros() / 1000).unwrap_or(0);
    let counter = LAST.fetch_add(1, Ordering::Relaxed);
    let mut random = [0u8; 10];
    random[4..].copy_from_slice(&Uuid::new_v4().as_bytes()[10..]);
    // 26 bits of counter first, in the places that version 7 leaves free (12 and 14 bits, the rest of their bytes is
    // the version's and the variant's): ids made in the same millisecond keep their order.
    let bits = |shift: u32, mask: u64| u8::try_from(counter >> shift & mask).unwrap_or(0);
    random[0] = bits(22, 0x0f);
    random[1] = bits(14, 0xff);
    random[2] = bits(8, 0x3f);
    random[3] = bits(0, 0xff);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn ids_of_one_moment_sort_as_they_were_made() {
        let clock = Clock::manual(Timestamp::from_secs(1_795_255_200));
        let ids: Vec<Uuid> = (0..70_000).map(|_| new_id(&clock)).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].get_version_num(), 7);
    }
}
