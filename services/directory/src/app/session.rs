//! Sessions of roles.

use bailiwick_api::{TOKEN_LEN_MAX, TokenClaims};
use bailiwick_core::{
    AccountId, IdentityName, Timestamp,
    authz::{Document, Environment, Refusal, Verdict},
};
use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

use super::{App, Done, Error, Made, Mutation, last_use::minute, own_account, role, standing::lock_for, token::Token};
use crate::{
    domain::{self, member::Membership, role::Role, session},
    store,
};

/// What is asked for. All of it is well formed.
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
            let locked = lock_for(conn, call, id).await?;
            if locked.membership.as_ref().is_some_and(Membership::is_suspended) {
                return Err(domain::Error::MemberPendingDeletion(id).into());
            }
            let now = self.now();
            let role = role::find(conn, id, asked.role).await?.own()?;
            refuse_untrusted(call, caller, &role, now)?;
            let source = match &proof.session {
                // Who was signed in by a provider goes on as the role that it was signed in as: that one can be revoked.
                Some(source) => source.clone().or_else(|| Some((caller.clone(), proof.generation))),
                None => Some((caller.clone(), proof.generation)),
            };
            let lasts = session::duration(asked.seconds, role.max_session_seconds, proof.session.is_some())?;
            // What a session begins ends with it at the latest, and what a rotated key began ends with that.
            let bounds = [
                Some(now.after(lasts)),
                proof.expires.filter(|_| proof.session.is_some()),
                end_of_key(conn, caller, &call.operator.access_key_id, now).await?,
            ];
            let expires = bounds.into_iter().flatten().min().unwrap_or(now);
            let claims = TokenClaims {
                session: Some(asked.session_name.to_owned()),
                session_policy: asked.policy.as_ref().map(|policy| policy.text().to_owned()),
                source: source.as_ref().map(|(identity, _)| identity.to_string()),
                source_generation: source.as_ref().map(|(_, generation)| *generation),
                provider: proof.signed_in.as_ref().map(|person| person.provider.clone()),
                subject: proof.signed_in.as_ref().map(|person| person.subject.clone()),
                mfa: proof.mfa,
                epoch: epoch.to_owned(),
                ..self.claims(&role.identity(), role.generation, &call.operator.access_key_id, now, expires)
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
}

/// When the key that a user's token was had with is disabled because it was rotated; none if that is not known.
async fn end_of_key(
    conn: &impl ConnectionTrait,
    caller: &IdentityName,
    key: &str,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    let IdentityName::User(account, user) = caller else { return Ok(None) };
    let Some(key) = store::access_key::get(conn, *account, user, key).await? else { return Ok(None) };
    // Tokens of a rotated key are not revoked at its end: this one has just expired.
    if key.is_usable(now) { Ok(key.disable_time) } else { Err(Refusal::revoked(caller).into()) }
}

/// Refuses a caller whom the role does not trust, as it is now: the gateway may have decided by its last trust policy, or
/// by that of a namesake.
fn refuse_untrusted(call: &Call, caller: &IdentityName, role: &Role, now: Timestamp) -> Result<(), Error> {
    let permit = &call.permit;
    let secure_transport = permit.authentication().is_some_and(|proof| proof.secure_transport);
    let mfa = permit.authentication().is_some_and(|proof| proof.mfa);
    let environment = Environment { source_ip: call.operator.source_ip.parse().ok(), now, secure_transport };
    let external_id = Some(permit.external_id()).filter(|id| !id.is_empty());
    let trust = store::sign_in::trust(role)?;
    if matches!(trust.trusts(caller, external_id, &environment.with_mfa(mfa)), Verdict::Allow(_)) {
        return Ok(());
    }
    Err(Refusal::role_not_trusted(&role.identity(), caller).into())
}
