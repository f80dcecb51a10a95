//! Between the change logs and the domain: what the log of `delegation` says, and what the own log says of it.

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{self as proto, AccessFactChange, LogPosition, access_fact::Kind},
};
use bailiwick_changelog::{FOLLOW, HeldFact, change_payload};
use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService, authz::Fact};
use bailiwick_db::{ChangeRow, DbError};

use crate::domain::{
    AccountType, Changes, Ended, Enrolled, Folder, JoinMethod, Membership, Origin, Profile, Profiled, Spec, Step,
};

/// Most accounts of one row: a change has 2 MiB at most.
const ROW_ACCOUNTS: usize = 10_000;

/// The steps of a change that concern the lists of some services, or the memberships.
///
/// # Errors
/// If such a fact cannot be read: the follower stops rather than to skip it.
pub(crate) fn steps(change: &Change, specs: &[Spec]) -> Result<Vec<Step>, DbError> {
    let mut steps = Vec::new();
    for fact in &change.facts {
        if let Some(step) = step(fact).map_err(|error| DbError::Other(error.into()))?
            && concerns(&step, specs)
        {
            steps.push(step);
        }
    }
    Ok(steps)
}

/// The same of a fact that holds.
pub(crate) fn held(held: &HeldFact, specs: &[Spec]) -> Result<Option<Step>, DbError> {
    let fact = AccessFactChange { fact: Some(held.fact.clone()), removed: false };
    let step = step(&fact).map_err(|error| DbError::Other(error.into()))?;
    Ok(step.filter(|step| concerns(step, specs)))
}

/// What a change says of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FolderStep {
    /// A folder, as it is now.
    Holds(Folder),
    /// The id of a folder that is gone.
    Gone(DirectoryId, String),
    /// A directory that is gone, with all its folders.
    DirectoryGone(DirectoryId),
}

/// What a change says of folders.
///
/// # Errors
/// If such a fact cannot be read.
pub(crate) fn folder_steps(change: &Change) -> Result<Vec<FolderStep>, DbError> {
    let steps = change.facts.iter().map(folder_step).collect::<Result<Vec<_>, _>>();
    Ok(steps.map_err(|error| DbError::Other(error.into()))?.into_iter().flatten().collect())
}

/// The folder that a fact that holds is about, if it is about one.
///
/// # Errors
/// If such a fact cannot be read.
pub(crate) fn held_folder(held: &HeldFact) -> Result<Option<Folder>, DbError> {
    let fact = AccessFactChange { fact: Some(held.fact.clone()), removed: false };
    let step = folder_step(&fact).map_err(|error| DbError::Other(error.into()))?;
    Ok(step.and_then(|step| if let FolderStep::Holds(folder) = step { Some(folder) } else { None }))
}

/// None for a fact that says nothing of folders.
fn folder_step(change: &AccessFactChange) -> Result<Option<FolderStep>, bailiwick_api::FactError> {
    let kind = change.fact.as_ref().and_then(|fact| fact.kind.as_ref());
    if !matches!(kind, Some(Kind::Folder(_) | Kind::Directory(_))) {
        return Ok(None);
    }
    let read = change.to_core()?;
    Ok(match read.fact {
        Fact::Folder { directory, folder: id, fact: Some(fact) } if !read.removed => {
            Some(FolderStep::Holds(Folder { directory, id, parent: fact.parent.unwrap_or_default() }))
        }
        Fact::Folder { directory, folder, .. } => Some(FolderStep::Gone(directory, folder)),
        Fact::Directory { directory, .. } if read.removed => Some(FolderStep::DirectoryGone(directory)),
        _ => None,
    })
}

/// Who made a change, and when.
pub(crate) fn origin(change: &Change) -> Origin {
    let time = change.time.unwrap_or_default();
    let micros = time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos / 1_000));
    let operator = change.operator.as_ref().map(|operator| operator.principal.clone()).unwrap_or_default();
    Origin { operator, time: Timestamp::from_micros(micros) }
}

/// The rows of the own log for what an upstream change, at `at`, made of the lists: one for each list, and for each
/// 10,000 accounts in it.
pub(crate) fn follow_rows(
    upstream: &Change,
    at: &LogPosition,
    changes: &Changes,
    specs: &[Spec],
    now: Timestamp,
) -> Vec<ChangeRow> {
    let touched = changes.touched();
    let mut rows = Vec::new();
    for ((service, directory), accounts) in touched {
        let Some(spec) = specs.iter().find(|spec| spec.service == service) else { continue };
        let accounts: Vec<_> = accounts.into_iter().collect();
        for accounts in accounts.chunks(ROW_ACCOUNTS) {
            let change = Change {
                revision: 0,
                time: Some(timestamp(now)),
                operator: upstream.operator.clone(),
                method: FOLLOW.to_owned(),
                resource: resource(spec, directory, accounts.iter().copied()),
                tenant: directory.name(),
                accounts: accounts.iter().copied().map(AccountId::name).collect(),
                request_id: upstream.request_id.clone(),
                request_json: String::new(),
                facts: Vec::new(),
                origin: Some(at.clone()),
                items: Vec::new(),
            };
            rows.push(change_payload(change, now));
        }
    }
    rows
}

/// The name of what a change of some entries changed: of a single one its name, of several the list's.
pub(crate) fn resource(spec: &Spec, directory: DirectoryId, accounts: impl IntoIterator<Item = AccountId>) -> String {
    let mut accounts = accounts.into_iter();
    match (accounts.next(), accounts.next()) {
        (Some(account), None) => spec.name(directory, account),
        _ => format!("{}/{}", directory.name(), spec.collection),
    }
}

pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

fn concerns(step: &Step, specs: &[Spec]) -> bool {
    let service: TrustedService = match step {
        Step::Enrolled(enrolled) => enrolled.service,
        Step::Ended(ended) => ended.service,
        Step::Profiled(_) => return true,
    };
    specs.iter().any(|spec| spec.service == service)
}

/// None for a fact of another kind.
fn step(change: &AccessFactChange) -> Result<Option<Step>, bailiwick_api::FactError> {
    let Some(kind @ (Kind::Account(_) | Kind::Enrolment(_))) = change.fact.as_ref().and_then(|f| f.kind.as_ref())
    else {
        return Ok(None);
    };
    let read = change.to_core()?;
    Ok(match (read.fact, kind) {
        (Fact::Enrolment { directory, service, account, incarnation, .. }, Kind::Enrolment(fact)) => {
            let uid = fact.uid.clone();
            Some(match read.removed {
                true => Step::Ended(Ended { service, directory, account, incarnation, uid }),
                false => Step::Enrolled(Enrolled { service, directory, account, incarnation, uid }),
            })
        }
        (Fact::Account { account, membership, .. }, Kind::Account(fact)) => {
            let membership = membership.filter(|_| !read.removed);
            let membership = membership.map(|(directory, incarnation)| Membership {
                directory,
                incarnation,
                profile: profile(fact),
            });
            Some(Step::Profiled(Profiled { account, membership }))
        }
        _ => None,
    })
}

fn profile(fact: &proto::AccountFact) -> Profile {
    Profile {
        display_name: fact.display_name.clone(),
        account_type: match fact.r#type() {
            proto::AccountType::Unspecified => None,
            proto::AccountType::Resource => Some(AccountType::Resource),
            proto::AccountType::Cloud => Some(AccountType::Cloud),
        },
        join_method: match fact.join_method() {
            proto::JoinMethod::Unspecified => None,
            proto::JoinMethod::Created => Some(JoinMethod::Created),
            proto::JoinMethod::Invited => Some(JoinMethod::Invited),
            proto::JoinMethod::EnabledDirectory => Some(JoinMethod::EnabledDirectory),
        },
        folder: fact.folder.clone(),
    }
}
