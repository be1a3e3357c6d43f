//! A whole organisation's groups: API calls and time, beside the fewest that can do it and the script from cron.
//!
//! ```text
//! cargo bench --bench sync                     everything
//! cargo bench --bench sync -- --most 100       organisations of at most 100 groups
//! cargo bench --bench sync -- --scenes         the order of writes, restarts and memory, without the table
//! ```
//! The vendors are simulated and answer after 50 ms of the simulated clock, so calls and seconds are the same on every
//! machine; processor time and memory are this machine's. What the columns mean is in docs/performance.md. Fails when
//! Firebell makes more calls than the fewest, or takes more than 1.05 of the time that the limits leave.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod cron;
mod least;
#[path = "../load/machine.rs"]
#[expect(dead_code, clippy::disallowed_methods, reason = "the other bench needs the rest, and real time")]
mod machine;
mod organisation;
mod scenes;
mod server;

use std::time::Duration;

use anyhow::{Result, bail};

use least::Cost;
use organisation::{Organisation, people_of};
use server::Server;

const SIZES: [usize; 4] = [10, 100, 500, 2_000];
const PERCENT: [usize; 3] = [0, 5, 100];
/// The script is run up to this size; beyond it is computed.
const LARGEST_SCRIPT: usize = 500;
const SLACKS_OWN: u32 = 20;
const UNLIMITED: u32 = 1_000_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|a| a == "--bench") {
        eprintln!("sync: measures only under `cargo bench`");
        return Ok(());
    }
    let most = arguments.iter().skip_while(|a| *a != "--most").nth(1);
    let most: usize = most.map_or(Ok(usize::MAX), |text| text.parse())?;
    println!("{:#}", machine::describe(&std::env::temp_dir())?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let misses = runtime.block_on(measure(most, arguments.iter().any(|a| a == "--scenes")))?;
    if misses.is_empty() {
        println!("\nall aims met");
        return Ok(());
    }
    bail!("missed:\n{}", misses.join("\n"))
}

async fn measure(most: usize, only_scenes: bool) -> Result<Vec<String>> {
    let mut misses = Vec::new();
    if !only_scenes {
        table(most, &mut misses).await?;
    }
    misses.extend(scenes::urgent_first_and_over_a_restart().await?);
    misses.extend(scenes::cold_and_restart(500.min(most)).await?);
    if most >= 2_000 {
        misses.extend(scenes::large(2_000, 10_000).await?);
    }
    Ok(misses)
}

async fn table(most: usize, misses: &mut Vec<String>) -> Result<()> {
    println!(
        "\n| groups | Slack's limits | changed | Firebell calls | least calls | Firebell s | least s | ratio | cron script calls | cron script s | CPU s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for groups in SIZES.into_iter().filter(|groups| *groups <= most) {
        for is_limited in [false, true] {
            size(groups, is_limited, misses).await?;
        }
    }
    println!();
    Ok(())
}

/// The rows of one organisation.
async fn size(groups: usize, is_limited: bool, misses: &mut Vec<String>) -> Result<()> {
    let people = people_of(groups);
    let (script, mark) = script(groups, people, is_limited).await?;
    let mut organisation = Organisation::found(groups, people).await?;
    let server = Server::start(&organisation, if is_limited { SLACKS_OWN } else { UNLIMITED }).await?;
    server.work(&organisation, usize::MAX).await?;
    organisation.world.slack.enforce_tiers(is_limited);
    for percent in PERCENT {
        // The minute before may have used up Slack's limit; and what comes in its time has come before the pass.
        organisation.world.clock.advance(Duration::from_secs(120));
        server.work(&organisation, usize::MAX).await?;
        organisation.world.clock.advance(Duration::from_secs(60));
        let changed = (groups * percent).div_ceil(100);
        for n in 0..changed {
            organisation.change(n * groups / changed);
        }
        let cpu = machine::cpu_of_process(std::process::id())?;
        let pass = server.pass(&organisation).await?;
        let cpu = machine::cpu_of_process(std::process::id())?.saturating_sub(cpu);
        let least = least::least(groups, changed, is_limited);
        let ratio = pass.took.as_secs_f64() / least.time.as_secs_f64();
        let limits = if is_limited { "on" } else { "off" };
        println!(
            "| {groups} | {limits} | {percent} % | {} | {} | {:.2} | {:.2} | {ratio:.3} | {}{mark} | {:.1}{mark} | {:.2} |",
            pass.calls,
            least.calls,
            pass.took.as_secs_f64(),
            least.time.as_secs_f64(),
            script.calls,
            script.time.as_secs_f64(),
            cpu.as_secs_f64(),
        );
        let what = format!("{groups} groups, limits {limits}, {percent} %");
        if pass.calls != least.calls || pass.writes != changed {
            misses.push(format!("{what}: {} calls, {} of them writes", pass.calls, pass.writes));
        }
        if ratio > 1.05 {
            misses.push(format!("{what}: {ratio:.3} of the least time"));
        }
        if organisation.wrong() > 0 {
            misses.push(format!("{what}: {} groups are not as the rota says", organisation.wrong()));
        }
        if pass.apart > 0 {
            eprintln!("sync: {what}: {} calls of background reads came meanwhile, not counted", pass.apart);
        }
    }
    server.running.shutdown().await;
    Ok(())
}

/// In an organisation of its own, so that it and Firebell do not use up each other's limits.
async fn script(groups: usize, people: usize, is_limited: bool) -> Result<(Cost, &'static str)> {
    if groups > LARGEST_SCRIPT {
        return Ok((least::cron(groups, people, is_limited), " (computed)"));
    }
    let organisation = Organisation::found(groups, people).await?;
    organisation.world.slack.enforce_tiers(is_limited);
    Ok((cron::run(&organisation).await?, ""))
}
