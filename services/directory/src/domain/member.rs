//! Members: accounts in a directory.

mod deletion;
mod departure;
mod type_switch;

pub use deletion::{Finding, FindingKind, MemberDeletion, MemberDeletionCheck, Obstacles};
pub use type_switch::{Candidate, TypeSwitch};

use bailiwick_core::{
    AccountId, DirectoryId, Timestamp,
    filter::{Field, Kind, Schema, Value},
};
use serde::{Deserialize, Serialize};

use super::{
    Error, Labels,
    account::{Account, AccountType, NewAccount},
    check_etag,
    control_policy::FULL_ACCESS,
    directory::{Directory, ROOT_FOLDER},
    etag, folder,
    role::ACCESS_ROLE,
    user::User,
};

/// What the members of a directory can be filtered and ordered by.
pub static SCHEMA: Schema = Schema {
    fields: &[
        Field::sorted("display_name", Kind::Text),
        Field::sorted("account", Kind::Text),
        Field::new("type", Kind::Enum(&["ACCOUNT_TYPE_RESOURCE", "ACCOUNT_TYPE_CLOUD"])),
        Field::new("join_method", Kind::Enum(&["JOIN_METHOD_CREATED", "JOIN_METHOD_INVITED"])),
        Field::sorted("join_time", Kind::Time),
        Field::new("folder", Kind::Name),
        Field::new("labels", Kind::Map),
    ],
};

/// How an account joined its directory (R-DIR-14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinMethod {
    /// The management account created it.
    Created,
    /// It accepted an invitation.
    Invited,
    /// It enabled the directory.
    EnabledDirectory,
}

/// That an account belongs to a directory. An account has one membership at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The directory.
    pub directory: DirectoryId,
    /// The account.
    pub account: AccountId,
    /// Unique id of this membership: another one after leaving and joining again.
    pub incarnation: String,
    /// How it joined.
    pub join_method: JoinMethod,
    /// Display name, unique in the directory (E-DIR-11).
    pub display_name: String,
    /// Id of the folder.
    pub folder: String,
    /// Texts under keys (E-DIR-31).
    pub labels: Labels,
    /// Ids of the control policies attached to the member itself, sorted.
    pub control_policies: Vec<String>,
    /// When it joined.
    pub join_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
    /// While its deletion waits: when it ends for good (E-DIR-20).
    pub purge_time: Option<Timestamp>,
}

/// A member as it is shown: membership and type of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The membership.
    pub membership: Membership,
    /// Type of the account.
    pub kind: AccountType,
    /// Whether its root user may sign in (R-DIR-18, R-DIR-30).
    pub root_user_enabled: bool,
}

/// What is recommended for the security of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recommendation {
    /// Whoever gets hold of the root credentials does irreparable damage: switch to a resource account (R-DIR-36).
    SwitchToResourceAccount,
}

/// What a member is created with. The texts are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    /// The account.
    pub account: NewAccount,
    /// Id of the folder.
    pub folder: String,
    /// Texts under keys.
    pub labels: Labels,
    /// Id of the role in it that the identities of the management account can assume.
    pub access_role: String,
}

/// What is to change of a member; none stays as it is. The texts are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberChange {
    /// Display name.
    pub display_name: Option<String>,
    /// All labels.
    pub labels: Option<Labels>,
}

impl From<NewAccount> for NewMember {
    /// In the root folder.
    fn from(account: NewAccount) -> Self {
        Self { account, folder: ROOT_FOLDER.to_owned(), labels: Labels::new(), access_role: ACCESS_ROLE.to_owned() }
    }
}

/// How full a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Members, the management account not counted.
    pub members: u32,
    /// Invitations that are pending now.
    pub pending: u32,
    /// Most of both together.
    pub limit: u32,
}

impl JoinMethod {
    /// Whether accounts that joined so are listed as members: the management account is not (R-DEL-08).
    pub const fn is_listed(self) -> bool {
        !matches!(self, Self::EnabledDirectory)
    }
}

impl Occupancy {
    /// Refuses one more member or pending invitation where there is no room (E-DIR-03).
    pub fn room(self) -> Result<(), Error> {
        let taken = self.members.saturating_add(self.pending);
        if taken < self.limit { Ok(()) } else { Err(Error::MemberQuotaExceeded { limit: self.limit }) }
    }
}

impl Membership {
    /// The membership of an account that the management account created.
    pub fn created(directory: &Directory, account: &Account, incarnation: String, now: Timestamp) -> Self {
        Self::new(directory.id, account.id, JoinMethod::Created, account.display_name.clone(), incarnation, now)
    }

    /// The membership of an account that accepted an invitation.
    pub fn invited(
        directory: DirectoryId,
        account: AccountId,
        display_name: String,
        incarnation: String,
        now: Timestamp,
    ) -> Self {
        Self::new(directory, account, JoinMethod::Invited, display_name, incarnation, now)
    }

    fn new(
        directory: DirectoryId,
        account: AccountId,
        join_method: JoinMethod,
        display_name: String,
        incarnation: String,
        now: Timestamp,
    ) -> Self {
        Self {
            directory,
            account,
            incarnation,
            join_method,
            display_name,
            folder: ROOT_FOLDER.to_owned(),
            labels: Labels::new(),
            control_policies: vec![FULL_ACCESS.to_owned()],
            join_time: now,
            version: 1,
            purge_time: None,
        }
    }

    /// Whether it waits for its deletion: nobody acts in the account.
    pub const fn is_suspended(&self) -> bool {
        self.purge_time.is_some()
    }

    /// Whether its deletion is due: it is no member any more, even where its row is not yet gone.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.purge_time.is_some_and(|purge_time| purge_time <= now)
    }

    /// Changes display name or labels; `name_used` is of another account of the directory (E-DIR-11).
    pub fn update(&self, change: MemberChange, name_used: bool, asked_etag: &str) -> Result<Self, Error> {
        check_etag(asked_etag, &self.etag(), || self.name())?;
        let display_name = change.display_name.unwrap_or_else(|| self.display_name.clone());
        if name_used && display_name != self.display_name {
            return Err(Error::DisplayNameUsed(display_name));
        }
        let labels = change.labels.unwrap_or_else(|| self.labels.clone());
        Ok(Self { display_name, labels, version: self.version + 1, ..self.clone() })
    }

    /// Moves it into another folder, which exists, if it is where it is thought to be.
    pub fn move_to(&self, source: Option<&str>, destination: &str, asked_etag: &str) -> Result<Self, Error> {
        check_etag(asked_etag, &self.etag(), || self.name())?;
        let name = |id: &str| folder::name(self.directory, id);
        if source.is_some_and(|source| source != self.folder) {
            return Err(Error::SourceFolderMismatch(name(&self.folder)));
        }
        if self.folder == destination {
            return Err(Error::AlreadyInFolder(name(destination)));
        }
        Ok(Self { folder: destination.to_owned(), version: self.version + 1, ..self.clone() })
    }

    /// The resource name.
    pub fn name(&self) -> String {
        format!("{}/members/{}", self.directory.name(), self.account)
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.join_time, self.version)
    }
}

impl Member {
    /// The value of a field that sorts.
    pub fn sort_value(&self, field: &str) -> Option<Value<'_>> {
        match field {
            "display_name" => Some(Value::Text(self.membership.display_name.as_str().into())),
            "account" => Some(Value::Text(self.membership.account.name().into())),
            "join_time" => Some(Value::Time(self.membership.join_time)),
            _ => None,
        }
    }

    /// What is recommended for its security.
    pub fn recommendations(&self) -> Vec<Recommendation> {
        let exposed = self.kind == AccountType::Cloud && self.root_user_enabled;
        if exposed { vec![Recommendation::SwitchToResourceAccount] } else { Vec::new() }
    }
}

/// What the directory says about a new member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whether an account of the directory has the display name.
    pub name_used: bool,
    /// How full the directory is.
    pub occupancy: Occupancy,
}

/// Ids of a new member, chosen at random.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIds {
    /// Of the account.
    pub account: AccountId,
    /// Of the membership.
    pub incarnation: String,
}

/// A member that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The account: a resource account.
    pub account: Account,
    /// Its root user: disabled.
    pub root: User,
    /// The membership.
    pub membership: Membership,
}

/// Creates an account as a member (R-DIR-08).
pub fn create(
    directory: &Directory,
    management: &Account,
    place: Place,
    new: NewMember,
    ids: NewIds,
    now: Timestamp,
) -> Result<Created, Error> {
    let NewMember { account: new, folder, labels, .. } = new;
    if place.name_used {
        return Err(Error::DisplayNameUsed(new.display_name));
    }
    place.occupancy.room()?;
    let account = Account::create_resource(ids.account, new, management, now)?;
    let root = User::root(&account, false);
    let membership = Membership::created(directory, &account, ids.incarnation, now);
    let membership = Membership { folder, labels, ..membership };
    Ok(Created { account, root, membership })
}

/// The names under which an account may join a directory, the first that is free to be taken: its own, or one that its
/// id makes distinct. The account cannot choose another while it joins, and must not be kept out by who took its name.
pub fn joining_names(account: &Account) -> [String; 2] {
    let short: String = account.display_name.chars().take(33).collect();
    [account.display_name.clone(), format!("{} {}", short.trim_end(), account.id)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Text, departure::tests::member, *};

    const NOW: Timestamp = Timestamp::from_micros(5);

    // covers: E-DIR-11, E-GW-07
    #[test]
    fn a_member_is_changed_and_moved_only_as_its_caller_thinks_it_is() {
        let member = member(AccountType::Cloud).membership;
        let named = |name: &str| MemberChange { display_name: Some(name.to_owned()), labels: None };
        let used = member.update(named("billing"), true, "");
        assert_eq!(used, Err(Error::DisplayNameUsed("billing".to_owned())));
        assert!(member.update(named("payments"), true, "").is_ok(), "its own name");
        let renamed = member.update(named("billing"), false, &member.etag()).unwrap();
        assert_eq!(renamed.update(named("x2"), false, &member.etag()), Err(Error::EtagMismatch(member.name())));
        let root = folder::name(member.directory, ROOT_FOLDER);
        let moved = member.move_to(Some(ROOT_FOLDER), "fd-1", "").unwrap();
        assert_eq!((moved.folder.as_str(), moved.version), ("fd-1", 2));
        assert_eq!(member.move_to(None, ROOT_FOLDER, ""), Err(Error::AlreadyInFolder(root.clone())));
        assert_eq!(member.move_to(Some("fd-2"), "fd-1", ""), Err(Error::SourceFolderMismatch(root)));
        assert_eq!(member.move_to(None, "fd-1", "stale"), Err(Error::EtagMismatch(member.name())));
    }

    // covers: R-DIR-36
    #[test]
    fn an_enabled_root_user_of_a_cloud_account_is_reported() {
        let cloud = member(AccountType::Cloud);
        assert_eq!(cloud.recommendations(), [Recommendation::SwitchToResourceAccount]);
        assert!(Member { root_user_enabled: false, ..cloud }.recommendations().is_empty());
        assert!(member(AccountType::Resource).recommendations().is_empty());
    }

    proptest! {
        // covers: E-DIR-03
        #[test]
        fn there_is_room_below_the_limit_only(members in 0u32..60, pending in 0u32..60, limit in 0u32..60) {
            let room = Occupancy { members, pending, limit }.room().is_ok();
            prop_assert_eq!(room, members + pending < limit);
        }

        #[test]
        fn a_joining_name_is_a_display_name(name in "[a-zé信][a-zé信 ]{0,48}[a-zé信]") {
            let id = 1_000_000_000_000_002.try_into().unwrap();
            let new = NewAccount { display_name: name, provider: String::new(), external_id: String::new() };
            for name in joining_names(&Account::register(id, new, NOW)) {
                prop_assert!(Text::DISPLAY_NAME.check(&name).is_ok(), "{}", name);
            }
        }
    }
}
