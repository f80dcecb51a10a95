//! Reports on who can do what, and whether it is used.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bailiwick_core::{
    AccountId, DirectoryId, PrincipalKind, Timestamp,
    authz::{Document, PolicyKind},
};
use bailiwick_db::{PageTokenError, Snapshot};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Error, Page, PageRequest, list, own_account, own_directory};
use crate::{
    domain::{
        access_key::AccessKey,
        attachment::{Target, TargetKind},
        credential::Credential,
        linked_role::LinkedRole,
        policy::PolicyId,
        review::{Attached, Reviewed, allows_everything, earlier, trusted_accounts},
        role::Role,
        user::User,
    },
    store,
};

impl App {
    /// Reviews the identities of an account: its roles, then its users, each by id.
    pub async fn review_list(
        &self,
        call: &Call,
        named: AccountId,
        asked: &PageRequest,
    ) -> Result<Page<Reviewed>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?.at_most(list::GRANTS_MAX);
        let (after, limit) = (window.after.clone().unwrap_or_default(), window.limit());
        let now = self.now();
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            let mut entries = match after.strip_prefix(USERS) {
                None => roles(conn, id, after.strip_prefix(ROLES).unwrap_or_default(), limit).await?,
                Some(_) => Vec::new(),
            };
            let left = limit - u64::try_from(entries.len()).unwrap_or(limit).min(limit);
            if left > 0 {
                entries.extend(users(conn, id, after.strip_prefix(USERS).unwrap_or_default(), left, now).await?);
            }
            Ok::<_, Error>(entries)
        };
        let items = self.db.snapshot("review_list", read).await?.value;
        let prefix = format!("{}/", id.name());
        self.page(call, &window, items, |entry| {
            entry.identity.strip_prefix(&prefix).unwrap_or(&entry.identity).to_owned()
        })
    }

    /// Lists the keys of an account that can be used and have not been for a time.
    pub async fn unused_key_list(
        &self,
        call: &Call,
        named: AccountId,
        unused_for: Duration,
        asked: &PageRequest,
    ) -> Result<Page<AccessKey>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, &format!("{unused_for:?}")).await?;
        let now = self.now();
        let after = window.after.as_deref().unwrap_or_default();
        let times = (earlier(now, unused_for), now);
        let items = store::review::unused_keys(self.db.reader(), id, times, after, window.limit()).await?;
        self.page(call, &window, items, |key| key.id.clone())
    }

    /// Lists those of all members of a directory.
    pub async fn member_unused_key_list(
        &self,
        call: &Call,
        named: DirectoryId,
        unused_for: Duration,
        asked: &PageRequest,
    ) -> Result<Page<AccessKey>, Error> {
        let id = own_directory(&call.permit, named)?;
        let window = self.window(call, asked, &format!("{unused_for:?}")).await?;
        let now = self.now();
        let after = match &window.after {
            None => None,
            Some(key) => {
                let (account, key) = key.split_once('/').ok_or(PageTokenError::Invalid)?;
                Some((account.parse().map_err(|_| PageTokenError::Invalid)?, key))
            }
        };
        let times = (earlier(now, unused_for), now);
        let items = store::review::unused_keys_of_members(self.db.reader(), id, times, after, window.limit()).await?;
        self.page(call, &window, items, |key| format!("{}/{}", key.account, key.id))
    }
}

/// How keys of pages tell roles from users; in the order of the list.
const ROLES: &str = "roles/";
const USERS: &str = "users/";

async fn users(
    conn: &impl ConnectionTrait,
    of: AccountId,
    after: &str,
    limit: u64,
    now: Timestamp,
) -> Result<Vec<Reviewed>, Error> {
    let users = store::user::page(conn, of, after, limit).await?;
    let ids: Vec<&str> = users.iter().map(|user| user.id.as_str()).collect();
    let mut keys: BTreeMap<String, Vec<AccessKey>> = BTreeMap::new();
    for key in store::access_key::of_users(conn, of, &ids).await? {
        keys.entry(key.user.clone()).or_default().push(key);
    }
    let credentials = store::credential::of_users(conn, of, &ids).await?;
    let named = users.iter().map(|user| user.id.clone()).collect();
    let granted = Granted::read(conn, of, TargetKind::User, named).await?;
    let review = |user: User| {
        let good = |credential: &&Credential| credential.user == user.id && credential.expire_time > now;
        let credentials = credentials.iter().filter(good).count();
        Reviewed {
            identity: user.name(),
            kind: user.kind(),
            enabled: user.enabled,
            policies: granted.of(TargetKind::User, &user.id),
            keys: keys.remove(&user.id).unwrap_or_default(),
            credentials: u32::try_from(credentials).unwrap_or(u32::MAX),
            create_time: user.create_time,
            last_use_time: user.last_sign_in_time,
            trusts_another_account: false,
        }
    };
    Ok(users.into_iter().map(review).collect())
}

/// Both kinds of roles, in one order.
async fn roles(conn: &impl ConnectionTrait, of: AccountId, after: &str, limit: u64) -> Result<Vec<Reviewed>, Error> {
    let own = store::role::page(conn, of, after, limit).await?;
    let named = own.iter().map(|role| role.id.clone()).collect();
    let granted = Granted::read(conn, of, TargetKind::Role, named).await?;
    let outside = outsiders(conn, of, &own).await?;
    let review = |role: Role| Reviewed {
        identity: role.name(),
        kind: PrincipalKind::Role,
        enabled: true,
        policies: granted.of(TargetKind::Role, &role.id),
        keys: Vec::new(),
        credentials: 0,
        create_time: role.create_time,
        last_use_time: role.last_use_time,
        trusts_another_account: trusted_accounts(&role.trust_policy).iter().any(|id| outside.contains(id)),
    };
    let linked = |role: LinkedRole| Reviewed {
        identity: role.name(),
        kind: PrincipalKind::ServiceLinkedRole,
        enabled: true,
        policies: Vec::new(),
        keys: Vec::new(),
        credentials: 0,
        create_time: role.create_time,
        last_use_time: None,
        trusts_another_account: false,
    };
    let mut entries: Vec<Reviewed> = own.into_iter().map(review).collect();
    entries.extend(store::linked_role::page(conn, of, after, limit).await?.into_iter().map(linked));
    entries.sort_by(|a, b| a.identity.cmp(&b.identity));
    entries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(entries)
}

/// The accounts that some roles of an account trust, and that are neither that account nor of its directory.
async fn outsiders(conn: &impl ConnectionTrait, of: AccountId, roles: &[Role]) -> Result<Vec<AccountId>, Error> {
    let mut trusted: Vec<AccountId> = roles.iter().flat_map(|role| trusted_accounts(&role.trust_policy)).collect();
    trusted.sort_unstable();
    trusted.dedup();
    trusted.retain(|id| *id != of);
    let mut asked = trusted.clone();
    asked.push(of);
    let directories = store::member::of_accounts(conn, &asked).await?;
    let own = directories.get(&of);
    trusted.retain(|id| own.is_none() || directories.get(id) != own);
    Ok(trusted)
}

/// What some users and roles of an account may do.
struct Granted {
    account: AccountId,
    /// The policies attached, by what they are attached to.
    attached: BTreeMap<String, Vec<PolicyId>>,
    groups: BTreeMap<String, Vec<String>>,
    /// Custom policies that allow everything.
    full: BTreeSet<String>,
}

impl Granted {
    async fn read(
        conn: &impl ConnectionTrait,
        account: AccountId,
        kind: TargetKind,
        ids: Vec<String>,
    ) -> Result<Self, Error> {
        let groups = match kind {
            TargetKind::User => store::group_member::groups_of(conn, account, ids.clone()).await?,
            TargetKind::Group | TargetKind::Role => BTreeMap::new(),
        };
        let within = |kind, id: &str| Target { account, kind, id }.within();
        let mut targets: BTreeSet<String> = ids.iter().map(|id| within(kind, id)).collect();
        targets.extend(groups.values().flatten().map(|group| within(TargetKind::Group, group)));
        let attached = store::attachment::of_targets(conn, account, targets.into_iter().collect()).await?;
        let custom = attached.values().flatten().filter_map(|policy| policy.custom(account).ok());
        let custom: BTreeSet<String> = custom.map(str::to_owned).collect();
        let mut policies = Vec::new();
        for id in &custom {
            policies.extend(store::policy::get(conn, account, id).await?);
        }
        let documents = store::policy::documents(conn, &policies).await?;
        let full = documents.into_iter().filter(|(_, text)| {
            Document::parse(PolicyKind::Permission, text).is_ok_and(|document| allows_everything(&document))
        });
        Ok(Self { account, attached, groups, full: full.map(|(id, _)| id).collect() })
    }

    /// The policies of a user or role: those attached to it first, then those of its groups.
    fn of(&self, kind: TargetKind, id: &str) -> Vec<Attached> {
        let own = self.policies(Target { account: self.account, kind, id }, "");
        let groups = self.groups.get(id).into_iter().flatten();
        let by_groups = groups.flat_map(|group| {
            let target = Target { account: self.account, kind: TargetKind::Group, id: group };
            self.policies(target, &target.name())
        });
        own.into_iter().chain(by_groups).collect()
    }

    fn policies(&self, target: Target<'_>, group: &str) -> Vec<Attached> {
        let policies = self.attached.get(&target.within()).into_iter().flatten();
        let attached = policies.map(|policy| Attached {
            policy: policy.name(self.account),
            group: group.to_owned(),
            allows_everything: match policy {
                PolicyId::System(system) => system.actions().contains(&"*"),
                PolicyId::Custom(id) => self.full.contains(id),
            },
        });
        attached.collect()
    }
}
