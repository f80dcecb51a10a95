//! The lists, for queries of the services that have them.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_core::{AccountId, DirectoryId, TrustedService, authz::Scope};
use bailiwick_db::DbError;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QuerySelect, QueryTrait,
    Select,
    sea_query::{Expr, Func, Query, SelectStatement},
};

use super::{
    CHUNK,
    entity::entry::{Column, Entity},
    entries::{account, broken, number},
    folders_of_directory,
};
use crate::domain::reach;

/// The accounts in the list of a service in a directory, as far as a scope reaches: what bounds a query over what belongs
/// to accounts.
#[derive(Clone, Debug)]
pub struct Listed {
    service: TrustedService,
    directory: DirectoryId,
    folders: Option<BTreeSet<String>>,
}

/// Where an account is in the list of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPlace {
    /// The directory of the list.
    pub directory: DirectoryId,
    /// `directories/{directory}/folders/{folder}`.
    pub folder: String,
}

#[derive(FromQueryResult)]
struct Placed {
    account: i64,
    directory: String,
    folder: String,
}

impl Listed {
    /// The accounts within a permit's scope. Which folders that are is read once, here.
    pub async fn within(
        conn: &impl ConnectionTrait,
        service: TrustedService,
        directory: DirectoryId,
        scope: &Scope,
    ) -> Result<Self, DbError> {
        let folders = match scope {
            Scope::Whole => None,
            Scope::Folders(roots) => Some(reach(directory, &folders_of_directory(conn, directory).await?, roots)),
        };
        Ok(Self { service, directory, folders })
    }

    /// The directory of the list.
    pub fn directory(&self) -> DirectoryId {
        self.directory
    }

    /// A selection of the accounts' numbers, for the inside of another query.
    pub fn accounts(&self) -> SelectStatement {
        self.select().into_query()
    }

    /// The accounts, as they are now.
    pub async fn read(&self, conn: &impl ConnectionTrait) -> Result<BTreeSet<AccountId>, DbError> {
        let numbers: Vec<i64> = self.select().into_tuple().all(conn).await?;
        numbers.into_iter().map(account).collect()
    }

    fn select(&self) -> Select<Entity> {
        let list = Entity::find().select_only().column(Column::Account);
        let list = list.filter(Column::Service.eq(self.service.id()));
        let list = list.filter(Column::Directory.eq(self.directory.to_string()));
        match &self.folders {
            Some(folders) => list.filter(Column::Folder.is_in(folders)),
            None => list,
        }
    }
}

/// The folder of an account in the list that it is in, by the account's number; an empty text outside of lists.
pub fn folder_of(service: TrustedService, account: Expr) -> Expr {
    let column = |column: Column| Expr::col((Entity, column));
    let mut folder = Query::select();
    // An account is in one list of a service at most: it belongs to one directory.
    folder.expr(Func::max(column(Column::Folder))).from(Entity);
    folder.and_where(column(Column::Service).eq(service.id())).and_where(column(Column::Account).eq(account));
    Func::coalesce([Expr::SubQuery(None, Box::new(folder.into())), Expr::val("")]).into()
}

/// Where some accounts are in the lists of a service; those that are in none are left out.
pub async fn places_of(
    conn: &impl ConnectionTrait,
    service: TrustedService,
    accounts: &BTreeSet<AccountId>,
) -> Result<BTreeMap<AccountId, ListPlace>, DbError> {
    let mut found = BTreeMap::new();
    let numbers = accounts.iter().copied().map(number).collect::<Result<Vec<_>, _>>()?;
    for chunk in numbers.chunks(CHUNK) {
        found.extend(placed(conn, listed(service).filter(Column::Account.is_in(chunk.iter().copied()))).await?);
    }
    Ok(found)
}

/// Where all accounts of the lists of a service are.
pub async fn places_all(
    conn: &impl ConnectionTrait,
    service: TrustedService,
) -> Result<BTreeMap<AccountId, ListPlace>, DbError> {
    Ok(placed(conn, listed(service)).await?.into_iter().collect())
}

fn listed(service: TrustedService) -> Select<Entity> {
    let columns = Entity::find().select_only().columns([Column::Account, Column::Directory, Column::Folder]);
    columns.filter(Column::Service.eq(service.id()))
}

async fn placed(conn: &impl ConnectionTrait, select: Select<Entity>) -> Result<Vec<(AccountId, ListPlace)>, DbError> {
    let rows: Vec<Placed> = select.into_model().all(conn).await?;
    let places = rows.into_iter().map(|row| {
        let directory = row.directory.parse().map_err(broken)?;
        Ok((account(row.account)?, ListPlace { directory, folder: row.folder }))
    });
    places.collect()
}
