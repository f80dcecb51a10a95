//! Carries out the deletions of service-linked roles. Each step can be repeated: after a crash, whoever takes the lease
//! goes on with what has not ended.

use std::time::Duration;

use bailiwick_changelog::Recorded;
use bailiwick_core::{Role, TrustedService, authz::Tenant, random_token};
use bailiwick_db::{DbError, Tx};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{App, Error, claims::Behalf, linked_roles::Deleted};
use crate::{
    domain::{
        Deletion,
        service_linked_role::{State, Usage, usages},
    },
    store,
};

const LEASE: &str = "delete-service-linked-roles";
const LEASE_TTL: Duration = Duration::from_secs(60);
/// How often what could not be done yet is tried again, and what another replica began is looked for.
const INTERVAL: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Most deletions of one run.
const RUN_MAX: u64 = 100;
/// The method in the log of what a deletion came to.
const METHOD: &str = "bailiwick.delegation.v1.ServiceLinkedRoleService/DeleteServiceLinkedRole";

impl App {
    /// Carries out deletions on one replica, until `shutdown`.
    pub async fn delete_roles_forever(self, shutdown: CancellationToken) {
        let holder = random_token(self.entropy.as_ref(), 20);
        loop {
            if let Err(error) = self.delete_roles(&holder).await {
                tracing::warn!(%error, "service-linked roles could not be deleted; it is tried again");
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.deletions.notified() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Tries all deletions that have not ended, the oldest first, at most 100, as `holder` of the lease. Returns how many
    /// ended.
    pub async fn delete_roles(&self, holder: &str) -> Result<usize, Error> {
        let open = store::role_deletions::open(self.db.reader(), RUN_MAX).await?;
        let mut ended = 0;
        for deletion in open {
            if self.db.try_lease(LEASE, holder, LEASE_TTL).await?.is_none() {
                break;
            }
            ended += usize::from(self.delete_role(deletion).await?);
        }
        Ok(ended)
    }

    /// Whether the deletion has ended.
    async fn delete_role(&self, mut deletion: Deletion) -> Result<bool, Error> {
        if deletion.state == State::NotStarted {
            deletion.state = State::InProgress;
            let begun = &deletion;
            let work = |tx: Tx| async move { store::role_deletions::save(tx.conn(), begun).await };
            self.db.write("begin_role_deletion", work).await?;
        }
        match self.attempt(&deletion).await {
            Ok(Some((state, usages))) => self.end(deletion, state, usages).await,
            // A claim that no enrolment needs is released soon, and one that is on its way becomes an enrolment.
            Ok(None) if !deletion.is_overdue(self.now()) => Ok(false),
            Err(Error::Claims(_) | Error::NotMirrored) if !deletion.is_overdue(self.now()) => Ok(false),
            Ok(None) | Err(Error::Claims(_) | Error::NotMirrored) => {
                self.end(deletion, State::InternalError, Vec::new()).await
            }
            Err(error) => Err(error),
        }
    }

    /// What the deletion comes to; none if that cannot be said yet.
    async fn attempt(&self, deletion: &Deletion) -> Result<Option<(State, Vec<Usage>)>, Error> {
        let Some((service, _)) = TrustedService::of_role(&deletion.role) else {
            return Ok(Some((State::InternalError, Vec::new())));
        };
        let enrolments = store::enrolments::of_account(self.db.reader(), deletion.account).await?;
        let used = usages(&enrolments, service, &deletion.incarnation);
        if !used.is_empty() {
            return Ok(Some((State::Failed, used)));
        }
        let behalf = Behalf {
            operator: deletion.operator.clone(),
            call_id: deletion.call_id.clone(),
            deadline: Instant::now() + CALL_TIMEOUT,
        };
        match self.linked_roles.delete(&behalf, deletion.account, &deletion.incarnation, &deletion.role).await? {
            Deleted::InUse => Ok(None),
            Deleted::Gone(position) => {
                // Whoever reads that it succeeded finds no fact of the role any more.
                self.mirrored(&behalf, &position).await?;
                Ok(Some((State::Succeeded, Vec::new())))
            }
        }
    }

    async fn end(&self, deletion: Deletion, state: State, usages: Vec<Usage>) -> Result<bool, Error> {
        let ended = &deletion.end(state, usages, self.now());
        let work = |tx: Tx| async move {
            // Another holder of the lease may have been faster.
            if store::role_deletions::save(tx.conn(), ended).await? {
                let recorded = Recorded {
                    resource: ended.name(),
                    tenant: Tenant::Account(ended.account),
                    accounts: vec![ended.account.name()],
                    request_id: String::new(),
                    facts: Vec::new(),
                };
                tx.record(recorded.by_service(Role::Delegation, METHOD, self.now()));
            }
            Ok::<_, DbError>(())
        };
        self.db.write("end_role_deletion", work).await?;
        if state == State::InternalError {
            tracing::warn!(deletion = ended.name(), "a service-linked role could not be deleted");
        }
        Ok(true)
    }
}
