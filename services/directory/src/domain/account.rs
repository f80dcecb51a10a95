//! Accounts and the enterprises that they belong to.

use bailiwick_core::{AccountId, DirectoryId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Error, check_etag, etag};

/// Types of accounts (R-DIR-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountType {
    /// Its root user is disabled, as that of created members is.
    Resource,
    /// Its root user is enabled, as that of invited members is.
    Cloud,
}

/// An enterprise as its verifier attested it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnterpriseIdentity {
    /// Legal name.
    pub legal_name: String,
    /// Number in the register of companies.
    pub registration_number: String,
    /// Who verified it.
    pub verifier: String,
    /// When it was verified.
    pub verify_time: Timestamp,
}

/// An account of a cloud provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The id.
    pub id: AccountId,
    /// Display name.
    pub display_name: String,
    /// The provider; empty if it was not told.
    pub provider: String,
    /// The provider's id of it, unique for the provider; empty if it was not told.
    pub external_id: String,
    /// The type.
    pub kind: AccountType,
    /// The enterprise, once verified.
    pub enterprise: Option<EnterpriseIdentity>,
    /// The last generation that an identity of the account was given. Generations are taken from here and never given
    /// twice, so that a user made again under its old id does not revive old tokens.
    pub last_generation: i64,
    /// When it was registered.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
    /// When it was deleted: only its id is kept, never to be used again (E-DIR-20).
    pub delete_time: Option<Timestamp>,
}

/// An account with what is shown beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// The account.
    pub account: Account,
    /// The directory that it belongs to.
    pub directory: Option<DirectoryId>,
    /// Whether its root user may sign in (R-DIR-18, R-DIR-30).
    pub root_user_enabled: bool,
}

/// What an account is registered with. The texts are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Display name.
    pub display_name: String,
    /// The provider; may be empty.
    pub provider: String,
    /// The provider's id of it; may be empty.
    pub external_id: String,
}

/// What is attested of an enterprise. The texts are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Legal name.
    pub legal_name: String,
    /// Number in the register of companies.
    pub registration_number: String,
    /// Who verified it.
    pub verifier: String,
}

/// The generation of the first identity of an account.
const FIRST_GENERATION: i64 = 1;

impl AccountType {
    /// The name in the contract, without its prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "RESOURCE",
            Self::Cloud => "CLOUD",
        }
    }
}

impl EnterpriseIdentity {
    /// Whether the real-name information is the same: registration number and legal name (R-DIR-15, R-DIR-20).
    pub fn same_enterprise(&self, other: &Self) -> bool {
        self.same_register_entry(other) && self.legal_name == other.legal_name
    }

    /// Whether both are one enterprise, which one of them may know under a former name.
    fn same_register_entry(&self, other: &Self) -> bool {
        self.registration_number == other.registration_number
    }
}

impl Account {
    /// A new cloud account, standalone.
    pub fn register(id: AccountId, new: NewAccount, now: Timestamp) -> Self {
        Self {
            id,
            display_name: new.display_name,
            provider: new.provider,
            external_id: new.external_id,
            kind: AccountType::Cloud,
            enterprise: None,
            last_generation: FIRST_GENERATION,
            create_time: now,
            update_time: now,
            version: 1,
            delete_time: None,
        }
    }

    /// A new resource account of the enterprise of the management account (R-DIR-08).
    pub fn create_resource(id: AccountId, new: NewAccount, management: &Self, now: Timestamp) -> Result<Self, Error> {
        let enterprise = management.verified()?.clone();
        let provider = if new.provider.is_empty() { management.provider.clone() } else { new.provider };
        let account = Self::register(id, NewAccount { provider, ..new }, now);
        Ok(Self { kind: AccountType::Resource, enterprise: Some(enterprise), ..account })
    }

    /// Records an attestation. The enterprise of an account in a directory does not change: the directory would be of
    /// two enterprises (R-DIR-15). Its name does when the enterprise is renamed; until the others are verified anew too,
    /// their real-name information differs (R-DIR-20).
    pub fn verify(
        mut self,
        attested: Attestation,
        directory: Option<DirectoryId>,
        asked_etag: &str,
        now: Timestamp,
    ) -> Result<Self, Error> {
        check_etag(asked_etag, &self.etag(), || self.id.name())?;
        let Attestation { legal_name, registration_number, verifier } = attested;
        let new = EnterpriseIdentity { legal_name, registration_number, verifier, verify_time: now };
        if directory.is_some() && !self.enterprise.as_ref().is_some_and(|known| known.same_register_entry(&new)) {
            return Err(Error::LegalEntityMismatch(self.id));
        }
        self.enterprise = Some(new);
        self.update_time = now;
        self.version += 1;
        Ok(self)
    }

    /// The enterprise.
    ///
    /// # Errors
    /// If none was verified (R-DIR-02, R-DIR-16).
    pub fn verified(&self) -> Result<&EnterpriseIdentity, Error> {
        self.enterprise.as_ref().ok_or(Error::EnterpriseIdentityRequired(self.id))
    }

    /// Ends the account for good. The provider's account can be registered again, under another id.
    pub fn delete(mut self, now: Timestamp) -> Self {
        self.external_id = String::new();
        self.delete_time = Some(now);
        self.update_time = now;
        self.version += 1;
        self
    }

    /// A generation that no identity of the account ever had.
    pub fn next_generation(&mut self) -> i64 {
        self.last_generation += 1;
        self.last_generation
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000);

    fn attestation(legal_name: &str) -> Attestation {
        Attestation {
            legal_name: legal_name.to_owned(),
            registration_number: format!("HRB {legal_name}"),
            verifier: "a clerk".to_owned(),
        }
    }

    fn account() -> Account {
        let id = AccountId::try_from(1_000_000_000_000_001).unwrap();
        let new =
            NewAccount { display_name: "main".to_owned(), provider: "aliyun".to_owned(), external_id: "7".to_owned() };
        Account::register(id, new, NOW)
    }

    // covers: R-DIR-08, R-DIR-16
    #[test]
    fn a_created_account_is_a_resource_account_of_the_same_enterprise() {
        let new =
            NewAccount { display_name: "payments".to_owned(), provider: String::new(), external_id: String::new() };
        let id = AccountId::try_from(1_000_000_000_000_002).unwrap();
        let unverified = account();
        assert_eq!(
            Account::create_resource(id, new.clone(), &unverified, NOW),
            Err(Error::EnterpriseIdentityRequired(unverified.id))
        );
        let management = unverified.verify(attestation("Acme"), None, "", NOW).unwrap();
        let created = Account::create_resource(id, new, &management, NOW).unwrap();
        assert_eq!((created.kind, created.provider.as_str()), (AccountType::Resource, "aliyun"));
        assert_eq!(created.enterprise, management.enterprise);
    }

    // covers: R-DIR-15
    #[test]
    fn the_enterprise_of_an_account_in_a_directory_does_not_change() {
        let directory = "rd-0000000000001".parse::<DirectoryId>().ok();
        let acme = account().verify(attestation("Acme"), None, "", NOW).unwrap();
        assert_eq!(
            acme.clone().verify(attestation("Evil"), directory, "", NOW),
            Err(Error::LegalEntityMismatch(acme.id))
        );
        let again =
            acme.clone().verify(attestation("Acme"), directory, "", NOW.after(std::time::Duration::from_secs(1)));
        assert!(again.unwrap().enterprise.unwrap().verify_time > NOW);
        assert!(acme.clone().verify(attestation("Evil"), None, "", NOW).is_ok());
        // The same enterprise under another name, which is another real-name information.
        let renamed = Attestation { legal_name: "Acme Holding".to_owned(), ..attestation("Acme") };
        let renamed = acme.clone().verify(renamed, directory, "", NOW).unwrap();
        assert!(!renamed.verified().unwrap().same_enterprise(acme.verified().unwrap()));
        let back = renamed.verify(attestation("Acme"), directory, "", NOW).unwrap();
        assert!(back.verified().unwrap().same_enterprise(acme.verified().unwrap()));
    }

    // covers: E-GW-07
    #[test]
    fn a_stale_etag_is_refused() {
        let account = account();
        let before = account.etag();
        let changed = account.verify(attestation("Acme"), None, &before, NOW).unwrap();
        assert_eq!(
            changed.clone().verify(attestation("Acme"), None, &before, NOW),
            Err(Error::EtagMismatch(changed.id.name()))
        );
    }
}
