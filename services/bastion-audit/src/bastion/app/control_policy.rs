//! Control policies, and what they would say of a session.

use std::{collections::BTreeSet, net::IpAddr};

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::Snapshot;
use bailiwick_rpc::Call;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::{
    Bastion, Error, Kept, Page, asset,
    grant::granted_of,
    resource::{check_home, found},
};
use crate::bastion::{
    domain::{
        AssetAccount, AssetKind, AssetScope, BastionError, ControlPolicy, Dimension, Home, Reference, ResourceKind,
        Rules, Ruling, SessionChannel, Sitting, User, UserScope, UserState, Verdict,
    },
    store,
};

/// Most hosts of a policy, and most assets of other kinds (E-BAS-07).
const ASSETS_MAX: usize = 500;
/// Policies that are read at once: they are large.
const BATCH: u64 = 20;
/// Most policies of a page, and how many bytes they may have together if there are several.
const PAGE_MAX: u32 = 50;
const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// A name as it is answered has so many bytes more than one as it is kept.
const NAME_BYTES: usize = 150;

/// A session that somebody asks about, and what would be done in it.
pub(crate) struct Asked<'a> {
    pub(crate) instance: &'a str,
    pub(crate) user: &'a str,
    pub(crate) asset: &'a str,
    pub(crate) account: &'a str,
    pub(crate) source: IpAddr,
    /// Now, if there is none.
    pub(crate) time: Option<Timestamp>,
    /// With where it leads, if it forwards.
    pub(crate) channel: Option<(SessionChannel, Option<(&'a str, u16)>)>,
    pub(crate) command_line: Option<&'a str>,
}

impl Kept for ControlPolicy {
    async fn check(&self, before: Option<&Self>, conn: &DatabaseTransaction) -> Result<(), Error> {
        let invalid = |field, problem: String| Err::<(), _>(BastionError::Invalid { field, problem }.into());
        match &self.users {
            UserScope::Some { users, groups } if users.is_empty() && groups.is_empty() => {
                return invalid("control_policy.user_scope", "must be of all users, or name some".to_owned());
            }
            _ => {}
        }
        let AssetScope::Some { assets, groups } = &self.assets else { return Ok(()) };
        if assets.is_empty() && groups.is_empty() {
            return invalid("control_policy.asset_scope", "must be of all assets, or name some".to_owned());
        }
        if before.is_some_and(|before| before.assets == self.assets) {
            return Ok(());
        }
        let ids = assets.keys().map(String::as_str).collect();
        let hosts = store::assets_of_kind(conn, &self.meta.home, &ids, AssetKind::Host).await?;
        if hosts > ASSETS_MAX || assets.len().saturating_sub(hosts) > ASSETS_MAX {
            let problem = format!("must name at most {ASSETS_MAX} hosts, and at most {ASSETS_MAX} of other kinds");
            return invalid("control_policy.asset_scope.assets", problem);
        }
        Ok(())
    }

    /// Those of the assets that it names; of one of all assets, none: it is the bastion host's.
    async fn owners(&self, conn: &DatabaseTransaction) -> Result<BTreeSet<AccountId>, Error> {
        let AssetScope::Some { assets, groups } = &self.assets else { return Ok(BTreeSet::new()) };
        let home = &self.meta.home;
        let mut owners = store::owners_of(conn, home, &assets.keys().cloned().collect()).await?;
        owners.extend(store::owners_in_groups(conn, home, &groups.keys().cloned().collect()).await?);
        Ok(owners)
    }

    fn references(&self) -> Vec<(&'static str, Reference)> {
        self.names()
    }
}

impl Bastion {
    /// A page of the policies of a bastion host, by id: fewer than are asked for, if they are large.
    ///
    /// # Errors
    /// [`BastionError::NotFound`] for the bastion host, [`Error::Token`].
    pub(crate) async fn policy_list(
        &self,
        call: &Call,
        instance: &str,
        (size, token): (u32, &str),
    ) -> Result<Page<ControlPolicy>, Error> {
        let (home, reader) = (Home::within(call.permit.tenant_directory()?, instance), self.db().reader());
        check_home(reader, call, &home).await?;
        let after = self.after(call, &[], token).await?;
        let items = store::page::<ControlPolicy>(reader, &home, &after, u64::from(size.min(PAGE_MAX)) + 1).await?;
        let mut weight = 0;
        let fits = |policy: &&ControlPolicy| {
            let kept = serde_json::to_string(policy).map_or(PAGE_BYTES_MAX, |text| text.len());
            weight += kept + policy.names().len() * NAME_BYTES;
            weight <= PAGE_BYTES_MAX
        };
        let fitting = u32::try_from(items.iter().take_while(fits).count()).unwrap_or(PAGE_MAX);
        let size = fitting.clamp(1, size.min(PAGE_MAX));
        self.cut(call, &[], size, (items, |policy: &ControlPolicy| policy.meta.id.clone())).await
    }

    /// What would become of a session, and of what is done in it: each dimension, in their order.
    ///
    /// # Errors
    /// [`BastionError::NotFound`] for the user, the asset or the account.
    pub(crate) async fn policy_evaluate(&self, call: &Call, asked: &Asked<'_>) -> Result<Vec<Ruling>, Error> {
        let home = &Home::within(call.permit.tenant_directory()?, asked.instance);
        let now = self.now();
        let read = |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            check_home(conn, call, home).await?;
            let user: User = found(conn, home, asked.user).await?;
            let known = store::ram_users_among(conn, home.directory, std::slice::from_ref(&user.ram_user)).await?;
            let asset = asset::asset_view(conn, home, asked.asset).await?;
            let inside = &Home::of_asset(home.directory, &home.place, asked.asset);
            let account: AssetAccount = found(conn, inside, asked.account).await?;
            let granted = granted_of(conn, home, (asked.user, asked.asset), now).await?;
            let granted = granted.has(asked.account, &account.login_name);
            let state = user.state(known.contains(&user.ram_user), now);
            let sitting = Sitting {
                user: asked.user.to_owned(),
                user_groups: store::groups_of(conn, (home, ResourceKind::UserGroup), asked.user).await?,
                asset: asked.asset.to_owned(),
                asset_groups: store::groups_of(conn, (home, ResourceKind::AssetGroup), asked.asset).await?,
                account: asked.account.to_owned(),
                login_name: account.login_name,
            };
            let rules = rules(conn, home, &sitting).await?;
            let open = !asset.suspended && !asset.asset.released;
            let mut rulings = vec![
                first(Dimension::User, state == UserState::Normal, "the user can open sessions", "the user cannot"),
                first(Dimension::Asset, open, "the asset takes sessions", "the asset is released or suspended"),
                first(Dimension::Grant, granted, "a grant gives the account", "no grant gives the account"),
            ];
            rulings.extend([
                rules.time(asked.time.unwrap_or(now)),
                rules.source(asked.source),
                rules.session_approval(),
            ]);
            rulings.extend(asked.channel.map(|(channel, to)| rules.channel(channel, to)));
            Ok::<_, Error>((rulings, rules))
        };
        let (mut rulings, rules) = self.db().snapshot("bastion_policy_evaluate", read).await?.value;
        if let Some(line) = asked.command_line.map(str::to_owned) {
            // What a caller sends is read and compared with all patterns: beside those who wait for the network.
            match tokio::task::spawn_blocking(move || rules.command_line(&line)).await {
                Ok(of_commands) => rulings.extend(of_commands),
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            }
        }
        Ok(rulings)
    }
}

/// The policies of a bastion host that take effect on a session.
async fn rules(conn: &impl ConnectionTrait, home: &Home, sitting: &Sitting) -> Result<Rules, Error> {
    let (mut applying, mut after) = (Vec::new(), String::new());
    loop {
        let batch = store::page::<ControlPolicy>(conn, home, &after, BATCH).await?;
        let Some(last) = batch.last() else { return Ok(Rules::of(applying, sitting)) };
        after.clone_from(&last.meta.id);
        applying.extend(batch.into_iter().filter(|policy| policy.applies(sitting)));
    }
}

/// What no policy says.
fn first(dimension: Dimension, open: bool, yes: &str, no: &str) -> Ruling {
    let (verdict, reason) = if open { (Verdict::Allow, yes) } else { (Verdict::Reject, no) };
    Ruling { dimension, verdict, policy: None, subject: String::new(), reason: reason.to_owned() }
}
