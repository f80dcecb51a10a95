//! Calls with a request id: what was answered before is found before anything is done elsewhere.

use bailiwick_core::Role;
use bailiwick_db::{Committed, Db, DbError, IdempotencyKey, Position, TxError};
use bailiwick_rpc::Call;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{Done, RosterError};

/// What is stored with a request id.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored<T> {
    pub(super) value: T,
    pub(super) delegation: Option<Position>,
}

/// The key of a call: its caller, its method and its content.
pub(super) fn key(
    call: &Call,
    request_id: Option<String>,
    content: &impl Serialize,
) -> Result<IdempotencyKey, RosterError> {
    let bytes = serde_json::to_vec(content).map_err(|error| DbError::Other(error.into()))?;
    Ok(IdempotencyKey {
        scope: call.operator.principal.clone(),
        method: call.permit.path().to_owned(),
        request_id,
        fingerprint: Sha256::digest(bytes).into(),
    })
}

/// The key under which a call of `key` notes what it has decided to do elsewhere, before it does it.
pub(super) fn begin(key: &IdempotencyKey) -> IdempotencyKey {
    IdempotencyKey { method: format!("{}#begin", key.method), ..key.clone() }
}

/// What an earlier call with the same request id answered. Without it, a repetition would enrol anew a member that was
/// removed since.
pub(super) async fn replayed<T>(db: &Db, key: &IdempotencyKey) -> Result<Option<Done<T>>, RosterError>
where
    T: Serialize + DeserializeOwned + Send,
{
    if key.request_id.is_none() {
        return Ok(None);
    }
    let nothing = |_| async { Err::<Stored<T>, _>(Lookup::Nothing) };
    match db.write_once("roster_replay", key, nothing).await {
        Ok(stored) => {
            let mut done: Done<T> = stored.into();
            if let Some(at) = &done.delegation {
                let cursor = db.cursor(Role::Delegation.as_str()).await?;
                // Of before a restore of its database: it would be refused wherever it is shown.
                if cursor.is_none_or(|cursor| cursor.epoch != at.epoch) {
                    done.delegation = None;
                }
            }
            Ok(Some(done))
        }
        Err(Lookup::Nothing) => Ok(None),
        Err(Lookup::Db(error)) => Err(error.into()),
    }
}

/// Ends the transaction that looks for an earlier answer, so that nothing is remembered.
enum Lookup {
    Nothing,
    Db(DbError),
}

impl From<DbError> for Lookup {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl TxError for Lookup {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Nothing => None,
            Self::Db(error) => Some(error),
        }
    }
}

impl<T> From<Committed<Stored<T>>> for Done<T> {
    fn from(done: Committed<Stored<T>>) -> Self {
        Self { value: done.value.value, position: done.position, delegation: done.value.delegation }
    }
}
