//! Enrolments.

use std::collections::BTreeMap;

use bailiwick_api::r#type::v1::AccessFactChange;
use bailiwick_changelog::Recorded;
use bailiwick_core::{AccountId, DirectoryId, TrustedService, authz::Tenant};
use bailiwick_db::{Committed, DbError, Tx};
use bailiwick_rpc::Call;

use super::{
    App, Error,
    claims::{Behalf, ClaimKind, ClaimSet},
    keep, lock, management_account,
};
use crate::{
    domain::{
        Enrolment,
        enrolment::{may_call, may_enrol, none_suspended, still_members},
    },
    events, store,
};

impl App {
    /// Enrols members, all or none, and returns the enrolments in the order of `accounts`, each of which is there once.
    /// Those that are enrolled already are kept. The claims, with the service-linked roles, are placed first.
    pub async fn create_enrolments(
        &self,
        call: &Call,
        directory: DirectoryId,
        service: TrustedService,
        accounts: Vec<AccountId>,
    ) -> Result<Committed<Vec<Enrolment>>, Error> {
        may_call(call.permit.service(), service)?;
        let management = management_account(self.db.reader(), directory).await?;
        let trusted = store::trusted_access::of_directory(self.db.reader(), directory).await?.contains(&service);
        may_enrol(service, trusted, management, &accounts)?;
        none_suspended(&store::members::find(self.db.reader(), &accounts).await?)?;
        let behalf = Behalf::of(call);
        let set = ClaimSet { directory, service, kind: ClaimKind::Enrolment, accounts };
        let proved: BTreeMap<_, _> = self.claim(&behalf, &set).await?.memberships.into_iter().collect();
        let (enrolling, by) = (&set, &proved);
        let work = |tx: Tx| async move { self.enrol(&tx, call, enrolling, by).await };
        let done = self.db.write("create_enrolments", work).await;
        match &done {
            Ok(_) => self.claim_after(&behalf, &set).await,
            // Nothing was made of the claims, unless by another call.
            Err(_) => self.release_after(&behalf, set.held(proved.into_iter().collect())).await,
        }
        done
    }

    async fn enrol(
        &self,
        tx: &Tx,
        call: &Call,
        set: &ClaimSet,
        proved: &BTreeMap<AccountId, String>,
    ) -> Result<Vec<Enrolment>, Error> {
        let (directory, service, accounts) = (set.directory, set.service, &set.accounts);
        let management = lock(tx, directory).await?;
        let trusted = store::trusted_access::of_directory(tx.conn(), directory).await?.contains(&service);
        may_enrol(service, trusted, management, accounts)?;
        let members = store::members::find(tx.conn(), accounts).await?;
        still_members(directory, accounts, proved, &members)?;
        none_suspended(&members)?;
        let enrolled = store::enrolments::among(tx.conn(), directory, service, accounts).await?;
        let mut by_account: BTreeMap<_, _> = enrolled.into_iter().map(|of| (of.account, of)).collect();
        let missing = proved.iter().filter(|(account, _)| !by_account.contains_key(account));
        let made: Vec<_> = missing
            .map(|(account, incarnation)| Enrolment {
                directory,
                service,
                account: *account,
                incarnation: incarnation.clone(),
                uid: self.token(),
                created: self.now(),
            })
            .collect();
        if !made.is_empty() {
            store::enrolments::insert(tx.conn(), &made).await?;
            let facts = made.iter().map(|enrolment| events::enrolment(enrolment, false)).collect();
            self.record_enrolments(tx, call, set, facts).await?;
        }
        by_account.extend(made.into_iter().map(|of| (of.account, of)));
        Ok(accounts.iter().filter_map(|account| by_account.get(account).cloned()).collect())
    }

    /// Ends enrolments in one change, and says how many there were: each the one of its uid, unless that is empty. The
    /// claims go afterwards, and the service-linked roles with them.
    pub async fn delete_enrolments(
        &self,
        call: &Call,
        directory: DirectoryId,
        service: TrustedService,
        ending: Vec<(AccountId, String)>,
    ) -> Result<Committed<usize>, Error> {
        may_call(call.permit.service(), service)?;
        let uids: BTreeMap<_, _> = ending.into_iter().collect();
        let accounts = uids.keys().copied().collect();
        let set = ClaimSet { directory, service, kind: ClaimKind::Enrolment, accounts };
        let (ending, uids) = (&set, &uids);
        let work = |tx: Tx| async move {
            lock(&tx, directory).await?;
            let found = store::enrolments::among(tx.conn(), directory, service, &ending.accounts).await?;
            let meant = |found: &Enrolment| uids.get(&found.account).is_some_and(|uid| found.is(uid));
            let ended: Vec<_> = found.into_iter().filter(meant).collect();
            if !ended.is_empty() {
                store::enrolments::delete(tx.conn(), &ended).await?;
                let facts = ended.iter().map(|enrolment| events::enrolment(enrolment, true)).collect();
                self.record_enrolments(&tx, call, ending, facts).await?;
            }
            Ok::<_, Error>(ended.into_iter().map(|of| (of.account, of.incarnation)).collect::<Vec<_>>())
        };
        let Committed { value, position, replayed } = self.db.write("delete_enrolments", work).await?;
        let deleted = value.len();
        if deleted > 0 {
            self.release_after(&Behalf::of(call), set.held(value)).await;
        }
        Ok(Committed { value: deleted, position, replayed })
    }

    async fn record_enrolments(
        &self,
        tx: &Tx,
        call: &Call,
        set: &ClaimSet,
        facts: Vec<AccessFactChange>,
    ) -> Result<(), DbError> {
        keep(tx, &facts).await?;
        let recorded = Recorded {
            resource: format!("{}/trustedServices/{}", set.directory.name(), set.service),
            tenant: Tenant::Directory(set.directory),
            accounts: set.accounts.iter().map(|account| account.name()).collect(),
            request_id: String::new(),
            facts,
        };
        tx.record(recorded.by_call(call, self.now()));
        Ok(())
    }
}
