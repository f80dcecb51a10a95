//! How many access decisions a process makes in a second, and how long 99 of 100 take at most, beside what Cedar alone
//! needs for the same questions with the same policies and entities, in the same run.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that fails says why, and ends")]

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
}

fn main() {
    let asked = Asked::parse();
    let Asked { policies, applications, users, members, decisions } = asked;
    let begun = Instant::now();
    let measured = Measured::new(Size { policies, applications, users, members });
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
    let (alone, ours) = (say("Cedar alone", &mut bare), say("decisions", &mut whole));
    println!("{allowed} of {decisions} are allowed");
    println!("rate {:.2} of Cedar's, p99 {:.2} times Cedar's", ours.0 / alone.0, ours.1 / alone.1);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("memory {}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("unknown"));
}

/// Says how many a second that is and what 99 of 100 take at most, and returns both.
fn say(what: &str, took: &mut [Duration]) -> (f64, f64) {
    took.sort_unstable();
    let all: Duration = took.iter().sum();
    let rate = f64::from(u32::try_from(took.len()).expect("a number of decisions")) / all.as_secs_f64();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default().as_secs_f64() * 1e6;
    println!("{what:12} {rate:.0}/s, p99 {p99:.1} us");
    (rate, p99)
}
