//! Schedules one by one: what they are called, and who is on call by them through what. `/oncalls` is the better
//! question for everything that an escalation policy uses.

use std::time::Duration;

use super::calls::{GET_SCHEDULE, GET_SCHEDULE_V3, LIST_SCHEDULES, LIST_SCHEDULES_V3};
use super::{Client, segment};
use crate::clock::Timestamp;
use crate::error::{Problem, Upstream};
use crate::http_client::Fields;
use crate::ids::PagerDutyUserId;

/// How far ahead a shift's end is looked for.
const AHEAD: Duration = Duration::from_hours(14 * 24);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub id: String,
    pub name: String,
    /// Shift-based; otherwise made of layers.
    pub is_v3: bool,
    /// The escalation policies that use it; `None` for a shift-based one, of which the list does not say so.
    pub policy_ids: Option<Vec<String>>,
    /// Everybody in its layers; none for a shift-based one: [`Client::members_of`].
    pub user_ids: Vec<PagerDutyUserId>,
}

/// Somebody on call by one schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDuty {
    pub user_id: PagerDutyUserId,
    pub through: Through,
    /// `None` when they are on call already.
    pub from: Option<Timestamp>,
    /// `None` when it is more than two weeks away, or never.
    pub until: Option<Timestamp>,
}

/// What puts somebody on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Through {
    /// By its name.
    Layer(String),
    Override,
    /// By the name of its events, or its id.
    Rotation(String),
    /// Instead of somebody in that rotation.
    RotationOverride(String),
    CustomShift,
    CustomShiftOverride,
    /// PagerDuty did not say, or in a word that it had not when this was written.
    Other,
}

impl Client {
    /// Every schedule of the account, of both kinds; an account without shift-based ones may refuse that list, and has
    /// none.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1schedules/get> · schedules.read · 960/min · idempotent
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1v3~1schedules/get> · schedules.read · 960/min · idempotent
    pub async fn schedules(&self) -> Result<Vec<Schedule>, Upstream> {
        let layered = |f: Fields<'_>| Schedule::read(f, false);
        let mut found = self.pages(&LIST_SCHEDULES, "/schedules", &[], "/schedules", layered).await?;
        let shift_based = |f: Fields<'_>| Schedule::read(f, true);
        match self.pages(&LIST_SCHEDULES_V3, "/v3/schedules", &[], "/schedules", shift_based).await {
            Ok(more) => found.extend(more),
            Err(refused) if refused.code().is_some_and(is_not_offered) => {}
            Err(other) => return Err(other),
        }
        Ok(found)
    }

    /// Who is on call by the final schedule at that time, and through what; `None` for a schedule that is not there.
    /// A schedule of the other kind is refused (400).
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1schedules~1%7Bid%7D/get> · schedules.read · 960/min · idempotent
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1v3~1schedules~1%7Bid%7D/get> · schedules.read · 960/min · idempotent
    pub async fn schedule_now(
        &self,
        id: &str,
        is_v3: bool,
        at: Timestamp,
    ) -> Result<Option<Vec<OnDuty>>, Upstream> {
        self.schedule_between(id, is_v3, at, at).await
    }

    /// The same, with those who come on call until `soon`.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1schedules~1%7Bid%7D/get> · schedules.read · 960/min · idempotent
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1v3~1schedules~1%7Bid%7D/get> · schedules.read · 960/min · idempotent
    pub async fn schedule_between(
        &self,
        id: &str,
        is_v3: bool,
        at: Timestamp,
        soon: Timestamp,
    ) -> Result<Option<Vec<OnDuty>>, Upstream> {
        let range = Range { at, soon, until: at + AHEAD };
        let (since, until) = (range.at.to_string(), range.until.to_string());
        // No time zone: restrictions are rendered in the one asked for, and the schedule's own is right.
        let mut query = vec![("since", since.as_str()), ("until", until.as_str()), ("overflow", "true")];
        let id = segment(id);
        if is_v3 {
            query.push(("include[]", "final_schedule"));
            let request = self.get(&format!("/v3/schedules/{id}"), &query);
            self.call(&GET_SCHEDULE_V3, request, &["404"], |answer| range.if_there(answer, Range::shifts))
                .await
        } else {
            let request = self.get(&format!("/schedules/{id}"), &query);
            self.call(&GET_SCHEDULE, request, &["404"], |answer| range.if_there(answer, Range::layers)).await
        }
    }

    /// Everybody in the rotations of a shift-based schedule; nobody for one that is not there.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1v3~1schedules~1%7Bid%7D/get> · schedules.read · 960/min · idempotent
    pub async fn members_of(&self, id: &str) -> Result<Vec<PagerDutyUserId>, Upstream> {
        let request = self.get(&format!("/v3/schedules/{}", segment(id)), &[]);
        let read = |answer: Fields<'_>| {
            if answer.0.is_null() {
                return Ok(Vec::new());
            }
            let rotations = answer.need_list("/schedule/rotations")?;
            let events = rotations.flat_map(|rotation| rotation.list("/events"));
            let members = events.flat_map(|event| event.list("/assignment_strategy/members"));
            let mut ids: Vec<String> = members.filter_map(|member| member.some("/user_id")).collect();
            ids.sort();
            ids.dedup();
            Ok(ids.into_iter().map(PagerDutyUserId).collect())
        };
        self.call(&GET_SCHEDULE_V3, request, &["404"], read).await
    }
}

fn is_not_offered(code: &str) -> bool {
    ["402", "403", "404"].iter().any(|status| code.starts_with(status))
}

impl Schedule {
    fn read(f: Fields<'_>, is_v3: bool) -> Result<Self, Problem> {
        let policies = || f.list("/escalation_policies").map(|policy| policy.text("/id")).collect();
        Ok(Self {
            id: f.need("/id")?,
            name: f.some("/name").unwrap_or_else(|| f.text("/summary")),
            is_v3,
            policy_ids: (!is_v3).then(policies),
            user_ids: f.list("/users").filter_map(|user| user.some("/id")).map(PagerDutyUserId).collect(),
        })
    }
}

/// The time that is asked about, and the end of what is rendered.
#[derive(Clone, Copy)]
struct Range {
    at: Timestamp,
    soon: Timestamp,
    until: Timestamp,
}

impl Range {
    fn if_there<T>(
        self,
        answer: Fields<'_>,
        read: fn(Self, Fields<'_>) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        (!answer.0.is_null()).then(|| read(self, answer.at("/schedule"))).transpose()
    }

    /// The final schedule says who; the overrides and layers, highest first, that say the same are the reason.
    fn layers(self, schedule: Fields<'_>) -> Result<Vec<OnDuty>, Problem> {
        let entries = "/rendered_schedule_entries";
        let has = |f: Fields<'_>, user: &str| {
            f.list(entries)
                .any(|entry| self.covers(entry, "/start", "/end") && entry.text("/user/id") == user)
        };
        let through = |user: &str| {
            if has(schedule.at("/overrides_subschedule"), user) {
                return Through::Override;
            }
            let layer = schedule.list("/schedule_layers").find(|layer| has(*layer, user));
            layer.map_or(Through::Other, |layer| Through::Layer(layer.text("/name")))
        };
        let on_now = schedule.at("/final_schedule").need_list(entries)?;
        on_now
            .filter(|entry| self.covers(*entry, "/start", "/end"))
            .map(|entry| {
                let user = entry.need("/user/id")?;
                let through = through(&user);
                let (from, until) = (self.begin(entry, "/start"), self.end(entry, "/end"));
                Ok(OnDuty { user_id: PagerDutyUserId(user), through, from, until })
            })
            .collect()
    }

    fn shifts(self, schedule: Fields<'_>) -> Result<Vec<OnDuty>, Problem> {
        let rotation = |source: Fields<'_>| {
            let id = source.text("/rotation_id");
            let found = schedule.list("/rotations").find(|rotation| rotation.text("/id") == id);
            let names = found.map(|r| r.list("/events").filter_map(|event| event.some("/name")).collect());
            let names: Vec<String> = names.unwrap_or_default();
            if names.is_empty() { id } else { names.join(", ") }
        };
        let through = |source: Fields<'_>| match source.text("/type").as_str() {
            "schedule_rotation" => Through::Rotation(rotation(source)),
            "schedule_rotation_override" => Through::RotationOverride(rotation(source)),
            "custom_shift" => Through::CustomShift,
            "custom_shift_override" => Through::CustomShiftOverride,
            _ => Through::Other,
        };
        let shifts = schedule.need_list("/final_schedule/computed_shift_assignments")?;
        // An empty member has no user: nobody is on call through that shift.
        shifts
            .filter(|shift| self.covers(*shift, "/start_time", "/end_time"))
            .filter_map(|shift| Some((shift, shift.some("/member/user_id")?)))
            .map(|(shift, user)| {
                Ok(OnDuty {
                    user_id: PagerDutyUserId(user),
                    through: through(shift.at("/source")),
                    from: self.begin(shift, "/start_time"),
                    until: self.end(shift, "/end_time"),
                })
            })
            .collect()
    }

    fn covers(self, entry: Fields<'_>, start: &str, end: &str) -> bool {
        entry.time(start).is_none_or(|start| start <= self.soon)
            && entry.time(end).is_none_or(|end| self.at < end)
    }

    fn begin(self, entry: Fields<'_>, start: &str) -> Option<Timestamp> {
        entry.time(start).filter(|start| *start > self.at)
    }

    /// What ends with the rendering goes on beyond it.
    fn end(self, entry: Fields<'_>, end: &str) -> Option<Timestamp> {
        entry.time(end).filter(|end| end.as_secs() != self.until.as_secs())
    }
}
