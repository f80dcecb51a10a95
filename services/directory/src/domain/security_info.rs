//! The security information of accounts: a phone number and an e-mail address that codes are sent to (R-DIR-21). A new one
//! counts once the code that was sent to it came back (E-DIR-23, E-DIR-24).

use bailiwick_core::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Error,
    account::AccountType,
    destination::{Channel, Destination},
    verification::Purpose,
};

/// The security information of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityInfo {
    /// The account.
    pub account: AccountId,
    /// The phone.
    pub phone: Contact,
    /// The e-mail address.
    pub email: Contact,
}

/// One way to reach the owner of an account. Both addresses are of its channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// What counts.
    pub current: Option<Destination>,
    /// The latest change.
    pub change: Option<ContactChange>,
}

/// A change of a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactChange {
    /// What it is changed to.
    pub to: Destination,
    /// What became of it; see [`ContactChange::state_at`].
    pub state: ChangeState,
    /// When its code expires.
    pub expire_time: Timestamp,
}

/// Where a change of a contact is (E-DIR-24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeState {
    /// It waits for its code.
    WaitModify,
    /// It counts.
    Confirmed,
    /// It was dropped.
    Cancelled,
    /// Its code expired. Never stored.
    Expired,
}

impl ChangeState {
    /// The name in the contract, without its prefix.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WaitModify => "WAIT_MODIFY",
            Self::Confirmed => "CONFIRMED",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}

impl Channel {
    /// What a code confirms that is sent to a new address.
    pub const fn binding(self) -> Purpose {
        match self {
            Self::Phone => Purpose::BindPhone,
            Self::Email => Purpose::BindEmail,
        }
    }
}

impl ContactChange {
    /// Where it is now.
    pub fn state_at(&self, now: Timestamp) -> ChangeState {
        match self.state {
            ChangeState::WaitModify if now >= self.expire_time => ChangeState::Expired,
            state => state,
        }
    }
}

impl SecurityInfo {
    /// That of an account that has none.
    pub fn none(account: AccountId) -> Self {
        Self { account, phone: Contact::default(), email: Contact::default() }
    }

    /// The resource name.
    pub fn name(&self) -> String {
        format!("{}/securityInfo", self.account.name())
    }

    /// A contact.
    pub fn contact(&self, channel: Channel) -> &Contact {
        match channel {
            Channel::Phone => &self.phone,
            Channel::Email => &self.email,
        }
    }

    /// The addresses that count, the phone first.
    pub fn destinations(&self) -> Vec<Destination> {
        [&self.phone, &self.email].into_iter().filter_map(|contact| contact.current.clone()).collect()
    }

    /// Where a code goes: by the channel that is asked for, or else to the phone, or to the e-mail address if there is no
    /// phone (R-DIR-21, R-DIR-27).
    pub fn reach(&self, channel: Option<Channel>) -> Result<Destination, Error> {
        let asked = |destination: &Destination| channel.is_none_or(|channel| destination.channel() == channel);
        self.destinations().into_iter().find(asked).ok_or(Error::MissingSecurityInfo(self.account))
    }

    /// Whether a contact may change: the phone of a resource account is bound once (E-DIR-23).
    pub fn may_change(&self, channel: Channel, kind: AccountType) -> Result<(), Error> {
        let bound = channel == Channel::Phone && kind == AccountType::Resource && self.phone.current.is_some();
        if bound { Err(Error::PhoneAlreadyBound(self.account)) } else { Ok(()) }
    }

    /// Where the next code for the change that waits goes; its code may have expired.
    pub fn resend(&self, channel: Channel, kind: AccountType) -> Result<Destination, Error> {
        self.may_change(channel, kind)?;
        match &self.contact(channel).change {
            Some(change) if change.state == ChangeState::WaitModify => Ok(change.to.clone()),
            change => Err(Error::ContactChangeNotPending(change.as_ref().map(|change| change.state))),
        }
    }

    /// A code was sent to a new address: from now on the change waits, in place of any other.
    pub fn sent(mut self, to: Destination, expire_time: Timestamp) -> Self {
        let contact = self.contact_mut(to.channel());
        contact.change = Some(ContactChange { to, state: ChangeState::WaitModify, expire_time });
        self
    }

    /// Makes the change that waits count; the address is what the code must have been sent to.
    pub fn confirm(
        mut self,
        channel: Channel,
        kind: AccountType,
        now: Timestamp,
    ) -> Result<(Self, Destination), Error> {
        self.may_change(channel, kind)?;
        let waiting = self.waiting(channel, now)?;
        let to = waiting.to.clone();
        waiting.state = ChangeState::Confirmed;
        self.contact_mut(channel).current = Some(to.clone());
        Ok((self, to))
    }

    /// Drops the change that waits.
    pub fn cancel(mut self, channel: Channel, now: Timestamp) -> Result<Self, Error> {
        self.waiting(channel, now)?.state = ChangeState::Cancelled;
        Ok(self)
    }

    fn waiting(&mut self, channel: Channel, now: Timestamp) -> Result<&mut ContactChange, Error> {
        let state = self.contact(channel).change.as_ref().map(|change| change.state_at(now));
        let waiting = self.contact_mut(channel).change.as_mut().filter(|_| state == Some(ChangeState::WaitModify));
        waiting.ok_or(Error::ContactChangeNotPending(state))
    }

    fn contact_mut(&mut self, channel: Channel) -> &mut Contact {
        match channel {
            Channel::Phone => &mut self.phone,
            Channel::Email => &mut self.email,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(100);
    const EXPIRES: Timestamp = Timestamp::from_micros(200);

    fn id() -> AccountId {
        1_000_000_000_000_002.try_into().unwrap()
    }

    fn phone(number: &str) -> Destination {
        Destination::new(Channel::Phone, number).unwrap()
    }

    fn email() -> Destination {
        Destination::new(Channel::Email, "owner@example.com").unwrap()
    }

    fn bound(to: Destination) -> SecurityInfo {
        let waiting = SecurityInfo::none(id()).sent(to.clone(), EXPIRES);
        waiting.confirm(to.channel(), AccountType::Cloud, NOW).unwrap().0
    }

    #[test]
    fn a_new_address_counts_once_it_is_confirmed() {
        let waiting = SecurityInfo::none(id()).sent(email(), EXPIRES);
        assert!(waiting.destinations().is_empty());
        let (confirmed, to) = waiting.confirm(Channel::Email, AccountType::Resource, NOW).unwrap();
        assert_eq!((to, confirmed.destinations()), (email(), vec![email()]));
        assert_eq!(confirmed.email.change.unwrap().state, ChangeState::Confirmed);
    }

    // covers: E-DIR-24
    #[test]
    fn what_waits_can_be_confirmed_cancelled_or_resent_and_nothing_else_can() {
        use ChangeState::{Cancelled, Confirmed, Expired, WaitModify};
        let waiting = SecurityInfo::none(id()).sent(email(), EXPIRES);
        let cases = [
            (SecurityInfo::none(id()), NOW, None, false),
            (waiting.clone(), NOW, Some(WaitModify), true),
            (waiting.clone(), EXPIRES, Some(Expired), true),
            (waiting.clone().cancel(Channel::Email, NOW).unwrap(), NOW, Some(Cancelled), false),
            (bound(email()), NOW, Some(Confirmed), false),
        ];
        for (info, now, state, resendable) in cases {
            let change = info.email.change.as_ref();
            assert_eq!(change.map(|change| change.state_at(now)), state);
            let not_pending = Error::ContactChangeNotPending(state);
            let expected = if state == Some(WaitModify) { Ok(()) } else { Err(not_pending) };
            assert_eq!(info.clone().cancel(Channel::Email, now).map(drop), expected);
            assert_eq!(info.clone().confirm(Channel::Email, AccountType::Resource, now).map(drop), expected);
            assert_eq!(info.resend(Channel::Email, AccountType::Resource).is_ok(), resendable);
            let of_the_other = info.clone().cancel(Channel::Phone, now);
            assert_eq!(of_the_other, Err(Error::ContactChangeNotPending(None)));
        }
    }

    // covers: E-DIR-23
    #[test]
    fn the_phone_of_a_resource_account_is_bound_once() {
        let waiting = bound(phone("+4930123456")).sent(phone("+4930999999"), EXPIRES);
        let refusal = Error::PhoneAlreadyBound(id());
        assert_eq!(waiting.may_change(Channel::Phone, AccountType::Resource), Err(refusal.clone()));
        assert_eq!(waiting.resend(Channel::Phone, AccountType::Resource), Err(refusal.clone()));
        assert_eq!(waiting.clone().confirm(Channel::Phone, AccountType::Resource, NOW), Err(refusal));
        assert_eq!(waiting.may_change(Channel::Email, AccountType::Resource), Ok(()));
        let (moved, _) = waiting.confirm(Channel::Phone, AccountType::Cloud, NOW).unwrap();
        assert_eq!(moved.destinations(), [phone("+4930999999")]);
        assert_eq!(bound(email()).may_change(Channel::Email, AccountType::Resource), Ok(()));
    }

    // covers: R-DIR-21
    #[test]
    fn codes_go_to_the_phone_or_to_the_address() {
        let missing = Err(Error::MissingSecurityInfo(id()));
        let number = phone("+4930123456");
        let both = SecurityInfo { phone: bound(number.clone()).phone, ..bound(email()) };
        let cases = [
            (SecurityInfo::none(id()), None, missing.clone()),
            (SecurityInfo::none(id()).sent(email(), EXPIRES), None, missing.clone()),
            (bound(email()), None, Ok(email())),
            (bound(email()), Some(Channel::Phone), missing),
            (both.clone(), None, Ok(number)),
            (both, Some(Channel::Email), Ok(email())),
        ];
        for (info, channel, expected) in cases {
            assert_eq!(info.reach(channel), expected);
        }
    }
}
