//! OpenID providers that vouch for people.

use bailiwick_core::{AccountId, IdentityName, Timestamp};
use bailiwick_openid::Reach;
use serde::{Deserialize, Serialize};

use super::{Error, Text, check_etag, etag};

/// Providers of an account.
pub const PROVIDERS_MAX: u32 = 10;
const CLIENT_IDS_MAX: usize = 10;
const SCOPES_MAX: usize = 10;
const MAPPINGS_MAX: usize = 100;
const SCOPE_LEN_MAX: usize = 64;
const CLIENT_ID: Text = Text { min: 1, max: 255, lines: false };
const CLAIM: Text = Text { min: 1, max: 64, lines: false };
const VALUE: Text = Text { min: 1, max: 255, lines: false };
const DESCRIPTION: Text = Text { min: 0, max: 1_024, lines: true };

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// The account whose identities it signs people in as.
    pub account: AccountId,
    /// Its id in the account.
    pub id: String,
    /// What can be changed of it.
    pub settings: Settings,
    /// When it was registered.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// What can be changed of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The issuer of its ID tokens.
    pub issuer: String,
    /// The audiences that are accepted; people's own programs are the first.
    pub client_ids: Vec<String>,
    /// The scopes that programs ask for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that is the id of a user; empty for none.
    pub user_claim: String,
    /// Who may be what: the first that fits counts.
    pub mappings: Vec<ClaimMapping>,
    /// For people.
    pub description: String,
}

/// Maps a claim to an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimMapping {
    /// Name of the claim.
    pub claim: String,
    /// Its value, `*` standing for any characters.
    pub value: String,
    /// A user or a role of the account.
    pub identity: IdentityName,
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub setting: Setting,
    /// Where in it: `mappings[3].value`.
    pub place: String,
    /// What is wrong, in words for who set it.
    pub text: String,
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The issuer.
    Issuer,
    /// The audiences.
    ClientIds,
    /// The scopes.
    Scopes,
    /// The claim of user ids.
    UserClaim,
    /// The mappings.
    Mappings,
    /// The description.
    Description,
}

impl Setting {
    /// All of them, by the names of their fields.
    pub const ALL: [(&'static str, Self); 6] = [
        ("issuer", Self::Issuer),
        ("client_ids", Self::ClientIds),
        ("scopes", Self::Scopes),
        ("user_claim", Self::UserClaim),
        ("mappings", Self::Mappings),
        ("description", Self::Description),
    ];
}

/// Whether a text may be the id of a provider: 1 to 64 lower-case letters, digits and `-`.
pub fn is_provider_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

impl IdentityProvider {
    /// A new provider. `providers` is how many the account has.
    pub fn create(
        account: AccountId,
        (id, settings): (String, Settings),
        exists: bool,
        providers: u32,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if exists {
            return Err(Error::IdentityProviderExists(id));
        }
        if providers >= PROVIDERS_MAX {
            return Err(Error::IdentityProviderQuotaExceeded { limit: PROVIDERS_MAX });
        }
        Ok(Self { account, id, settings, create_time: now, update_time: now, version: 1 })
    }

    /// Changes some settings; none if nothing is another then.
    pub fn update(
        &self,
        to: &Settings,
        changed: &[Setting],
        asked_etag: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        self.check(asked_etag)?;
        let mut settings = self.settings.clone();
        for setting in changed {
            let to = to.clone();
            match setting {
                Setting::Issuer => settings.issuer = to.issuer,
                Setting::ClientIds => settings.client_ids = to.client_ids,
                Setting::Scopes => settings.scopes = to.scopes,
                Setting::UserClaim => settings.user_claim = to.user_claim,
                Setting::Mappings => settings.mappings = to.mappings,
                Setting::Description => settings.description = to.description,
            }
        }
        if settings == self.settings {
            return Ok(None);
        }
        Ok(Some(Self { settings, update_time: now, version: self.version + 1, ..self.clone() }))
    }

    /// Refuses a change that was asked for with another etag.
    pub fn check(&self, asked_etag: &str) -> Result<(), Error> {
        check_etag(asked_etag, &self.etag(), || self.name())
    }

    /// The resource name.
    pub fn name(&self) -> String {
        name(self.account, &self.id)
    }

    /// The etag.
    pub fn etag(&self) -> String {
        etag(self.create_time, self.version)
    }
}

/// The resource name of a provider.
pub fn name(account: AccountId, id: &str) -> String {
    format!("{}/identityProviders/{id}", account.name())
}

impl Settings {
    /// What is wrong with the settings of a provider of an account.
    pub fn problems(&self, account: AccountId, reach: Reach) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut unless = |sound: bool, setting: Setting, place: String, text: &str| {
            problems.extend((!sound).then(|| Problem { setting, place, text: text.to_owned() }));
        };
        let issuer = reach.check_issuer(&self.issuer);
        let why = issuer.err().map(|error| error.to_string()).unwrap_or_default();
        unless(issuer.is_ok(), Setting::Issuer, "issuer".to_owned(), &why);
        let some = (1..=CLIENT_IDS_MAX).contains(&self.client_ids.len());
        unless(some, Setting::ClientIds, "client_ids".to_owned(), "must be 1 to 10");
        for (at, id) in self.client_ids.iter().enumerate().take(CLIENT_IDS_MAX) {
            let text = "must be a text of 1 to 255 characters that can be seen";
            unless(CLIENT_ID.check(id).is_ok(), Setting::ClientIds, format!("client_ids[{at}]"), text);
        }
        unless(self.scopes.len() <= SCOPES_MAX, Setting::Scopes, "scopes".to_owned(), "must be 10 at most");
        for (at, scope) in self.scopes.iter().enumerate().take(SCOPES_MAX) {
            let text = "must be 1 to 64 characters of those that RFC 6749 has for scopes";
            unless(is_scope(scope), Setting::Scopes, format!("scopes[{at}]"), text);
        }
        let claim = self.user_claim.is_empty() || CLAIM.check(&self.user_claim).is_ok();
        let text = "must be the name of a claim, of at most 64 characters, or empty";
        unless(claim, Setting::UserClaim, "user_claim".to_owned(), text);
        let few = self.mappings.len() <= MAPPINGS_MAX;
        unless(few, Setting::Mappings, "mappings".to_owned(), "must be 100 at most");
        for (at, mapping) in self.mappings.iter().enumerate().take(MAPPINGS_MAX) {
            let place = |field: &str| format!("mappings[{at}].{field}");
            let claim = CLAIM.check(&mapping.claim).is_ok();
            unless(claim, Setting::Mappings, place("claim"), "must be a name of 1 to 64 characters");
            let value = VALUE.check(&mapping.value).is_ok();
            unless(value, Setting::Mappings, place("value"), "must be a text of 1 to 255 characters");
            let own = mapping.identity.account() == Some(account) && !mapping.identity.is_root();
            let text = "must be a user of the account other than root, or a role of it";
            unless(own, Setting::Mappings, place("identity"), text);
        }
        let described = DESCRIPTION.check(&self.description);
        let why = described.as_ref().err().map(ToString::to_string).unwrap_or_default();
        unless(described.is_ok(), Setting::Description, "description".to_owned(), &why);
        problems
    }
}

fn is_scope(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    (1..=SCOPE_LEN_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountId {
        1_000_000_000_000_001.try_into().unwrap()
    }

    fn sound() -> Settings {
        let identity = IdentityName::User(account(), "alice".to_owned());
        Settings {
            issuer: "https://id.example.com".to_owned(),
            client_ids: vec!["cli".to_owned()],
            mappings: vec![ClaimMapping { claim: "groups".to_owned(), value: "ops-*".to_owned(), identity }],
            ..Settings::default()
        }
    }

    #[test]
    fn settings_have_bounds() {
        assert_eq!(sound().problems(account(), Reach::Public), []);
        let elsewhere = IdentityName::User(1_000_000_000_000_002.try_into().unwrap(), "alice".to_owned());
        let mapped = |identity| vec![ClaimMapping { identity, ..sound().mappings[0].clone() }];
        for (wrong, place) in [
            (Settings { issuer: "http://id.example.com".to_owned(), ..sound() }, "issuer"),
            (Settings { client_ids: Vec::new(), ..sound() }, "client_ids"),
            (Settings { client_ids: vec!["a".to_owned(); 11], ..sound() }, "client_ids"),
            (Settings { client_ids: vec![String::new()], ..sound() }, "client_ids[0]"),
            (Settings { scopes: vec!["a".to_owned(); 11], ..sound() }, "scopes"),
            (Settings { scopes: vec!["a b".to_owned()], ..sound() }, "scopes[0]"),
            (Settings { user_claim: "a".repeat(65), ..sound() }, "user_claim"),
            (Settings { mappings: vec![sound().mappings[0].clone(); 101], ..sound() }, "mappings"),
            (Settings { mappings: mapped(elsewhere), ..sound() }, "mappings[0].identity"),
            (Settings { mappings: mapped(IdentityName::root(account())), ..sound() }, "mappings[0].identity"),
            (Settings { description: "a".repeat(1_025), ..sound() }, "description"),
        ] {
            let problems = wrong.problems(account(), Reach::Public);
            assert_eq!(problems.iter().map(|p| p.place.as_str()).collect::<Vec<_>>(), [place]);
        }
    }

    #[test]
    fn only_what_is_named_changes() {
        let now = Timestamp::from_micros(5);
        let provider = IdentityProvider::create(account(), ("main".to_owned(), sound()), false, 0, now).unwrap();
        let to = Settings { description: "new".to_owned(), client_ids: vec!["other".to_owned()], ..sound() };
        let changed = provider.update(&to, &[Setting::Description], "", now).unwrap().unwrap();
        assert_eq!(changed.settings, Settings { description: "new".to_owned(), ..sound() });
        assert_eq!(changed.version, 2);
        assert_eq!(changed.update(&to, &[Setting::Description], "", now), Ok(None));
        let stale = changed.update(&to, &[], &provider.etag(), now);
        assert_eq!(stale, Err(Error::EtagMismatch(provider.name())));
        let full = IdentityProvider::create(account(), ("main".to_owned(), sound()), false, 10, now);
        assert_eq!(full, Err(Error::IdentityProviderQuotaExceeded { limit: 10 }));
    }
}
