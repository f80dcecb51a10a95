//! The small world of the tables, and the names that they use for what is in it.

use crate::{
    AccountId, DirectoryId, IdentityName, PrincipalKind, Role, TrustedService,
    authz::{Audit, Caller, Fact, FactChange, FieldPath, IdentityFact, Principal, Rule, Seat, Snapshot, SystemPolicy},
};

use SystemPolicy::{
    AdministratorAccess, BastionHostFullAccess, ResourceDirectoryFullAccess, ResourceDirectoryReadOnlyAccess,
    SaseFullAccess, SecurityCenterFullAccess,
};

/// Accounts by letter: A manages D1; B is its delegated administrator of Security Center with Threat Analysis, F of
/// Bastionhost; C, D, E are plain members, C in the scope of every service. M manages D2, whose member is N. S and T
/// are standalone; S is invited to D1. Z does not exist.
pub(super) fn account(letter: char) -> AccountId {
    let offset = u64::from(u32::from(letter) - u32::from('A'));
    (1_000_000_000_000_000 + offset).try_into().unwrap()
}

pub(super) fn directory(number: char) -> DirectoryId {
    format!("rd-000000000000{number}").parse().unwrap()
}

fn is_account(segment: &str) -> bool {
    segment.len() == 1 && segment.starts_with(|c: char| c.is_ascii_uppercase())
}

/// `D1/members/C` in full; what begins with neither an account nor a directory is itself.
pub(super) fn name(short: &str) -> String {
    let mut segments: Vec<String> = short.split('/').map(str::to_owned).collect();
    let first = segments[0].clone();
    if is_account(&first) {
        segments[0] = account(first.chars().next().unwrap()).name();
    } else if let Some(number) = first.strip_prefix('D').filter(|n| n.len() == 1) {
        segments[0] = directory(number.chars().next().unwrap()).name();
    } else {
        return short.to_owned();
    }
    if let Some(last) = segments.iter_mut().skip(1).last().filter(|s| is_account(s)) {
        *last = account(last.chars().next().unwrap()).to_string();
    }
    segments.join("/")
}

pub(super) fn holds(fact: Fact) -> FactChange {
    FactChange { fact, removed: false }
}

pub(super) fn gone(fact: Fact) -> FactChange {
    FactChange { fact, removed: true }
}

pub(super) fn membership(letter: char, of: Option<(char, &str)>) -> Fact {
    let membership = of.map(|(number, incarnation)| (directory(number), incarnation.to_owned()));
    Fact::Account { account: account(letter), membership }
}

pub(super) fn trusted(number: char, service: TrustedService) -> Fact {
    Fact::TrustedAccess { directory: directory(number), service }
}

pub(super) fn delegated(letter: char, service: TrustedService, incarnation: &str) -> Fact {
    Fact::Delegation {
        directory: directory('1'),
        service,
        account: account(letter),
        incarnation: incarnation.to_owned(),
    }
}

pub(super) fn enrolled(letter: char, service: TrustedService, incarnation: &str) -> Fact {
    Fact::Enrolment {
        directory: directory('1'),
        service,
        account: account(letter),
        incarnation: incarnation.to_owned(),
    }
}

fn identity(identity: IdentityName, kind: PrincipalKind, policies: &[SystemPolicy]) -> Fact {
    Fact::Identity {
        identity,
        fact: Some(IdentityFact { kind, enabled: true, generation: 2, policies: policies.into() }),
    }
}

/// Users by what they may do, as `{user}@{account}` in the tables.
const USERS: [(&str, &[SystemPolicy]); 9] = [
    ("admin", &[AdministratorAccess]),
    ("directory", &[ResourceDirectoryFullAccess]),
    ("reader", &[ResourceDirectoryReadOnlyAccess]),
    ("security", &[SecurityCenterFullAccess]),
    ("sase", &[SaseFullAccess]),
    ("bastion", &[BastionHostFullAccess]),
    ("both", &[BastionHostFullAccess, ResourceDirectoryReadOnlyAccess]),
    ("nobody", &[]),
    ("disabled", &[AdministratorAccess]),
];

fn identities(letter: char) -> impl Iterator<Item = Fact> {
    let id = account(letter);
    let users = USERS
        .into_iter()
        .map(move |(user, policies)| identity(IdentityName::User(id, user.to_owned()), PrincipalKind::User, policies));
    let role = IdentityName::Role(id, "role".to_owned());
    let linked = IdentityName::Role(id, "AliyunServiceRoleForSas".to_owned());
    users.map(disable_the_disabled).chain([
        identity(IdentityName::root(id), PrincipalKind::Root, &[]),
        identity(role, PrincipalKind::Role, &[AdministratorAccess]),
        identity(linked, PrincipalKind::ServiceLinkedRole, &[]),
    ])
}

fn disable_the_disabled(fact: Fact) -> Fact {
    match fact {
        Fact::Identity { identity: name @ IdentityName::User(..), fact: Some(fact) } => {
            let enabled = !name.to_string().ends_with("/disabled");
            Fact::Identity { identity: name, fact: Some(IdentityFact { enabled, ..fact }) }
        }
        other => other,
    }
}

/// The world, at revision 7.
pub(super) fn world() -> Snapshot {
    let mut facts: Vec<Fact> = "ABCDEF".chars().map(|letter| membership(letter, Some(('1', "first")))).collect();
    facts.extend("MN".chars().map(|letter| membership(letter, Some(('2', "first")))));
    facts.extend("ST".chars().map(|letter| membership(letter, None)));
    facts.extend([('1', 'A'), ('2', 'M')].map(|(number, letter)| Fact::Directory {
        directory: directory(number),
        management_account: Some(account(letter)),
    }));
    facts.extend(TrustedService::ALL.map(|service| trusted('1', service)));
    facts.extend([
        delegated('B', TrustedService::SecurityCenter, "first"),
        delegated('B', TrustedService::ThreatAnalysis, "first"),
        delegated('F', TrustedService::Bastionhost, "first"),
    ]);
    facts.extend(TrustedService::ALL.map(|service| enrolled('C', service, "first")));
    facts.push(Fact::Invitation {
        directory: directory('1'),
        invitation: "i1".to_owned(),
        account: Some(account('S')),
    });
    facts.extend("ABCDEFMNST".chars().flat_map(identities));
    let operator = |name: &str, kind| identity(IdentityName::Operator(name.to_owned()), kind, &[AdministratorAccess]);
    facts.push(operator("olga", PrincipalKind::PlatformOperator));
    facts.push(operator("otto", PrincipalKind::User));
    let mut world = Snapshot::empty();
    world.apply(7, facts.into_iter().map(holds));
    world
}

/// `root@A`, `role@B`, `admin@C` (see [`USERS`]); `stale@A` has a token from before the generation of `admin@A`;
/// `operator`, and `impostor`, who has only the name of one; `anonymous`; else the name of a role of the suite.
pub(super) fn caller(text: &str) -> Caller {
    let principal =
        |identity, generation| Caller::Identity(Principal { identity, generation, access_key_id: "AK1".to_owned() });
    let Some((user, letter)) = text.split_once('@') else {
        return match text {
            "anonymous" => Caller::Anonymous,
            "operator" => principal(IdentityName::Operator("olga".to_owned()), 2),
            "impostor" => principal(IdentityName::Operator("otto".to_owned()), 2),
            role => Caller::Service(role.parse::<Role>().unwrap()),
        };
    };
    let account = account(letter.chars().next().unwrap());
    match user {
        "stale" => principal(IdentityName::User(account, "admin".to_owned()), 1),
        "role" => principal(IdentityName::Role(account, "role".to_owned()), 2),
        "linked" => principal(IdentityName::Role(account, "AliyunServiceRoleForSas".to_owned()), 2),
        user => principal(IdentityName::User(account, user.to_owned()), 2),
    }
}

const BLANK: Rule = Rule {
    path: "/bailiwick.test.v1.TestService/Test",
    role: Some(Role::Directory),
    action: "directory:Test",
    seat: Seat::Public,
    trusted_service: None,
    resource: Some(FieldPath { text: "name", numbers: &[1] }),
    accounts: &[],
    enrolled: false,
    operator_required: false,
    also_requires: &[],
    audit: Audit::Read,
    callers: &[],
    scope_filtered: false,
    external_id: None,
    client_streaming: false,
    server_streaming: false,
};

const ACCOUNTS: &[FieldPath] = &[FieldPath { text: "accounts", numbers: &[2] }];

/// The rules of the tables, each after the method that has it.
pub(super) fn rule(name: &str) -> Rule {
    let administrator = |service, action| Rule {
        seat: Seat::Administrator,
        trusted_service: Some(service),
        action,
        accounts: ACCOUNTS,
        ..BLANK
    };
    let management = |action| Rule { seat: Seat::ManagementAccount, action, ..BLANK };
    let unbound = |seat, action| Rule { seat, action, resource: None, ..BLANK };
    match name {
        "create-token" => unbound(Seat::Public, "sts:CreateToken"),
        "who-am-i" => unbound(Seat::Authenticated, "sts:GetCallerIdentity"),
        "create-account" => unbound(Seat::PlatformOperator, "directory:CreateAccount"),
        "create-user" => Rule { seat: Seat::OwnAccount, action: "ram:CreateUser", ..BLANK },
        "use-account" => Rule { seat: Seat::OwnAccount, action: "ram:Use", accounts: ACCOUNTS, ..BLANK },
        "create-member" => management("directory:CreateMember"),
        "create-invitation" => management("directory:CreateInvitation"),
        "switch-type" => Rule { operator_required: true, ..management("directory:SwitchMemberType") },
        "designate" => Rule { accounts: ACCOUNTS, ..management("delegation:CreateDelegatedAdministrator") },
        "get-member" => Rule { seat: Seat::Administrator, action: "directory:GetMember", ..BLANK },
        "add-monitored" => administrator(TrustedService::SecurityCenter, "securitycenter:CreateMonitoredAccount"),
        "get-monitored" => Rule {
            enrolled: true,
            ..administrator(TrustedService::SecurityCenter, "securitycenter:GetMonitoredAccount")
        },
        "add-scope" => administrator(TrustedService::ThreatAnalysis, "soc:CreateScopeAccount"),
        "add-sase" => administrator(TrustedService::Sase, "sase:CreateSaseMember"),
        "delete-sase" => Rule { enrolled: true, ..administrator(TrustedService::Sase, "sase:DeleteSaseMember") },
        "add-bastion" => Rule {
            also_requires: &["directory:GetMember"],
            ..administrator(TrustedService::Bastionhost, "bastion:CreateBastionMember")
        },
        "read-logs" => Rule {
            seat: Seat::OwnAccountOrAdministrator,
            enrolled: true,
            ..administrator(TrustedService::ThreatAnalysis, "soc:ListLogstores")
        },
        "leave" => Rule { seat: Seat::Member, action: "directory:LeaveDirectory", ..BLANK },
        "accept" => Rule { seat: Seat::Invitee, action: "directory:AcceptInvitation", ..BLANK },
        "place-claims" => Rule { seat: Seat::Internal, callers: &[Role::Delegation], accounts: ACCOUNTS, ..BLANK },
        unknown => panic!("there is no rule `{unknown}`"),
    }
}
