//! Random rules, callers and targets.

use bailiwick_core::{
    Role,
    authz::{Audit, Caller, FieldPath, Principal, Rule, Seat, Targets},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::world::{ACCOUNTS, DIRECTORIES, Scribe, Who, account, directory, services, who};

/// A call, that may still have to be aimed.
#[derive(Clone, Debug)]
pub struct Draft {
    call: Call,
    aim: Option<Aim>,
}

/// Aims a call at a directory: by somebody there, about somebody there. What is random alone seldom gets that far.
#[derive(Clone, Debug)]
struct Aim {
    directory: u8,
    caller: usize,
    administrator: bool,
    form: u8,
    targets: Vec<(usize, bool)>,
}

impl Draft {
    /// The call, in the world that the scribe knows.
    pub fn aimed(&self, scribe: &Scribe) -> Call {
        let mut call = self.call.clone();
        let Some(Aim { directory: of, caller, administrator, form, targets }) = &self.aim else { return call };
        let pick = |from: &[u8], place: usize| from.get(place % from.len().max(1)).copied();
        let members = scribe.members(*of);
        let administrators = scribe.administrators(*of, call.rule.trusted_service);
        let Some(number) = pick(if *administrator { &administrators } else { &members }, *caller) else { return call };
        let identity = match form % 4 {
            0 | 1 => Who::Root(number),
            2 => Who::User(number),
            _ => Who::Role(number),
        };
        call.caller =
            Caller::Identity(Principal { identity: identity.name(), generation: 3, access_key_id: String::new() });
        let home = directory(*of).name();
        let name = |place: usize, in_directory: bool| {
            let target = account(pick(&members, place).unwrap_or(ACCOUNTS));
            if in_directory { format!("{home}/members/{target}") } else { target.name() }
        };
        let first = targets.first().map_or(0, |(place, _)| *place);
        call.targets.resource = match call.rule.seat {
            _ if call.rule.resource.is_none() => String::new(),
            Seat::OwnAccountOrAdministrator => name(first, false),
            Seat::Member => format!("{home}/members/{}", account(number)),
            Seat::OwnAccount | Seat::Invitee => return call,
            _ if form % 2 == 0 => home.clone(),
            _ => name(first, true),
        };
        if !call.rule.accounts.is_empty() {
            call.targets.accounts = targets.iter().map(|(place, in_directory)| name(*place, *in_directory)).collect();
        }
        call
    }
}

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    pub rule: Rule,
    pub caller: Caller,
    pub targets: Targets,
}

const RESOURCE: FieldPath = FieldPath { text: "name", numbers: &[1] };
const ACCOUNT_FIELDS: &[FieldPath] = &[FieldPath { text: "accounts", numbers: &[2] }];
const ACTIONS: [&str; 8] = [
    "directory:CreateMember",
    "directory:GetMember",
    "delegation:ListEnrolments",
    "ram:CreateUser",
    "securitycenter:GetMonitoredAccount",
    "soc:CreateScopeAccount",
    "sase:DeleteSaseMember",
    "bastion:CreateBastionMember",
];
const ALSO: [&[&str]; 4] =
    [&[], &["directory:GetMember"], &["bastion:ListAssets"], &["directory:GetMember", "audit:ListEntries"]];

fn seat() -> impl Strategy<Value = Seat> {
    prop_oneof![
        1 => Just(Seat::Public),
        1 => Just(Seat::Authenticated),
        1 => Just(Seat::PlatformOperator),
        3 => Just(Seat::OwnAccount),
        3 => Just(Seat::ManagementAccount),
        8 => Just(Seat::Administrator),
        5 => Just(Seat::OwnAccountOrAdministrator),
        3 => Just(Seat::Member),
        3 => Just(Seat::Invitee),
        1 => Just(Seat::Internal),
    ]
}

/// Any rule that the contract could have: `bailiwick-api` builds no other (its test `unsound_rules`).
fn rule() -> impl Strategy<Value = Rule> {
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.25));
    (seat(), prop::option::weighted(0.8, services()), select(&ACTIONS[..]), select(&ALSO[..]), flags).prop_map(
        |(seat, service, action, also_requires, (accounts, enrolled, operator_required))| {
            let unbound = matches!(seat, Seat::Public | Seat::Authenticated | Seat::PlatformOperator);
            let administrator = matches!(seat, Seat::Administrator | Seat::OwnAccountOrAdministrator);
            let trusted_service = service.filter(|_| administrator);
            let accounts = accounts && !unbound;
            Rule {
                path: "/bailiwick.test.v1.TestService/Test",
                role: Some(Role::Directory),
                action,
                seat,
                trusted_service,
                resource: Some(RESOURCE).filter(|_| !unbound),
                accounts: if accounts { ACCOUNT_FIELDS } else { &[] },
                enrolled: enrolled && accounts && trusted_service.is_some(),
                operator_required,
                also_requires,
                audit: Audit::Read,
                callers: if seat == Seat::Internal { &[Role::Delegation, Role::SasePolicy] } else { &[] },
                scope_filtered: false,
                external_id: None,
                client_streaming: false,
                server_streaming: false,
            }
        },
    )
}

fn caller() -> impl Strategy<Value = Caller> {
    prop_oneof![
        1 => Just(Caller::Anonymous),
        1 => select(&Role::ALL[..]).prop_map(Caller::Service),
        24 => (who(), prop_oneof![1 => 0..3_i64, 5 => Just(3)]).prop_map(|(who, generation)| {
            Caller::Identity(Principal { identity: who.name(), generation, access_key_id: "AK1".to_owned() })
        }),
    ]
}

fn malformed() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "/",
            "accounts",
            "accounts/",
            "accounts/1",
            "accounts/0100000000000001",
            "accounts//users",
            "directories/rd-1",
            "directories/rd-8000000000000",
            "directories/rd-000000000000l",
            "Directories/rd-0000000000000",
            "operators/olga",
        ])
        .prop_map(str::to_owned),
        Just(format!("{}/users/{}", account(0).name(), "x".repeat(512))),
        "(accounts|directories|)/?[0-9a-z/-]{0,20}",
    ]
}

fn name_of_directory() -> impl Strategy<Value = String> {
    let numbers = (0..=DIRECTORIES, 0..=ACCOUNTS, 0..3_u8);
    (numbers, 0..4_u8).prop_map(|((of, number, invitation), form)| match form {
        0 => directory(of).name(),
        1 | 2 => format!("{}/members/{}", directory(of).name(), account(number)),
        _ => format!("{}/invitations/i{invitation}", directory(of).name()),
    })
}

fn name_of_account() -> impl Strategy<Value = String> {
    (0..=ACCOUNTS, 0..=ACCOUNTS, 0..8_u8).prop_map(|(number, other, form)| match form {
        0 => format!("{}/logServices/x", account(number).name()),
        // The id of what an account owns may look like an account's.
        1 => format!("{}/logServices/{}", account(number).name(), account(other)),
        _ => account(number).name(),
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![10 => name_of_directory(), 10 => name_of_account(), 1 => malformed()]
}

/// Any call, or one that is aimed.
pub fn call() -> impl Strategy<Value = Draft> {
    let targets = vec((0..6_usize, prop::bool::weighted(0.3)), 0..3);
    let aim = (0..DIRECTORIES, 0..6_usize, prop::bool::weighted(0.7), 0..8_u8, targets).prop_map(
        |(directory, caller, administrator, form, targets)| Aim { directory, caller, administrator, form, targets },
    );
    (any_call(), prop::option::weighted(0.6, aim)).prop_map(|(call, aim)| Draft { call, aim })
}

/// Any call, its resource mostly of the kind that the seat is for, and often one that has to do with the caller.
fn any_call() -> impl Strategy<Value = Call> {
    let resources = (name_of_directory(), name_of_account(), any_name(), 0..6_u8);
    let accounts = vec(prop_oneof![6 => name_of_account(), 3 => name_of_directory(), 1 => malformed()], 0..3);
    (rule(), caller(), resources, accounts).prop_map(
        |(rule, caller, (of_directory, of_account, any, choice), accounts)| {
            let own = match &caller {
                Caller::Identity(principal) => principal.identity.account(),
                _ => None,
            };
            let resource = match (rule.seat, own) {
                _ if choice == 0 => any,
                (Seat::OwnAccount, Some(own)) if choice > 2 => own.name(),
                (Seat::OwnAccount, _) => of_account,
                (Seat::OwnAccountOrAdministrator, Some(own)) if choice == 1 => own.name(),
                (Seat::OwnAccountOrAdministrator, _) if choice > 2 => of_account,
                (Seat::Member, Some(own)) if choice > 2 => {
                    format!("{}/members/{own}", directory(choice % DIRECTORIES).name())
                }
                _ => of_directory,
            };
            let targets = Targets {
                resource: if rule.resource.is_some() { resource } else { String::new() },
                accounts: if rule.accounts.is_empty() { Vec::new() } else { accounts },
            };
            Call { rule, caller, targets }
        },
    )
}
