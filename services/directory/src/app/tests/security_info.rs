//! Phone numbers and e-mail addresses, and the codes that make them count.

use std::time::Duration;

use futures::future::join_all;

use super::{super::Whose, deletion::deletion, *};
use crate::{
    domain::{
        Error as Refusal,
        account::AccountType,
        destination::{Channel, Destination},
        security_info::{ChangeState, SecurityInfo},
    },
    store,
};

pub(super) fn email(address: &str) -> Destination {
    Destination::new(Channel::Email, address).unwrap()
}

pub(super) fn phone(number: &str) -> Destination {
    Destination::new(Channel::Phone, number).unwrap()
}

impl World {
    /// A call of the root user of whoever sees to the security information.
    async fn contact_call(&self, by: AccountId, whose: Whose, verb: &str) -> Call {
        let (method, resource) = match whose {
            Whose::Own(of) => (format!("{verb}SecurityContact"), format!("{}/securityInfo", of.name())),
            Whose::Member(of, who) => (format!("{verb}MemberContact"), format!("{}/members/{who}", of.name())),
        };
        self.root(by, &format!("SecurityInfoService/{method}"), &resource).await
    }

    async fn change_contact(&self, by: AccountId, whose: Whose, to: &Destination) -> Result<SecurityInfo, Error> {
        let call = self.contact_call(by, whose, "Change").await;
        Ok(self.app.security_contact_change(&call, &change(), whose, to).await?.value)
    }

    async fn resend_contact(&self, by: AccountId, whose: Whose, channel: Channel) -> Result<SecurityInfo, Error> {
        let call = self.contact_call(by, whose, "Resend").await;
        Ok(self.app.security_contact_resend(&call, &change(), whose, channel).await?.value)
    }

    async fn confirm_contact(
        &self,
        by: AccountId,
        whose: Whose,
        channel: Channel,
        code: &str,
    ) -> Result<SecurityInfo, Error> {
        let call = self.contact_call(by, whose, "Confirm").await;
        Ok(self.app.security_contact_confirm(&call, &change(), whose, channel, code).await?.value)
    }

    async fn cancel_contact(&self, by: AccountId, whose: Whose, channel: Channel) -> Result<SecurityInfo, Error> {
        let call = self.contact_call(by, whose, "Cancel").await;
        Ok(self.app.security_contact_cancel(&call, &change(), whose, channel).await?.value)
    }

    /// The code that was delivered last.
    pub(super) async fn delivered_code(&self) -> String {
        self.app.deliver_due().await.unwrap();
        self.delivered.take().pop().unwrap().code.digits().to_owned()
    }

    /// Makes an address count.
    pub(super) async fn bind(&self, by: AccountId, whose: Whose, to: &Destination) {
        self.change_contact(by, whose, to).await.unwrap();
        let code = self.delivered_code().await;
        self.confirm_contact(by, whose, to.channel(), &code).await.unwrap();
    }
}

fn wrong(code: &str) -> String {
    let other = if code.starts_with('0') { '1' } else { '0' };
    format!("{other}{}", &code[1..])
}

fn not_pending(state: ChangeState) -> Refusal {
    Refusal::ContactChangeNotPending(Some(state))
}

// covers: E-DIR-24
#[tokio::test]
async fn an_account_changes_its_address_with_a_code_sent_to_the_new_one() {
    for world in worlds().await {
        let id = world.account("standalone", None).await;
        let (whose, channel) = (Whose::Own(id), Channel::Email);
        let waiting = world.change_contact(id, whose, &email("owner@example.com")).await.unwrap();
        assert_eq!(waiting.email.current, None, "{}", world.engine);
        assert_eq!(waiting.email.change.as_ref().unwrap().state, ChangeState::WaitModify);
        world.app.deliver_due().await.unwrap();
        let message = world.delivered.take().pop().unwrap();
        assert_eq!((message.destination, message.account), (email("owner@example.com"), id));
        let code = message.code.digits();
        let refusal = refused(world.confirm_contact(id, whose, channel, &wrong(code)).await);
        assert_eq!(refusal, Refusal::VerificationCodeInvalid { attempts_left: 4 }, "{}", world.engine);
        let confirmed = world.confirm_contact(id, whose, channel, code).await.unwrap();
        assert_eq!(confirmed.destinations(), [email("owner@example.com")]);
        let again = refused(world.confirm_contact(id, whose, channel, code).await);
        assert_eq!(again, not_pending(ChangeState::Confirmed), "{}", world.engine);

        let made = world.last_change().await;
        assert_eq!((made.resource, made.tenant), (format!("{}/securityInfo", id.name()), id.name()));
        // The former address counts until another is confirmed.
        world.clock.advance(Duration::from_mins(1));
        world.change_contact(id, whose, &email("other@example.com")).await.unwrap();
        let call = world.root(id, "SecurityInfoService/GetSecurityInfo", &confirmed.name()).await;
        let read = world.app.security_info_get(&call, whose).await.unwrap();
        assert_eq!(read.destinations(), [email("owner@example.com")], "{}", world.engine);
        assert_eq!(read.email.change.unwrap().to, email("other@example.com"));
        let elsewhere = world.account("another", None).await;
        let read = world.app.security_info_get(&call, Whose::Own(elsewhere)).await;
        assert!(matches!(read, Err(Error::Refused(_))), "{}: the permit is for one account", world.engine);
    }
}

// covers: E-DIR-24
#[tokio::test]
async fn a_change_expires_is_resent_and_is_cancelled() {
    for world in worlds().await {
        let id = world.account("standalone", None).await;
        let (whose, channel) = (Whose::Own(id), Channel::Email);
        let nothing = refused(world.resend_contact(id, whose, channel).await);
        assert_eq!(nothing, Refusal::ContactChangeNotPending(None), "{}", world.engine);
        world.change_contact(id, whose, &email("owner@example.com")).await.unwrap();
        let first = world.delivered_code().await;
        let soon = refused(world.resend_contact(id, whose, channel).await);
        assert!(matches!(soon, Refusal::VerificationTooSoon { .. }), "{}", world.engine);
        world.clock.advance(Duration::from_mins(10));
        let late = refused(world.confirm_contact(id, whose, channel, &first).await);
        assert_eq!(late, not_pending(ChangeState::Expired), "{}", world.engine);
        world.resend_contact(id, whose, channel).await.unwrap();
        let second = world.delivered_code().await;
        let cancelled = world.cancel_contact(id, whose, channel).await.unwrap();
        assert_eq!(cancelled.email.change.unwrap().state, ChangeState::Cancelled);
        for refusal in [
            refused(world.confirm_contact(id, whose, channel, &second).await),
            refused(world.resend_contact(id, whose, channel).await),
            refused(world.cancel_contact(id, whose, channel).await),
        ] {
            assert_eq!(refusal, not_pending(ChangeState::Cancelled), "{}", world.engine);
        }
        // What is cancelled before it was sent is not sent.
        world.clock.advance(Duration::from_mins(1));
        world.change_contact(id, whose, &email("owner@example.com")).await.unwrap();
        world.cancel_contact(id, whose, channel).await.unwrap();
        assert_eq!(world.app.deliver_due().await.unwrap(), 0, "{}", world.engine);
        assert!(store::security_info::get(world.app.db.reader(), id).await.unwrap().destinations().is_empty());
    }
}

// covers: E-DIR-23
#[tokio::test]
async fn the_management_account_binds_the_phone_of_a_resource_account_once() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let cloud = world.cloud_member(by, directory, "cloud", "Acme").await;
        let number = phone("+4930123456");
        let refusal = refused(world.change_contact(by, Whose::Member(directory, cloud), &number).await);
        assert_eq!(refusal, Refusal::MemberTypeMismatch(AccountType::Cloud), "{}", world.engine);
        let id = world.member(by, directory, "created").await.unwrap().membership.account;
        let whose = Whose::Member(directory, id);
        world.bind(by, whose, &number).await;
        let made = world.last_change().await;
        assert_eq!((made.tenant, made.accounts), (directory.name(), vec![id.name()]), "{}", world.engine);
        world.clock.advance(Duration::from_mins(1));
        let again = refused(world.change_contact(by, whose, &phone("+4930999999")).await);
        assert_eq!(again, Refusal::PhoneAlreadyBound(id), "{}", world.engine);
        world.bind(by, whose, &email("one@example.com")).await;
        world.clock.advance(Duration::from_mins(1));
        world.bind(by, whose, &email("two@example.com")).await;
        let name = format!("{}/members/{id}", directory.name());
        let call = world.root(by, "SecurityInfoService/GetMemberSecurityInfo", &name).await;
        let read = world.app.security_info_get(&call, whose).await.unwrap();
        assert_eq!(read.destinations(), [number, email("two@example.com")], "{}", world.engine);
        let standalone = world.account("standalone", None).await;
        let missing = refused(world.app.security_info_get(&call, Whose::Member(directory, standalone)).await);
        assert!(matches!(missing, Refusal::NotFound(_)), "{}", world.engine);
    }
}

#[tokio::test]
async fn who_waits_for_deletion_changes_nothing_and_is_forgotten_with_it() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        let id = world.member(by, directory, "created").await.unwrap().membership.account;
        let whose = Whose::Member(directory, id);
        world.bind(by, whose, &email("owner@example.com")).await;
        world.delete(by, directory, id, &deletion(&[], 1)).await.unwrap();
        world.clock.advance(Duration::from_mins(1));
        let refusal = refused(world.change_contact(by, whose, &email("two@example.com")).await);
        assert_eq!(refusal, Refusal::MemberPendingDeletion(id), "{}", world.engine);
        world.clock.advance(Duration::from_hours(24));
        world.app.sweep().await.unwrap();
        let left = store::security_info::get(world.app.db.reader(), id).await.unwrap();
        assert_eq!(left, SecurityInfo::none(id), "{}", world.engine);
        let gone = refused(world.change_contact(by, whose, &email("two@example.com")).await);
        assert!(matches!(gone, Refusal::NotFound(_)), "{}", world.engine);
    }
}

#[tokio::test]
async fn of_confirmations_at_the_same_time_one_wins() {
    for world in worlds().await {
        let id = world.account("standalone", None).await;
        let whose = Whose::Own(id);
        world.change_contact(id, whose, &email("owner@example.com")).await.unwrap();
        let code = world.delivered_code().await;
        let tries = join_all((0..6).map(|_| world.confirm_contact(id, whose, Channel::Email, &code))).await;
        assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1, "{}", world.engine);
        for loser in tries.into_iter().filter(Result::is_err).map(refused) {
            assert_eq!(loser, not_pending(ChangeState::Confirmed), "{}", world.engine);
        }
    }
}
