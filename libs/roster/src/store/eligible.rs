//! Members of a directory that are not in a list.

use std::collections::BTreeSet;

use bailiwick_core::{AccountId, DirectoryId, TrustedService};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::Expr,
};

use super::{
    entity::{account, entry},
    memberships::read,
};
use crate::domain::{JoinMethod, Profile};

/// At most `limit` members of a directory after an account's number that are not in the list of a service, in these
/// folders or in all, by account. The management account is no member.
pub(crate) async fn eligible(
    conn: &impl ConnectionTrait,
    (service, directory): (TrustedService, DirectoryId),
    folders: Option<&BTreeSet<String>>,
    after: i64,
    limit: u64,
) -> Result<Vec<(AccountId, Profile)>, DbError> {
    let listed = entry::Entity::find().select_only().column(entry::Column::Account);
    let listed = listed.filter(entry::Column::Service.eq(service.id()));
    let listed = listed.filter(entry::Column::Directory.eq(directory.to_string()));
    let mut found = account::Entity::find()
        .filter(account::Column::Directory.eq(directory.to_string()))
        .filter(account::Column::JoinMethod.ne(JoinMethod::EnabledDirectory.as_str()))
        .filter(account::Column::Account.gt(after))
        .filter(Expr::col((account::Entity, account::Column::Account)).not_in_subquery(listed.into_query()))
        .order_by_asc(account::Column::Account)
        .limit(limit);
    if let Some(folders) = folders {
        found = found.filter(account::Column::Folder.is_in(folders));
    }
    let rows = found.all(conn).await?.into_iter().map(read);
    rows.map(|row| row.map(|(account, membership)| (account, membership.profile))).collect()
}
