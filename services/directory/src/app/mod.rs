//! One function for each RPC: the transaction in which state is locked, loaded, decided over and saved, and its change
//! recorded. Whose data it is comes from the permit.
//!
//! Locks are taken in one order, so that nothing waits in a circle: first the directory, then one account. Whatever
//! changes who belongs to a directory locks both; what changes only an account's own identities locks that account.

mod access_key;
mod access_review;
mod account;
mod attachment;
mod claim;
mod control_policy;
mod credential;
mod directory;
mod end_account;
mod end_membership;
mod error;
mod expiry;
mod folder;
mod group;
mod group_member;
mod identity_provider;
mod invitation;
mod last_use;
mod linked_role;
mod list;
mod member;
mod mutation;
mod operator;
mod outbox;
mod policy;
mod revoke;
mod role;
mod root_user;
mod rotate;
mod scope;
mod security_info;
mod session;
mod sign_in;
mod signing;
mod standing;
mod sweep;
mod token;
mod user;
mod verification;

#[cfg(test)]
pub(crate) mod tests;

pub use access_key::{KeyName, NewAccessKey};
pub use claim::{PlaceClaims, ReleaseClaims};
pub use control_policy::{ListAttachments, NewControlPolicy};
pub use credential::NewCredentialSecret;
pub use error::Error;
pub use folder::ListFolders;
pub use group_member::MemberName;
pub use identity_provider::ProviderUpdate;
pub use last_use::Uses;
pub use list::{Page, PageRequest};
pub use mutation::{Done, Mutation};
pub use policy::{NewVersion, VersionName};
pub use revoke::Credentials;
pub use rotate::Rotated;
pub use security_info::Whose;
pub use session::{AssumeRole, NewSession};
pub use sign_in::{SignIn, SignedIn};
pub use signing::{PublicKey, SigningKeyError, SigningKeys};

use std::sync::Arc;

use bailiwick_changelog::Recorded;
use bailiwick_core::{
    AccountId, Clock, DirectoryId, Entropy, Role, Timestamp,
    authz::{Permit, Refusal, Tenant},
    random_token,
};
use bailiwick_db::{Db, PageTokens, Sealer, Tx};
use bailiwick_openid::OpenId;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use crate::{
    config::Limits,
    delivery::Deliveries,
    domain::{self, account::Account, directory::Directory, member::Membership},
    events, store,
};

/// Characters of ids without other meaning: 100 bits.
const ID_DIGITS: usize = 20;

/// What all RPCs need.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub entropy: Arc<dyn Entropy>,
    /// Page tokens.
    pub pages: PageTokens,
    /// Seals what is stored but must not be read there: codes, and messages with codes.
    pub sealer: Sealer,
    /// How messages reach people.
    pub deliveries: Deliveries,
    /// Bounds of what tenants may have.
    pub limits: Limits,
    /// Verifies the ID tokens of providers.
    pub openid: OpenId,
    /// What tokens are signed with.
    pub signing: SigningKeys,
    /// Uses of keys that are not written yet.
    pub uses: Arc<Uses>,
}

/// An account that is locked, and where it belongs.
struct Locked {
    account: Account,
    membership: Option<Membership>,
}

/// What changed, for the log.
struct Made {
    resource: String,
    tenant: Tenant,
    accounts: Vec<AccountId>,
    facts: Vec<events::Fact>,
}

impl App {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn random_id(&self) -> String {
        random_token(self.entropy.as_ref(), ID_DIGITS)
    }

    /// Records a change that a call made: as several, if its facts are many. Their order must bear that; see
    /// [`Recorded::split`].
    fn record(&self, tx: &Tx, call: &Call, change: &Mutation, now: Timestamp, made: Made) {
        for part in made.recorded(change.request_id()).split() {
            tx.record(part.by_call(call, now));
        }
    }

    /// Records a change that the service made of itself. The same holds for the order of its facts.
    fn record_own(&self, tx: &Tx, method: &str, now: Timestamp, made: Made) {
        for part in made.recorded("").split() {
            tx.record(part.by_service(Role::Directory, method, now));
        }
    }
}

impl Made {
    fn recorded(self, request_id: &str) -> Recorded {
        Recorded {
            resource: self.resource,
            tenant: self.tenant,
            accounts: self.accounts.into_iter().map(AccountId::name).collect(),
            request_id: request_id.to_owned(),
            facts: self.facts,
        }
    }
}

impl Locked {
    /// Whose trail changes of the account belong to.
    fn tenant(&self) -> Tenant {
        tenant_of(self.account.id, self.membership.as_ref())
    }
}

fn tenant_of(account: AccountId, membership: Option<&Membership>) -> Tenant {
    membership.map_or(Tenant::Account(account), |m| Tenant::Directory(m.directory))
}

/// The account that a call is about: the one that it was permitted for, which is the one that it names.
fn own_account(permit: &Permit, named: AccountId) -> Result<AccountId, Error> {
    let permitted = permit.tenant_account()?;
    if permitted == named { Ok(permitted) } else { Err(Refusal::not_found(&named.name()).into()) }
}

/// The directory that a call is about: the one that it was permitted for, which is the one that it names.
fn own_directory(permit: &Permit, named: DirectoryId) -> Result<DirectoryId, Error> {
    let permitted = permit.tenant_directory()?;
    if permitted == named { Ok(permitted) } else { Err(Refusal::not_found(&named.name()).into()) }
}

/// Refuses a call about all tenants that was not permitted for them.
fn platform(permit: &Permit) -> Result<(), Error> {
    match permit.tenant() {
        Tenant::Platform => Ok(()),
        Tenant::Account(_) | Tenant::Directory(_) => Err(Refusal::not_found(permit.resource()).into()),
    }
}

async fn lock_directory(conn: &impl ConnectionTrait, id: DirectoryId) -> Result<Directory, Error> {
    store::directory::lock(conn, id).await?.ok_or_else(|| domain::Error::NotFound(id.name()).into())
}

async fn lock_account(conn: &impl ConnectionTrait, id: AccountId) -> Result<Locked, Error> {
    let account = store::account::lock(conn, id).await?;
    let account = account.ok_or_else(|| domain::Error::NotFound(id.name()))?;
    let membership = store::member::of_account(conn, id).await?;
    Ok(Locked { account, membership })
}

/// The management account of a directory. It is not locked: its enterprise does not change while it has the directory,
/// and a new name of that is looked at as of now.
async fn management_account(conn: &impl ConnectionTrait, directory: &Directory) -> Result<Account, Error> {
    let id = directory.management_account;
    store::account::get(conn, id).await?.ok_or_else(|| domain::Error::NotFound(id.name()).into())
}
