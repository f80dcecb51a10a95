//! Verification codes, for the calls that need one (R-DIR-27, R-DIR-28, E-DIR-23).
//!
//! Such a call looks at the code first, in a transaction of its own: a wrong guess is counted there whatever becomes of
//! the call, whose own transaction is rolled back when it is refused. Then the call uses the code up in its transaction,
//! so that the code and what it confirms stand or fall together. Looking refuses nothing: a repetition of a request that
//! went well finds its code used, and must get its first answer all the same.

use std::time::Duration;

use bailiwick_core::AccountId;
use bailiwick_db::{DbError, Tx};
use bailiwick_rpc::Call;
use sea_orm::DbErr;

use super::{App, Error, Locked, sweep::ago};
use crate::{
    domain::{
        self,
        destination::Destination,
        message::Message,
        verification::{Code, Guess, Purpose, RATE_WINDOW, Rules, State, Subject, Verification},
    },
    store::{self, outbox::Envelope, verification::Kept},
};

/// What a sealed code belongs to, besides its id.
const SEALED_CODE: &[u8] = b"verification code";

/// What came of looking at a code. Only [`App::verification_use`] says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The verification whose code it is; none if it is none.
    verification: Option<String>,
    /// Wrong guesses that the code still bears.
    attempts_left: u32,
}

impl App {
    /// Sends a code: writes the verification, and the message with it, in the transaction of the caller, who has locked
    /// the directory of the account, if it has one, and then the account. A former code for the same account and purpose
    /// is dead. Refuses where too many were sent.
    pub(super) async fn verification_request(
        &self,
        tx: &Tx,
        call: &Call,
        locked: &Locked,
        purpose: Purpose,
        destination: Destination,
    ) -> Result<Verification, Error> {
        let (conn, now, account) = (tx.conn(), self.now(), &locked.account);
        let since = ago(now, RATE_WINDOW);
        let sent = store::verification::recent(conn, locked.tenant(), account.id, purpose, since).await?;
        let subject = subject(call, locked, purpose, destination);
        let new = Verification::request(self.random_id(), subject, sent, self.verification_rules(), now)?;
        self.verification_withdraw(tx, account.id, purpose).await?;
        let code = Code::random(self.entropy.as_ref());
        let sealed_code = self.sealed(&[SEALED_CODE, new.id.as_bytes()], code.digits().as_bytes())?;
        store::verification::insert(conn, locked.tenant(), &new, sealed_code).await?;
        let envelope = self.envelope(&Message {
            id: new.id.clone(),
            destination: new.subject.destination.clone(),
            purpose,
            account: account.id,
            account_name: account.display_name.clone(),
            requester: new.subject.requester.clone(),
            code,
            expire_time: new.expire_time,
        })?;
        store::outbox::insert(conn, Envelope { due: now, ..envelope }).await?;
        Ok(new)
    }

    /// Makes the code that was last sent for a purpose dead, in the transaction of a caller who has locked the account. Its
    /// message is not sent, if it is not on its way.
    pub(super) async fn verification_withdraw(&self, tx: &Tx, of: AccountId, purpose: Purpose) -> Result<(), Error> {
        let conn = tx.conn();
        let Some(Kept { verification, .. }) = store::verification::lock_sent(conn, of, purpose).await? else {
            return Ok(());
        };
        let replaced = Verification { state: State::Replaced, ..verification };
        store::verification::save(conn, &replaced).await?;
        store::outbox::delete(conn, &replaced.id).await?;
        Ok(())
    }

    /// Looks at the code that a caller presents, and counts it if it is wrong. To be called before the transaction of the
    /// call, after the account was compared with the permit.
    pub(super) async fn verification_attempt(
        &self,
        call: &Call,
        of: AccountId,
        purpose: Purpose,
        presented: &str,
    ) -> Result<Attempt, Error> {
        let by = &call.operator.principal;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let void = Attempt { verification: None, attempts_left: 0 };
            let Some(kept) = store::verification::lock_sent(conn, of, purpose).await? else { return Ok(void) };
            let code = self.opened(&kept)?;
            match kept.verification.guess(by, &code, presented, self.now()) {
                Guess::Void => Ok(void),
                Guess::Right => {
                    let attempts_left = kept.verification.attempts_left(self.now());
                    Ok(Attempt { verification: Some(kept.verification.id), attempts_left })
                }
                Guess::Wrong(counted) => {
                    store::verification::save(conn, &counted).await?;
                    Ok(Attempt { verification: None, attempts_left: counted.attempts_left(self.now()) })
                }
            }
        };
        Ok(self.db.write::<_, Error, _, _>("verification_attempt", work).await?.value)
    }

    /// Uses the code up, in the transaction of the call that it confirms, which has locked the account. Refuses unless
    /// the attempt was right, and the code is good for exactly this: `destinations` are the addresses that it may have been
    /// sent to, as they are now.
    pub(super) async fn verification_use(
        &self,
        tx: &Tx,
        call: &Call,
        locked: &Locked,
        attempt: &Attempt,
        (purpose, destinations): (Purpose, Vec<Destination>),
    ) -> Result<(), Error> {
        let conn = tx.conn();
        let invalid = domain::Error::VerificationCodeInvalid { attempts_left: attempt.attempts_left };
        let Some(id) = &attempt.verification else { return Err(invalid.into()) };
        let found = store::verification::lock(conn, locked.account.id, id).await?.ok_or(invalid)?;
        let destination = destinations.into_iter().find(|destination| *destination == found.subject.destination);
        let destination = destination.ok_or(domain::Error::VerificationCodeInvalid { attempts_left: 0 })?;
        let used = found.use_for(&subject(call, locked, purpose, destination), self.now())?;
        store::verification::save(conn, &used).await?;
        store::outbox::delete(conn, &used.id).await?;
        Ok(())
    }

    fn verification_rules(&self) -> Rules {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Rules {
            validity: seconds(self.limits.verification_seconds),
            pause: seconds(self.limits.verification_pause_seconds),
            per_day_max: self.limits.verifications_per_day_max,
        }
    }

    fn opened(&self, kept: &Kept) -> Result<Code, DbError> {
        let sealed = kept.sealed_code.as_deref().unwrap_or_default();
        let bound: [&[u8]; 2] = [SEALED_CODE, kept.verification.id.as_bytes()];
        let digits = self.sealer.open(&bound, sealed).map_err(|error| DbErr::Custom(error.to_string()))?;
        Code::from_kept(&digits).ok_or_else(|| DbErr::Custom("a row has a malformed code".to_owned()).into())
    }

    /// Seals what is stored.
    pub(super) fn sealed(&self, bound: &[&[u8]], plain: &[u8]) -> Result<Vec<u8>, DbError> {
        self.sealer.seal(bound, plain).map_err(|error| DbErr::Custom(error.to_string()).into())
    }
}

fn subject(call: &Call, locked: &Locked, purpose: Purpose, destination: Destination) -> Subject {
    let incarnation = locked.membership.as_ref().map(|membership| membership.incarnation.clone());
    Subject {
        purpose,
        account: locked.account.id,
        incarnation: incarnation.unwrap_or_default(),
        requester: call.operator.principal.clone(),
        destination,
    }
}
