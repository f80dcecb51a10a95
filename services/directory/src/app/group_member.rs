//! Users in groups.

use bailiwick_core::AccountId;
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;

use super::{App, Done, Error, Made, Mutation, Page, PageRequest, group, own_account, standing::lock_for, user};
use crate::{
    domain::{
        attachment::{Target, TargetKind},
        group::{Bounds, GroupMember},
    },
    events, store,
};

/// Which user of which group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberName<'a> {
    /// The account of both.
    pub account: AccountId,
    /// Id of the group.
    pub group: &'a str,
    /// Id of the user.
    pub user: &'a str,
}

impl App {
    /// Adds a user to a group, whose policies count for it at once. A user who is in it is left there.
    pub async fn group_member_add(
        &self,
        call: &Call,
        change: &Mutation,
        named: MemberName<'_>,
    ) -> Result<Done<GroupMember>, Error> {
        let id = own_account(&call.permit, named.account)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let group = group::find(conn, id, named.group).await?;
            let user = user::find(conn, id, named.user).await?;
            if let Some(member) = store::group_member::get(conn, id, named.group, named.user).await? {
                return Ok(member);
            }
            let groups = store::group_member::count_groups(conn, id, named.user).await?;
            let limits = self.limits.identities;
            let bounds = Bounds { groups: limits.groups_per_user_max, users: limits.users_per_group_max };
            let (group, member) = group.add(&user, groups, bounds, now)?;
            store::group_member::insert(conn, &member).await?;
            store::group::save(conn, &group).await?;
            let facts = vec![events::user(&user::find(conn, id, named.user).await?)];
            self.record(&tx, call, change, now, Made { resource: group.name(), tenant, accounts: vec![id], facts });
            Ok(member)
        };
        self.mutate("group_member_add", change, work).await
    }

    /// Removes a user from a group, whose policies no longer count for it at once. A user who is not in it is passed over.
    pub async fn group_member_remove(
        &self,
        call: &Call,
        change: &Mutation,
        named: MemberName<'_>,
    ) -> Result<Done<()>, Error> {
        let id = own_account(&call.permit, named.account)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            let group = group::find(conn, id, named.group).await?;
            if store::group_member::get(conn, id, named.group, named.user).await?.is_none() {
                return Ok(());
            }
            store::group_member::delete(conn, id, named.group, named.user).await?;
            store::group::save(conn, &group.remove(now)).await?;
            let facts = vec![events::user(&user::find(conn, id, named.user).await?)];
            self.record(&tx, call, change, now, Made { resource: group.name(), tenant, accounts: vec![id], facts });
            Ok(())
        };
        self.mutate("group_member_remove", change, work).await
    }

    /// Lists the users of a group, or the groups of a user.
    pub async fn group_member_list(
        &self,
        call: &Call,
        of: Target<'_>,
        asked: &PageRequest,
    ) -> Result<Page<GroupMember>, Error> {
        let id = own_account(&call.permit, of.account)?;
        let window = self.window(call, asked, "").await?;
        let (after, limit) = (window.after.clone().unwrap_or_default(), window.limit());
        let after = &after;
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            Ok::<_, Error>(match of.kind {
                TargetKind::User => {
                    user::find(conn, id, of.id).await?;
                    store::group_member::groups(conn, id, of.id, after, limit).await?
                }
                TargetKind::Group => {
                    group::find(conn, id, of.id).await?;
                    store::group_member::users(conn, id, of.id, after, limit).await?
                }
                TargetKind::Role => Vec::new(),
            })
        };
        let items = self.db.snapshot("group_member_list", read).await?.value;
        self.page(call, &window, items, |member| match of.kind {
            TargetKind::User => member.group.clone(),
            TargetKind::Group | TargetKind::Role => member.user.clone(),
        })
    }
}
