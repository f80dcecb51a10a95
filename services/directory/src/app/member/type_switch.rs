//! The switch of a member's type (document 003, R-DIR-34).

use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Tenant};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;

use super::{
    App, Done, Error, Locked, Made, Mutation, identities, lock_account, lock_directory, management_account,
    own_directory, root_user,
};
use crate::{
    domain::{
        self,
        account::{Account, AccountType},
        destination::Channel,
        member::{Candidate, Member, Membership, TypeSwitch},
        security_info::SecurityInfo,
        verification::Verification,
    },
    events, store,
};

/// A member whose type may be switched: it and its directory are locked.
struct Found {
    locked: Locked,
    membership: Membership,
    management: Account,
    security: SecurityInfo,
    keys_in_use: u32,
}

impl Found {
    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            membership: &self.membership,
            account: &self.locked.account,
            management: &self.management,
            security: &self.security,
            keys_in_use: self.keys_in_use,
        }
    }
}

impl App {
    /// Sends a code for a switch to the member (R-DIR-27); refuses what the switch itself would, so that nobody is sent a
    /// code that is good for nothing.
    pub async fn member_type_switch_request(
        &self,
        call: &Call,
        change: &Mutation,
        (named, of): (DirectoryId, AccountId),
        (to, channel): (AccountType, Option<Channel>),
    ) -> Result<Done<Verification>, Error> {
        let id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let now = self.now();
            let found = self.find_for_switch(&tx, call, (id, of), now).await?;
            found.candidate().check(to)?;
            let destination = found.security.reach(channel)?;
            let sent = self.verification_request(&tx, call, &found.locked, to.switching(), destination).await?;
            self.record(&tx, call, change, now, made(&found.membership, Vec::new()));
            Ok(sent)
        };
        self.mutate("member_type_switch_request", change, work).await
    }

    /// Switches the type of a member; its root user is disabled or enabled with the same change, and has nothing of the
    /// credentials that it had (R-DIR-19, R-DIR-30, R-DIR-34). A switch that is only tried needs no code.
    pub async fn member_type_switch(
        &self,
        call: &Call,
        change: &Mutation,
        (named, of): (DirectoryId, AccountId),
        asked: &TypeSwitch,
        code: &str,
    ) -> Result<Done<Member>, Error> {
        let id = own_directory(&call.permit, named)?;
        let purpose = asked.to.switching();
        let attempt =
            if change.validate_only { None } else { Some(self.verification_attempt(call, of, purpose, code).await?) };
        let attempt = attempt.as_ref();
        let work = move |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.now());
            let found = self.find_for_switch(&tx, call, (id, of), now).await?;
            asked.decide(&found.candidate())?;
            if let Some(attempt) = attempt {
                let destinations = found.security.destinations();
                self.verification_use(&tx, call, &found.locked, attempt, (purpose, destinations)).await?;
            }
            let Found { locked: Locked { mut account, .. }, mut membership, .. } = found;
            let mut root = identities::root(conn, of).await?;
            asked.apply(&mut account, &mut root, &mut membership, now);
            let gone = identities::delete_credentials(conn, &root).await?;
            store::user::save(conn, &root).await?;
            store::account::save(conn, &account).await?;
            store::member::set_version(conn, &membership).await?;
            let mut facts = vec![events::account(&account, Some(&membership)), events::user(&root)];
            facts.extend(gone);
            facts.push(root_user::fact(conn, of).await?);
            self.record(&tx, call, change, now, made(&membership, facts));
            Ok(Member { membership, kind: account.kind, root_user_enabled: root.enabled })
        };
        self.mutate("member_type_switch", change, work).await
    }

    async fn find_for_switch(
        &self,
        tx: &Tx,
        call: &Call,
        (id, of): (DirectoryId, AccountId),
        now: Timestamp,
    ) -> Result<Found, Error> {
        let conn = tx.conn();
        let directory = lock_directory(conn, id).await?;
        if directory.management_account == of {
            return Err(domain::Error::ManagementAccountNotEligible(of).into());
        }
        let member = store::member::get(conn, id, of, now).await?;
        let member = member.ok_or_else(|| domain::Error::NotFound(call.permit.resource().to_owned()))?;
        Ok(Found {
            locked: lock_account(conn, of).await?,
            membership: member.membership,
            management: management_account(conn, &directory).await?,
            security: store::security_info::get(conn, of).await?,
            keys_in_use: store::access_key::count_enabled(conn, of).await?,
        })
    }
}

fn made(membership: &Membership, facts: Vec<events::Fact>) -> Made {
    let (resource, tenant) = (membership.name(), Tenant::Directory(membership.directory));
    Made { resource, tenant, accounts: vec![membership.account], facts }
}
