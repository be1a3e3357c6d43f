//! Reading once for everybody who asks at the same moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;
use tokio::task::yield_now;

use crate::error::Result;

/// The mirror of group commit: while one read is under way, those who ask join the next one. Nobody is given what was
/// read before they asked, so an answer is as fresh as if each had read alone.
pub struct Together<T> {
    next: Mutex<Arc<OnceCell<T>>>,
    turn: tokio::sync::Mutex<()>,
}

impl<T> Default for Together<T> {
    fn default() -> Self {
        Self { next: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<T: Clone> Together<T> {
    /// What one of those who asked reads for all of them. When that one fails or gives up, the next reads.
    pub async fn read(&self, read: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let ours = self.lock().clone();
        let begin = async || {
            let _turn = self.turn.lock().await;
            yield_now().await; // those who are about to ask come along
            // Who comes from here on is too late for this one.
            *self.lock() = Arc::default();
            read().await
        };
        ours.get_or_try_init(begin).await.cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Arc<OnceCell<T>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;
    use crate::error::Error;

    #[tokio::test]
    async fn those_who_ask_while_one_reads_share_the_next_read() {
        let together = Together::default();
        let reads = AtomicUsize::new(0);
        let count = async || {
            let read = reads.fetch_add(1, Ordering::Relaxed) + 1;
            for _ in 0..5 {
                yield_now().await;
            }
            Ok(read)
        };
        let ask_late = async {
            while reads.load(Ordering::Relaxed) == 0 {
                yield_now().await;
            }
            tokio::join!(together.read(count), together.read(count), together.read(count))
        };
        let (first, (a, b, c)) = tokio::join!(together.read(count), ask_late);
        let answers = [first, a, b, c].map(|answer| answer.expect("an answer"));
        assert_eq!(answers, [1, 2, 2, 2], "nobody is given what was read before they asked");
    }

    #[tokio::test]
    async fn when_the_one_who_reads_fails_or_gives_up_the_others_are_answered() {
        let together = Together::default();
        let fails = async || Err(Error::internal("away"));
        let works = async || Ok(7);
        let (failed, answered) = tokio::join!(together.read(fails), together.read(works));
        assert!(failed.is_err());
        assert_eq!(answered.expect("an answer"), 7);

        let (_never, hangs) = oneshot::channel::<()>();
        let gives_up = tokio::time::timeout(
            std::time::Duration::from_millis(20),
            together.read(async || {
                let _ = hangs.await;
                Ok(0)
            }),
        );
        let asks = async {
            yield_now().await;
            together.read(works).await
        };
        let (gave_up, answered) = tokio::join!(gives_up, asks);
        assert!(gave_up.is_err());
        assert_eq!(answered.expect("an answer"), 7);
    }
}
