use std::collections::{BTreeMap, BTreeSet};

use bailiwick_conditions::TimeWindow;
use proptest::prelude::*;

use super::*;
use crate::bastion::domain::{Accounts, AssetScope, CommandControl, Home, Meta, UserScope};

fn policy(id: &str, priority: u8) -> ControlPolicy {
    ControlPolicy {
        meta: Meta::new(Home::within("rd-0000000000001".parse().unwrap(), "main"), id, "a", Timestamp::default()),
        display_name: id.to_owned(),
        comment: String::new(),
        priority,
        assets: AssetScope::All,
        users: UserScope::All,
        commands: None,
        approved_commands: BTreeSet::new(),
        protocols: None,
        windows: BTreeSet::new(),
        sources: None,
        session_approval: None,
    }
}

fn patterns(texts: &[&str]) -> BTreeSet<CommandPattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn control(mode: ListMode, texts: &[&str], on_opaque: Option<Verdict>) -> Option<CommandControl> {
    Some(CommandControl { mode, patterns: patterns(texts), on_opaque })
}

fn denying(id: &str, priority: u8, texts: &[&str]) -> ControlPolicy {
    ControlPolicy { commands: control(ListMode::Deny, texts, None), ..policy(id, priority) }
}

fn allowing(id: &str, priority: u8, texts: &[&str]) -> ControlPolicy {
    ControlPolicy { commands: control(ListMode::Allow, texts, None), ..policy(id, priority) }
}

fn approving(id: &str, priority: u8, texts: &[&str]) -> ControlPolicy {
    ControlPolicy { approved_commands: patterns(texts), ..policy(id, priority) }
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn sitting() -> Sitting {
    Sitting {
        user: "ann".to_owned(),
        user_groups: set(&["staff"]),
        asset: "web".to_owned(),
        asset_groups: set(&["shop"]),
        account: "root".to_owned(),
        login_name: "root".to_owned(),
    }
}

fn rules(policies: &[ControlPolicy]) -> Rules {
    Rules::of(policies.iter().cloned(), &sitting())
}

/// What becomes of a line, and the policy that says so.
fn line(rules: &Rules, line: &str) -> (Verdict, Option<String>) {
    let gravest = rules.command_line(line).into_iter().next();
    gravest.map_or((Verdict::Allow, None), |ruling| (ruling.verdict, ruling.policy))
}

#[test]
fn a_policy_takes_effect_on_those_it_is_attached_to() {
    let some = |names: &[&str]| Accounts::Some(set(names));
    let assets = |assets: &[(&str, Accounts)], groups: &[(&str, Accounts)]| {
        let map = |of: &[(&str, Accounts)]| {
            of.iter().map(|(id, a)| ((*id).to_owned(), a.clone())).collect::<BTreeMap<_, _>>()
        };
        AssetScope::Some { assets: map(assets), groups: map(groups) }
    };
    let users = |users: &[&str], groups: &[&str]| UserScope::Some { users: set(users), groups: set(groups) };
    for (assets, users, applies) in [
        (AssetScope::All, UserScope::All, true),
        (assets(&[("web", Accounts::All)], &[]), UserScope::All, true),
        (assets(&[("db", Accounts::All)], &[]), UserScope::All, false),
        (assets(&[("web", some(&["root"]))], &[]), UserScope::All, true),
        (assets(&[("web", some(&["deploy"]))], &[]), UserScope::All, false),
        (assets(&[], &[("shop", Accounts::All)]), UserScope::All, true),
        (assets(&[], &[("shop", some(&["root"]))]), UserScope::All, true),
        (assets(&[], &[("shop", some(&["deploy"]))]), UserScope::All, false),
        (assets(&[], &[("lab", Accounts::All)]), UserScope::All, false),
        (assets(&[("web", some(&["deploy"]))], &[("shop", Accounts::All)]), UserScope::All, true),
        (AssetScope::All, users(&["ann"], &[]), true),
        (AssetScope::All, users(&["bob"], &[]), false),
        (AssetScope::All, users(&[], &["staff"]), true),
        (AssetScope::All, users(&["bob"], &["guests"]), false),
        (assets(&[("db", Accounts::All)], &[]), users(&["ann"], &[]), false),
    ] {
        let policy = ControlPolicy { assets, users, ..policy("p", 1) };
        assert_eq!(policy.applies(&sitting()), applies, "{policy:?}");
    }
}

#[test]
fn each_dimension_is_decided_by_the_first_policy_that_states_it() {
    let at = |text: &str| Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let window = |start: &str, end: &str| {
        let asked = bailiwick_api::r#type::v1::TimeWindow {
            time_zone: "UTC".to_owned(),
            weekdays: (1..=7).collect(),
            start: start.to_owned(),
            end: end.to_owned(),
        };
        BTreeSet::from([TimeWindow::read(&asked).unwrap()])
    };
    let sources = |mode, range: &str| Some(SourceControl { mode, ranges: BTreeSet::from([range.parse().unwrap()]) });
    let first =
        ControlPolicy { windows: window("09:00", "17:00"), session_approval: Some(false), ..policy("first", 1) };
    let second = ControlPolicy {
        windows: window("00:00", "24:00"),
        sources: sources(ListMode::Allow, "10.0.0.0/8"),
        session_approval: Some(true),
        ..policy("second", 2)
    };
    let third = ControlPolicy { sources: sources(ListMode::Deny, "0.0.0.0/0"), ..policy("third", 3) };
    let rules = rules(&[third, second, first]);
    let of = |ruling: Ruling| (ruling.verdict, ruling.policy.unwrap_or_default());
    assert_eq!(of(rules.time(at("2026-01-05T08:59:59Z"))), (Verdict::Reject, "first".to_owned()));
    assert_eq!(of(rules.time(at("2026-01-05T09:00:00Z"))), (Verdict::Allow, "first".to_owned()));
    assert_eq!(of(rules.source("10.1.2.3".parse().unwrap())), (Verdict::Allow, "second".to_owned()));
    assert_eq!(of(rules.source("192.0.2.1".parse().unwrap())), (Verdict::Reject, "second".to_owned()));
    assert_eq!(of(rules.session_approval()), (Verdict::Allow, "first".to_owned()));
    assert_eq!(of(rules.channel(SessionChannel::Shell, None)), (Verdict::Allow, String::new()), "nobody states it");
    assert_eq!(of(rules.channel(SessionChannel::AgentForward, None)), (Verdict::Reject, String::new()));
    let none = Rules::of([], &sitting());
    for open in [none.time(Timestamp::default()), none.source("::1".parse().unwrap()), none.session_approval()] {
        assert_eq!(of(open), (Verdict::Allow, String::new()));
    }
}

#[test]
fn of_equal_priorities_the_newest_decides() {
    let aged = |id: &str, age: i64, approval| ControlPolicy {
        meta: Meta { create_time: Timestamp::from_micros(age), ..policy(id, 1).meta },
        session_approval: Some(approval),
        ..policy(id, 5)
    };
    for order in [[aged("old", 1, false), aged("new", 2, true)], [aged("new", 2, true), aged("old", 1, false)]] {
        assert_eq!(rules(&order).session_approval().policy.as_deref(), Some("new"));
    }
}

#[test]
fn a_line_is_decided_command_by_command() {
    use Verdict::{Allow, Approve, Reject};
    let deny = denying("deny", 10, &["rm", "dd *", "> /etc/*"]);
    let both = ControlPolicy { approved_commands: patterns(&["reboot", "rm"]), ..deny.clone() };
    let reboots = approving("reboots", 20, &["reboot"]);
    let mixed = ControlPolicy { approved_commands: patterns(&["reboot", "ls"]), ..allowing("mixed", 10, &["ls"]) };
    let list = allowing("list", 10, &["ls", "grep", "cat /var/log/*", "> /tmp/*"]);
    for (policies, text, verdict) in [
        (vec![&deny], "ls", Allow),
        (vec![&deny], "rm x", Reject),
        (vec![&deny], "ls; rm x", Reject),
        (vec![&deny], "ls && (cd /; r\\m x) | cat", Reject),
        (vec![&deny], "sudo rm x", Reject),
        (vec![&deny], "bash -c 'rm x'", Reject),
        (vec![&deny], "grep rm x", Allow),
        (vec![&deny], "echo x > /etc/passwd", Reject),
        (vec![&deny], "echo x > /tmp/passwd", Allow),
        // It cannot be told where that is.
        (vec![&deny], "echo x > $file", Approve),
        (vec![&deny], "cd /etc; echo x > passwd", Approve),
        (vec![&deny], "echo x > //etc/passwd", Approve),
        (vec![&deny], "echo x > /proc/self/root/etc/passwd", Approve),
        (vec![&deny], "echo x > /tmp/../etc/passwd", Approve),
        (vec![&deny], "$x", Approve),
        (vec![&deny], "eval $x", Approve),
        (vec![&deny], "python3 x.py", Approve),
        (vec![&deny], "if", Approve),
        // Control before approval, within one policy.
        (vec![&both], "rm x", Reject),
        (vec![&both], "reboot", Approve),
        (vec![&both], "reboot; rm x", Reject),
        (vec![&list], "ls -l", Allow),
        (vec![&list], "cat /var/log/syslog | grep x", Allow),
        (vec![&list], "cat /etc/shadow", Reject),
        (vec![&list], "cat /var/log/../../etc/shadow", Reject),
        (vec![&list, &reboots], "reboot", Reject),
        (vec![&mixed], "ls", Allow),
        (vec![&mixed], "reboot", Approve),
        (vec![&mixed], "rm x", Reject),
        (vec![&mixed], "[[ -f x ]]", Allow),
        (vec![&list], "ls > /tmp/x", Allow),
        (vec![&list], "ls > /tmp/../etc/x", Reject),
        (vec![&list], "ls > x", Reject),
        (vec![&list], "ls $(rm x)", Reject),
        (vec![&list], "cat $x", Reject),
        (vec![&list], "/tmp/ls", Reject),
        (vec![&list], "eval ls", Reject),
        (vec![&list], "PATH=/tmp ls", Reject),
        (vec![], "rm -rf /", Allow),
        (vec![], "eval $x", Allow),
    ] {
        let policies: Vec<_> = policies.into_iter().cloned().collect();
        assert_eq!(line(&rules(&policies), text).0, verdict, "{text}");
    }
}

#[test]
fn what_one_policy_says_nothing_of_is_left_to_the_next() {
    let by = |name: &str| Some(name.to_owned());
    let careful = approving("careful", 1, &["reboot"]);
    let never = denying("never", 2, &["rm", "reboot"]);
    let only = allowing("only", 3, &["ls"]);
    let all = rules(&[only.clone(), careful, never.clone()]);
    assert_eq!(line(&all, "reboot"), (Verdict::Approve, by("careful")), "it comes first");
    assert_eq!(line(&all, "rm x"), (Verdict::Reject, by("never")));
    assert_eq!(line(&all, "ls"), (Verdict::Allow, by("only")));
    assert_eq!(line(&all, "cat x"), (Verdict::Reject, by("only")));
    // What may be denied is not approved before it is known that it would be refused anyway.
    let denied = denying("denied", 1, &["rm x"]);
    assert_eq!(line(&rules(&[denied.clone(), only.clone()]), "rm $x"), (Verdict::Reject, by("only")));
    assert_eq!(line(&rules(&[denied]), "rm $x"), (Verdict::Approve, by("denied")));
    let restart = approving("restart", 1, &["systemctl restart nginx"]);
    let none = denying("none", 2, &["systemctl *"]);
    assert_eq!(line(&rules(&[restart.clone(), none]), "systemctl restart $x"), (Verdict::Reject, by("none")));
    assert_eq!(line(&rules(&[restart]), "systemctl restart $x"), (Verdict::Approve, by("restart")));
    // What lets pass what nobody can tell opens no way past a list of all that is allowed.
    let lax = ControlPolicy { commands: control(ListMode::Deny, &["rm x"], Some(Verdict::Allow)), ..never };
    assert_eq!(line(&rules(std::slice::from_ref(&lax)), "eval $x").0, Verdict::Allow);
    assert_eq!(line(&rules(std::slice::from_ref(&lax)), "rm $x"), (Verdict::Allow, None));
    assert_eq!(line(&rules(&[lax.clone(), only.clone()]), "eval $x"), (Verdict::Reject, by("only")));
    assert_eq!(line(&rules(&[lax, only]), "rm $x"), (Verdict::Reject, by("only")));
}

fn any_policy() -> impl Strategy<Value = ControlPolicy> {
    let some =
        || prop::collection::btree_set(prop::sample::select(vec!["ls", "rm", "cat *", "rm -r *", "reboot"]), 0..3);
    let commands = prop::option::of((
        any::<bool>(),
        some(),
        prop::sample::select(vec![None, Some(Verdict::Allow), Some(Verdict::Approve), Some(Verdict::Reject)]),
    ));
    let scope = prop::option::of(prop::sample::select(vec!["web", "db"]));
    let users = prop::option::of(prop::sample::select(vec!["ann", "bob"]));
    (0..1_000_u32, 1..4_u8, 0..3_i64, commands, some(), scope, users).prop_map(
        |(id, priority, age, commands, approved, scope, users)| {
            let mut made = policy(&format!("p{id}"), priority);
            made.meta.create_time = Timestamp::from_micros(age);
            made.commands = commands.and_then(|(allow, texts, opaque)| {
                let mode = if allow { ListMode::Allow } else { ListMode::Deny };
                control(mode, &texts.into_iter().collect::<Vec<_>>(), opaque)
            });
            made.approved_commands = patterns(&approved.into_iter().collect::<Vec<_>>());
            if let Some(asset) = scope {
                let assets = BTreeMap::from([(asset.to_owned(), Accounts::All)]);
                made.assets = AssetScope::Some { assets, groups: BTreeMap::new() };
            }
            if let Some(user) = users {
                made.users = UserScope::Some { users: set(&[user]), groups: BTreeSet::new() };
            }
            made
        },
    )
}

const LINES: [&str; 9] = ["ls", "rm x", "rm -r x", "rm $x", "cat a b", "reboot", "eval $x", "$x y", "ls | cat"];

/// The same, as it is written in the manual: for each command, of all policies that apply and say something of it, the one
/// that no other precedes; but what those before it say that are not sure, if that is graver.
fn naive(policies: &[ControlPolicy], command: &Command) -> Verdict {
    let precedes = |one: &ControlPolicy, other: &ControlPolicy| {
        let (a, b) = ((one.priority, one.meta.create_time), (other.priority, other.meta.create_time));
        a.0 < b.0 || a.0 == b.0 && (a.1 > b.1 || a.1 == b.1 && one.meta.id < other.meta.id)
    };
    let applying = policies.iter().filter(|policy| policy.applies(&sitting()));
    let saying: Vec<_> = applying.filter_map(|policy| Some((policy, of_command(policy, command)?))).collect();
    let sure: Vec<_> = saying.iter().filter(|(_, said)| said.sure).collect();
    let first = sure.iter().find(|(one, _)| !sure.iter().any(|(other, _)| precedes(other, one)));
    let before = |one: &ControlPolicy| first.is_none_or(|(first, _)| precedes(one, first));
    let unsure = saying.iter().filter(|(one, said)| !said.sure && before(one)).map(|(_, said)| said.verdict).max();
    unsure.max(first.map(|(_, said)| said.verdict)).unwrap_or(Verdict::Allow)
}

proptest! {
    #[test]
    fn rules_decide_as_they_are_written(policies in prop::collection::vec(any_policy(), 0..6)) {
        let rules = rules(&policies);
        for text in LINES {
            let Ok(script) = bailiwick_shell::read(text) else { continue };
            for command in &script.commands {
                prop_assert_eq!(rules.command(command).verdict, naive(&policies, command), "{}", text);
            }
        }
    }

    /// Several commands are what the gravest of them is, in whatever order the policies come; and whoever a policy is not
    /// for never notices it.
    #[test]
    fn a_line_is_as_grave_as_its_gravest_part(
        policies in prop::collection::vec(any_policy(), 0..6),
        parts in prop::collection::vec(prop::sample::select(LINES.to_vec()), 1..4),
    ) {
        let all = rules(&policies);
        let gravest = parts.iter().map(|part| line(&all, part).0).max().unwrap();
        prop_assert_eq!(line(&all, &parts.join("; ")).0, gravest);
        let mut turned = policies.clone();
        turned.reverse();
        turned.push(ControlPolicy {
            users: UserScope::Some { users: set(&["carol"]), groups: BTreeSet::new() },
            ..denying("other", 1, &["*"])
        });
        let ids: BTreeSet<_> = policies.iter().map(|policy| &policy.meta.id).collect();
        if ids.len() == policies.len() {
            prop_assert_eq!(rules(&turned), all);
        }
    }
}
