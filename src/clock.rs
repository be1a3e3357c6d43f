//! The one place that knows what time it is. Everything else asks a [`Clock`], so tests can move it.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// An instant in UTC, as whole microseconds since 1970. Microseconds, because that is what Postgres keeps:
/// a value read back from either engine equals the value written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down: what Slack's `<!date^…>` wants.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// RFC 3339 with any offset, with or without a fraction. Errors on anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_microsecond()))
            .map_err(|_| format!("{text:?} is not an RFC 3339 time such as 2026-11-21T10:00:00Z"))
    }

    /// The form of HTTP's `Date`: `Sat, 21 Nov 2026 10:00:00 GMT`.
    pub fn parse_http(text: &str) -> Result<Self, String> {
        jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(text)
            .map(|t| Self(t.as_microsecond()))
            .map_err(|_| format!("{text:?} is not an HTTP date"))
    }

    /// The same instant as a `jiff` value, for calendar arithmetic in a time zone.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// `10:04` in UTC, for transcripts and timelines that name their zone once.
    pub fn hh_mm(self) -> String {
        self.to_jiff().strftime("%H:%M").to_string()
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Timestamp> for String {
    fn from(t: Timestamp) -> Self {
        t.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

/// System time, or a hand-set time that only moves when a test or the demo moves it.
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    System,
    Manual(Arc<Manual>),
}

struct Manual {
    now: AtomicI64,
    moved: watch::Sender<i64>,
}

impl Clock {
    pub fn system() -> Self {
        Self(Kind::System)
    }

    pub fn manual(start: Timestamp) -> Self {
        let (moved, _) = watch::channel(start.0);
        Self(Kind::Manual(Arc::new(Manual { now: AtomicI64::new(start.0), moved })))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::System => Timestamp(jiff::Timestamp::now().as_microsecond()),
            Kind::Manual(m) => Timestamp(m.now.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward and wakes whoever sleeps on it; a system clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Kind::Manual(m) = &self.0 {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            let now = m.now.fetch_add(by, Ordering::SeqCst) + by;
            m.moved.send_replace(now);
        }
    }

    /// Waits until `at`. On a manual clock that means until somebody advances it that far.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Kind::System => tokio::time::sleep(at.since(self.now())).await,
            Kind::Manual(m) => {
                let mut moved = m.moved.subscribe();
                while m.now.load(Ordering::SeqCst) < at.0 {
                    if moved.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    pub async fn sleep(&self, time: Duration) {
        self.sleep_until(self.now() + time).await;
    }

    /// What `work` gives; when it takes longer than `patience`, `speak` runs once beside it, until the work is done.
    pub async fn aloud<T>(&self, work: impl Future<Output = T>, patience: Duration, speak: impl Future) -> T {
        let speaking = async {
            self.sleep(patience).await;
            speak.await;
            pending().await
        };
        tokio::select! {
            biased;
            done = work => done,
            never = speaking => never,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_offset_and_fraction_that_the_vendors_write() {
        let utc = Timestamp::parse("2026-11-21T10:00:00.123Z").expect("zulu");
        assert_eq!(utc, Timestamp::parse("2026-11-21T05:00:00.123-05:00").expect("offset"));
        assert_eq!(utc.to_string(), "2026-11-21T10:00:00.123Z");
        assert!(Timestamp::parse("yesterday").is_err());
        let http = Timestamp::parse_http("Sat, 21 Nov 2026 10:00:00 GMT").expect("a date");
        assert_eq!(http.to_string(), "2026-11-21T10:00:00Z");
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers_when_moved() {
        let clock = Clock::manual(Timestamp::from_secs(1_000));
        let sleeper = clock.clone();
        let woken = tokio::join!(
            async move {
                sleeper.sleep(Duration::from_secs(30)).await;
                sleeper.now()
            },
            async {
                clock.advance(Duration::from_secs(10));
                clock.advance(Duration::from_secs(25));
            }
        );
        assert_eq!(woken.0, Timestamp::from_secs(1_035));
    }
}
