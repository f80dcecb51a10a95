//! Members, as far as their assets are concerned.

use bailiwick_core::{
    AccountId, DirectoryId, TrustedService,
    authz::{Reason, Refusal, Scope},
};
use bailiwick_db::{DbError, Tx};
use bailiwick_roster::Departure;
use bailiwick_rpc::Call;
use futures::future::BoxFuture;
use sea_orm::ConnectionTrait;

use super::{Error, claim::owner_claim};
use crate::bastion::{
    domain::{BastionError, Instance, Rank, Resource, check_direction},
    store,
};

/// Refuses the removal of members of which there are assets (E-BAS-01).
pub(crate) struct AssetsFirst;

impl Departure for AssetsFirst {
    fn begin(
        &self,
        tx: Tx,
        directory: DirectoryId,
        account: AccountId,
        uid: String,
    ) -> BoxFuture<'_, Result<Option<String>, DbError>> {
        Box::pin(async move {
            // Whoever imports locks the same row: it is done before, or sees that the member leaves.
            store::head_lock(tx.conn(), directory).await?;
            let asset = store::asset_of(tx.conn(), directory, account).await?;
            if asset.is_none() {
                store::departure_save(tx.conn(), directory, account, &uid).await?;
            }
            Ok(asset)
        })
    }

    fn leaving(
        &self,
        tx: Tx,
        directory: DirectoryId,
        accounts: Vec<AccountId>,
    ) -> BoxFuture<'_, Result<Vec<(AccountId, String)>, DbError>> {
        Box::pin(async move { store::departures_among(tx.conn(), directory, &accounts).await })
    }

    fn end(
        &self,
        tx: Tx,
        directory: DirectoryId,
        left: Vec<(AccountId, String)>,
    ) -> BoxFuture<'_, Result<(), DbError>> {
        Box::pin(async move {
            store::head_lock(tx.conn(), directory).await?;
            for (account, uid) in left {
                store::departure_remove(tx.conn(), directory, account, &uid).await?;
            }
            Ok(())
        })
    }
}

/// Whether a bastion host is open to who calls: what is in it may belong to accounts that stand below its owner and not below
/// who calls (E-BAS-02).
///
/// # Errors
/// [`BastionError::OwnerAbove`].
pub(super) async fn check_caller(conn: &impl ConnectionTrait, call: &Call, instance: &Instance) -> Result<(), Error> {
    let (directory, owner) = (instance.meta.home.directory, instance.owner);
    let caller = call.permit.account();
    let owner_rank = store::rank(conn, directory, owner).await?;
    // Whoever calls holds the seat of an administrator at least, though that may not have been followed yet.
    if caller == Some(owner) || owner_rank <= Rank::Administrator {
        return Ok(());
    }
    if let Some(caller) = caller
        && store::rank(conn, directory, caller).await? >= owner_rank
    {
        return Ok(());
    }
    Err(BastionError::OwnerAbove { instance: instance.name(), owner }.into())
}

/// Whether assets of an account may be imported into a bastion host, and in which right.
///
/// # Errors
/// [`Error::Refusal`] for an administrator of folders, [`BastionError::ImportDirection`],
/// [`BastionError::EditionRequired`], [`BastionError::NoMember`], [`BastionError::MemberLeaving`].
pub(super) async fn check_importable(
    conn: &impl ConnectionTrait,
    call: &Call,
    instance: &Instance,
    account: AccountId,
) -> Result<String, Error> {
    // Of what is in a bastion host nothing else is theirs.
    if *call.permit.scope() != Scope::Whole {
        return Err(outside_scope().into());
    }
    let (directory, owner) = (instance.meta.home.directory, instance.owner);
    if account == owner
        && let Some(own) = owner_claim(conn, instance, Some(call)).await?
    {
        return Ok(own);
    }
    let owner_rank = store::rank(conn, directory, owner).await?;
    check_direction((account, store::rank(conn, directory, account).await?), (owner, owner_rank))?;
    instance.check_multi_account()?;
    let Some(uid) = store::enrolment(conn, directory, account).await? else {
        return Err(BastionError::NoMember(account).into());
    };
    if store::departure(conn, directory, account).await?.is_some_and(|leaving| leaving == uid) {
        return Err(BastionError::MemberLeaving(account).into());
    }
    Ok(uid)
}

fn outside_scope() -> Refusal {
    Refusal {
        reason: Reason::OutsideFolderScope,
        message: "the caller administers some folders of the directory, and a bastion host is for all of it".to_owned(),
        metadata: vec![("trusted_service", TrustedService::Bastionhost.id().to_owned())],
        field: None,
    }
}
