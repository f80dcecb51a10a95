//! An entry in the form of the contracts, which differ in the name of the message only.

use bailiwick_api::r#type::v1 as proto;
use bailiwick_core::AccountId;

use crate::{
    domain::{AccountType, Entry, JoinMethod, Profile, Spec},
    events::timestamp,
};

/// The fields of an entry's message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryView {
    /// The resource name.
    pub name: String,
    /// `accounts/{account}`.
    pub account: String,
    /// Name of the account.
    pub display_name: String,
    /// `bailiwick.type.v1.AccountType`.
    pub r#type: i32,
    /// `bailiwick.type.v1.JoinMethod`.
    pub join_method: i32,
    /// `directories/{directory}/folders/{folder}`.
    pub folder: String,
    /// A note.
    pub remark: String,
    /// Name of the identity that added it.
    pub add_operator: String,
    /// When it was added.
    pub add_time: Option<prost_types::Timestamp>,
    /// Changes with each change.
    pub etag: String,
    /// Marked as followed.
    pub marked: bool,
}

impl EntryView {
    pub(super) fn of(spec: &Spec, entry: &Entry) -> Self {
        Self {
            name: spec.name(entry.directory, entry.account),
            account: entry.account.name(),
            display_name: entry.profile.display_name.clone(),
            r#type: account_type(entry.profile.account_type).into(),
            join_method: join_method(entry.profile.join_method).into(),
            folder: entry.profile.folder.clone(),
            remark: entry.remark.clone(),
            add_operator: entry.add_operator.clone(),
            add_time: Some(timestamp(entry.add_time)),
            etag: entry.etag(),
            marked: entry.marked,
        }
    }
}

/// The fields of the message of a member that could be added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EligibleView {
    /// `accounts/{account}`.
    pub account: String,
    /// Name of the account.
    pub display_name: String,
    /// `bailiwick.type.v1.AccountType`.
    pub r#type: i32,
    /// `bailiwick.type.v1.JoinMethod`.
    pub join_method: i32,
    /// `directories/{directory}/folders/{folder}`.
    pub folder: String,
}

impl EligibleView {
    pub(super) fn of((account, profile): (AccountId, Profile)) -> Self {
        Self {
            account: account.name(),
            display_name: profile.display_name,
            r#type: account_type(profile.account_type).into(),
            join_method: join_method(profile.join_method).into(),
            folder: profile.folder,
        }
    }
}

fn account_type(account_type: Option<AccountType>) -> proto::AccountType {
    match account_type {
        None => proto::AccountType::Unspecified,
        Some(AccountType::Resource) => proto::AccountType::Resource,
        Some(AccountType::Cloud) => proto::AccountType::Cloud,
    }
}

fn join_method(join_method: Option<JoinMethod>) -> proto::JoinMethod {
    match join_method {
        None => proto::JoinMethod::Unspecified,
        Some(JoinMethod::Created) => proto::JoinMethod::Created,
        Some(JoinMethod::Invited) => proto::JoinMethod::Invited,
        Some(JoinMethod::EnabledDirectory) => proto::JoinMethod::EnabledDirectory,
    }
}
