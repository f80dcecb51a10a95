//! Imports of findings: beginning them, going on with them, looking at them.

use std::sync::Arc;

use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, Entropy, Timestamp, authz::Tenant, random_token};
use bailiwick_db::{Db, PageQuery, PageTokenError, PageTokens};
use bailiwick_rpc::Call;

use super::{ImportError, edition, import_stream::ImportStream, whole_files::WholeFiles};
use crate::posture::{
    domain::{FindingImport, ImportOptions, ImportRefusal},
    store,
};

/// Digits of what tells streams of one import apart.
const STREAM_DIGITS: usize = 16;

/// The imports of all accounts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Imports {
    pub(super) db: Db,
    pages: PageTokens,
    entropy: Arc<dyn Entropy>,
    pub(super) whole_files: WholeFiles,
}

/// A part of the list.
pub(crate) struct ImportPage {
    /// The newest first.
    pub(crate) imports: Vec<FindingImport>,
    /// Continues the list; empty at its end.
    pub(crate) next: String,
}

impl Imports {
    pub(crate) fn new(db: Db, pages: PageTokens, entropy: Arc<dyn Entropy>) -> Self {
        Self { db, pages, entropy, whole_files: WholeFiles::default() }
    }

    /// Begins an import, or goes on with the one of that id; an earlier stream of it comes to its end.
    ///
    /// # Errors
    /// [`ImportRefusal::Mismatch`], [`ImportRefusal::NotBegun`], [`ImportRefusal::ScanAhead`],
    /// [`ImportRefusal::Quota`].
    pub(crate) async fn open(
        &self,
        call: Call,
        id: String,
        options: Option<ImportOptions>,
    ) -> Result<ImportStream, ImportError> {
        let account = edition::account_of(&self.db, &call).await?;
        let stream = random_token(&*self.entropy, STREAM_DIGITS);
        let (id, options, stream) = (&id, &options, &stream);
        let opened = self.db.write("finding_import_open", |tx| {
            let operator = call.operator.principal.clone();
            let call = &call;
            async move {
                let now = self.db.clock().now();
                if let Some(mut import) = store::finding_import_lock(tx.conn(), account, id).await? {
                    if import.resume(options.as_ref(), stream)? {
                        import.updated = now;
                        store::finding_import_save(tx.conn(), &import).await?;
                    }
                    return Ok(import);
                }
                let options = options.clone().ok_or(ImportRefusal::NotBegun)?;
                let mut import = FindingImport::begin((account, id.clone()), options, operator, now)?;
                import.resume(None, stream)?;
                store::risk_account_lock(tx.conn(), account).await?;
                import.check_unfinished(store::imports_unfinished(tx.conn(), account).await?.0)?;
                if !store::finding_import_insert(tx.conn(), &import).await? {
                    return Err(ImportRefusal::Mismatch {
                        text: "another stream has begun this import at the same time",
                        stored_bytes: 0,
                    }
                    .into());
                }
                tx.record(recorded(account, import.name(), id).by_call(call, now));
                Ok::<_, ImportError>(import)
            }
        });
        let import = opened.await?.value;
        Ok(ImportStream::new(self.clone(), call, stream.clone(), import))
    }

    /// One import.
    ///
    /// # Errors
    /// [`ImportRefusal::NotFound`].
    pub(crate) async fn get(&self, call: &Call, id: &str) -> Result<FindingImport, ImportError> {
        let account = edition::account_of(&self.db, call).await?;
        let found = store::finding_import(self.db.reader(), account, id).await?;
        Ok(found.ok_or_else(|| ImportRefusal::NotFound(call.permit.resource().to_owned()))?)
    }

    /// A page of at most `size` imports of the account.
    ///
    /// # Errors
    /// [`ImportError::PageToken`].
    pub(crate) async fn list(&self, call: &Call, size: u32, token: &str) -> Result<ImportPage, ImportError> {
        let account = edition::account_of(&self.db, call).await?;
        let (epoch, tenant, now) = (self.db.epoch().await?, account.name(), self.db.clock().now());
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint: b"" };
        let after = match token {
            "" => None,
            token => Some(self.pages.open(&query, token, now)?),
        };
        let after = after.as_deref().map(place).transpose()?;
        let limit = u64::from(size) + 1;
        let mut imports = store::finding_imports_page(self.db.reader(), account, after, limit).await?;
        let mut next = String::new();
        if imports.len() > usize::try_from(size).unwrap_or(usize::MAX) {
            imports.pop();
            if let Some(last) = imports.last() {
                let place = format!("{} {}", last.created.as_micros(), last.id);
                next = self.pages.seal(&query, &place, now)?;
            }
        }
        Ok(ImportPage { imports, next })
    }
}

fn place(text: &str) -> Result<(Timestamp, &str), PageTokenError> {
    let (time, id) = text.split_once(' ').ok_or(PageTokenError::Invalid)?;
    Ok((Timestamp::from_micros(time.parse().map_err(|_| PageTokenError::Invalid)?), id))
}

/// What is on record of a change of an import, or of the risks that it changes.
pub(super) fn recorded(account: AccountId, resource: String, import: &str) -> Recorded {
    Recorded {
        resource,
        tenant: Tenant::Account(account),
        accounts: vec![account.name()],
        request_id: import.to_owned(),
        facts: Vec::new(),
    }
}
