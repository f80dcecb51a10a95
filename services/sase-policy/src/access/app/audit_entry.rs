//! What administrators changed: noted with the change, and searched (E-SASE-06).

use bailiwick_core::{AccountId, DirectoryId};
use bailiwick_db::{DbError, IdempotencyKey, Tx};
use bailiwick_rpc::Call;
use serde::Serialize;

use super::{Error, Page, Sase, resource::Kept};
use crate::access::{
    domain::{AuditEntry, INSTANCE, SaseInstance},
    store::{self, AuditFilter},
};

/// Changes that are read at once: one can have two resources of a megabyte.
const READ_AT_ONCE: usize = 10;
/// Stored bytes of a page, after which it ends.
const PAGE_BYTES: usize = 512 << 10;

/// What is kept of a change beside who made it.
struct Noted<'a, T> {
    resource: String,
    account: Option<AccountId>,
    kind: &'a str,
    before: Option<&'a T>,
    after: Option<&'a T>,
}

impl Sase {
    /// Notes a change of a resource in the transaction that makes it; nothing, if there is none before and after.
    pub(super) async fn note<T: Kept>(
        &self,
        tx: &Tx,
        by: (&Call, &IdempotencyKey),
        before: Option<&T>,
        after: Option<&T>,
    ) -> Result<(), Error> {
        let Some(one) = after.or(before) else { return Ok(()) };
        let kind = T::KIND.collection();
        let noted = Noted { resource: one.name(), account: one.owner(), kind, before, after };
        self.note_one(tx, by, one.meta().directory, noted).await
    }

    /// Notes a change of the instance.
    pub(super) async fn note_instance(
        &self,
        tx: &Tx,
        by: (&Call, &IdempotencyKey),
        before: Option<&SaseInstance>,
        after: &SaseInstance,
    ) -> Result<(), Error> {
        let directory = after.meta.directory;
        let resource = SaseInstance::name_in(directory);
        let noted = Noted { resource, account: None, kind: INSTANCE, before, after: Some(after) };
        self.note_one(tx, by, directory, noted).await
    }

    async fn note_one<T: Serialize>(
        &self,
        tx: &Tx,
        (call, key): (&Call, &IdempotencyKey),
        directory: DirectoryId,
        noted: Noted<'_, T>,
    ) -> Result<(), Error> {
        let stored = |resource: Option<&T>| {
            let text = resource.map(serde_json::to_string).transpose();
            text.map(Option::unwrap_or_default).map_err(|error| DbError::Other(error.into()))
        };
        let entry = AuditEntry {
            id: self.token(20),
            time: self.now(),
            operator: call.operator.principal.clone(),
            method: call.permit.path().trim_start_matches('/').to_owned(),
            request_id: key.request_id.clone().unwrap_or_default(),
            resource: noted.resource,
            account: noted.account,
            kind: noted.kind.to_owned(),
            before: stored(noted.before)?,
            after: stored(noted.after)?,
        };
        Ok(store::audit_save(tx.conn(), directory, &entry).await?)
    }

    /// A page of the changes, the newest first.
    ///
    /// # Errors
    /// [`Error::Token`].
    pub(crate) async fn audit_list(
        &self,
        call: &Call,
        filter: &AuditFilter,
        fingerprint: &[u8],
        (size, token): (u32, &str),
    ) -> Result<Page<AuditEntry>, Error> {
        let (directory, reader) = (call.permit.tenant_directory()?, self.db().reader());
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let after = self.after(call, fingerprint, token).await?;
        let before = after.split_once(' ').and_then(|(time, id)| Some((time.parse().ok()?, id.to_owned())));
        let mut filter = AuditFilter { before, ..filter.clone() };
        let (mut items, mut bytes, mut more) = (Vec::<AuditEntry>::new(), 0_usize, true);
        while more && items.len() < size && bytes < PAGE_BYTES {
            let read = store::audit_entries(reader, directory, &filter, count(READ_AT_ONCE + 1)).await?;
            more = read.len() > READ_AT_ONCE;
            for entry in read.into_iter().take(READ_AT_ONCE) {
                if items.len() == size || bytes >= PAGE_BYTES {
                    more = true;
                    break;
                }
                bytes += entry.before.len() + entry.after.len();
                filter.before = Some((entry.time.as_micros(), entry.id.clone()));
                items.push(entry);
            }
        }
        let next = match items.last() {
            Some(last) if more => {
                self.next(call, fingerprint, &format!("{} {}", last.time.as_micros(), last.id)).await?
            }
            _ => String::new(),
        };
        Ok(Page { items, next })
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
