//! Sessions of roles.

use bailiwick_api::{TOKEN_LEN_MAX, TokenClaims};
use bailiwick_core::{
    AccountId, IdentityName,
    authz::{Document, Reason, Refusal},
};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

use super::{App, Done, Error, Made, Mutation, last_use::minute, lock_account, own_account, role, token::Token};
use crate::{
    domain::{self, member::Membership, session},
    store,
};

/// What is asked for. All of it is well formed; whether the role trusts the caller was decided before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole<'a> {
    /// The account of the role.
    pub account: AccountId,
    /// Its id.
    pub role: &'a str,
    /// The name of the session.
    pub session_name: &'a str,
    /// What narrows it.
    pub policy: Option<Document>,
    /// How long it lasts, in seconds.
    pub seconds: u32,
}

/// A session that was begun.
#[derive(Serialize, Deserialize)]
pub struct NewSession {
    /// The resource name of the role.
    pub principal: String,
    /// Its name.
    pub session_name: String,
    /// Its token, without its text in the answer to a repetition.
    pub token: Token,
}

impl App {
    /// Begins a session of a role (E-GW-02). Its source is the caller, or who began the session that the caller is, at the
    /// generation of the caller's token: that of the database could be a later one, and would make a revoked token good.
    pub async fn role_assume(
        &self,
        call: &Call,
        change: &Mutation,
        asked: &AssumeRole<'_>,
    ) -> Result<Done<NewSession>, Error> {
        let id = own_account(&call.permit, asked.account)?;
        let permit = &call.permit;
        let caller = permit.identity().zip(permit.authentication());
        let (caller, proof) = caller.ok_or_else(|| Refusal::not_found(permit.resource()))?;
        let epoch = self.db.epoch().await?;
        let epoch = epoch.as_str();
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let locked = lock_account(conn, id).await?;
            if locked.membership.as_ref().is_some_and(Membership::is_suspended) {
                return Err(domain::Error::MemberPendingDeletion(id).into());
            }
            let now = self.now();
            let role = role::find(conn, id, asked.role).await?.own()?;
            self.refuse_revoked(conn, caller, proof.generation).await?;
            let source = match &proof.session {
                // Who was signed in by a provider goes on as the role that it was signed in as: that one can be revoked.
                Some(source) => source.clone().or_else(|| Some((caller.clone(), proof.generation))),
                None => Some((caller.clone(), proof.generation)),
            };
            if let (Some(_), Some((first, generation))) = (&proof.session, &source) {
                self.refuse_revoked(conn, first, *generation).await?;
            }
            let lasts = session::duration(asked.seconds, role.max_session_seconds, proof.session.is_some())?;
            let claims = TokenClaims {
                session: Some(asked.session_name.to_owned()),
                session_policy: asked.policy.as_ref().map(|policy| policy.text().to_owned()),
                source: source.as_ref().map(|(identity, _)| identity.to_string()),
                source_generation: source.as_ref().map(|(_, generation)| *generation),
                mfa: proof.mfa,
                epoch: epoch.to_owned(),
                ..self.claims(&role.identity(), role.generation, &call.operator.access_key_id, now, now.after(lasts))
            };
            let token = self.issue(&claims)?;
            if token.text.len() > TOKEN_LEN_MAX {
                return Err(domain::Error::SessionPolicyTooLong.into());
            }
            store::role::touch_role_use(conn, id, &role.id, minute(now)).await?;
            let made = Made { resource: role.name(), tenant: locked.tenant(), accounts: vec![id], facts: Vec::new() };
            self.record(&tx, call, change, now, made);
            Ok(NewSession { principal: role.name(), session_name: asked.session_name.to_owned(), token })
        };
        self.mutate("role_assume", change, work).await
    }

    /// Refuses a token whose identity is disabled, deleted or of a later generation by now: the gateway may not know yet.
    async fn refuse_revoked(
        &self,
        conn: &impl ConnectionTrait,
        identity: &IdentityName,
        generation: i64,
    ) -> Result<(), Error> {
        let present = match identity {
            IdentityName::User(account, user) => {
                let user = store::user::get(conn, *account, user).await?;
                user.filter(|user| user.enabled).map(|user| user.generation)
            }
            IdentityName::Role(account, role) => {
                store::role::get(conn, *account, role).await?.map(|role| role.generation)
            }
            IdentityName::Operator(_) => None,
        };
        match present {
            Some(present) if present <= generation => Ok(()),
            _ => Err(revoked(identity).into()),
        }
    }
}

fn revoked(identity: &IdentityName) -> Refusal {
    Refusal {
        reason: Reason::CredentialRevoked,
        message: format!("`{identity}` or the credential that the token was had with has been disabled"),
        metadata: vec![("principal", identity.to_string())],
        field: None,
    }
}
