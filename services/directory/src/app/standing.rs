//! Whether who calls still may, asked in the transaction that writes: what the gateway decided by may be some seconds old.

use bailiwick_core::{AccountId, IdentityName, authz::Refusal};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{Error, Locked, lock_account};
use crate::{domain::member::Membership, store};

/// Locks an account whose identities a call changes, and refuses a caller that was disabled since the gateway decided:
/// what it makes would outlive it. For identities of the account this is exact, as whoever revokes locks it too; of those
/// of other accounts, which a session may have begun with, it is what was committed when the lock was had.
pub(super) async fn lock_for(conn: &impl ConnectionTrait, call: &Call, id: AccountId) -> Result<Locked, Error> {
    let locked = lock_account(conn, id).await?;
    let own = call.permit.account() == Some(id);
    if own && locked.membership.as_ref().is_some_and(Membership::is_suspended) {
        return Err(Refusal::suspended(id).into());
    }
    refuse_revoked(conn, call).await?;
    Ok(locked)
}

/// Refuses a call whose identity, or the one that its session began with, is disabled, deleted or of a later generation,
/// or whose single-purpose credential is gone. A call of a role of the suite has no identity.
async fn refuse_revoked(conn: &impl ConnectionTrait, call: &Call) -> Result<(), Error> {
    let Some((identity, proof)) = call.permit.identity().zip(call.permit.authentication()) else { return Ok(()) };
    refuse_unless_present(conn, identity, proof.generation).await?;
    if let Some(Some((source, generation))) = &proof.session {
        refuse_unless_present(conn, source, *generation).await?;
    }
    if let (Some(credential), IdentityName::User(account, user)) = (&proof.credential, identity)
        && store::credential::get(conn, *account, user, credential).await?.is_none()
    {
        return Err(Refusal::revoked(identity).into());
    }
    Ok(())
}

async fn refuse_unless_present(
    conn: &impl ConnectionTrait,
    identity: &IdentityName,
    generation: i64,
) -> Result<(), Error> {
    let present = match identity {
        IdentityName::User(account, user) => {
            let user = store::user::get(conn, *account, user).await?;
            user.filter(|user| user.enabled).map(|user| user.generation)
        }
        IdentityName::Role(account, role) => store::role::get(conn, *account, role).await?.map(|role| role.generation),
        IdentityName::Operator(operator) => {
            let operator = store::operator::get(conn, operator).await?;
            operator.filter(|operator| operator.enabled).map(|operator| operator.generation)
        }
    };
    match present {
        Some(present) if present <= generation => Ok(()),
        _ => Err(Refusal::revoked(identity).into()),
    }
}
