//! What is measured on, and what processes use of it, as Linux tells it.

use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Processor time of the calling thread.
pub fn cpu_of_thread() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split_whitespace().next().context("schedstat has a first number")?.parse()?))
}

/// Processor time of a process, all its threads, in user and system mode. Counted in hundredths of a second.
pub fn cpu_of_process(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = text.rsplit_once(')').context("stat names the program")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| -> Result<u64> { Ok(fields.get(at).context("stat has this field")?.parse()?) };
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

/// Resident memory in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS is there")?;
    Ok(1024 * line.trim().trim_end_matches(" kB").parse::<u64>()?)
}

/// How busy the machine is with everything; measured before we add to it.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// How many times a second 8 KiB can be written and made durable in this directory.
fn syncs_per_second(directory: &Path) -> Result<f64> {
    let path = directory.join("fsync-probe");
    let mut file = File::create(&path)?;
    let block = [7_u8; 8192];
    file.write_all(&block)?;
    file.sync_all()?;
    let (began_at, mut count) = (Instant::now(), 0_u32);
    while began_at.elapsed() < Duration::from_millis(500) {
        file.rewind()?;
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / began_at.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

pub fn cores() -> usize {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines().filter(|line| line.starts_with("processor")).count().max(1)
}

/// Machine, disk, date and commit.
pub fn describe(directory: &Path) -> Result<Value> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(json!({
        "cpu": field("model name"),
        "mhz": field("cpu MHz"),
        "cores": cores(),
        "memory_gib": memory.map(|kib| kib / 1024 / 1024),
        "kernel": said_by("uname", &["-sr"]),
        "durable_writes_per_second": syncs_per_second(directory)?.round(),
        "load_average_before": load_average(),
        "date": said_by("date", &["--utc", "+%Y-%m-%d %H:%M UTC"]),
        "commit": said_by("git", &["describe", "--always", "--dirty"]),
    }))
}

fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
