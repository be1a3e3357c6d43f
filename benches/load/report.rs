//! The table that people read, and the same figures for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::room::Room;
use crate::rows::{Kind, Measured, Row};

pub fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    match of.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => of[n / 2],
        n => f64::midpoint(of[n / 2 - 1], of[n / 2]),
    }
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mib(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}

/// What the row promises.
fn aim(row: &Row) -> Option<(f64, Option<f64>)> {
    let p99_ms = match row.engine {
        Some(crate::server::Engine::Postgres) => 10.0,
        _ => 20.0,
    };
    match row.kind {
        Kind::Command(_) => Some((0.5, None)),
        Kind::Lookup(_) => Some((0.0, Some(10.0))),
        Kind::Webhook if row.connections == 64 => Some((2.0, Some(p99_ms))),
        _ => None,
    }
}

/// The load rows: medians over the rounds.
pub fn load(rows: &[Row], rounds: &[Vec<Measured>]) -> (String, Value) {
    let of = |row: usize, pick: &dyn Fn(&Measured) -> f64| {
        median(rounds.iter().map(|round| pick(&round[row])).collect())
    };
    let mut text = format!(
        "{:<52} {:>5} {:>8} {:>15} {:>8} {:>8} {:>7} {:>7} {:>6}  {}\n",
        "what", "conns", "req/s", "(lowest-highest)", "p50 ms", "p99 ms", "cpu µs", "sender", "ratio", "aim"
    );
    let mut all = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let rates: Vec<f64> = rounds.iter().map(|round| round[at].outcome.per_second).collect();
        let rate = median(rates.clone());
        let p50 = of(at, &|m| ms(m.outcome.quantile(0.5)));
        let p99 = of(at, &|m| ms(m.outcome.quantile(0.99)));
        let cpu = of(at, &|m| m.outcome.server_cpu.as_secs_f64() * 1e6);
        let busy = of(at, &|m| m.outcome.sender_busy);
        // Round by round, so that a noisy minute spoils both.
        let ratio = row.baseline(rows).map(|base| {
            median(rounds.iter().map(|r| r[at].outcome.per_second / r[base].outcome.per_second).collect())
        });
        let aim = aim(row);
        let verdict = aim.map_or(String::new(), |(least, most_ms)| {
            let met = ratio.is_some_and(|r| r >= least) && most_ms.is_none_or(|most| p99 < most);
            let p99 = most_ms.map(|most| format!(", p99 < {most} ms")).unwrap_or_default();
            let rate = if least > 0.0 { format!("≥ {least}") } else { String::new() };
            let promised = [rate, p99].concat();
            format!("{}: {}", promised.trim_start_matches(", "), if met { "met" } else { "MISSED" })
        });
        let span = format!(
            "({:.0}-{:.0})",
            rates.iter().copied().fold(f64::INFINITY, f64::min),
            rates.iter().copied().fold(0.0, f64::max)
        );
        let shown = ratio.map_or(String::new(), |r| format!("{r:.2}"));
        let _ = writeln!(
            text,
            "{:<52} {:>5} {rate:>8.0} {span:>16} {p50:>8.2} {p99:>8.2} {cpu:>7.1} {:>6.0}% {shown:>6}  {verdict}",
            row.name(),
            row.connections,
            busy * 100.0
        );
        let optional = |pick: &dyn Fn(&Measured) -> Option<f64>| {
            let found: Vec<f64> = rounds.iter().filter_map(|round| pick(&round[at])).collect();
            (!found.is_empty()).then(|| median(found).round())
        };
        all.push(json!({
            "what": row.name(), "connections": row.connections, "requests_per_second": rate.round(),
            "each_round": rates.iter().map(|r| r.round()).collect::<Vec<_>>(),
            "p50_ms": p50, "p99_ms": p99, "server_cpu_us": cpu, "sender_busy": busy, "ratio": ratio,
            "resident_mib": mib(of(at, &|m| m.resident as f64)),
            "read_per_second_meanwhile": optional(&|m| m.read_meanwhile),
            "read_per_second_after": optional(&|m| m.read_after),
        }));
    }
    text += "\ndeliveries read by the worker, a second                 while they came in   afterwards   memory MiB\n";
    for row in all.iter().filter(|row| !row["read_per_second_after"].is_null()) {
        let name = format!("{}, {}", row["what"].as_str().unwrap_or_default(), row["connections"]);
        let number = |key: &str| row[key].as_f64().unwrap_or_default();
        let _ = writeln!(
            text,
            "{name:<52} {:>21.0} {:>12.0} {:>12.1}",
            number("read_per_second_meanwhile"),
            number("read_per_second_after"),
            number("resident_mib")
        );
    }
    (text, Value::Array(all))
}

/// Start and idle memory.
pub fn start(first: Duration, again: &[Duration], idle: [u64; 2]) -> (String, Value) {
    let again_ms = median(again.iter().map(|t| ms(*t)).collect());
    let first_ms = ms(first);
    let [idle_first, idle_again] = idle.map(|bytes| bytes as f64 / 1e6);
    let text = format!(
        "start, exec to /readyz 200: {again_ms:.0} ms, median of {}; with a new database {first_ms:.0} ms  (aim < 100 ms)\n\
         memory, idle on SQLite: {idle_again:.1} MB resident; with a new database {idle_first:.1} MB  (aim < 20 MB)\n",
        again.len()
    );
    (
        text,
        json!({ "start_ms": again_ms, "first_start_ms": first_ms, "idle_mb": idle_again, "first_idle_mb": idle_first }),
    )
}

pub fn rooms(rooms: &[Room]) -> (String, Value) {
    let of = |pick: fn(&Room) -> f64| median(rooms.iter().map(pick).collect());
    let (answered, ready) = (of(|r| ms(r.answered)), of(|r| ms(r.ready)));
    let (trips, calm) = (of(Room::round_trips), of(|r| ms(r.calm)));
    let calls = rooms.last().map_or(0, |r| r.calls);
    let text = format!(
        "declare → room ready, vendors {} ms away: {ready:.0} ms after the ack = {trips:.1} vendor round trips  (aim ≤ 3)\n\
         the ack itself {answered:.1} ms; last of {calls} vendor calls begun {calm:.0} ms after it; median of {}\n",
        ms(crate::room::LATENCY),
        rooms.len()
    );
    let value = json!({
        "ack_ms": answered, "ready_ms": ready, "round_trips": trips, "calm_ms": calm, "vendor_calls": calls,
    });
    (text, value)
}
