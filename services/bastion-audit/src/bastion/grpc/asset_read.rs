//! Assets as they are asked for.

use std::{collections::BTreeSet, net::IpAddr};

use bailiwick_api::bastion::v1 as pb;
use bailiwick_core::AccountId;
use bailiwick_rpc::InvalidFields;

use super::parse::{self, Named};
use crate::bastion::{
    app::{Import, Report},
    domain::{
        AddressType, Asset, AssetKind, BastionError, DatabaseEngine, Discovered, ListingPart, Meta, OperatingSystem,
        Origin, Seen, SeenPart,
    },
};

/// The fields that an update can name.
pub(super) const FIELDS: &[&str] = &[
    "display_name",
    "comment",
    "address_type",
    "ssh_port",
    "rdp_port",
    "host_keys",
    "host_authority_keys",
    "private_address",
    "public_address",
    "operating_system",
    "engine",
    "database_port",
];
/// Most assets of an import.
const IMPORT_MAX: usize = 100;
/// Most assets of a report, and most released ones.
const REPORT_MAX: usize = 200;
const SOURCE_ID_MAX: usize = 128;
const DISPLAY_NAME_MAX: usize = 128;

/// What is asked of an asset. What is not named is none.
pub(super) struct Draft {
    display_name: Option<String>,
    comment: Option<String>,
    address_type: Option<Option<AddressType>>,
    ssh_port: Option<u16>,
    rdp_port: Option<u16>,
    host_keys: Option<Vec<String>>,
    host_authority_keys: Option<Vec<String>>,
    /// What an inventory says of what was imported.
    private_address: Option<String>,
    public_address: Option<String>,
    operating_system: Option<Option<OperatingSystem>>,
    engine: Option<Option<DatabaseEngine>>,
    database_port: Option<u16>,
}

// === impl Draft ===

impl Draft {
    /// An asset that is added by hand.
    pub(super) fn made(&self, meta: Meta, kind: AssetKind) -> Asset {
        let mut made = Asset {
            meta,
            display_name: String::new(),
            comment: String::new(),
            origin: Origin::Local,
            released: false,
            seen: Seen::unknown(kind),
            address_type: None,
            ssh_port: 0,
            rdp_port: 0,
            network_domain: String::new(),
            host_keys: Vec::new(),
            host_authority_keys: Vec::new(),
        };
        self.take_own(&mut made);
        self.take_seen(&mut made.seen);
        made
    }

    /// Makes an asset what is named of this. What comes from an inventory can be among all fields, and is then left alone;
    /// it cannot be named.
    pub(super) fn take(&self, asset: &mut Asset, all: bool) -> Result<(), BastionError> {
        self.take_own(asset);
        if asset.origin == Origin::Local {
            self.take_seen(&mut asset.seen);
        } else if let Some(field) = self.seen_field().filter(|_| !all) {
            let problem = "comes from the inventory of its account".to_owned();
            return Err(BastionError::Invalid { field, problem });
        }
        Ok(())
    }

    fn take_own(&self, asset: &mut Asset) {
        parse::set(&mut asset.display_name, self.display_name.as_ref());
        parse::set(&mut asset.comment, self.comment.as_ref());
        parse::set(&mut asset.address_type, self.address_type.as_ref());
        parse::set(&mut asset.ssh_port, self.ssh_port.as_ref());
        parse::set(&mut asset.rdp_port, self.rdp_port.as_ref());
        parse::set(&mut asset.host_keys, self.host_keys.as_ref());
        parse::set(&mut asset.host_authority_keys, self.host_authority_keys.as_ref());
    }

    fn take_seen(&self, seen: &mut Seen) {
        parse::set(&mut seen.private_address, self.private_address.as_ref());
        parse::set(&mut seen.public_address, self.public_address.as_ref());
        parse::set(&mut seen.operating_system, self.operating_system.as_ref());
        parse::set(&mut seen.engine, self.engine.as_ref());
        parse::set(&mut seen.database_port, self.database_port.as_ref());
    }

    fn seen_field(&self) -> Option<&'static str> {
        let named = [
            (self.private_address.is_some(), "asset.private_address"),
            (self.public_address.is_some(), "asset.public_address"),
            (self.operating_system.is_some(), "asset.operating_system"),
            (self.engine.is_some(), "asset.engine"),
            (self.database_port.is_some(), "asset.database_port"),
        ];
        named.into_iter().find(|(named, _)| *named).map(|(_, field)| field)
    }
}

/// What is asked of an asset. What is not named is not looked at.
pub(super) fn read(fields: &mut InvalidFields, asked: &pb::Asset, named: &Named) -> Draft {
    let at = |part: &str| format!("asset.{part}");
    let address_type = named.is("address_type").then(|| match asked.address_type {
        0 => None,
        number => fields.enumeration(at("address_type"), number).and_then(|read| match read {
            pb::AddressType::Unspecified => None,
            pb::AddressType::Private => Some(AddressType::Private),
            pb::AddressType::Public => Some(AddressType::Public),
        }),
    });
    Draft {
        display_name: named
            .is("display_name")
            .then(|| parse::display_name(fields, at("display_name"), &asked.display_name)),
        comment: named.is("comment").then(|| parse::comment(fields, at("comment"), &asked.comment)),
        address_type,
        ssh_port: named.is("ssh_port").then(|| port(fields, at("ssh_port"), asked.ssh_port)),
        rdp_port: named.is("rdp_port").then(|| port(fields, at("rdp_port"), asked.rdp_port)),
        host_keys: named.is("host_keys").then(|| parse::public_keys(fields, &at("host_keys"), &asked.host_keys)),
        host_authority_keys: named
            .is("host_authority_keys")
            .then(|| parse::public_keys(fields, &at("host_authority_keys"), &asked.host_authority_keys)),
        private_address: named
            .is("private_address")
            .then(|| address(fields, at("private_address"), &asked.private_address)),
        public_address: named
            .is("public_address")
            .then(|| address(fields, at("public_address"), &asked.public_address)),
        operating_system: named
            .is("operating_system")
            .then(|| operating_system(fields, at("operating_system"), asked.operating_system)),
        engine: named.is("engine").then(|| engine(fields, at("engine"), asked.engine)),
        database_port: named.is("database_port").then(|| port(fields, at("database_port"), asked.database_port)),
    }
}

/// A kind of the contract.
pub(super) fn kind(fields: &mut InvalidFields, field: &str, number: i32) -> Option<AssetKind> {
    match fields.enumeration(field, number)? {
        pb::AssetKind::Unspecified => None,
        pb::AssetKind::Host => Some(AssetKind::Host),
        pb::AssetKind::Database => Some(AssetKind::Database),
        pb::AssetKind::Application => Some(AssetKind::Application),
    }
}

/// What is to be imported. What is wrong with one item is its own matter (E-BAS-06).
pub(super) fn imports(fields: &mut InvalidFields, asked: Vec<pb::AssetImport>) -> Vec<Import> {
    let count = (1..=IMPORT_MAX).contains(&asked.len());
    fields.check("imports", count, format!("must have 1 to {IMPORT_MAX} items"));
    let ids: BTreeSet<_> = asked.iter().map(|one| one.source_id.as_str()).collect();
    fields.check("imports", ids.len() == asked.len(), "must have each id once");
    if !count {
        return Vec::new();
    }
    let import = |one: pb::AssetImport| {
        let mut own = InvalidFields::new();
        own.check("source_id", is_source_id(&one.source_id), "must have 1 to 128 visible ASCII characters");
        if !one.asset_id.is_empty() {
            parse::new_id(&mut own, "asset_id", &one.asset_id);
        }
        own.text("display_name", &one.display_name, 0..=DISPLAY_NAME_MAX);
        let problem = own.finish().err().map(|status| status.message().to_owned());
        Import { source_id: one.source_id, asset_id: one.asset_id, display_name: one.display_name, problem }
    };
    asked.into_iter().map(import).collect()
}

/// What a connector says of an account.
pub(super) fn report(
    fields: &mut InvalidFields,
    account: AccountId,
    asked: &pb::ReportInventoryRequest,
) -> Option<Report> {
    let (items, released) = (&asked.items, &asked.released_source_ids);
    let bounded = items.len() <= REPORT_MAX && released.len() <= REPORT_MAX;
    fields.check("items", items.len() <= REPORT_MAX, format!("must have at most {REPORT_MAX}"));
    fields.check("released_source_ids", released.len() <= REPORT_MAX, format!("must have at most {REPORT_MAX}"));
    if !asked.listing_id.is_empty() {
        parse::new_id(fields, "listing_id", &asked.listing_id);
    }
    for (field, set) in [("begin", asked.begin), ("complete", asked.complete)] {
        fields.check(field, !set || !asked.listing_id.is_empty(), "must not be set without `listing_id`");
    }
    if !bounded {
        return None;
    }
    let mut seen = BTreeSet::new();
    for (at, id) in released.iter().enumerate() {
        let field = format!("released_source_ids[{at}]");
        fields.check(field.clone(), is_source_id(id), "must have 1 to 128 visible ASCII characters");
        fields.check(field, seen.insert(id.as_str()), "must be there once");
    }
    let mut read = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let field = format!("items[{at}]");
        fields.check(format!("{field}.source_id"), seen.insert(item.source_id.as_str()), "must be there once");
        read.extend(discovered(fields, &field, account, item));
    }
    let released = released.iter().cloned().collect();
    let part = ListingPart { listing: asked.listing_id.clone(), begin: asked.begin, complete: asked.complete };
    Some(Report { items: read, released, part })
}

fn discovered(
    fields: &mut InvalidFields,
    field: &str,
    account: AccountId,
    item: &pb::InventoryItem,
) -> Option<Discovered> {
    let at = |part: &str| format!("{field}.{part}");
    fields.check(at("source_id"), is_source_id(&item.source_id), "must have 1 to 128 visible ASCII characters");
    let kind = kind(fields, &at("kind"), item.kind);
    fields.check(at("kind"), kind != Some(AssetKind::Application), "must be a host or a database");
    let display_name = fields.text(at("display_name"), &item.display_name, 0..=DISPLAY_NAME_MAX)?;
    if !item.region.is_empty() {
        parse::new_id(fields, &at("region"), &item.region);
    }
    let seen = Seen {
        kind: kind?,
        region: item.region.clone(),
        private_address: address(fields, at("private_address"), &item.private_address),
        public_address: address(fields, at("public_address"), &item.public_address),
        operating_system: operating_system(fields, at("operating_system"), item.operating_system),
        engine: engine(fields, at("engine"), item.engine),
        database_port: port(fields, at("port"), item.port),
    };
    if let Some(part) = seen.foreign() {
        let part = match part {
            SeenPart::OperatingSystem => "operating_system",
            SeenPart::Engine => "engine",
            SeenPart::DatabasePort => "port",
        };
        fields.violation(at(part), "is not of what this is");
    }
    let reached = !seen.private_address.is_empty() || !seen.public_address.is_empty();
    fields.check(at("private_address"), reached, "must be set if there is no public one");
    let display_name = if display_name.is_empty() { item.source_id.clone() } else { display_name };
    Some(Discovered { account, source_id: item.source_id.clone(), display_name, seen })
}

fn is_source_id(id: &str) -> bool {
    (1..=SOURCE_ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn address(fields: &mut InvalidFields, field: String, text: &str) -> String {
    let sound = text.is_empty() || is_address(text);
    fields.check(field, sound, "must be an IP address or a host name in lower case");
    text.to_owned()
}

/// Whether something can be reached there that is not the bastion host itself, or what its own network tells it alone.
pub(super) fn is_address(text: &str) -> bool {
    if let Ok(address) = text.parse::<IpAddr>() {
        return address.to_string() == text && address.to_canonical() == address && is_elsewhere(address);
    }
    let label = |label: &str| {
        let letters = label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        letters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    // What ends with a number would be taken for an address.
    let last = text.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let number = hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253 && text.split('.').all(label) && !number && last != "localhost"
}

fn is_elsewhere(address: IpAddr) -> bool {
    let special = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        // What stands for an address of IPv4, by itself or behind a translator or a tunnel, is written as that one.
        IpAddr::V6(address) => match address.segments() {
            [0, 0, 0, 0, 0, 0, ..] | [0x64, 0xff9b, ..] | [0x2002, ..] => true,
            _ => address.is_unicast_link_local(),
        },
    };
    !(special || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

/// 0 stands for the usual one.
pub(super) fn port(fields: &mut InvalidFields, field: String, number: i32) -> u16 {
    let port = u16::try_from(number).ok();
    fields.check(field, port.is_some(), "must be 1 to 65,535, or 0");
    port.unwrap_or_default()
}

fn operating_system(fields: &mut InvalidFields, field: String, number: i32) -> Option<OperatingSystem> {
    let known = pb::OperatingSystem::try_from(number);
    fields.check(field, known.is_ok(), "must be one of the values of its enumeration");
    match known.ok()? {
        pb::OperatingSystem::Unspecified => None,
        pb::OperatingSystem::Linux => Some(OperatingSystem::Linux),
        pb::OperatingSystem::Windows => Some(OperatingSystem::Windows),
    }
}

fn engine(fields: &mut InvalidFields, field: String, number: i32) -> Option<DatabaseEngine> {
    let known = pb::DatabaseEngine::try_from(number);
    fields.check(field, known.is_ok(), "must be one of the values of its enumeration");
    match known.ok()? {
        pb::DatabaseEngine::Unspecified => None,
        pb::DatabaseEngine::Mysql => Some(DatabaseEngine::MySql),
        pb::DatabaseEngine::Postgresql => Some(DatabaseEngine::PostgreSql),
        pb::DatabaseEngine::SqlServer => Some(DatabaseEngine::SqlServer),
        pb::DatabaseEngine::Oracle => Some(DatabaseEngine::Oracle),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_is_written_in_one_way() {
        for (text, sound) in [
            ("192.0.2.1", true),
            ("2001:db8::1", true),
            ("web-1.example", true),
            ("web", true),
            ("192.0.2.01", false),
            ("192.0.2.256", false),
            ("2001:DB8::1", false),
            ("Web", false),
            ("-web", false),
            ("web..example", false),
            ("web:22", false),
            ("a/b", false),
            ("", false),
            ("10.0.0.1", true),
            ("fd00::1", true),
            ("0xcafe.example", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
            ("255.255.255.255", false),
            ("224.0.0.1", false),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:192.0.2.1", false),
            ("::127.0.0.1", false),
            ("::7f00:1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b:1::7f00:1", false),
            ("2002:7f00:1::1", false),
            ("2001:db8::ffff:7f00:1", true),
            ("fe80::1", false),
            ("ff02::1", false),
            ("localhost", false),
            ("db.localhost", false),
            ("0x7f000001", false),
            ("127.0.0.0x1", false),
            ("2130706433", false),
        ] {
            assert_eq!(is_address(text), sound, "{text}");
        }
    }
}
