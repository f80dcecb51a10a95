//! In which right a bastion host has the assets of an account. A right ends with the enrolment or the membership that it is
//! of, and one that comes later is another: what an account left behind is not taken up again by its coming back.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::DbError;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use crate::bastion::{
    domain::{Instance, Rank},
    store,
};

/// In which rights a bastion host has the assets of some accounts now.
pub(super) struct Claims(BTreeMap<AccountId, BTreeSet<String>>);

impl Claims {
    /// Those of some accounts, at most 1,000.
    pub(super) async fn of(
        conn: &impl ConnectionTrait,
        instance: &Instance,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<Self, DbError> {
        let directory = instance.meta.home.directory;
        let mut claims: BTreeMap<AccountId, BTreeSet<String>> = BTreeMap::new();
        for (account, uid) in store::enrolments_among(conn, directory, accounts).await? {
            claims.entry(account).or_default().insert(uid);
        }
        if accounts.contains(&instance.owner) {
            let own = owner_claim(conn, instance, None).await?;
            claims.entry(instance.owner).or_default().extend(own);
        }
        Ok(Self(claims))
    }

    /// Whether it is one of them.
    pub(super) fn has(&self, account: AccountId, claim: &str) -> bool {
        self.0.get(&account).is_some_and(|claims| claims.contains(claim))
    }
}

/// In which right a bastion host has what belongs to its own owner: one that is in the directory, and administers bastion
/// hosts or manages it. Of the caller that much is known.
pub(super) async fn owner_claim(
    conn: &impl ConnectionTrait,
    instance: &Instance,
    call: Option<&Call>,
) -> Result<Option<String>, DbError> {
    let (directory, owner) = (instance.meta.home.directory, instance.owner);
    let calls = call.is_some_and(|call| call.permit.account() == Some(owner));
    if !calls && store::rank(conn, directory, owner).await? == Rank::Member {
        return Ok(None);
    }
    membership_claim(conn, directory, owner).await
}

/// In which rights an account can report what it has: the one that it is asked for first. Whether it is asked for at all is
/// not said.
pub(super) async fn inventory_claims(
    conn: &impl ConnectionTrait,
    (directory, account): (DirectoryId, AccountId),
) -> Result<Vec<String>, DbError> {
    let enrolled = store::enrolment(conn, directory, account).await?;
    Ok(enrolled.into_iter().chain(membership_claim(conn, directory, account).await?).collect())
}

/// The unique id of an enrolment has no space.
async fn membership_claim(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    account: AccountId,
) -> Result<Option<String>, DbError> {
    let membership = store::membership(conn, directory, account).await?;
    Ok(membership.map(|incarnation| format!("{}{incarnation}", store::OWN)))
}
