//! What a table of passes does not show: the order of writes, restarts, a cold start, and a large company.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use crate::organisation::{NOT_OURS, Organisation, people_of};
use crate::server::{LOOK_UP, ONCALLS, Server, WRITE};
use crate::{SLACKS_OWN, UNLIMITED, least, machine};

/// A hundred groups wait for the limit when the on-call of three of them changes once more: those come next. Then the
/// program is restarted, and nothing is written twice.
pub async fn urgent_first_and_over_a_restart() -> Result<Vec<String>> {
    const GROUPS: usize = 100;
    let mut misses = Vec::new();
    let mut organisation = Organisation::found(GROUPS, people_of(GROUPS)).await?;
    let server = Server::start(&organisation, SLACKS_OWN).await?;
    server.work(&organisation, usize::MAX).await?;
    organisation.world.slack.enforce_tiers(true);
    organisation.world.clock.advance(Duration::from_secs(120));
    (0..GROUPS).for_each(|group| organisation.change(group));
    server.trigger().await?;
    server.work(&organisation, 20).await?;
    let late = [97, 98, 99];
    for group in late {
        organisation.change(group);
    }
    server.trigger().await?;
    server.work(&organisation, 20).await?;
    let mut groups = organisation.world.slack.usergroups();
    groups.sort_by_key(|group| group.updated_at);
    let order: Vec<&str> = groups[GROUPS - 40..].iter().map(|group| group.handle.as_str()).collect();
    let is_first =
        late.iter().all(|group| order[20..23].contains(&crate::organisation::handle(*group).as_str()));
    if !is_first {
        misses.push(format!("three groups changed late, and these were written next: {:?}", &order[20..23]));
    }
    let server = server.restart(&organisation, SLACKS_OWN).await?;
    server.work(&organisation, usize::MAX).await?;
    let writes = organisation.world.desk.count(WRITE);
    println!(
        "order: of {GROUPS} waiting groups the 3 that changed last came {}; restarted after 40 writes, {writes} writes in all",
        if is_first { "next" } else { "LATER" }
    );
    if writes != GROUPS || organisation.wrong() > 0 {
        misses.push(format!("{writes} writes for {GROUPS} groups, {} are wrong", organisation.wrong()));
    }
    server.running.shutdown().await;
    Ok(misses)
}

/// The first start, its calls by name; and what another start makes of them.
pub async fn cold_and_restart(groups: usize) -> Result<Vec<String>> {
    let mut misses = Vec::new();
    let organisation = Organisation::found(groups, people_of(groups)).await?;
    let server = Server::start(&organisation, UNLIMITED).await?;
    server.work(&organisation, usize::MAX).await?;
    let cold = counted(&organisation.calls_since(0));
    println!("cold start, {groups} groups, {} people: {}", organisation.people, shown(&cold));
    // The simulated Slack leaves one of 200 out of each page, and puts in an empty one, where there is more than one.
    let everybody = organisation.people + NOT_OURS;
    let walk = if everybody <= 200 { 1 } else { everybody.div_ceil(199) + 1 };
    // Twice: now, and who comes on call until tomorrow; and one look at who comes after the longest shifts.
    let least = 2 * least::pages(groups) + (2 * groups).div_ceil(200);
    if cold.get(ONCALLS) != Some(&least) || cold.contains_key("GET /schedules") {
        misses.push(format!("cold: {least} pages of /oncalls would do: {}", shown(&cold)));
    }
    if cold.contains_key(LOOK_UP) || cold.get("users.list") != Some(&walk) || cold.contains_key(WRITE) {
        misses.push(format!("cold: {walk} pages of users.list would do: {}", shown(&cold)));
    }
    organisation.world.clock.advance(Duration::from_secs(60));
    let first = organisation.world.desk.arrived();
    let server = server.restart(&organisation, UNLIMITED).await?;
    server.work(&organisation, usize::MAX).await?;
    let warm = counted(&organisation.calls_since(first));
    println!("restart a minute later: {}", shown(&warm));
    let only = BTreeMap::from([(ONCALLS.to_owned(), least::pages(groups))]);
    if warm != only {
        misses.push(format!("restart: one look at the rota would do: {}", shown(&warm)));
    }
    server.running.shutdown().await;
    Ok(misses)
}

/// What a large company takes of the machine. The simulated vendors are in the same process.
pub async fn large(groups: usize, people: usize) -> Result<Vec<String>> {
    let pid = std::process::id();
    let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    let mut organisation = Organisation::found(groups, people).await?;
    let vendors = machine::resident(pid)?;
    let server = Server::start(&organisation, UNLIMITED).await?;
    server.work(&organisation, usize::MAX).await?;
    let started = machine::resident(pid)?;
    let mut after = Vec::new();
    let cpu = machine::cpu_of_process(pid)?;
    for _ in 0..3 {
        for group in (0..groups).step_by(20) {
            organisation.change(group);
        }
        organisation.world.clock.advance(Duration::from_secs(120));
        server.pass(&organisation).await?;
        after.push(format!("{:.0}", mib(machine::resident(pid)?)));
    }
    let cpu = machine::cpu_of_process(pid)?.saturating_sub(cpu);
    println!(
        "{groups} groups, {people} people: MiB resident with the vendors alone {:.0}, after the start {:.0}, after \
         each of three passes of 5 % {}; {:.2} s of CPU a pass, vendors included",
        mib(vendors),
        mib(started),
        after.join(", "),
        cpu.as_secs_f64() / 3.0,
    );
    let misses =
        if organisation.wrong() > 0 { vec!["large: groups are wrong".to_owned()] } else { Vec::new() };
    server.running.shutdown().await;
    Ok(misses)
}

fn counted(calls: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.clone()).or_default() += 1;
    }
    counts
}

fn shown(counts: &BTreeMap<String, usize>) -> String {
    counts.iter().map(|(name, count)| format!("{count} × {name}")).collect::<Vec<_>>().join(", ")
}
