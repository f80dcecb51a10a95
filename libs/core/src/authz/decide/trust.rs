//! Who may assume a role.

use crate::{IdentityName, NameError, PrincipalKind};

use super::{super::Verdict, Decision, Facts, IdentityFact, Refusal, Standing, Tenant, Who};

const ROLE: &str = "accounts/{account}/roles/{role}";

impl<F: Facts> Decision<'_, F> {
    /// The tenant of the role that the call names, if the role trusts the caller. That there is such a role is told only
    /// to whoever it invites, and in the directory of its account.
    pub(super) fn trusted(&mut self, who: &Who<'_, '_>, standing: Standing) -> Result<Tenant, Refusal> {
        let targets = self.targets;
        let name = self.resource()?;
        let (Ok(role @ IdentityName::Role(..)), Ok(owner)) = (name.as_str().parse(), name.target_account()) else {
            let field = self.rule.resource.map_or("", |path| path.text);
            return Err(self.malformed(field, &targets.resource, &NameError::Pattern(ROLE)));
        };
        let caller = &who.principal.identity;
        let external_id = Some(targets.external_id.as_str()).filter(|id| !id.is_empty());
        let suspended = self.facts.account(owner).is_some_and(|fact| fact.suspended);
        let assumable = |fact: &&IdentityFact| fact.enabled && fact.kind == PrincipalKind::Role && !suspended;
        let document = self.facts.identity(&role).filter(assumable).and_then(|fact| fact.trust_policy.as_ref());
        let verdict = document.map(|trust| trust.trusts(caller, external_id, &who.circumstances));
        let trusted = matches!(verdict, Some(Verdict::Allow(_)));
        let near = owner == standing.account || standing.directory.is_some_and(|d| self.member_of(owner, d));
        self.visible(trusted || near || document.is_some_and(|trust| trust.invites(caller)))?;
        self.note("the role trusts the caller", trusted, || match verdict {
            Some(Verdict::Allow(by) | Verdict::Deny(by)) => format!("statement {} of its trust policy", by.index),
            _ => "no statement of its trust policy".to_owned(),
        });
        if trusted {
            return Ok(Tenant::Account(owner));
        }
        Err(Refusal::role_not_trusted(&role, caller))
    }
}
