//! Who can be paged and through what: on-calls, people, services, priorities.

use std::collections::HashSet;
use std::time::Duration;

use super::calls::{
    GET_POLICY, GET_SERVICE, GET_USER, LIST_ABILITIES, LIST_ONCALLS, LIST_PRIORITIES, LIST_SERVICES,
    LIST_USERS,
};
use super::{Client, OnCall, Priority, Service, User, segment};
use crate::clock::Timestamp;
use crate::error::Upstream;
use crate::http_client::Fields;
use crate::ids::PagerDutyUserId;

/// Whose on-calls are wanted: of either.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    pub policy_ids: &'a [String],
    pub schedule_ids: &'a [String],
}

/// Two full pages of rows when each has one: a thousand schedules are ten pages.
const SOURCES_PER_CALL: usize = 200;
/// 8 kB is what servers commonly take of an address.
const QUERY_BYTES: usize = 7_500;

/// One filter of one call with its ids: as few calls as their number and length allow. PagerDuty ANDs different
/// filters; we want either, so they are asked for one after the other.
fn questions<'a>(wanted: &Filter<'a>) -> Vec<(&'static str, &'a [String])> {
    let mut questions = Vec::new();
    for (filter, ids) in
        [("escalation_policy_ids[]", wanted.policy_ids), ("schedule_ids[]", wanted.schedule_ids)]
    {
        let length = |id: &String| segment(filter).len() + segment(id).len() + 2;
        let (mut first, mut bytes) = (0, 0);
        for (n, id) in ids.iter().enumerate() {
            if n - first == SOURCES_PER_CALL || bytes + length(id) > QUERY_BYTES {
                questions.push((filter, &ids[first..n]));
                (first, bytes) = (n, 0);
            }
            bytes += length(id);
        }
        questions.push((filter, &ids[first..]));
    }
    questions.retain(|(_, ids)| !ids.is_empty());
    questions
}

impl Client {
    /// Who is on call on any of these policies or through any of these schedules, from `since` to `until` (both now,
    /// unless told otherwise; at most 90 days ahead); nobody for neither. A schedule that no policy uses never shows
    /// up: [`Client::schedule_now`]. The shifts' bounds are real, not cut to the range.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1oncalls/get> · oncalls.read users.read · own limit · idempotent
    pub async fn oncalls(
        &self,
        wanted: &Filter<'_>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<OnCall>, Upstream> {
        let (since, until) = (since.map(|at| at.to_string()), until.map(|at| at.to_string()));
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        for (filter, ids) in questions(wanted) {
            let mut query = vec![("include[]", "users"), ("time_zone", "UTC")];
            query.extend(since.as_deref().map(|at| ("since", at)));
            query.extend(until.as_deref().map(|at| ("until", at)));
            query.extend(ids.iter().map(|id| (filter, id.as_str())));
            let page = self.pages(&LIST_ONCALLS, "/oncalls", &query, "/oncalls", OnCall::read).await?;
            found.extend(page.into_iter().filter(|row| seen.insert(row.clone())));
        }
        Ok(found)
    }

    /// Everybody, with addresses and phone numbers.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1users/get> · users.read users:contact_methods.read · 960/min · idempotent
    pub async fn users_with_contacts(&self) -> Result<Vec<User>, Upstream> {
        self.pages(&LIST_USERS, "/users", &[("include[]", "contact_methods")], "/users", User::read).await
    }

    /// One person, with addresses and phone numbers; `None` for whom PagerDuty does not know any more.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1users~1%7Bid%7D/get> · users.read users:contact_methods.read · 960/min · idempotent
    pub async fn user(&self, id: &PagerDutyUserId) -> Result<Option<User>, Upstream> {
        let request =
            self.get(&format!("/users/{}", segment(id.as_str())), &[("include[]", "contact_methods")]);
        let read =
            |answer: Fields<'_>| (!answer.0.is_null()).then(|| User::read(answer.at("/user"))).transpose();
        self.call(&GET_USER, request, &["404"], read).await
    }

    /// By login address, whatever its case.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1users/get> · users.read users:contact_methods.read · 960/min · idempotent
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, Upstream> {
        // The search is a loose one, over names too.
        let query = [("query", email), ("include[]", "contact_methods")];
        let found = self.pages(&LIST_USERS, "/users", &query, "/users", User::read).await?;
        let is_theirs = |user: &User| user.email.as_deref().is_some_and(|e| e.eq_ignore_ascii_case(email));
        Ok(found.into_iter().find(is_theirs))
    }

    /// These services, as far as they exist. PagerDuty cannot filter by id, so this reads all of them.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1services/get> · services.read · 960/min · idempotent
    pub async fn services(&self, ids: &[String]) -> Result<Vec<Service>, Upstream> {
        let mut found = self.pages(&LIST_SERVICES, "/services", &[], "/services", Service::read).await?;
        found.retain(|service| ids.contains(&service.id));
        Ok(found)
    }

    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1services~1%7Bid%7D/get> · services.read · 960/min · idempotent
    pub async fn service(&self, id: &str) -> Result<Option<Service>, Upstream> {
        let request = self.get(&format!("/services/{}", segment(id)), &[]);
        let read = |answer: Fields<'_>| {
            (!answer.0.is_null()).then(|| Service::read(answer.at("/service"))).transpose()
        };
        self.call(&GET_SERVICE, request, &["404"], read).await
    }

    /// Whether the account has this escalation policy.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1escalation_policies~1%7Bid%7D/get> · escalation_policies.read · 960/min · idempotent
    pub async fn has_policy(&self, id: &str) -> Result<bool, Upstream> {
        let request = self.get(&format!("/escalation_policies/{}", segment(id)), &[]);
        self.call(&GET_POLICY, request, &["404"], |answer| Ok(!answer.0.is_null())).await
    }

    /// How long a policy waits on its first level before it asks the second; `None` for a policy that is not there.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1escalation_policies~1%7Bid%7D/get> · escalation_policies.read · 960/min · idempotent
    pub async fn escalation_delay(&self, policy_id: &str) -> Result<Option<Duration>, Upstream> {
        let request = self.get(&format!("/escalation_policies/{}", segment(policy_id)), &[]);
        let read = |answer: Fields<'_>| {
            let minutes = answer.int("/escalation_policy/escalation_rules/0/escalation_delay_in_minutes");
            Ok(u64::try_from(minutes).ok().filter(|m| *m > 0).map(|m| Duration::from_secs(m * 60)))
        };
        self.call(&GET_POLICY, request, &["404"], read).await
    }

    /// The account's priorities, most severe first; none where its plan has none.
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1priorities/get> · priorities.read · 960/min · idempotent
    pub async fn priorities(&self) -> Result<Vec<Priority>, Upstream> {
        let request = self.get("/priorities", &[("limit", super::PAGE_SIZE)]);
        let read = |answer: Fields<'_>| {
            if answer.0.is_null() {
                return Ok(Vec::new());
            }
            answer.need_list("/priorities")?.map(Priority::read).collect()
        };
        self.call(&LIST_PRIORITIES, request, &["402"], read).await
    }

    /// What the account's plan can do: `coordinated_responding` …
    /// <https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths/~1abilities/get> · abilities.read · 960/min · idempotent
    pub async fn abilities(&self) -> Result<Vec<String>, Upstream> {
        let request = self.get("/abilities", &[]);
        self.call(&LIST_ABILITIES, request, &[], |answer| {
            Ok(answer.need_list("/abilities")?.filter_map(|ability| ability.some("")).collect())
        })
        .await
    }
}
