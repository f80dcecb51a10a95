//! Between the change logs and the domain: what the log of `delegation` says, and what the own log says of it.

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{self as proto, AccessFactChange, LogPosition, access_fact::Kind},
};
use bailiwick_changelog::{FOLLOW, change_payload};
use bailiwick_core::{AccountId, DirectoryId, Owner, ResourceName, Timestamp, TrustedService, authz::Fact};
use bailiwick_db::{ChangeRow, DbError};

use crate::domain::{
    AccountType, Changes, Ended, Enrolled, Folder, JoinMethod, Membership, Origin, Profile, Profiled, Spec, Step,
};

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
    let mut steps = Vec::new();
    for change in &change.facts {
        match change.fact.as_ref().and_then(|fact| fact.kind.as_ref()) {
            Some(Kind::Folder(fact)) => {
                let (directory, id) = folder_name(&fact.folder)?;
                steps.push(if change.removed {
                    FolderStep::Gone(directory, id)
                } else {
                    let parent = if fact.parent.is_empty() { String::new() } else { folder_name(&fact.parent)?.1 };
                    FolderStep::Holds(Folder { directory, id, parent })
                });
            }
            Some(Kind::Directory(fact)) if change.removed => {
                let id = fact.directory.strip_prefix("directories/").and_then(|id| id.parse().ok());
                steps.push(FolderStep::DirectoryGone(id.ok_or_else(|| malformed(&fact.directory))?));
            }
            _ => {}
        }
    }
    Ok(steps)
}

fn folder_name(name: &str) -> Result<(DirectoryId, String), DbError> {
    let parsed = ResourceName::parse(name).map_err(|_| malformed(name))?;
    let ids: [&str; 1] = parsed.ids("directories/{directory}/folders/{folder}").map_err(|_| malformed(name))?;
    match (parsed.owner(), ids) {
        (Owner::Directory(directory), [id]) => Ok((directory, id.to_owned())),
        (Owner::Account(_), _) => Err(malformed(name)),
    }
}

fn malformed(name: &str) -> DbError {
    DbError::Other(format!("a fact names `{name}`").into())
}

/// Who made a change, and when.
pub(crate) fn origin(change: &Change) -> Origin {
    let time = change.time.unwrap_or_default();
    let micros = time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos / 1_000));
    let operator = change.operator.as_ref().map(|operator| operator.principal.clone()).unwrap_or_default();
    Origin { operator, time: Timestamp::from_micros(micros) }
}

/// The rows of the own log for what an upstream change, at `at`, made of the lists: one for each list.
pub(crate) fn follow_rows(
    upstream: &Change,
    at: &LogPosition,
    changes: &Changes,
    specs: &[Spec],
    now: Timestamp,
) -> Vec<ChangeRow> {
    let touched = changes.touched();
    let rows = touched.iter().filter_map(|((service, directory), accounts)| {
        let spec = specs.iter().find(|spec| spec.service == *service)?;
        let change = Change {
            revision: 0,
            time: Some(timestamp(now)),
            operator: upstream.operator.clone(),
            method: FOLLOW.to_owned(),
            resource: resource(spec, *directory, accounts.iter().copied()),
            tenant: directory.name(),
            accounts: accounts.iter().copied().map(AccountId::name).collect(),
            request_id: upstream.request_id.clone(),
            request_json: String::new(),
            facts: Vec::new(),
            origin: Some(at.clone()),
        };
        Some(change_payload(change, now))
    });
    rows.collect()
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
