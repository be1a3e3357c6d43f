//! What may happen to an incident, whoever asks: people in PagerDuty, the REST API, or an alert. Each verb changes
//! the state, writes the log, rings people and queues the webhooks.

use serde_json::Value;

use super::answer::Refusal;
use super::state::{Account, Incident, Note, Responder, Status};

type Done = Result<(), Refusal>;

#[derive(Default)]
pub(super) struct NewIncident {
    pub service: String,
    /// Instead of the service's own.
    pub policy: Option<String>,
    /// Instead of the policy's on-call.
    pub assignee: Option<String>,
    pub title: String,
    pub urgency: String,
    pub priority: Option<String>,
    pub key: Option<String>,
    pub body: Option<String>,
    pub conference_number: Option<String>,
    pub conference_url: Option<String>,
    /// None for an alert.
    pub by: Option<String>,
}

impl Account {
    /// Opens an incident, or refuses: the key is taken by an open one (2002), or nobody is on call (1015).
    /// An incident whose only assignee is its creator is acknowledged at once and rings nobody.
    /// PagerDuty documentation, "REST API: Create an incident".
    pub fn create(&mut self, new: NewIncident) -> Result<usize, Refusal> {
        if new.key.as_ref().is_some_and(|key| self.open_with_key(&new.service, key).is_some()) {
            return Err(key_taken());
        }
        let default = self.service(&new.service).map(|s| s.policy.clone()).ok_or(Refusal::code(5002))?;
        let policy = new.policy.unwrap_or(default);
        let (level, assignees) = match new.assignee {
            Some(user) => (1, vec![user]),
            None => self.answering(&policy, 1).ok_or(Refusal::code(1015))?,
        };
        let now = self.clock.now();
        let number = self.incidents.len() as u64 + 1;
        let incident = Incident {
            id: self.id('Q', number),
            number,
            title: new.title,
            status: Status::Triggered,
            urgency: new.urgency,
            priority: new.priority,
            service_id: new.service,
            escalation_policy_id: policy,
            incident_key: new.key,
            level,
            assignees: assignees.clone(),
            acknowledgers: Vec::new(),
            responders: Vec::new(),
            notes: Vec::new(),
            status_updates: Vec::new(),
            log: Vec::new(),
            created_at: now,
            updated_at: now,
            status_changed_at: now,
            status_changed_by: new.by.clone(),
            resolved_at: None,
            reopened_at: None,
            body: new.body,
            conference_number: new.conference_number,
            conference_url: new.conference_url,
            resolve_note: None,
            merged_into: None,
        };
        self.incidents.push(incident);
        let n = self.incidents.len() - 1;
        let by = new.by.as_deref();
        self.record(n, "trigger_log_entry", by, "triggered {}");
        self.log(n, "assign_log_entry", None, "PagerDuty assigned it".into());
        self.announce(n, "incident.triggered", by);
        match by {
            Some(by) if assignees == [by] => self.acknowledge(n, Some(by))?,
            _ => self.page(n, &assignees),
        }
        Ok(n)
    }

    pub fn acknowledge(&mut self, n: usize, by: Option<&str>) -> Done {
        match self.incidents[n].status {
            Status::Resolved => return Err(Refusal::code(1001)),
            Status::Acknowledged => return Err(Refusal::code(1002)),
            Status::Triggered => {}
        }
        self.turn(n, Status::Acknowledged, by);
        self.incidents[n].acknowledgers.extend(by.map(Into::into));
        self.record(n, "acknowledge_log_entry", by, "acknowledged {}");
        self.announce(n, "incident.acknowledged", by);
        Ok(())
    }

    /// The acknowledgement ran out or was taken back: the assignees are rung again.
    pub fn unacknowledge(&mut self, n: usize, by: Option<&str>) -> Done {
        if self.incidents[n].status != Status::Acknowledged {
            return Err(Refusal::code(1012));
        }
        self.turn(n, Status::Triggered, by);
        self.record(n, "unacknowledge_log_entry", by, "unacknowledged {}");
        self.announce(n, "incident.unacknowledged", by);
        self.page(n, &self.incidents[n].assignees.clone());
        Ok(())
    }

    /// To the given level, or to the next; levels with nobody on call are passed over.
    pub fn escalate(&mut self, n: usize, by: Option<&str>, to: Option<usize>) -> Done {
        self.open(n)?;
        let incident = &self.incidents[n];
        let wanted = to.unwrap_or(incident.level + 1);
        let Some((level, people)) = self.answering(&incident.escalation_policy_id, wanted.max(1)) else {
            if to.is_none() {
                self.record(n, "exhaust_escalation_path_log_entry", by, "found no further level for {}");
            }
            return Err(Refusal::code(1006));
        };
        self.incidents[n].level = level;
        self.hand_over(n, by, &people, ("escalate_log_entry", "incident.escalated", "escalated"));
        Ok(())
    }

    pub fn reassign(&mut self, n: usize, by: Option<&str>, to: &[String]) -> Done {
        self.open(n)?;
        self.hand_over(n, by, to, ("assign_log_entry", "incident.reassigned", "reassigned"));
        Ok(())
    }

    /// To another escalation policy, whose first level is rung.
    pub fn delegate(&mut self, n: usize, by: Option<&str>, policy: &str) -> Done {
        self.open(n)?;
        let (level, people) = self.answering(policy, 1).ok_or(Refusal::code(1015))?;
        let incident = &mut self.incidents[n];
        incident.level = level;
        incident.escalation_policy_id = policy.into();
        self.hand_over(n, by, &people, ("delegate_log_entry", "incident.delegated", "delegated"));
        Ok(())
    }

    fn hand_over(
        &mut self,
        n: usize,
        by: Option<&str>,
        people: &[String],
        (entry, event, verb): (&'static str, &'static str, &str),
    ) {
        let names: Vec<&str> = people.iter().map(|u| self.name_of(u)).collect();
        let what = format!("{verb} {{}} to {}", names.join(", "));
        self.turn(n, Status::Triggered, by);
        self.incidents[n].assignees = people.to_vec();
        self.record(n, entry, by, &what);
        self.announce(n, event, by);
        self.page(n, people);
    }

    /// The note, if any, comes as a webhook of its own.
    pub fn resolve(&mut self, n: usize, by: Option<&str>, note: Option<&str>) -> Done {
        self.open(n)?;
        self.turn(n, Status::Resolved, by);
        let now = self.clock.now();
        let incident = &mut self.incidents[n];
        incident.assignees.clear();
        incident.resolved_at = Some(now);
        incident.resolve_note = note.map(Into::into);
        self.record(n, "resolve_log_entry", by, "resolved {}");
        self.announce(n, "incident.resolved", by);
        if let (Some(by), Some(note)) = (by, note) {
            self.annotate(n, by, &format!("Resolution Note: {note}"));
        }
        Ok(())
    }

    /// Open again: with these people, or with whom the policy has on call. The key must still be free.
    pub fn reopen(&mut self, n: usize, by: Option<&str>, to: Option<Vec<String>>) -> Done {
        let incident = &self.incidents[n];
        let key = incident.incident_key.as_deref();
        if key.is_some_and(|key| self.open_with_key(&incident.service_id, key).is_some()) {
            return Err(key_taken());
        }
        let (level, people) = match to {
            Some(people) => (1, people),
            None => self.answering(&incident.escalation_policy_id, 1).ok_or(Refusal::code(1015))?,
        };
        self.turn(n, Status::Triggered, by);
        let now = self.clock.now();
        let incident = &mut self.incidents[n];
        incident.level = level;
        incident.assignees.clone_from(&people);
        incident.reopened_at = Some(now);
        incident.resolved_at = None;
        incident.merged_into = None;
        self.record(n, "assign_log_entry", by, "reopened {}");
        self.announce(n, "incident.reopened", by);
        match by {
            Some(by) if people == [by] => {}
            _ => self.page(n, &people),
        }
        Ok(())
    }

    /// `source` is resolved, with `into` as the reason. No event tells of it but the resolve.
    pub fn merge(&mut self, source: usize, into: usize, by: &str) -> Done {
        if self.incidents[source].merged_into.is_some() {
            return Err(Refusal::code(1019));
        }
        if source == into {
            return Err(Refusal::invalid("An incident cannot be merged into itself."));
        }
        self.open(source)?;
        self.incidents[source].merged_into = Some(self.incidents[into].id.clone());
        let what = format!("merged {{}} into {}", self.label(into));
        self.record(source, "log_entry", Some(by), &what);
        self.resolve(source, Some(by), None)
    }

    /// None takes the priority away. No change, no event.
    pub fn set_priority(&mut self, n: usize, by: &str, priority: Option<String>) {
        if self.incidents[n].priority == priority {
            return;
        }
        let what = format!("set the priority of {{}} to {}", priority.as_deref().unwrap_or("none"));
        self.incidents[n].priority = priority;
        self.record(n, "field_value_change_log_entry", Some(by), &what);
        self.announce(n, "incident.priority_updated", Some(by));
    }

    /// Neither title nor urgency has an event of its own.
    pub fn set_urgency(&mut self, n: usize, by: &str, urgency: &str) {
        if self.incidents[n].urgency == urgency {
            return;
        }
        urgency.clone_into(&mut self.incidents[n].urgency);
        let what = format!("set the urgency of {{}} to {urgency}");
        self.record(n, "urgency_change_log_entry", Some(by), &what);
    }

    pub fn annotate(&mut self, n: usize, by: &str, content: &str) -> Note {
        let created_at = self.clock.now();
        let note = Note { id: self.fresh_id('P'), content: content.into(), user: by.into(), created_at };
        self.incidents[n].notes.push(note.clone());
        self.record(n, "annotate_log_entry", Some(by), &format!("noted on {{}}: {content}"));
        self.announce_note(n, &note);
        note
    }

    pub fn publish_status_update(&mut self, n: usize, by: &str, message: &str) -> Value {
        let id = self.fresh_id('P');
        self.incidents[n].status_updates.push(message.into());
        self.record(n, "log_entry", Some(by), &format!("published a status update on {{}}: {message}"));
        self.announce_status_update(n, by, &id, message);
        self.status_update_json(&id, message, by)
    }

    pub fn add_responder(&mut self, n: usize, responder: Responder) {
        let (user, requester) = (responder.user.clone(), responder.requester.clone());
        let what = format!("asked {} to help with {{}}", self.name_of(&user));
        self.record(n, "log_entry", Some(&requester), &what);
        self.announce_responder(n, "incident.responder.added", &requester, &responder);
        self.incidents[n].responders.push(responder);
        self.page(n, &[user]);
    }

    /// The answer to the latest request to that user, if there was one.
    pub fn responder_replies(&mut self, n: usize, user: &str, accepted: bool) {
        let (state, what) =
            if accepted { ("joined", "joined {}") } else { ("declined", "declined to join {}") };
        let Some(responder) = self.incidents[n].responders.iter_mut().rfind(|r| r.user == user) else {
            return;
        };
        responder.state = state;
        let responder = responder.clone();
        self.record(n, "log_entry", Some(user), what);
        self.announce_responder(n, "incident.responder.replied", user, &responder);
    }

    fn turn(&mut self, n: usize, status: Status, by: Option<&str>) {
        let now = self.clock.now();
        let incident = &mut self.incidents[n];
        incident.status = status;
        incident.status_changed_at = now;
        incident.status_changed_by = by.map(Into::into);
        if status == Status::Triggered {
            incident.acknowledgers.clear();
        }
    }

    fn open(&self, n: usize) -> Done {
        if self.incidents[n].status == Status::Resolved { Err(Refusal::code(1001)) } else { Ok(()) }
    }
}

fn key_taken() -> Refusal {
    Refusal::because(2002, "Open incident with matching dedup key already exists on this service")
}
