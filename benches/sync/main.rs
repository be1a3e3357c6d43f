//! A whole organisation's groups kept equal to the rota, on a clock that each vendor call moves on by 50 ms: how many
//! calls, how much time, beside the fewest possible and beside a script from cron.
//!
//! ```text
//! cargo bench --bench sync               all sizes, with and without Slack's limits
//! cargo bench --bench sync -- --quick    10 and 100 groups
//! ```
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]

mod company;
mod cron;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use firebell::oncall::Step;
use firebell::serve::Running;
use firebell::store::Priority;

use company::{Company, LATENCY};

/// Not the list of Slack's people: it is read every 15 minutes, whatever happens to groups.
const OURS: &[&str] = &["GET /oncalls", "usergroups.list", "usergroups.users.update", "users.lookupByEmail"];
const MINUTE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|a| a == "--bench") {
        eprintln!("sync: measures only under `cargo bench`");
        return Ok(());
    }
    let quick = arguments.iter().any(|a| a == "--quick");
    let sizes: &[usize] = if quick { &[10, 100] } else { &[10, 100, 500, 2000] };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!(
        "{:>6} {:>7} {:>7} {:>22} {:>25} {:>6} {:>20}",
        "groups",
        "changed",
        "limits",
        "calls (fewest, cron)",
        "seconds (least, cron)",
        "ratio",
        "CPU s (simulators too)"
    );
    let mut missed = Vec::new();
    for &groups in sizes {
        for limits in [false, true] {
            missed.extend(runtime.block_on(measure(groups, limits))?);
        }
    }
    runtime.block_on(weigh(if quick { 100 } else { 2000 }, 10_000))?;
    ensure!(missed.is_empty(), "missed:\n{}", missed.join("\n"));
    Ok(())
}

/// One size: the first sync, then nothing, 5 % and all changed; and the script.
async fn measure(groups: usize, limits: bool) -> Result<Vec<String>> {
    let company = Company::found(groups, 0, limits).await?;
    let running = company.start().await?;
    until_right(&company, &running).await?;
    let cron = Company::found(groups, 0, limits).await?;
    let (before, began_at) = (cron.world.desk.arrived(), cron.clock.now());
    cron::run(&cron.start().await?.app, &cron).await?;
    ensure!(cron.wrong() == 0, "the script left {} groups wrong", cron.wrong());
    let turned_away = |c: &firebell::sim::desk::Call| c.outcome == "ratelimited" || c.outcome.contains("429");
    let script_calls = cron.world.desk.calls()[before..].iter().filter(|c| !turned_away(c)).count();
    let script_time = cron.clock.now().since(began_at).as_secs_f64();
    let mut missed = Vec::new();
    for percent in [0, 5, 100] {
        // Slack's minute is over, and whatever else comes again and again has come.
        company.clock.advance(2 * MINUTE);
        running.work_off().await?;
        company.clock.advance(2 * MINUTE);
        running.work_off().await?;
        let changed = (groups * percent).div_ceil(100);
        company.change(changed);
        let changed = company.wrong();
        let (before, began_at, cpu) = (company.world.desk.arrived(), company.clock.now(), cpu()?);
        let mut tx = company.db.write(Priority::Job).await?;
        tx.enqueue(Step::ReadOnCall.because("the bench")).await?;
        tx.enqueue(Step::ReadGroups.because("the bench")).await?;
        tx.commit().await?;
        let done_at = until_right(&company, &running).await?;
        let cpu = cpu_since(cpu)?;
        let calls = company.calls_since(before, OURS);
        let time = done_at.since(began_at);
        let fewest = (2 * groups).div_ceil(100) + 1 + changed;
        let least = least(fewest - changed, changed, limits);
        let ratio = time.as_secs_f64() / least.as_secs_f64();
        println!(
            "{groups:>6} {percent:>6}% {:>7} {:>22} {:>25} {ratio:>6.3} {cpu:>20.2}",
            if limits { "on" } else { "off" },
            format!("{calls} ({fewest}, {script_calls})"),
            format!("{:.1} ({:.1}, {script_time:.1})", time.as_secs_f64(), least.as_secs_f64()),
        );
        if calls != fewest || ratio > 1.05 {
            missed.push(format!(
                "{groups} groups, {percent} %, limits {limits}: {calls} calls of {fewest}, time × {ratio:.3}: {}",
                company.told(before)
            ));
        }
    }
    Ok(missed)
}

/// Works until every group is right; when that was.
async fn until_right(company: &Company, running: &Running) -> Result<firebell::clock::Timestamp> {
    loop {
        running.work_off().await?;
        if company.wrong() == 0 {
            let calls = company.world.desk.calls();
            let last = calls.iter().rev().find(|c| OURS.contains(&c.name.as_str())).context("a call")?;
            return Ok(last.at + LATENCY);
        }
        let next = company.db.read().await?.next_job_at().await?.context("something to wait for")?;
        company.clock.advance(next.since(company.clock.now()).max(Duration::from_millis(1)));
    }
}

/// As fast as one after the other can be; with the limit, no more than 20 writes begin within a minute.
fn least(reads: usize, writes: usize, limits: bool) -> Duration {
    let mut now = LATENCY * u32::try_from(reads).unwrap_or(u32::MAX);
    let mut began: Vec<Duration> = Vec::new();
    for n in 0..writes {
        if limits && n >= 20 {
            now = now.max(began[n - 20] + MINUTE);
        }
        began.push(now);
        now += LATENCY;
    }
    now
}

/// Memory with this many groups, and this many people who are in no rota besides.
async fn weigh(groups: usize, people: usize) -> Result<()> {
    let company = Company::found(groups, people - 2 * groups * 975 / 1000, false).await?;
    let (before, started) = (resident()?, Instant::now());
    let first = company.world.desk.arrived();
    let running = company.start().await?;
    until_right(&company, &running).await?;
    println!(
        "\n{groups} groups, {people} people: {:.0} MiB resident beside {:.0} MiB of simulators; the first sync {:.1} s of \
         real time",
        resident()? - before,
        before,
        started.elapsed().as_secs_f64()
    );
    println!("cold: {}", company.told(first));
    Ok(())
}

/// MiB.
fn resident() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS is there")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// Processor time of this process, the simulators included.
fn cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let after_name = text.rsplit_once(')').context("stat names the program")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| -> Result<u64> { Ok(fields.get(at).context("stat has this field")?.parse()?) };
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

fn cpu_since(before: Duration) -> Result<f64> {
    Ok((cpu()?.saturating_sub(before)).as_secs_f64())
}
