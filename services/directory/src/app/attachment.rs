//! Policies attached to users, groups and roles.

use bailiwick_core::{AccountId, Timestamp};
use bailiwick_db::{Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Made, Mutation, Page, PageRequest, group, own_account, role, standing::lock_for, user};
use crate::{
    domain::{
        self,
        attachment::{Attachment, Put, Target, TargetKind, put},
        group::Group,
        policy::PolicyId,
        role::Role,
        user::User,
    },
    events, store,
};

/// Who has policies.
enum Bearer {
    User(User),
    Group(Group),
    Role(Role),
}

impl App {
    /// Attaches a policy to a user, group or role, or detaches it; answers what is attached then. What is so already is not
    /// changed.
    pub async fn policy_put(
        &self,
        call: &Call,
        change: &Mutation,
        target: Target<'_>,
        policy: &PolicyId,
        to: Put,
    ) -> Result<Done<Vec<PolicyId>>, Error> {
        let id = own_account(&call.permit, target.account)?;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let tenant = lock_for(conn, call, id).await?.tenant();
            let now = self.now();
            known(conn, id, policy).await?;
            let bearer = find(conn, target).await?;
            let limit = self.limits.identities.policies_per_target_max;
            let Some(policies) = put(bearer.policies(), policy, to, limit)? else { return Ok(bearer.into_policies()) };
            let changed = bearer.with_policies(policies, now)?;
            match to {
                Put::Attach => store::attachment::insert(conn, target, policy, now).await?,
                Put::Detach => store::attachment::delete(conn, target, policy).await?,
            }
            let facts = changed.save(conn).await?;
            self.record(&tx, call, change, now, Made { resource: target.name(), tenant, accounts: vec![id], facts });
            Ok(changed.into_policies())
        };
        self.mutate("policy_put", change, work).await
    }

    /// Lists whom a policy is attached to.
    pub async fn policy_attachment_list(
        &self,
        call: &Call,
        named: AccountId,
        policy: &PolicyId,
        asked: &PageRequest,
    ) -> Result<Page<Attachment>, Error> {
        let id = own_account(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        let (after, limit) = (window.after.clone().unwrap_or_default(), window.limit());
        let after = &after;
        let read = move |snapshot: Snapshot| async move {
            if let PolicyId::Custom(custom) = policy
                && store::policy::get(snapshot.conn(), id, custom).await?.is_none()
            {
                return Err(Error::from(domain::Error::NotFound(policy.name(id))));
            }
            Ok(store::attachment::page(snapshot.conn(), id, policy, after, limit).await?)
        };
        let items = self.db.snapshot("policy_attachment_list", read).await?.value;
        self.page(call, &window, items, |attachment| attachment.target.clone())
    }
}

impl Bearer {
    fn policies(&self) -> &[PolicyId] {
        match self {
            Self::User(user) => &user.policies,
            Self::Group(group) => &group.policies,
            Self::Role(role) => &role.policies,
        }
    }

    fn into_policies(self) -> Vec<PolicyId> {
        match self {
            Self::User(user) => user.policies,
            Self::Group(group) => group.policies,
            Self::Role(role) => role.policies,
        }
    }

    fn with_policies(&self, policies: Vec<PolicyId>, now: Timestamp) -> Result<Self, Error> {
        Ok(match self {
            Self::User(user) => Self::User(user.with_policies(policies)?),
            Self::Group(group) => Self::Group(group.with_policies(policies, now)),
            Self::Role(role) => Self::Role(role.with_policies(policies, now)),
        })
    }

    /// Writes the bearer, whose attachments are written; returns the facts of the identities that have other policies now.
    async fn save(&self, conn: &impl ConnectionTrait) -> Result<Vec<events::Fact>, Error> {
        Ok(match self {
            Self::User(user) => {
                store::user::save(conn, user).await?;
                vec![events::user(user)]
            }
            Self::Group(group) => {
                store::group::save(conn, group).await?;
                group::facts_of_users(conn, group).await?
            }
            Self::Role(role) => {
                store::role::save(conn, role).await?;
                vec![events::role(role)]
            }
        })
    }
}

/// Refuses a policy that there is not.
async fn known(conn: &impl ConnectionTrait, of: AccountId, policy: &PolicyId) -> Result<(), Error> {
    let known = match policy {
        PolicyId::System(_) => true,
        PolicyId::Custom(id) => store::policy::get(conn, of, id).await?.is_some(),
    };
    if known { Ok(()) } else { Err(domain::Error::UnknownPolicy(policy.id().to_owned()).into()) }
}

async fn find(conn: &impl ConnectionTrait, target: Target<'_>) -> Result<Bearer, Error> {
    let Target { account, kind, id } = target;
    let bearer = match kind {
        TargetKind::User => Bearer::User(user::find(conn, account, id).await?),
        TargetKind::Group => Bearer::Group(group::find(conn, account, id).await?),
        TargetKind::Role => Bearer::Role(role::find(conn, account, id).await?.own()?),
    };
    match &bearer {
        Bearer::User(user) if user.is_root() => Err(domain::Error::RootUserImmutable.into()),
        _ => Ok(bearer),
    }
}
