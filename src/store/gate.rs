//! The queue in front of SQLite's single writer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Priority;

/// One at a time; when it is left, the waiting one with the highest priority goes next, first come first served.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<Line>>);

#[derive(Default)]
struct Line {
    busy: bool,
    waiting: [VecDeque<oneshot::Sender<Turn>>; 3],
}

/// Held while writing; dropping it lets the next one in.
pub(super) struct Turn(Option<Arc<Mutex<Line>>>);

impl Gate {
    pub(super) async fn enter(&self, priority: Priority) -> Turn {
        let receiver = {
            let mut line = lock(&self.0);
            if !line.busy {
                line.busy = true;
                return Turn(Some(self.0.clone()));
            }
            let (sender, receiver) = oneshot::channel();
            line.waiting[priority as usize].push_back(sender);
            receiver
        };
        receiver.await.expect("whoever leaves the gate hands the turn to a waiting sender, never drops it")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(line) = self.0.take() else { return };
        loop {
            let next = lock(&line).waiting.iter_mut().find_map(VecDeque::pop_front);
            let Some(next) = next else {
                let mut state = lock(&line);
                if state.waiting.iter().all(VecDeque::is_empty) {
                    state.busy = false;
                    return;
                }
                continue;
            };
            match next.send(Turn(Some(line.clone()))) {
                Ok(()) => return,
                // The waiting one gave up (its request timed out): take the turn back without recursion.
                Err(mut returned) => returned.0 = None,
            }
        }
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn people_go_before_deliveries_before_jobs_and_the_impatient_are_skipped() {
        let gate = Gate::default();
        let first = gate.enter(Priority::Job).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let enter = |priority, name: &'static str| {
            let (gate, order) = (gate.clone(), order.clone());
            async move {
                let _turn = gate.enter(priority).await;
                order.lock().unwrap().push(name);
            }
        };
        let mut impatient = Box::pin(enter(Priority::Command, "gone"));
        tokio::select! {
            biased;
            () = &mut impatient => unreachable!("the gate is held"),
            () = std::future::ready(()) => drop(impatient),
        }
        let leave = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        tokio::join!(
            enter(Priority::Job, "job"),
            enter(Priority::Intake, "delivery"),
            enter(Priority::Command, "person"),
            leave
        );
        assert_eq!(*order.lock().unwrap(), ["person", "delivery", "job"]);
    }
}
