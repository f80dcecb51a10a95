//! How many access decisions a process makes in a second, and how long 99 of 100 take at most, beside what Cedar alone
//! needs for the same questions with the same policies and entities, in the same run; then the same by the listener that
//! Envoy asks at, beside a bare server.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that fails says why, and ends")]

mod listener;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bailiwick_sase_policy::measuring::{Measured, Size};
use clap::Parser;

/// What is measured.
#[derive(Parser)]
struct Asked {
    /// Policies.
    #[arg(long, default_value_t = 500)]
    policies: usize,
    /// Applications.
    #[arg(long, default_value_t = 500)]
    applications: usize,
    /// Users.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Members.
    #[arg(long, default_value_t = 1_000)]
    members: usize,
    /// Decisions.
    #[arg(long, default_value_t = 200_000)]
    decisions: usize,
    /// Requests to the listener; 0 leaves it out.
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// How many of them are under way at once.
    #[arg(long, default_value_t = 64)]
    at_once: usize,
}

#[tokio::main]
async fn main() {
    let Asked { policies, applications, users, members, decisions, requests, at_once } = Asked::parse();
    let size = Size { policies, applications, users, members };
    in_process(size, decisions);
    if requests > 0 {
        listener::measure(size, requests, at_once).await;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("memory {}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("unknown"));
}

fn in_process(size: Size, decisions: usize) {
    let begun = Instant::now();
    let measured = Measured::new(size);
    println!("compiled in {:.2} s", begun.elapsed().as_secs_f64());

    let (mut bare, mut whole, mut allowed) = (Vec::new(), Vec::new(), 0_u64);
    // Taking turns, so that whatever else the machine does counts for both.
    for n in 0..decisions {
        if let Some(ask) = measured.bare(n) {
            let begun = Instant::now();
            ask();
            bare.push(begun.elapsed());
        }
        let begun = Instant::now();
        let allow = black_box(measured.decide(n));
        whole.push(begun.elapsed());
        allowed += u64::from(allow);
    }
    let all = |took: &[Duration]| took.iter().sum();
    let (alone, ours) = (all(&bare), all(&whole));
    let (alone, ours) = (say("Cedar alone", &mut bare, alone), say("decisions", &mut whole, ours));
    println!("{allowed} of {decisions} are allowed");
    println!("rate {:.2} of Cedar's, p99 {:.2} times Cedar's", ours.0 / alone.0, ours.1 / alone.1);
}

/// Says how many a second that is, which all together took so long, and what 99 of 100 take at most, and returns both.
fn say(what: &str, took: &mut [Duration], all: Duration) -> (f64, f64) {
    took.sort_unstable();
    let rate = f64::from(u32::try_from(took.len()).expect("a number of decisions")) / all.as_secs_f64();
    let p99 = percentile(took);
    println!("{what:12} {rate:.0}/s, p99 {p99:.1} us");
    (rate, p99)
}

/// What 99 of 100 take at most, in microseconds; they are sorted.
fn percentile(took: &[Duration]) -> f64 {
    took.get(took.len() * 99 / 100).copied().unwrap_or_default().as_secs_f64() * 1e6
}
