//! Which edition accounts have now, and what is open to whom by it.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Refusal};
use bailiwick_db::{Db, DbError};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use crate::posture::{
    domain::{Edition, Holding, Subscription},
    store,
};

/// The multi-account feature is not open to a caller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Closed {
    /// By its edition (R-SC-05).
    #[error(
        "the {} edition of `{}` does not have multi-account control: it needs Enterprise or Ultimate",
        edition.display_name(),
        account.name()
    )]
    Edition { account: AccountId, edition: Edition },
    /// The account is not verified (R-SC-02).
    #[error("the enterprise identity of `{}` has not been verified", _0.name())]
    Unverified(AccountId),
    /// The caller has no account.
    #[error("only identities of accounts have editions")]
    NoAccount,
    /// The call is about another kind of tenant.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// It could not be read.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Lets a call about a whole directory through if the multi-account feature is open to the account of its caller now:
/// the account is of a verified enterprise (R-SC-02), and its edition is Enterprise or Ultimate (R-SC-05), whoever paid
/// for it. To be asked before anything else by every such call.
///
/// # Errors
/// [`Closed`].
pub(crate) async fn multi_account(db: &Db, call: &Call) -> Result<(), Closed> {
    let account = call.permit.account().ok_or(Closed::NoAccount)?;
    multi_account_of(db.reader(), account, db.clock().now()).await
}

/// The account that a call is about. What the identity of another account does with it is multi-account control.
///
/// # Errors
/// [`Closed`].
pub(crate) async fn account_of(db: &Db, call: &Call) -> Result<AccountId, Closed> {
    let account = call.permit.tenant_account()?;
    if call.permit.account() != Some(account) {
        multi_account(db, call).await?;
    }
    Ok(account)
}

/// As [`multi_account`], of an account.
pub(crate) async fn multi_account_of(
    conn: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<(), Closed> {
    if store::unverified(conn, account).await? {
        return Err(Closed::Unverified(account));
    }
    let edition = holding(conn, account, now).await?.edition;
    if edition.multi_account() { Ok(()) } else { Err(Closed::Edition { account, edition }) }
}

/// The management account of a directory.
pub(crate) async fn management_account(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
) -> Result<Option<AccountId>, DbError> {
    store::management_account(conn, directory).await
}

/// What an account has now.
pub(crate) async fn holding(
    conn: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<Holding, DbError> {
    let mut found = holdings(conn, &[account], now).await?;
    Ok(found.remove(&account).unwrap_or_else(|| Holding::of(Subscription::none(account).at(now), None)))
}

/// What each of some accounts has now (R-SC-15).
pub(crate) async fn holdings(
    conn: &impl ConnectionTrait,
    accounts: &[AccountId],
    now: Timestamp,
) -> Result<BTreeMap<AccountId, Holding>, DbError> {
    let quotas: BTreeMap<_, _> = store::quotas_of(conn, accounts).await?.into_iter().map(|q| (q.account, q)).collect();
    let payers = quotas.values().map(|quota| quota.payer);
    let mut asked: Vec<_> = accounts.iter().copied().chain(payers).collect();
    asked.sort_unstable();
    asked.dedup();
    let known = store::subscriptions(conn, &asked).await?;
    let known: BTreeMap<_, _> = known.into_iter().map(|of| (of.account, of)).collect();
    let standing = |account: AccountId| match known.get(&account) {
        Some(subscription) => subscription.at(now),
        None => Subscription::none(account).at(now),
    };
    let each = accounts.iter().map(|account| {
        let quota = quotas.get(account).map(|quota| (quota.payer, standing(quota.payer), quota.servers));
        (*account, Holding::of(standing(*account), quota))
    });
    Ok(each.collect())
}
