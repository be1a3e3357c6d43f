//! What incidents do to the outside world, as durable jobs: which there are, their lanes and their dedup keys.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Incident, Step, StepState};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::front::Message;
use crate::ids::{IncidentId, PagerDutyIncidentId, PagerDutyUserId, SlackUserId, new_id};
use crate::jobs::NewJob;
use crate::store::Tx;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Makes the Slack channel. First in the channel's lane, so everything said waits for it.
    OpenChannel {
        incident: IncidentId,
    },
    /// Makes the PagerDuty incident, which pages.
    Page {
        incident: IncidentId,
    },
    /// Tells PagerDuty what became of the incident.
    ChangePage {
        incident: IncidentId,
        change: PageChange,
    },
    /// Acknowledges by the Events API what was paged by it and has no number yet.
    AcknowledgeAlert {
        incident: IncidentId,
    },
    /// Resolves a PagerDuty incident that pages for the same thing as the primary.
    CloseDouble {
        incident: IncidentId,
        page: PagerDutyIncidentId,
    },
    /// Writes a note on the PagerDuty incident.
    NotePage {
        incident: IncidentId,
        note_id: Uuid,
        text: String,
    },
    /// Invites everybody who is wanted and not in yet.
    Invite {
        incident: IncidentId,
    },
    SetTopic {
        incident: IncidentId,
    },
    AddBookmark {
        incident: IncidentId,
    },
    /// Posts or edits the pinned summary.
    DrawSummary {
        incident: IncidentId,
    },
    PinSummary {
        incident: IncidentId,
    },
    /// Posts or edits the announcement.
    Announce {
        incident: IncidentId,
    },
    /// The first message of the channel. Second in its lane, before whatever else there is to say.
    FirstUpdate {
        incident: IncidentId,
    },
    /// Says something in the channel.
    Say {
        incident: IncidentId,
        op_id: Uuid,
        message: Message,
        /// Names the message so that it can be edited later.
        #[serde(default)]
        remember: Option<String>,
        /// The timeline entry that the message tells: it gets the message's address.
        #[serde(default)]
        entry: Option<Uuid>,
        /// It tells that this step failed: once that is over, it goes unsaid.
        #[serde(default)]
        until_done: Option<Step>,
    },
    /// Finds the Slack account of somebody whom PagerDuty pages, or tells the room that there is none.
    Introduce {
        incident: IncidentId,
        responder: PagerDutyUserId,
    },
    /// Reads a PagerDuty incident of which we know too little.
    CatchUp {
        page: PagerDutyIncidentId,
    },
    /// Reminds of the next update, if it is due.
    RemindUpdate {
        incident: IncidentId,
    },
    /// Asks for a commander, if there is none.
    NudgeCommander {
        incident: IncidentId,
    },
    /// One message about PagerDuty incidents for which no channel was opened.
    Digest,
    /// Compares what we believe with what PagerDuty says, and makes good what was missed.
    Heal,
}

/// What PagerDuty is to do with its incidents of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum PageChange {
    Acknowledge,
    Resolve {
        note: String,
    },
    /// Priority and urgency of the present severity.
    Severity,
}

impl Effect {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OpenChannel { .. } => "incident.open_channel",
            Self::Page { .. } => "incident.page",
            Self::ChangePage { .. } => "incident.change_page",
            Self::AcknowledgeAlert { .. } => "incident.acknowledge_alert",
            Self::CloseDouble { .. } => "incident.close_double",
            Self::NotePage { .. } => "incident.note_page",
            Self::Invite { .. } => "incident.invite",
            Self::SetTopic { .. } => "incident.set_topic",
            Self::AddBookmark { .. } => "incident.add_bookmark",
            Self::DrawSummary { .. } => "incident.draw_summary",
            Self::PinSummary { .. } => "incident.pin_summary",
            Self::Announce { .. } => "incident.announce",
            Self::FirstUpdate { .. } => "incident.first_update",
            Self::Say { .. } => "incident.say",
            Self::RemindUpdate { .. } => "incident.remind_update",
            Self::NudgeCommander { .. } => "incident.nudge_commander",
            Self::Introduce { .. } => "incident.introduce",
            Self::CatchUp { .. } => "incident.catch_up",
            Self::Digest => "incident.digest",
            Self::Heal => "incident.heal",
        }
    }

    pub fn incident(&self) -> Option<IncidentId> {
        match self {
            Self::OpenChannel { incident }
            | Self::Page { incident }
            | Self::ChangePage { incident, .. }
            | Self::AcknowledgeAlert { incident }
            | Self::CloseDouble { incident, .. }
            | Self::NotePage { incident, .. }
            | Self::Invite { incident }
            | Self::SetTopic { incident }
            | Self::AddBookmark { incident }
            | Self::DrawSummary { incident }
            | Self::PinSummary { incident }
            | Self::Announce { incident }
            | Self::FirstUpdate { incident }
            | Self::Say { incident, .. }
            | Self::Introduce { incident, .. }
            | Self::RemindUpdate { incident }
            | Self::NudgeCommander { incident } => Some(*incident),
            Self::CatchUp { .. } | Self::Digest | Self::Heal => None,
        }
    }

    /// The provisioning step whose state this effect's outcome is.
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::OpenChannel { .. } => Some(Step::Channel),
            Self::Page { .. } => Some(Step::Page),
            Self::Invite { .. } => Some(Step::Invite),
            Self::SetTopic { .. } => Some(Step::Topic),
            Self::AddBookmark { .. } => Some(Step::Bookmark),
            Self::DrawSummary { .. } => Some(Step::Summary),
            Self::PinSummary { .. } => Some(Step::Pin),
            Self::Announce { .. } => Some(Step::Announce),
            Self::FirstUpdate { .. } => Some(Step::FirstUpdate),
            _ => None,
        }
    }

    pub fn from_payload(payload: &Value) -> serde_json::Result<Self> {
        Self::deserialize(payload)
    }

    fn job(&self) -> serde_json::Result<NewJob> {
        // A vendor may be away for hours; only a refusal ends an effect.
        let job = NewJob::new(self.kind(), serde_json::to_value(self)?).never_give_up();
        if let Self::CatchUp { page } = self {
            return Ok(job.dedup(format!("{}:{page}", self.kind())));
        }
        let Some(id) = self.incident() else {
            return Ok(job.lane(self.kind()).dedup(self.kind()));
        };
        let once = format!("{}:{id}", self.kind());
        let lane = |of: &str| format!("{of}:{id}");
        Ok(match self {
            Self::OpenChannel { .. } | Self::FirstUpdate { .. } => {
                job.lane(Incident::channel_lane(id)).dedup(once)
            }
            Self::Say { .. } => job.lane(Incident::channel_lane(id)),
            Self::Page { .. } => job.lane(Incident::page_lane(id)).dedup(once),
            Self::ChangePage { .. } | Self::CloseDouble { .. } | Self::NotePage { .. } => {
                job.lane(Incident::page_lane(id))
            }
            // What is written from the present state needs a lane, or a slow writer of the last one would win.
            Self::DrawSummary { .. } => job.lane(lane("summary")).dedup(once),
            Self::Announce { .. } => job.lane(lane("announce")).dedup(once),
            Self::SetTopic { .. } => job.lane(lane("topic")).dedup(once),
            // And what would be done twice.
            Self::AddBookmark { .. } => job.lane(lane("bookmark")).dedup(once),
            Self::Invite { .. } => job.lane(lane("invite")).dedup(once),
            Self::PinSummary { .. } | Self::RemindUpdate { .. } | Self::NudgeCommander { .. } => {
                job.dedup(once)
            }
            // Not in the lane, where it would wait for the first road.
            Self::AcknowledgeAlert { .. } => job.dedup(once),
            Self::Introduce { responder, .. } => {
                job.lane(lane("introduce")).dedup(format!("{once}:{responder}"))
            }
            Self::CatchUp { .. } | Self::Digest | Self::Heal => job,
        })
    }
}

impl Tx {
    /// Enqueues an effect to happen now.
    pub async fn cause(&mut self, effect: &Effect) -> Result<i64> {
        let job = effect.job()?;
        self.enqueue(job).await
    }

    /// Enqueues an effect to happen then.
    pub async fn cause_at(&mut self, effect: &Effect, at: Timestamp) -> Result<i64> {
        let job = effect.job()?.at(at);
        self.enqueue(job).await
    }

    /// Enqueues an effect that is a step of provisioning, and shows it as waiting.
    pub async fn cause_step(&mut self, effect: &Effect) -> Result<()> {
        let job_id = self.cause(effect).await?;
        if let (Some(id), Some(step)) = (effect.incident(), effect.step()) {
            self.set_step(id, step, StepState::Waiting, None, Some(job_id)).await?;
        }
        Ok(())
    }

    /// Pages once more. What PagerDuty is still to hear of the time before does not hold it up: while PagerDuty is away
    /// that would wait, and nobody would hear that nobody is paged.
    pub async fn page_anew(&mut self, id: IncidentId) -> Result<()> {
        let job_id = self.cause(&Effect::Page { incident: id }).await?;
        self.set_step(id, Step::Page, StepState::Waiting, None, Some(job_id)).await?;
        self.go_first(job_id).await
    }

    /// Something happened that those who watch the systems go by. They are above this module; the job's kind is all that
    /// it knows of them.
    pub async fn tell_watchers(&mut self, id: IncidentId) -> Result<()> {
        let job = NewJob::new("status.follow", json!({ "incident": id })).never_give_up();
        self.enqueue(job.dedup(format!("status.follow:{id}"))).await?;
        Ok(())
    }

    /// It is over in here; whoever keeps what the public reads looks whether that says so. Above this module, too.
    pub async fn look_at_what_is_public(&mut self, id: IncidentId, by: Option<&SlackUserId>) -> Result<()> {
        let job = NewJob::new("notices.left_open", json!({ "incident": id, "by": by })).never_give_up();
        self.enqueue(job.dedup(format!("notices.left_open:{id}"))).await?;
        Ok(())
    }

    /// The room is there: whoever has a runbook for this offers it. Above this module, too.
    pub async fn ask_for_runbooks(&mut self, id: IncidentId) -> Result<()> {
        let job = NewJob::new("runbooks.offer", json!({ "incident": id })).never_give_up();
        self.enqueue(job.dedup(format!("runbooks.offer:{id}"))).await?;
        Ok(())
    }

    /// Says something in the incident's channel, in order.
    pub async fn say(&mut self, incident: &Incident, message: Message) -> Result<()> {
        self.say_as(incident, message, None).await
    }

    /// Says what stands on the timeline, so that the entry leads to the message.
    pub async fn say_entry(
        &mut self,
        incident: &Incident,
        entry: Option<Uuid>,
        message: Message,
    ) -> Result<()> {
        let (incident, op_id) = (incident.id, new_id(self.clock()));
        self.cause(&Effect::Say { incident, op_id, message, remember: None, entry, until_done: None })
            .await?;
        Ok(())
    }

    /// Says that a step failed, unless that is over before it can be said.
    pub async fn say_until_done(&mut self, incident: &Incident, step: Step, message: Message) -> Result<()> {
        let (incident, op_id, until_done) = (incident.id, new_id(self.clock()), Some(step));
        self.cause(&Effect::Say { incident, op_id, message, remember: None, entry: None, until_done })
            .await?;
        Ok(())
    }

    /// The same, remembered under a name, so that it can be edited.
    pub async fn say_as(
        &mut self,
        incident: &Incident,
        message: Message,
        remember: Option<&str>,
    ) -> Result<()> {
        let (incident, op_id) = (incident.id, new_id(self.clock()));
        let remember = remember.map(str::to_owned);
        self.cause(&Effect::Say { incident, op_id, message, remember, entry: None, until_done: None })
            .await?;
        Ok(())
    }

    /// Shows a change on the summary.
    pub async fn redraw(&mut self, id: IncidentId) -> Result<()> {
        self.cause(&Effect::DrawSummary { incident: id }).await?;
        Ok(())
    }

    /// Shows a change of title, severity, status or commander wherever it is written.
    pub async fn restate(&mut self, incident: &Incident) -> Result<()> {
        let id = incident.id;
        self.redraw(id).await?;
        self.cause(&Effect::SetTopic { incident: id }).await?;
        if !incident.is_private {
            self.cause(&Effect::Announce { incident: id }).await?;
        }
        Ok(())
    }
}
