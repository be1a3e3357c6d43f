//! An organisation of 500 teams, each with a person on call, a schedule, an escalation policy, a service and a user
//! group.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use firebell::clock::Clock;
use firebell::sim::scene::World;

const TEAMS: usize = 500;

pub async fn world() -> Result<World> {
    let clock = Clock::system();
    let world = World::start(clock.clone()).await?;
    let day = Duration::from_secs(24 * 3600);
    for n in 0..TEAMS {
        let (name, login) = (format!("Person of team {n}"), format!("person-{n}"));
        let email = format!("{login}@example.com");
        world.slack.add_user(&format!("U1{n:05}"), &login, &name, &email);
        world.pagerduty.add_user(&format!("PU{n:05}"), &name, &email, Some("+49 1510000000"));
        let (schedule, person) = (format!("PSCH{n:03}"), format!("PU{n:05}"));
        let shift = (person.as_str(), clock.now() - day, clock.now() + day);
        world.pagerduty.add_schedule(&schedule, &format!("Rota {n}"), &[shift]);
        world.pagerduty.add_escalation_policy(&format!("PEP1{n:03}"), &format!("Team {n}"), &[&[&schedule]]);
        world.pagerduty.add_service(
            &format!("PSV1{n:03}"),
            &format!("api-{n}"),
            &format!("PEP1{n:03}"),
            None,
        );
        world.slack.add_usergroup(&format!("S1{n:05}"), &format!("team-{n}"), &[&format!("U1{n:05}")]);
    }
    Ok(world)
}

/// The groups that follow the rota, the services, and who commands.
pub fn toml() -> String {
    (0..TEAMS).fold(String::new(), |mut toml, n| {
        write!(
            toml,
            "\n[[group]]\nhandle = \"team-{n}\"\nschedules = [\"PSCH{n:03}\"]\n\
             [[service]]\nname = \"api-{n}\"\npagerduty_service = \"PSV1{n:03}\"\nescalation_policy = \"PEP1{n:03}\"\n"
        )
        .expect("a string takes it");
        if n < 3 {
            write!(toml, "[[commander]]\ntitle = \"Commander {n}\"\nschedule = \"PSCH{n:03}\"\n")
                .expect("a string takes it");
        }
        toml
    })
}
