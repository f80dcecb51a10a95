//! What control policies say of a session: one evaluator, for those who ask and for those who enforce.

use std::{collections::BTreeSet, net::IpAddr};

use bailiwick_core::Timestamp;
use bailiwick_shell::{Argument, Command, Opaque, Script};

use super::{
    CommandPattern, ControlPolicy, Likeness, ListMode, ProtocolControl, SessionChannel, Sitting, SourceControl,
    Verdict,
    command_pattern::{WRITES, is_roundabout},
};

/// Most things of a line that are told apart.
const RULINGS_MAX: usize = 64;

/// The policies that take effect on a session, in the order in which they decide. Each dimension is decided by the first of
/// them that states it, commands one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules(Vec<ControlPolicy>);

/// What is decided apart from all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    User,
    Asset,
    Grant,
    Time,
    Source,
    SessionApproval,
    Channel,
    Command,
}

/// What becomes of one thing, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) dimension: Dimension,
    pub(crate) verdict: Verdict,
    /// The id of the policy that says so; none if no policy states it.
    pub(crate) policy: Option<String>,
    /// What it is about: a command, or a channel; empty where there is one thing only.
    pub(crate) subject: String,
    /// Why, for people.
    pub(crate) reason: String,
}

impl Rules {
    /// Of some policies those that take effect.
    pub(crate) fn of(policies: impl IntoIterator<Item = ControlPolicy>, sitting: &Sitting) -> Self {
        let mut applying: Vec<_> = policies.into_iter().filter(|policy| policy.applies(sitting)).collect();
        applying.sort_by(|one, other| one.rank().cmp(&other.rank()));
        Self(applying)
    }

    /// Whether a session may be at a moment (R-BAS-31).
    pub(crate) fn time(&self, at: Timestamp) -> Ruling {
        let stating = self.0.iter().find(|policy| !policy.windows.is_empty());
        ruling(Dimension::Time, stating, |policy| match policy.windows.iter().find(|window| window.is_open(at)) {
            Some(window) => (Verdict::Allow, format!("within {}", window.key())),
            None => (Verdict::Reject, "outside all time windows".to_owned()),
        })
    }

    /// Whether a session may come from an address (R-BAS-32).
    pub(crate) fn source(&self, address: IpAddr) -> Ruling {
        let said = |policy: &ControlPolicy| {
            let SourceControl { mode, ranges } = policy.sources.as_ref()?;
            match (mode, ranges.iter().find(|range| range.contains(address))) {
                (ListMode::Deny, Some(range)) => Some((Verdict::Reject, format!("`{range}` is denied"))),
                // What is not denied here is left to others.
                (ListMode::Deny, None) => None,
                (ListMode::Allow, Some(range)) => Some((Verdict::Allow, format!("`{range}` is allowed"))),
                (ListMode::Allow, None) => Some((Verdict::Reject, "in no range that is allowed".to_owned())),
            }
        };
        let stating = self.0.iter().find_map(|policy| Some((policy, said(policy)?)));
        let (policy, said) = stating.unzip();
        ruling(Dimension::Source, policy, |_| said.clone().unwrap_or((Verdict::Allow, UNSTATED.to_owned())))
    }

    /// Whether a session waits for an approval (R-BAS-33).
    pub(crate) fn session_approval(&self) -> Ruling {
        let stating = self.0.iter().find(|policy| policy.session_approval.is_some());
        ruling(Dimension::SessionApproval, stating, |policy| match policy.session_approval {
            Some(true) => (Verdict::Approve, "sessions wait for an approval".to_owned()),
            _ => (Verdict::Allow, "sessions wait for no approval".to_owned()),
        })
    }

    /// What the session can do, and the policy that says so.
    pub(crate) fn protocols(&self) -> (ProtocolControl, Option<&ControlPolicy>) {
        let stating = self.0.iter().find_map(|policy| Some((policy.protocols.clone()?, Some(policy))));
        stating.unwrap_or_else(|| (ProtocolControl::usual(), None))
    }

    /// Whether a channel may be opened; one that forwards, to an address (R-BAS-30).
    pub(crate) fn channel(&self, channel: SessionChannel, to: Option<(&str, u16)>) -> Ruling {
        let (protocols, stating) = self.protocols();
        let open = protocols.opens(channel, to);
        let mut said = ruling(Dimension::Channel, stating, |_| (Verdict::Allow, String::new()));
        said.verdict = if open { Verdict::Allow } else { Verdict::Reject };
        said.reason = if open { "enabled" } else { "not enabled" }.to_owned();
        said
    }

    /// What becomes of a line that a client wants to have run, command by command (R-BAS-28, R-BAS-29, E-BAS-09). The line
    /// runs if all of it may.
    pub(crate) fn command_line(&self, line: &str) -> Vec<Ruling> {
        let script = bailiwick_shell::read(line);
        let unknown: Vec<_> = match &script {
            Ok(script) => script.opaque.iter().map(|opaque| text(opaque).to_owned()).collect(),
            Err(error) => vec![error.to_string()],
        };
        let commands = script.map(|Script { commands, written, .. }| {
            let writes = written.into_iter().map(write);
            commands.into_iter().chain(writes).collect::<Vec<_>>()
        });
        let mut rulings: Vec<_> = commands.iter().flatten().map(|command| self.command(command)).collect();
        rulings.extend(unknown.into_iter().filter_map(|what| self.opaque(what)));
        // The gravest are what it depends on.
        rulings.sort_by_key(|ruling| std::cmp::Reverse(ruling.verdict));
        rulings.truncate(RULINGS_MAX);
        if rulings.is_empty() {
            rulings.push(ruling(Dimension::Command, None, |_| (Verdict::Allow, String::new())));
        }
        rulings
    }

    /// What becomes of a command: the first policy that says something of it decides.
    pub(crate) fn command(&self, command: &Command) -> Ruling {
        let mut gravest: Option<(&ControlPolicy, Said)> = None;
        for policy in &self.0 {
            let Some(said) = of_command(policy, command) else { continue };
            // Whoever is not sure speaks for what may be; those that follow, for what is if it is not.
            let sure = said.sure;
            if gravest.as_ref().is_none_or(|(_, known)| known.verdict < said.verdict) {
                gravest = Some((policy, said));
            }
            if sure {
                break;
            }
        }
        let mut ruled = ruling(Dimension::Command, None, |_| (Verdict::Allow, String::new()));
        ruled.subject = command.text();
        if let Some((policy, said)) = gravest {
            (ruled.verdict, ruled.policy, ruled.reason) = (said.verdict, Some(policy.meta.id.clone()), said.reason);
        }
        ruled
    }

    /// What becomes of a line that may run what nobody can tell. It may be any command: so all policies say something of it
    /// that could of one, down to the first that says something of each.
    fn opaque(&self, what: String) -> Option<Ruling> {
        let mut gravest: Option<(Verdict, &ControlPolicy)> = None;
        for policy in self.0.iter() {
            let Some(verdict) = policy.on_opaque() else { continue };
            if gravest.is_none_or(|(known, _)| known < verdict) {
                gravest = Some((verdict, policy));
            }
            if policy.commands.as_ref().is_some_and(|control| control.mode == ListMode::Allow) {
                break;
            }
        }
        let (verdict, policy) = gravest?;
        Some(Ruling {
            dimension: Dimension::Command,
            verdict,
            policy: Some(policy.meta.id.clone()),
            subject: what,
            reason: "nobody can tell what it runs".to_owned(),
        })
    }
}

const UNSTATED: &str = "no policy says anything of it";

fn ruling(
    dimension: Dimension,
    stating: Option<&ControlPolicy>,
    said: impl Fn(&ControlPolicy) -> (Verdict, String),
) -> Ruling {
    let (verdict, reason) = stating.map_or((Verdict::Allow, UNSTATED.to_owned()), said);
    let policy = stating.map(|policy| policy.meta.id.clone());
    Ruling { dimension, verdict, policy, subject: String::new(), reason }
}

/// What one policy says of a command.
struct Said {
    verdict: Verdict,
    reason: String,
    /// Whether the command is what it says this of; that may depend on the host.
    sure: bool,
}

/// What one policy says of a command: what it rejects first, then what it allows, then what it has approved (E-BAS-09).
fn of_command(policy: &ControlPolicy, command: &Command) -> Option<Said> {
    let said = |verdict, reason, sure| Some(Said { verdict, reason, sure });
    let approved = likest(&policy.approved_commands, command);
    if let Some(control) = &policy.commands {
        match (control.mode, likest(&control.patterns, command)) {
            (ListMode::Deny, Some((Likeness::Yes, pattern))) => {
                return said(Verdict::Reject, format!("`{pattern}` is denied"), true);
            }
            (ListMode::Deny, Some((_, pattern))) => match policy.on_opaque() {
                // It says nothing then: others may.
                None | Some(Verdict::Allow) => {}
                Some(verdict) => return said(verdict, format!("may be what `{pattern}` denies"), false),
            },
            (ListMode::Allow, Some((Likeness::Yes, pattern))) => {
                return said(Verdict::Allow, format!("`{pattern}` is allowed"), true);
            }
            // What may be what is approved may also be what is not allowed.
            (ListMode::Allow, _) if approved.is_none_or(|(likeness, _)| likeness < Likeness::Yes) => {
                return said(Verdict::Reject, "not among what is allowed".to_owned(), true);
            }
            (ListMode::Allow, _) | (ListMode::Deny, None) => {}
        }
    }
    let (likeness, pattern) = approved?;
    said(Verdict::Approve, format!("`{pattern}` waits for an approval"), likeness == Likeness::Yes)
}

/// The pattern that a command is most like, if it is like one.
fn likest<'a>(patterns: &'a BTreeSet<CommandPattern>, command: &Command) -> Option<(Likeness, &'a CommandPattern)> {
    let found = patterns.iter().map(|pattern| (pattern.likeness(command), pattern));
    found.max_by_key(|(likeness, _)| *likeness).filter(|(likeness, _)| *likeness > Likeness::No)
}

/// What a line has where nobody can tell what it runs.
fn text(opaque: &Opaque) -> &str {
    match opaque {
        Opaque::Program(text)
        | Opaque::Elsewhere(text)
        | Opaque::Runs(text)
        | Opaque::State(text)
        | Opaque::Expansion(text) => text,
    }
}

/// A redirection that writes a file, as a command.
fn write(file: String) -> Command {
    let odd = |c: char| "'\"\\$`*?[]{}~()".contains(c);
    // Where a relative one is depends on the folder; what is below these leads anywhere.
    let known = file.starts_with('/') && !is_roundabout(&file);
    let leads = ["/proc/", "/dev/fd/"].iter().any(|folder| file.starts_with(folder));
    let plain = known && !leads && !file.chars().any(odd);
    let file = if plain { Argument::Text(file) } else { Argument::Expanded(file) };
    Command { program: WRITES.to_owned(), arguments: vec![file] }
}

#[cfg(test)]
mod tests;
