//! Not faster than the vendor allows: calls over its limit are not sent, so that the last ones before it are not
//! refused. Statuspage counts over the last 60 seconds: <https://developer.statuspage.io/#section/Rate-Limiting>

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

const SPAN: Duration = Duration::from_secs(60);

/// Clones count together.
#[derive(Clone)]
pub(super) struct Pace {
    clock: Clock,
    most: usize,
    sent: Arc<Mutex<VecDeque<Timestamp>>>,
}

impl Pace {
    pub fn new(clock: Clock, most: usize) -> Self {
        Self { clock, most, sent: Arc::default() }
    }

    /// Counts a call that may go now; or says how long it has to wait.
    pub fn take(&self) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        while sent.front().is_some_and(|at| now.since(*at) >= SPAN) {
            sent.pop_front();
        }
        if sent.len() < self.most {
            sent.push_back(now);
            return Ok(());
        }
        Err(sent.front().map_or(SPAN, |oldest| SPAN.saturating_sub(now.since(*oldest))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_each_call_waits_for_the_oldest() {
        let clock = Clock::manual(Timestamp::from_secs(0));
        let pace = Pace::new(clock.clone(), 3);
        assert_eq!(pace.take(), Ok(()));
        clock.advance(Duration::from_secs(10));
        assert_eq!((pace.take(), pace.take()), (Ok(()), Ok(())));
        assert_eq!(pace.clone().take(), Err(Duration::from_secs(50)));
        clock.advance(Duration::from_secs(50));
        assert_eq!((pace.take(), pace.take()), (Ok(()), Err(Duration::from_secs(10))));
    }
}
