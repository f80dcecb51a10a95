//! The policies: what is denied, what bounds, what allows.

use std::io::Write as _;

use crate::{AccountId, ResourceName};

use super::{
    super::{AttachedPolicy, ControlPolicy, Matched, Matches, PolicyMatch},
    Circumstances, Decision, Facts, MAX_FOLDERS, PolicyType, PrincipalKind, Reason, Refusal, Standing, Who, refusal,
};

/// An action upon a resource.
#[derive(Clone, Copy)]
struct Asked<'a> {
    action: &'a str,
    /// The names of the resource: the one in the call, empty if there is none; of an account, that of the account too.
    names: &'a [&'a str],
    circumstances: Circumstances,
}

/// The name of the account that a value means, `accounts/{account}`, without an allocation.
struct AccountName {
    bytes: [u8; Self::LENGTH],
    length: usize,
}

/// What a policy says. A policy whose document is not known denies: it could be one that does.
#[derive(Clone, Copy)]
enum Said<'d> {
    Known(Matches<'d>),
    Unknown,
}

/// Where on its way up an account is not bounded by anything that allows the action.
#[derive(Clone, Copy)]
enum Gap<'f> {
    Account,
    Folder(&'f str),
}

impl<'f, F: Facts> Decision<'f, F> {
    /// Whether every action that the rule asks for is allowed on everything that the call names.
    pub(super) fn policies(&mut self, who: &Who<'f, '_>, standing: Standing) -> Result<(), Refusal> {
        let (rule, targets) = (self.rule, self.targets);
        let resource = if rule.resource.is_some() { targets.resource.as_str() } else { "" };
        let circumstances = who.circumstances;
        let account = AccountName::of_resource(resource);
        for action in std::iter::once(rule.action).chain(rule.also_requires.iter().copied()) {
            let names = &AccountName::names(resource, account.as_ref());
            let by = self.allowed(who, standing, Asked { action, names, circumstances })?;
            for written in &targets.accounts {
                // A method may take several forms of name for an account, and a policy must not be avoided by the other.
                let account = AccountName::of(written);
                let names = &AccountName::names(written, account.as_ref());
                self.allowed(who, standing, Asked { action, names, circumstances })?;
            }
            self.note_with(
                || format!("a policy of the identity allows `{action}`"),
                true,
                || match by {
                    Some(policy) => format!("policy `{policy}`"),
                    None => "a root user may do what its account may do".to_owned(),
                },
            );
        }
        Ok(())
    }

    /// The policy of the identity that allows what is asked; none for a root user.
    fn allowed(&mut self, who: &Who<'f, '_>, standing: Standing, asked: Asked<'_>) -> Result<Option<&'f str>, Refusal> {
        let gap = self.control(standing, asked)?;
        let session = who.principal.session.as_ref().and_then(|session| Some((session, session.policy.as_ref()?)));
        let mut in_session = true;
        if let Some((session, policy)) = session {
            let matches = policy.matching_any(asked.action, asked.names, &asked.circumstances);
            self.not_denied(PolicyType::Session, &session.name, Said::Known(matches), asked)?;
            in_session = matches.allow.is_some();
        }
        let mut by = None;
        let facts = self.facts;
        for attached in &who.fact.policies {
            let document = match attached {
                AttachedPolicy::System(policy) => Some(policy.document()),
                AttachedPolicy::Custom(name) => facts.policy(name),
            };
            let said = match document {
                Some(document) => Said::Known(document.matching_any(asked.action, asked.names, &asked.circumstances)),
                None => Said::Unknown,
            };
            self.not_denied(PolicyType::Identity, attached.name(), said, asked)?;
            if said.allows() {
                by = by.or(Some(attached.name()));
            }
        }
        if let Some(gap) = gap {
            return Err(self.not_bounded(standing, gap, asked));
        }
        self.purpose(who, asked.action)?;
        if let (Some((session, _)), false) = (session, in_session) {
            let message = format!("the policy of the session `{}` does not allow `{}`", session.name, asked.action);
            return Err(self.not_allowed(PolicyType::Session, asked, message));
        }
        if by.is_none() && who.fact.kind != PrincipalKind::Root {
            let message = format!("no policy of `{}` allows `{}`", who.principal.identity, asked.action);
            return Err(self.not_allowed(PolicyType::Identity, asked, message));
        }
        Ok(by)
    }

    /// Refuses what a single-purpose credential is not for.
    pub(super) fn purpose(&mut self, who: &Who<'_, '_>, action: &str) -> Result<(), Refusal> {
        let Some(purpose) = &who.principal.purpose else { return Ok(()) };
        if purpose.action == action {
            return Ok(());
        }
        let asked = Asked { action, names: &[], circumstances: who.circumstances };
        let message = format!("the credential is good for `{}` alone, and not for `{action}`", purpose.action);
        Err(self.not_allowed(PolicyType::Credential, asked, message))
    }

    /// The control policies on the way from the account up to the root folder (E-DIR-27): the first place where nothing
    /// allows what is asked.
    fn control(&mut self, standing: Standing, asked: Asked<'_>) -> Result<Option<Gap<'f>>, Refusal> {
        let facts = self.facts;
        let bounded =
            |d: &_| facts.control_policies_enabled(*d) && facts.management_account(*d) != Some(standing.account);
        let Some(directory) = standing.directory.filter(bounded) else { return Ok(None) };
        let allowed = self.attached(facts.control_policies_of(standing.account), asked)?;
        let mut gap = (!allowed).then_some(Gap::Account);
        let mut next = facts.folder_of(standing.account);
        for _ in 0..MAX_FOLDERS {
            let Some(id) = next else { return Ok(gap.or(Some(Gap::Account))) };
            let Some(folder) = facts.folder(directory, id) else { return Ok(gap.or(Some(Gap::Folder(id)))) };
            if !self.attached(&folder.control_policies, asked)? {
                gap = gap.or(Some(Gap::Folder(id)));
            }
            match &folder.parent {
                Some(parent) => next = Some(parent),
                None => return Ok(gap),
            }
        }
        Ok(gap.or(next.map(Gap::Folder)))
    }

    /// Whether one of the control policies attached to a folder or an account allows what is asked, and none denies it.
    fn attached(&mut self, policies: &'f [ControlPolicy], asked: Asked<'_>) -> Result<bool, Refusal> {
        let mut allowed = false;
        let facts = self.facts;
        for policy in policies {
            let ControlPolicy::Custom(name) = policy else {
                allowed = true;
                continue;
            };
            let said = match facts.policy(name) {
                Some(document) => Said::Known(document.matching_any(asked.action, asked.names, &asked.circumstances)),
                None => Said::Unknown,
            };
            self.not_denied(PolicyType::Control, name, said, asked)?;
            allowed |= said.allows();
        }
        Ok(allowed)
    }

    fn not_denied(&mut self, kind: PolicyType, policy: &str, said: Said<'_>, asked: Asked<'_>) -> Result<(), Refusal> {
        if let Some(notes) = &mut self.notes {
            notes.policies.extend(said.told(kind, policy, asked));
        }
        if !said.denies() {
            return Ok(());
        }
        let (action, resource) = (asked.action, asked.resource());
        self.note_with(
            || format!("no policy denies `{action}`"),
            false,
            || format!("policy `{policy}` on `{resource}`"),
        );
        let message = format!("the policy `{policy}` denies `{action}`");
        Err(refusal(Reason::ActionDenied, message)
            .with("action", action.to_owned())
            .with("policy", policy.to_owned())
            .with("policy_type", kind.as_str().to_owned()))
    }

    fn not_bounded(&mut self, standing: Standing, gap: Gap<'_>, asked: Asked<'_>) -> Refusal {
        let node = match (gap, standing.directory) {
            (Gap::Folder(folder), Some(directory)) => format!("{}/folders/{folder}", directory.name()),
            (Gap::Account | Gap::Folder(_), _) => standing.account.name(),
        };
        let message = format!("no control policy of `{node}` allows `{}`", asked.action);
        self.not_allowed(PolicyType::Control, asked, message).with("node", node)
    }

    fn not_allowed(&mut self, kind: PolicyType, asked: Asked<'_>, message: String) -> Refusal {
        let of = match kind {
            PolicyType::Control => "the control policies allow",
            PolicyType::Session => "the policy of the session allows",
            PolicyType::Identity => "a policy of the identity allows",
            PolicyType::Credential => "the credential is good for",
        };
        self.note_with(|| format!("{of} `{}`", asked.action), false, || message.clone());
        refusal(Reason::ActionNotAllowed, message)
            .with("action", asked.action.to_owned())
            .with("policy_type", kind.as_str().to_owned())
    }
}

impl<'a> Asked<'a> {
    /// The resource as the call names it.
    fn resource(&self) -> &'a str {
        self.names.first().copied().unwrap_or_default()
    }
}

impl AccountName {
    const LENGTH: usize = "accounts/".len() + 16;
    /// Of what is an account in a directory.
    const COLLECTIONS: [&'static str; 2] = ["members", "delegatedAdministrators"];

    /// None if the value is no name of an account: the call is refused for that.
    fn of(value: &str) -> Option<Self> {
        Self::new(ResourceName::parse(value).ok()?.target_account().ok()?)
    }

    /// The account that a resource of a directory is: a member, or a delegated administrator.
    fn of_resource(name: &str) -> Option<Self> {
        let (above, last) = name.rsplit_once('/')?;
        let (directory, collection) = above.rsplit_once('/')?;
        let named = directory.starts_with("directories/") && Self::COLLECTIONS.contains(&collection);
        Self::new(last.parse().ok().filter(|_| named)?)
    }

    /// The name as it was written, and that of the account: twice the same if there is no other.
    fn names<'n>(written: &'n str, account: Option<&'n Self>) -> [&'n str; 2] {
        [written, account.map_or(written, Self::text)]
    }

    fn new(account: AccountId) -> Option<Self> {
        let mut bytes = [0; Self::LENGTH];
        let mut rest = bytes.as_mut_slice();
        write!(rest, "accounts/{account}").ok()?;
        let length = Self::LENGTH - rest.len();
        Some(Self { bytes, length })
    }

    fn text(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl Said<'_> {
    fn allows(self) -> bool {
        matches!(self, Self::Known(Matches { allow: Some(_), .. }))
    }

    fn denies(self) -> bool {
        matches!(self, Self::Unknown | Self::Known(Matches { deny: Some(_), .. }))
    }

    /// The statements that were found, for an explanation.
    fn told(self, kind: PolicyType, policy: &str, asked: Asked<'_>) -> impl Iterator<Item = PolicyMatch> {
        let found = |allows: bool, by: Option<Matched<'_>>| PolicyMatch {
            policy: policy.to_owned(),
            kind,
            action: asked.action.to_owned(),
            resource: asked.resource().to_owned(),
            allows,
            statement: by.map(|by| by.index),
            sid: by.and_then(|by| by.sid).unwrap_or_default().to_owned(),
        };
        let told = match self {
            Self::Unknown => [Some(found(false, None)), None],
            Self::Known(Matches { allow, deny }) => {
                [allow.map(|by| found(true, Some(by))), deny.map(|by| found(false, Some(by)))]
            }
        };
        told.into_iter().flatten()
    }
}
