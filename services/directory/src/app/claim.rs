//! Usage claims, placed and released by the services that use members.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, Timestamp, TrustedService, authz::Tenant};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Page, PageRequest, lock_directory, platform};
use crate::{
    domain::{
        claim::{Claim, Kind, Strength, prove_members, prove_usable, still_present},
        linked_role::LinkedRole,
        member::Membership,
    },
    events, store,
};

/// What claims are asked for. Accounts and roles are each named once, and the roles are the service's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceClaims {
    /// The directory.
    pub directory: DirectoryId,
    /// The members.
    pub accounts: Vec<AccountId>,
    /// The service that uses them.
    pub service: TrustedService,
    /// What for.
    pub kind: Kind,
    /// Whether the claims block.
    pub strength: Strength,
    /// Service-linked roles to create in each member.
    pub roles: Vec<String>,
}

/// What claims are released. Accounts and roles are each named once, and the roles are the service's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseClaims {
    /// The directory.
    pub directory: DirectoryId,
    /// The members, each with the incarnation of the membership that was used.
    pub memberships: Vec<(AccountId, String)>,
    /// The service that used them.
    pub service: TrustedService,
    /// What for.
    pub kind: Kind,
    /// Service-linked roles to delete in each member.
    pub roles: Vec<String>,
}

impl App {
    /// Places claims and creates service-linked roles, and proves that all accounts are members in the same transaction
    /// (R-DEL-03, R-DEL-14). What is there already is kept; where all is, nothing is recorded.
    pub async fn claim_place(&self, call: &Call, asked: PlaceClaims) -> Result<Done<Vec<Membership>>, Error> {
        platform(&call.permit)?;
        let asked = &asked;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let now = self.now();
            lock_directory(conn, asked.directory).await?;
            let found = store::member::find(conn, asked.directory, &asked.accounts, now).await?;
            let members = prove_members(&asked.accounts, found)?;
            let claims = self.claims_missing(conn, asked, &members, now).await?;
            store::claim::insert(conn, &claims).await?;
            let roles = roles_missing(conn, asked, now).await?;
            store::linked_role::insert(conn, &roles).await?;
            let touched = claims.iter().map(|claim| claim.account).chain(roles.iter().map(|role| role.account));
            let facts = roles.iter().map(events::linked_role).collect();
            record(&tx, call, asked.directory, touched.collect(), facts, now);
            Ok::<_, Error>(members)
        };
        Ok(self.db.write("claim_place", work).await?.into())
    }

    /// Releases claims and deletes service-linked roles. What is not there is passed over, and so is a membership that
    /// has ended: what was in it ended with it, and what is in the account now belongs to a later membership, of this
    /// directory or another.
    pub async fn claim_release(&self, call: &Call, asked: ReleaseClaims) -> Result<Done<()>, Error> {
        platform(&call.permit)?;
        let asked = &asked;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let ReleaseClaims { directory, memberships, service, kind, roles } = asked;
            lock_directory(conn, *directory).await?;
            let accounts: Vec<AccountId> = memberships.iter().map(|(account, _)| *account).collect();
            let present = store::member::find(conn, *directory, &accounts, self.now()).await?;
            let members = still_present(memberships, present);
            let claims = store::claim::find(conn, *directory, &members, *service, *kind).await?;
            let gone = store::linked_role::find(conn, &members, roles).await?;
            store::claim::delete(conn, *directory, &members, *service, *kind).await?;
            store::linked_role::delete(conn, &members, roles).await?;
            let touched = claims.iter().map(|claim| claim.account).chain(gone.iter().map(|role| role.account));
            let facts = gone.iter().map(events::linked_role_gone).collect();
            record(&tx, call, *directory, touched.collect(), facts, self.now());
            Ok::<_, Error>(())
        };
        Ok(self.db.write("claim_release", work).await?.into())
    }

    /// Lists all claims of one kind.
    pub async fn claim_list(&self, call: &Call, kind: Kind, asked: &PageRequest) -> Result<Page<Claim>, Error> {
        platform(&call.permit)?;
        let window = self.window(call, asked, kind.as_str()).await?;
        let after = window.after.as_deref().and_then(place);
        let items = store::claim::page(self.db.reader(), kind, after.as_ref(), window.limit()).await?;
        self.page(call, &window, items, |claim| format!("{} {} {}", claim.directory, claim.account, claim.service))
    }

    async fn claims_missing(
        &self,
        conn: &impl ConnectionTrait,
        asked: &PlaceClaims,
        members: &[Membership],
        now: Timestamp,
    ) -> Result<Vec<Claim>, Error> {
        let PlaceClaims { directory, accounts, service, kind, strength, .. } = asked;
        let standing = store::claim::find(conn, *directory, accounts, *service, *kind).await?;
        let standing: BTreeSet<AccountId> = standing.into_iter().map(|claim| claim.account).collect();
        let missing = prove_usable(members.iter().filter(|member| !standing.contains(&member.account)))?;
        Ok(missing.into_iter().map(|m| Claim::new(self.random_id(), m, *service, *kind, *strength, now)).collect())
    }
}

/// A place that a page token of this list says: it was sealed here, and is whole.
fn place(text: &str) -> Option<store::claim::Place> {
    let mut parts = text.split(' ');
    let place = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(place)
}

async fn roles_missing(
    conn: &impl ConnectionTrait,
    asked: &PlaceClaims,
    now: Timestamp,
) -> Result<Vec<LinkedRole>, Error> {
    let existing = store::linked_role::find(conn, &asked.accounts, &asked.roles).await?;
    let existing: BTreeSet<_> = existing.iter().map(|role| (role.account, role.id.as_str())).collect();
    let mut missing: BTreeMap<AccountId, Vec<&String>> = BTreeMap::new();
    for account in &asked.accounts {
        for role in asked.roles.iter().filter(|role| !existing.contains(&(*account, role.as_str()))) {
            missing.entry(*account).or_default().push(role);
        }
    }
    let accounts: Vec<AccountId> = missing.keys().copied().collect();
    let generations = store::account::take_generations(conn, &accounts).await?;
    let roles = missing.into_iter().flat_map(|(account, ids)| {
        let generation = generations.get(&account).copied().unwrap_or_default();
        let role = move |id: &String| LinkedRole {
            account,
            id: id.clone(),
            service: asked.service,
            generation,
            create_time: now,
        };
        ids.into_iter().map(role)
    });
    Ok(roles.collect())
}

/// Records the change, unless there was none.
fn record(
    tx: &Tx,
    call: &Call,
    directory: DirectoryId,
    touched: BTreeSet<AccountId>,
    facts: Vec<events::Fact>,
    now: Timestamp,
) {
    if touched.is_empty() {
        return;
    }
    let recorded = Recorded {
        resource: directory.name(),
        tenant: Tenant::Directory(directory),
        accounts: touched.into_iter().map(AccountId::name).collect(),
        request_id: String::new(),
        facts,
    };
    // What is said of one member is independent of what is said of another.
    for part in recorded.split() {
        tx.record(part.by_call(call, now));
    }
}
