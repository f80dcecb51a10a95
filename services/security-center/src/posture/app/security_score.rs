//! Scores (R-SC-16).

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Refusal};
use bailiwick_db::{Db, DbError, PageQuery, PageTokenError, PageTokens, Snapshot, TxError};
use bailiwick_roster::{Listed, RosterError, folders_of};
use bailiwick_rpc::Call;

use super::{
    Settling,
    edition::{self, Closed},
};
use crate::posture::{
    MONITORED_ACCOUNTS,
    domain::{self, BySeverity, Deduction, DirectoryScore, Score, ScoreRules},
    store::{self, Ages, ScoreDay, Whose},
};

/// Scores and their rules, for calls.
#[derive(Clone)]
pub(crate) struct Scores {
    pub(super) db: Db,
    settling: Settling,
    pages: PageTokens,
}

/// Why a call about scores fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScoreError {
    /// The call is about another kind of tenant.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The multi-account feature is not open to the caller.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// By the database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// By the control list.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The page token continues another list, or none.
    #[error(transparent)]
    PageToken(#[from] PageTokenError),
    /// The rules are not as the caller read them.
    #[error("`{0}` was changed meanwhile: read it again")]
    EtagMismatch(String),
}

/// The score of an account now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountScore {
    pub(crate) score: Score,
    pub(crate) last_scan: Option<Timestamp>,
    /// When it was looked at.
    pub(crate) now: Timestamp,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Continues the list; empty at its end.
    pub(crate) next: String,
}

impl Scores {
    pub(crate) fn new(db: Db, settling: Settling, pages: PageTokens) -> Self {
        Self { db, settling, pages }
    }

    /// The score of an account.
    pub(crate) async fn of_account(&self, call: &Call, account: AccountId) -> Result<AccountScore, ScoreError> {
        if edition::account_of(&self.db, call).await? != account {
            return Err(Refusal::not_found(call.permit.resource()).into());
        }
        self.settling.settle(&Whose::Account(account)).await?;
        let now = self.db.clock().now();
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            let (rules, open) = scored(conn, &[account], domain::day(now)).await?.remove(0);
            let score = rules.score(&open);
            Ok::<_, DbError>(AccountScore { score, last_scan: store::last_scan(conn, account).await?, now })
        };
        Ok(self.db.snapshot("score_get", read).await?.value)
    }

    /// What the score of an account lost, the most costly first.
    pub(crate) async fn deductions(
        &self,
        call: &Call,
        account: AccountId,
        (size, token): (u32, &str),
    ) -> Result<(Page<Deduction>, Timestamp), ScoreError> {
        let AccountScore { score, now, .. } = self.of_account(call, account).await?;
        let after = self.open_token(call, account, token).await?;
        let place = |of: &Deduction| (-of.points, of.index);
        let rest = score.deductions.into_iter().filter(|of| after.is_none_or(|after| place(of) > after));
        Ok((self.page(call, account, size, rest.collect(), place).await?, now))
    }

    /// The scores of an account by day, the newest first: that of today as it is now, the others as they are stored.
    pub(crate) async fn history(
        &self,
        call: &Call,
        account: AccountId,
        (size, token): (u32, &str),
    ) -> Result<Page<ScoreDay>, ScoreError> {
        let AccountScore { score, now, .. } = self.of_account(call, account).await?;
        let today = domain::day(now);
        let mut days = Vec::new();
        let before = match self.open_token(call, account, token).await? {
            Some((before, _)) => before,
            None => {
                days.push(ScoreDay { account, day: today, score: score.points, open: score.open });
                today
            }
        };
        let limit = u64::from(size) + 1;
        days.extend(store::score_days_before(self.db.reader(), account, before, limit).await?);
        self.page(call, account, size, days, |day| (day.day, 0)).await
    }

    /// The score of the accounts of a control list that the caller reaches.
    pub(crate) async fn of_directory(&self, call: &Call) -> Result<DirectoryScore, ScoreError> {
        edition::multi_account(&self.db, call).await?;
        let directory = call.permit.tenant_directory()?;
        self.settle_list(call, directory).await?;
        let today = domain::day(self.db.clock().now());
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            let folders = folders_of(conn, directory, call.permit.scope()).await?;
            let (rules, _) = store::score_rules(conn, directory).await?;
            let ages = Ages { days: &rules.ages(), today };
            let open = store::open_risks_of_list(conn, (directory, folders.as_ref()), &ages).await?;
            Ok::<_, ScoreError>(rules.directory_score(open.iter().map(|(account, open)| (*account, open))))
        };
        Ok(self.db.snapshot("score_directory", read).await?.value)
    }

    /// The scores of accounts in the control list of the call's directory, and their open risks.
    pub(crate) async fn of_entries(
        &self,
        call: &Call,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, (i64, BySeverity)>, ScoreError> {
        let directory = call.permit.tenant_directory()?;
        self.settle_list(call, directory).await?;
        let (rules, _) = store::score_rules(self.db.reader(), directory).await?;
        let ages = Ages { days: &rules.ages(), today: domain::day(self.db.clock().now()) };
        let open = store::open_risks(self.db.reader(), accounts, &ages).await?;
        let scores = open.into_iter().map(|(account, open)| (account, (rules.score(&open).points, open.by_severity())));
        Ok(scores.collect())
    }

    async fn settle_list(&self, call: &Call, directory: DirectoryId) -> Result<(), DbError> {
        let service = MONITORED_ACCOUNTS.service;
        let list = Listed::within(self.db.reader(), service, directory, call.permit.scope()).await?;
        self.settling.settle(&Whose::List(list)).await
    }

    async fn open_token(
        &self,
        call: &Call,
        account: AccountId,
        token: &str,
    ) -> Result<Option<(i64, usize)>, ScoreError> {
        if token.is_empty() {
            return Ok(None);
        }
        let (epoch, tenant) = (self.db.epoch().await?, account.name());
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint: b"" };
        let key = self.pages.open(&query, token, self.db.clock().now())?;
        let parts = key.split_once(' ').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        parts.map(Some).ok_or_else(|| PageTokenError::Invalid.into())
    }

    async fn page<T>(
        &self,
        call: &Call,
        account: AccountId,
        size: u32,
        mut items: Vec<T>,
        place: impl Fn(&T) -> (i64, usize),
    ) -> Result<Page<T>, ScoreError> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let Some(last) = items.last().filter(|_| more) else { return Ok(Page { items, next: String::new() }) };
        let (a, b) = place(last);
        let (epoch, tenant) = (self.db.epoch().await?, account.name());
        let query = PageQuery { epoch: &epoch, tenant: &tenant, method: call.permit.path(), fingerprint: b"" };
        let next = self.pages.seal(&query, &format!("{a} {b}"), self.db.clock().now())?;
        Ok(Page { items, next })
    }
}

/// The rules of each account, those of the directory whose control list has it, and its open risks.
pub(super) async fn scored(
    conn: &impl sea_orm::ConnectionTrait,
    accounts: &[AccountId],
    today: i64,
) -> Result<Vec<(ScoreRules, domain::OpenRisks)>, DbError> {
    let directories = store::directories_of(conn, accounts).await?;
    let customized = store::score_rules_of(conn, &directories.values().copied().collect()).await?;
    let default = ScoreRules::default();
    let mut groups = BTreeMap::<Option<DirectoryId>, Vec<AccountId>>::new();
    for account in accounts {
        let directory = directories.get(account).filter(|directory| customized.contains_key(directory));
        groups.entry(directory.copied()).or_default().push(*account);
    }
    let mut found = BTreeMap::new();
    for (directory, accounts) in groups {
        let rules = directory.and_then(|directory| customized.get(&directory)).unwrap_or(&default);
        let open = store::open_risks(conn, &accounts, &Ages { days: &rules.ages(), today }).await?;
        found.extend(open.into_iter().map(|(account, open)| (account, (rules.clone(), open))));
    }
    Ok(accounts.iter().filter_map(|account| found.remove(account)).collect())
}

impl TxError for ScoreError {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Db(error) | Self::Closed(Closed::Db(error)) => Some(error),
            Self::Roster(error) => error.db(),
            _ => None,
        }
    }
}
