//! Verification codes. The code itself comes and goes sealed.

use bailiwick_core::{AccountId, Timestamp, authz::Tenant};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::{Result, account, code, coded, count, entity::verifications, key, malformed, time};
use crate::domain::{
    destination::{Channel, Destination},
    verification::{Purpose, Sent, State, Subject, Verification},
};

const PURPOSES: [(Purpose, &str); 4] = [
    (Purpose::SwitchToResourceAccount, "switch_to_resource_account"),
    (Purpose::SwitchToCloudAccount, "switch_to_cloud_account"),
    (Purpose::BindPhone, "bind_phone"),
    (Purpose::BindEmail, "bind_email"),
];
/// Channels as columns have them.
pub(super) const CHANNELS: [(Channel, &str); 2] = [(Channel::Phone, "phone"), (Channel::Email, "email")];
const STATES: [(State, &str); 4] =
    [(State::Sent, "sent"), (State::Used, "used"), (State::Replaced, "replaced"), (State::Dead, "dead")];

/// A verification with its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The verification.
    pub verification: Verification,
    /// The code, sealed; none once it can no longer be used.
    pub sealed_code: Option<Vec<u8>>,
}

/// Reads a verification and keeps others from changing it until the transaction ends.
pub async fn lock(conn: &impl ConnectionTrait, of: AccountId, id: &str) -> Result<Option<Verification>> {
    let query = of_account(of).filter(verifications::Column::Verification.eq(id)).lock_exclusive();
    Ok(query.one(conn).await?.map(from_row).transpose()?.map(|kept| kept.verification))
}

/// Reads the code that was last sent for a purpose and has had no other end than its time, and keeps others from changing
/// it until the transaction ends.
pub async fn lock_sent(conn: &impl ConnectionTrait, of: AccountId, purpose: Purpose) -> Result<Option<Kept>> {
    let query = of_account(of).filter(sent(purpose)).order_by_desc(verifications::Column::CreateUs).lock_exclusive();
    query.one(conn).await?.map(from_row).transpose()
}

/// What was sent of late: to a tenant, and for a purpose of an account.
pub async fn recent(
    conn: &impl ConnectionTrait,
    tenant: Tenant,
    of: AccountId,
    purpose: Purpose,
    after: Timestamp,
) -> Result<Sent> {
    let to_tenant = verifications::Entity::find()
        .filter(verifications::Column::Tenant.eq(tenant_name(tenant)))
        .filter(verifications::Column::CreateUs.gt(after.as_micros()));
    let first = to_tenant.clone().order_by_asc(verifications::Column::CreateUs).one(conn).await?;
    let latest = of_account(of)
        .filter(verifications::Column::Purpose.eq(code(&PURPOSES, purpose)))
        .order_by_desc(verifications::Column::CreateUs)
        .one(conn)
        .await?;
    Ok(Sent {
        latest: latest.map(|row| time(row.create_us)),
        recent: count(to_tenant.count(conn).await?),
        first: first.map(|row| time(row.create_us)),
    })
}

/// Adds a verification with its code.
pub async fn insert(
    conn: &impl ConnectionTrait,
    tenant: Tenant,
    new: &Verification,
    sealed_code: Vec<u8>,
) -> Result<()> {
    let Subject { purpose, account, incarnation, requester, destination } = &new.subject;
    let row = verifications::ActiveModel {
        verification: Set(new.id.clone()),
        tenant: Set(tenant_name(tenant)),
        account: Set(key(*account)),
        purpose: Set(code(&PURPOSES, *purpose)),
        incarnation: Set(incarnation.clone()),
        requester: Set(requester.clone()),
        channel: Set(code(&CHANNELS, destination.channel())),
        address: Set(destination.address().to_owned()),
        state: Set(code(&STATES, new.state)),
        failures: Set(i64::from(new.failures)),
        sealed_code: Set(Some(sealed_code)),
        create_us: Set(new.create_time.as_micros()),
        expire_us: Set(new.expire_time.as_micros()),
    };
    verifications::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of a verification, which is locked. Its code is forgotten once it can no longer be used.
pub async fn save(conn: &impl ConnectionTrait, changed: &Verification) -> Result<()> {
    let mut row = verifications::ActiveModel {
        state: Set(code(&STATES, changed.state)),
        failures: Set(i64::from(changed.failures)),
        ..Default::default()
    };
    if changed.state != State::Sent {
        row.sealed_code = Set(None);
    }
    verifications::Entity::update_many()
        .set(row)
        .filter(verifications::Column::Account.eq(key(changed.subject.account)))
        .filter(verifications::Column::Verification.eq(&changed.id))
        .exec(conn)
        .await?;
    Ok(())
}

/// For the platform: forgets up to `limit` verifications that were requested before a time.
pub async fn delete_before(conn: &impl ConnectionTrait, before: Timestamp, limit: u64) -> Result<()> {
    let due: Vec<String> = verifications::Entity::find()
        .select_only()
        .column(verifications::Column::Verification)
        .filter(verifications::Column::CreateUs.lt(before.as_micros()))
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    if !due.is_empty() {
        let due = verifications::Column::Verification.is_in(due);
        verifications::Entity::delete_many().filter(due).exec(conn).await?;
    }
    Ok(())
}

/// Whose codes are counted together.
fn tenant_name(tenant: Tenant) -> String {
    match tenant {
        Tenant::Account(account) => account.name(),
        Tenant::Directory(directory) => directory.name(),
        Tenant::Platform => String::new(),
    }
}

fn of_account(of: AccountId) -> Select<verifications::Entity> {
    verifications::Entity::find().filter(verifications::Column::Account.eq(key(of)))
}

fn sent(purpose: Purpose) -> Condition {
    Condition::all()
        .add(verifications::Column::Purpose.eq(code(&PURPOSES, purpose)))
        .add(verifications::Column::State.eq(code(&STATES, State::Sent)))
}

fn from_row(row: verifications::Model) -> Result<Kept> {
    let channel = coded("channel", &CHANNELS, &row.channel)?;
    let destination = Destination::new(channel, &row.address);
    let verification = Verification {
        subject: Subject {
            purpose: coded("purpose", &PURPOSES, &row.purpose)?,
            account: account(row.account)?,
            incarnation: row.incarnation,
            requester: row.requester,
            destination: destination.map_err(|_| malformed("address of verification", &row.verification))?,
        },
        id: row.verification,
        state: coded("state", &STATES, &row.state)?,
        failures: u32::try_from(row.failures).map_err(|_| malformed("failures", row.failures))?,
        create_time: time(row.create_us),
        expire_time: time(row.expire_us),
    };
    Ok(Kept { verification, sealed_code: row.sealed_code })
}
