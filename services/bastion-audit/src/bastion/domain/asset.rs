//! Assets: what sessions go to.

use bailiwick_core::AccountId;
use serde::{Deserialize, Serialize};

use super::{BastionError, Home, Meta, Resource, ResourceKind};

/// Most characters of an id that is made of a display name.
const SLUG_MAX: usize = 48;

/// An asset of a bastion host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asset {
    pub(crate) meta: Meta,
    pub(crate) display_name: String,
    pub(crate) comment: String,
    pub(crate) origin: Origin,
    /// Its account has it no more.
    pub(crate) released: bool,
    pub(crate) seen: Seen,
    /// The private address, if there is one, unless chosen.
    pub(crate) address_type: Option<AddressType>,
    pub(crate) ssh_port: u16,
    pub(crate) rdp_port: u16,
    /// The id of the network domain that it is reached by; empty for none.
    pub(crate) network_domain: String,
    /// Public keys of which a host must have one, in the format of OpenSSH.
    pub(crate) host_keys: Vec<String>,
    /// Those of authorities of which it may have a certificate.
    pub(crate) host_authority_keys: Vec<String>,
}

/// Where what is known of an asset comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// Added by hand.
    Local,
    /// From the inventory of the account that it belongs to, by its id there. The claim tells in which right: the unique id
    /// of the enrolment, or, of the owner of the bastion host, that of its membership.
    Imported { owner: AccountId, source_id: String, claim: String },
}

/// What an asset is: as the inventory of its account says, or whoever added it by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) kind: AssetKind,
    /// Empty if it is not known.
    pub(crate) region: String,
    /// Empty for none; so is the next.
    pub(crate) private_address: String,
    pub(crate) public_address: String,
    /// Of a host.
    pub(crate) operating_system: Option<OperatingSystem>,
    /// Of a database.
    pub(crate) engine: Option<DatabaseEngine>,
    /// Of a database; 0 for that of its engine.
    pub(crate) database_port: u16,
}

/// An asset, and what it is now for sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AssetView {
    pub(crate) asset: Asset,
    /// The bastion host has it in no right any more.
    pub(crate) suspended: bool,
}

/// What an asset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum AssetKind {
    Host,
    Database,
    Application,
}

/// What runs on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OperatingSystem {
    Linux,
    Windows,
}

/// What a database is served by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DatabaseEngine {
    MySql,
    PostgreSql,
    SqlServer,
    Oracle,
}

/// Which address sessions go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AddressType {
    Private,
    Public,
}

// === impl Asset ===

impl Resource for Asset {
    const KIND: ResourceKind = ResourceKind::Asset;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    fn unique(&self) -> &str {
        &self.display_name
    }
}

impl Asset {
    /// As it is imported from what an inventory has.
    pub(crate) fn imported(meta: Meta, display_name: String, item: &Discovered, claim: &str) -> Self {
        Self {
            meta,
            display_name,
            comment: String::new(),
            origin: Origin::Imported {
                owner: item.account,
                source_id: item.source_id.clone(),
                claim: claim.to_owned(),
            },
            released: false,
            seen: item.seen.clone(),
            address_type: None,
            ssh_port: 0,
            rdp_port: 0,
            network_domain: String::new(),
            host_keys: Vec::new(),
            host_authority_keys: Vec::new(),
        }
    }

    /// The account that it belongs to, if it was imported.
    pub(crate) fn owner(&self) -> Option<AccountId> {
        match &self.origin {
            Origin::Local => None,
            Origin::Imported { owner, .. } => Some(*owner),
        }
    }

    /// In which right the bastion host has it, if it was imported.
    pub(crate) fn claim(&self) -> Option<&str> {
        match &self.origin {
            Origin::Local => None,
            Origin::Imported { claim, .. } => Some(claim),
        }
    }

    /// Is had in this right from now on, as the inventory has it.
    pub(crate) fn claimed(&mut self, now: &str, seen: &Seen) {
        if let Origin::Imported { claim, .. } = &mut self.origin {
            now.clone_into(claim);
        }
        self.follow(Some(seen));
    }

    /// Its id in that account.
    pub(crate) fn source_id(&self) -> Option<&str> {
        match &self.origin {
            Origin::Local => None,
            Origin::Imported { source_id, .. } => Some(source_id),
        }
    }

    /// Makes it what the inventory has under its id now; if that is another kind of thing, it is not it (R-BAS-13).
    pub(crate) fn follow(&mut self, now: Option<&Seen>) {
        match now.filter(|seen| seen.kind == self.seen.kind) {
            Some(seen) => (self.seen, self.released) = (seen.clone(), false),
            None => self.released = true,
        }
    }

    /// Whether it has the address that sessions shall go to, and nothing that its kind has not. Of what was imported, only
    /// what is chosen now is at fault: addresses come and go.
    ///
    /// # Errors
    /// [`BastionError::Invalid`].
    pub(crate) fn check(&self, before: Option<&Self>) -> Result<(), BastionError> {
        let invalid = |field, problem: &str| Err(BastionError::Invalid { field, problem: problem.to_owned() });
        if let Some(field) = self.foreign() {
            return invalid(field, "is not of what this asset is");
        }
        let followed = self.origin != Origin::Local;
        if followed && before.is_some_and(|before| before.address_type == self.address_type) {
            return Ok(());
        }
        let Seen { private_address, public_address, .. } = &self.seen;
        let (field, missing) = match self.address_type {
            Some(AddressType::Private) => ("asset.private_address", private_address.is_empty()),
            Some(AddressType::Public) => ("asset.public_address", public_address.is_empty()),
            None => ("asset.private_address", private_address.is_empty() && public_address.is_empty()),
        };
        if missing { invalid(field, "must be set, since sessions shall go to it") } else { Ok(()) }
    }

    /// A field that is set and of another kind of asset.
    fn foreign(&self) -> Option<&'static str> {
        let host = self.seen.kind == AssetKind::Host;
        let of_hosts = [
            ("asset.ssh_port", self.ssh_port != 0),
            ("asset.rdp_port", self.rdp_port != 0),
            ("asset.host_keys", !self.host_keys.is_empty()),
            ("asset.host_authority_keys", !self.host_authority_keys.is_empty()),
        ];
        let own = of_hosts.into_iter().find(|(_, set)| *set && !host).map(|(field, _)| field);
        own.or_else(|| {
            self.seen.foreign().map(|part| match part {
                SeenPart::OperatingSystem => "asset.operating_system",
                SeenPart::Engine => "asset.engine",
                SeenPart::DatabasePort => "asset.database_port",
            })
        })
    }
}

// === impl Seen ===

/// What of an asset is known of some kinds alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeenPart {
    OperatingSystem,
    Engine,
    DatabasePort,
}

impl Seen {
    /// Something of a kind, of which nothing else is known.
    pub(crate) fn unknown(kind: AssetKind) -> Self {
        Self {
            kind,
            region: String::new(),
            private_address: String::new(),
            public_address: String::new(),
            operating_system: None,
            engine: None,
            database_port: 0,
        }
    }

    /// What is known and cannot be of its kind.
    pub(crate) fn foreign(&self) -> Option<SeenPart> {
        let (host, database) = (self.kind == AssetKind::Host, self.kind == AssetKind::Database);
        let parts = [
            (SeenPart::OperatingSystem, self.operating_system.is_some() && !host),
            (SeenPart::Engine, self.engine.is_some() && !database),
            (SeenPart::DatabasePort, self.database_port != 0 && !database),
        ];
        parts.into_iter().find(|(_, foreign)| *foreign).map(|(part, _)| part)
    }
}

// === impl Discovered ===

/// What the inventory of an account has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Discovered {
    pub(crate) account: AccountId,
    /// Its id there.
    pub(crate) source_id: String,
    pub(crate) display_name: String,
    pub(crate) seen: Seen,
}

/// The id that a display name suggests; none if it has no letter or digit of an id.
pub(crate) fn slug(display_name: &str) -> Option<String> {
    let mut slug = String::new();
    for c in display_name.chars().map(|c| c.to_ascii_lowercase()) {
        let plain = c.is_ascii_lowercase() || c.is_ascii_digit();
        if plain {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= SLUG_MAX {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// Most characters of a display name (E-BAS-05).
const DISPLAY_NAME_MAX: usize = 128;

/// The display name that an account suggests, with the id there and the account behind it, as far as fits.
pub(crate) fn told_apart(suggested: &str, item: &Discovered) -> String {
    let behind = format!(" ({}, {})", item.source_id, item.account);
    let left = DISPLAY_NAME_MAX.saturating_sub(behind.chars().count());
    let name: String = suggested.chars().take(left).chain(behind.chars()).collect();
    if left > 0 {
        return name;
    }
    // The account is what nobody else can have.
    let behind = format!(", {})", item.account);
    let left = DISPLAY_NAME_MAX.saturating_sub(behind.chars().count());
    name.chars().take(left).chain(behind.chars()).collect()
}

/// Whether a display name has the id of an account in it, as such a one has: an account could have its asset called as that
/// of another is, or nearly so.
pub(crate) fn names_account(suggested: &str) -> bool {
    suggested.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.parse::<AccountId>().is_ok())
}

/// Whether the assets of an account may be imported into a bastion host of another: downwards only (E-BAS-02). A bastion host
/// is an administrator's also after its owner has ceased to be one: whoever came after it goes on with it.
///
/// # Errors
/// [`BastionError::ImportDirection`].
pub(crate) fn check_direction(
    (account, rank): (AccountId, Rank),
    (owner, owner_rank): (AccountId, Rank),
) -> Result<(), BastionError> {
    if rank < owner_rank.max(Rank::Administrator) {
        return Ok(());
    }
    Err(BastionError::ImportDirection { account, owner })
}

/// How high an account stands in its directory, as far as the bastion is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Member,
    Administrator,
    ManagementAccount,
}

// === names of the contract ===

impl AssetKind {
    pub(crate) const ALL: [Self; 3] = [Self::Host, Self::Database, Self::Application];

    /// The name in the contract.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Host => "ASSET_KIND_HOST",
            Self::Database => "ASSET_KIND_DATABASE",
            Self::Application => "ASSET_KIND_APPLICATION",
        }
    }

    /// The number in the contract.
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Host => 1,
            Self::Database => 2,
            Self::Application => 3,
        }
    }
}

/// The names of sources and states in the contract, with their numbers there.
pub(crate) const SOURCES: [(&str, i64); 2] = [("ASSET_SOURCE_LOCAL", 1), ("ASSET_SOURCE_IMPORTED", 2)];
pub(crate) const STATES: [(&str, i64); 2] = [("ASSET_STATE_NORMAL", 1), ("ASSET_STATE_RELEASED", 2)];

impl Home {
    /// The name of its collection of assets.
    pub(crate) fn assets(&self) -> String {
        format!("{}/{}", self.name(), ResourceKind::Asset.collection())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(n: u64) -> AccountId {
        AccountId::try_from(1_000_000_000_000_000 + n).unwrap()
    }

    #[test]
    fn assets_are_imported_downwards_only() {
        use Rank::{Administrator, ManagementAccount, Member};
        for (from, into, allowed) in [
            (Member, Administrator, true),
            (Member, ManagementAccount, true),
            (Administrator, ManagementAccount, true),
            (Administrator, Administrator, false),
            (ManagementAccount, Administrator, false),
            // Whoever ceased to administer is a member as the others are, and leaves its bastion host to the next.
            (Member, Member, true),
            (Administrator, Member, false),
        ] {
            let checked = check_direction((account(1), from), (account(2), into));
            assert_eq!(checked.is_ok(), allowed, "{from:?} into {into:?}");
        }
    }

    #[test]
    fn a_display_name_suggests_an_id() {
        for (name, id) in [
            ("web-1", Some("web-1")),
            ("Web 1 (Berlin)", Some("web-1-berlin")),
            ("__db__", Some("db")),
            ("Bücher", Some("b-cher")),
            ("数据库", None),
            ("", None),
        ] {
            assert_eq!(slug(name).as_deref(), id, "{name}");
        }
        assert_eq!(slug(&"x-".repeat(100)).unwrap().len(), SLUG_MAX - 1);
    }

    #[test]
    fn no_account_can_suggest_the_name_of_anothers_asset() {
        let item = |source_id: &str| Discovered {
            account: account(1),
            source_id: source_id.into(),
            display_name: String::new(),
            seen: Seen::unknown(AssetKind::Host),
        };
        let name = told_apart("web", &item("i-1"));
        assert_eq!(name, format!("web (i-1, {})", account(1)));
        let long = told_apart(&"x".repeat(128), &item(&"i".repeat(128)));
        assert_eq!(long.chars().count(), DISPLAY_NAME_MAX);
        assert!(long.ends_with(&format!(", {})", account(1))));
        for (suggested, apart) in [
            (name.as_str(), true),
            (long.as_str(), true),
            (&format!("web (i-1,{}) ", account(2)), true),
            (&format!("web ({})", account(2)), true),
            (&format!("web (i-1, {})\u{200b}", account(2)), true),
            ("web (i-1, 123)", false),
            ("web (Berlin)", false),
            ("web", false),
            (")", false),
        ] {
            assert_eq!(names_account(suggested), apart, "{suggested}");
        }
    }

    #[test]
    fn an_asset_follows_what_the_inventory_has_under_its_id() {
        let seen = Seen { private_address: "10.0.0.1".into(), ..Seen::unknown(AssetKind::Host) };
        let item =
            Discovered { account: account(1), source_id: "i-1".into(), display_name: "web".into(), seen: seen.clone() };
        let home = Home::within("rd-0000000000001".parse().unwrap(), "main");
        let meta = Meta::new(home, "web", "alice", bailiwick_core::Timestamp::default());
        let mut asset = Asset::imported(meta, "web".into(), &item, "u1");
        assert_eq!((asset.owner(), asset.released), (Some(account(1)), false));
        asset.follow(None);
        assert!(asset.released && asset.seen == seen, "what it was is still known");
        let moved = Seen { private_address: "10.0.0.2".into(), ..seen };
        asset.follow(Some(&moved));
        assert!(!asset.released && asset.seen == moved);
        asset.follow(Some(&Seen { kind: AssetKind::Database, ..moved.clone() }));
        assert!(asset.released && asset.seen == moved, "another kind of thing is not it");
    }

    fn by_hand(kind: AssetKind) -> Asset {
        let home = Home::within("rd-0000000000001".parse().unwrap(), "main");
        Asset {
            meta: Meta::new(home, "web", "alice", bailiwick_core::Timestamp::default()),
            display_name: String::new(),
            comment: String::new(),
            origin: Origin::Local,
            released: false,
            seen: Seen { private_address: "a".into(), ..Seen::unknown(kind) },
            address_type: None,
            ssh_port: 0,
            rdp_port: 0,
            network_domain: String::new(),
            host_keys: Vec::new(),
            host_authority_keys: Vec::new(),
        }
    }

    fn wrong(asset: &Asset, before: Option<&Asset>) -> Option<&'static str> {
        asset.check(before).err().map(|error| match error {
            BastionError::Invalid { field, .. } => field.trim_start_matches("asset."),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn sessions_need_the_address_that_they_go_to() {
        for (private, public, chosen, missing) in [
            ("a", "", None, None),
            ("", "b", None, None),
            ("", "", None, Some("private_address")),
            ("a", "", Some(AddressType::Public), Some("public_address")),
            ("", "b", Some(AddressType::Private), Some("private_address")),
            ("a", "b", Some(AddressType::Public), None),
        ] {
            let mut asset = Asset { address_type: chosen, ..by_hand(AssetKind::Host) };
            asset.seen.private_address = private.into();
            asset.seen.public_address = public.into();
            assert_eq!(wrong(&asset, None), missing, "{private} {public} {chosen:?}");
            assert_eq!(wrong(&asset, Some(&asset)), missing, "what is by hand is whole");
            let origin = Origin::Imported { owner: account(1), source_id: "i-1".into(), claim: "u1".into() };
            let imported = Asset { origin, ..asset };
            assert_eq!(wrong(&imported, Some(&imported)), None, "its account may have taken the address away");
            let other = if chosen.is_none() { Some(AddressType::Private) } else { None };
            let before = Asset { address_type: other, ..imported.clone() };
            assert_eq!(wrong(&imported, Some(&before)), missing, "what is chosen now must be there");
        }
    }

    #[test]
    fn each_kind_has_its_own_fields() {
        use AssetKind::{Application, Database, Host};
        type Set = fn(&mut Asset);
        let fields: [(&str, AssetKind, Set); 7] = [
            ("ssh_port", Host, |asset| asset.ssh_port = 22),
            ("rdp_port", Host, |asset| asset.rdp_port = 3389),
            ("host_keys", Host, |asset| asset.host_keys = vec!["k".into()]),
            ("host_authority_keys", Host, |asset| asset.host_authority_keys = vec!["k".into()]),
            ("operating_system", Host, |asset| asset.seen.operating_system = Some(OperatingSystem::Linux)),
            ("engine", Database, |asset| asset.seen.engine = Some(DatabaseEngine::MySql)),
            ("database_port", Database, |asset| asset.seen.database_port = 3306),
        ];
        for (field, of, set) in fields {
            for kind in [Host, Database, Application] {
                let mut asset = by_hand(kind);
                set(&mut asset);
                assert_eq!(wrong(&asset, None), (kind != of).then_some(field), "{kind:?}");
            }
        }
    }
}
