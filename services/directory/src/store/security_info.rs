//! Security information of accounts. Addresses are stored as they are: the service must send to them.

use bailiwick_core::AccountId;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::{Result, code, coded, entity::security_contacts, key, malformed, time, verification::CHANNELS};
use crate::domain::{
    destination::{Channel, Destination},
    security_info::{ChangeState, Contact, ContactChange, SecurityInfo},
};

const STATES: [(ChangeState, &str); 3] = [
    (ChangeState::WaitModify, "wait_modify"),
    (ChangeState::Confirmed, "confirmed"),
    (ChangeState::Cancelled, "cancelled"),
];

/// The security information of an account.
pub async fn get(conn: &impl ConnectionTrait, of: AccountId) -> Result<SecurityInfo> {
    let mut info = SecurityInfo::none(of);
    let rows = security_contacts::Entity::find().filter(security_contacts::Column::Account.eq(key(of)));
    for row in rows.all(conn).await? {
        match coded("channel", &CHANNELS, &row.channel)? {
            Channel::Phone => info.phone = from_row(Channel::Phone, row)?,
            Channel::Email => info.email = from_row(Channel::Email, row)?,
        }
    }
    Ok(info)
}

/// Writes a contact of an account, which is locked.
pub async fn save(conn: &impl ConnectionTrait, info: &SecurityInfo, channel: Channel) -> Result<()> {
    use security_contacts::Column;
    let Contact { current, change } = info.contact(channel);
    let address = |destination: &Destination| destination.address().to_owned();
    let row = security_contacts::ActiveModel {
        account: Set(key(info.account)),
        channel: Set(code(&CHANNELS, channel)),
        address: Set(current.as_ref().map(address)),
        new_address: Set(change.as_ref().map(|change| address(&change.to))),
        state: Set(change.as_ref().map(|change| code(&STATES, change.state))),
        expire_us: Set(change.as_ref().map(|change| change.expire_time.as_micros())),
    };
    let changing = [Column::Address, Column::NewAddress, Column::State, Column::ExpireUs];
    let replace = OnConflict::columns([Column::Account, Column::Channel]).update_columns(changing).to_owned();
    security_contacts::Entity::insert(row).on_conflict(replace).exec_without_returning(conn).await?;
    Ok(())
}

/// Forgets the security information of an account.
pub async fn delete(conn: &impl ConnectionTrait, of: AccountId) -> Result<()> {
    let of = security_contacts::Column::Account.eq(key(of));
    security_contacts::Entity::delete_many().filter(of).exec(conn).await?;
    Ok(())
}

fn from_row(channel: Channel, row: security_contacts::Model) -> Result<Contact> {
    let read = |address: &str| {
        Destination::new(channel, address).map_err(|_| malformed("security contact of account", row.account))
    };
    let change = match (&row.new_address, &row.state, row.expire_us) {
        (Some(to), Some(state), Some(expire_us)) => Some(ContactChange {
            to: read(to)?,
            state: coded("state of a contact", &STATES, state)?,
            expire_time: time(expire_us),
        }),
        (None, None, None) => None,
        _ => return Err(malformed("change of a security contact of account", row.account)),
    };
    Ok(Contact { current: row.address.as_deref().map(read).transpose()?, change })
}
