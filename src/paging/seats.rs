//! Who commands incidents now, and who responds for each team: from memory alone. Pure.

use super::targets;
use crate::clock::Timestamp;
use crate::config::Commander;
use crate::groups::lookup;
use crate::oncall::Known;
use crate::oncall::model::Contact;

/// A seat of those who command, and who holds it.
#[derive(Debug)]
pub struct Held<'a> {
    pub seat: &'a Commander,
    pub holders: Vec<Contact>,
    /// What could not be found out.
    pub troubles: Vec<String>,
}

/// In the configured order.
pub fn commanders(known: &Known, at: Timestamp) -> Vec<Held<'_>> {
    known.config.commanders.iter().map(|seat| held(known, seat, at)).collect()
}

fn held<'a>(known: &Known, seat: &'a Commander, at: Timestamp) -> Held<'a> {
    let people = &known.people;
    let mut found = Held { seat, holders: Vec::new(), troubles: Vec::new() };
    if let Some(word) = &seat.schedule {
        match people.schedule_id(word) {
            Ok(id) => found.holders.extend(on_call(lookup::on_schedule(people, id, at))),
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    if let Some(policy) = &seat.policy {
        let seats = lookup::on_policy(people, policy, seat.level, at);
        let on_level = seats.into_iter().filter(|s| s.levels.iter().any(|(level, _)| *level == seat.level));
        found.holders.extend(on_level.flat_map(on_call));
    }
    let (users, unknown) = people.expand(&seat.people);
    for user in users {
        let person = lookup::person(people, &people.name_of(&user), Some(user.clone()), []);
        let wanted = targets::of_person(people, &person, at);
        if wanted.people.is_empty() {
            found.troubles.push(format!(
                "{} has no PagerDuty account that I know; `firebell people link` joins the two",
                wanted.name
            ));
        }
        found.holders.extend(wanted.people);
    }
    found.troubles.extend(
        unknown.into_iter().map(|who| format!("nobody known is called {who}; mend the configuration")),
    );
    found
}

fn on_call(seat: lookup::Seat) -> impl Iterator<Item = Contact> {
    seat.now.into_iter().map(|shift| shift.who)
}

/// Each team, as far as a list goes, with the people on its first level that has any.
pub fn responders(known: &Known, most: usize, at: Timestamp) -> Vec<(&str, Vec<Contact>)> {
    let services = known.config.services.iter().take(most);
    services
        .map(|service| {
            let people = targets::of_service(known, service, at).map(|w| w.people).unwrap_or_default();
            (service.name.as_str(), people)
        })
        .collect()
}
