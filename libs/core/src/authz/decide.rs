//! The decision.

use crate::{AccountId, DirectoryId, NameError, Owner, PrincipalKind, ResourceName, TrustedService};

use super::{
    Caller, Facts, IdentityFact, Permit, Principal, Reason, Refusal, Rule, Seat, Session, Tenant, policy::SystemPolicy,
};

/// What a request names: the values of the fields that its rule points at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// The value of the rule's `resource`; empty if the rule has none.
    pub resource: String,
    /// The values of the rule's `accounts`, in the order of its paths.
    pub accounts: Vec<String>,
}

/// One condition of a decision, for explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was asked.
    pub condition: String,
    /// Whether it holds.
    pub holds: bool,
    /// The fact or policy that decided it.
    pub because: String,
}

/// Decides a call. Conditions are looked at in a fixed order: who calls, whether the tenant is any of the caller's, the
/// seat, the policies, trusted access, the accounts acted on; the first that fails is the refusal.
///
/// # Errors
/// The refusal, fit to be shown to the caller.
pub fn decide(rule: &Rule, caller: &Caller, facts: &impl Facts, targets: &Targets) -> Result<Permit, Refusal> {
    Decision { rule, facts, targets, steps: None }.run(caller)
}

/// Decides a call as [`decide`] does, and says what was looked at.
pub fn explain(
    rule: &Rule,
    caller: &Caller,
    facts: &impl Facts,
    targets: &Targets,
) -> (Result<Permit, Refusal>, Vec<Step>) {
    let mut decision = Decision { rule, facts, targets, steps: Some(Vec::new()) };
    let result = decision.run(caller);
    (result, decision.steps.unwrap_or_default())
}

struct Decision<'f, F> {
    rule: &'f Rule,
    facts: &'f F,
    targets: &'f Targets,
    steps: Option<Vec<Step>>,
}

/// Where the caller stands: its account, and the directory which that belongs to.
#[derive(Clone, Copy)]
struct Standing {
    account: AccountId,
    directory: Option<DirectoryId>,
}

impl<'f, F: Facts> Decision<'f, F> {
    fn run(&mut self, caller: &Caller) -> Result<Permit, Refusal> {
        let rule = self.rule;
        match (rule.seat, caller) {
            // Nothing was asked about the credential, so the permit names nobody.
            (Seat::Public, _) => return Ok(self.permit(None, Tenant::Platform)),
            (Seat::Internal, Caller::Service(role)) if rule.callers.contains(role) => {
                let mut permit = self.permit(None, Tenant::Platform);
                permit.service = Some(*role);
                return Ok(permit);
            }
            (Seat::Internal, _) | (_, Caller::Service(_)) => return Err(self.internal()),
            _ => {}
        }
        let Caller::Identity(who) = caller else {
            self.note("the caller is identified", false, || "the call carries no credential".to_owned());
            return Err(refusal(Reason::CredentialMissing, "the call needs a credential; none was sent".to_owned()));
        };
        let identity = self.identity(who)?;
        if rule.seat == Seat::Authenticated {
            return Ok(self.permit(Some((who, self.standing(who))), Tenant::Platform));
        }
        let Some(standing) = self.standing(who) else {
            let holds = rule.seat == Seat::PlatformOperator && identity.kind == PrincipalKind::PlatformOperator;
            self.seat(holds, || format!("`{}` is an operator of the platform", who.identity))?;
            return Ok(self.permit(Some((who, None)), Tenant::Platform));
        };
        let (tenant, directory) = self.held_seat(standing)?;
        self.policies(who, identity)?;
        self.operator_named(identity)?;
        self.trusted_access(directory)?;
        self.accounts(tenant, directory)?;
        Ok(self.permit(Some((who, Some(standing))), tenant))
    }

    /// The identity of a token, if the token still counts.
    fn identity(&mut self, who: &Principal) -> Result<&'f IdentityFact, Refusal> {
        let facts = self.facts;
        let identity = facts.identity(&who.identity).filter(|i| i.enabled && i.generation <= who.generation);
        self.note("the identity is enabled and its token not revoked", identity.is_some(), || {
            format!("`{}` at generation {}", who.identity, who.generation)
        });
        identity.ok_or_else(|| {
            let message = format!("`{}` or the credential that the token was had with has been disabled", who.identity);
            refusal(Reason::CredentialRevoked, message).with("principal", who.identity.to_string())
        })
    }

    fn standing(&self, who: &Principal) -> Option<Standing> {
        let account = who.identity.account()?;
        Some(Standing { account, directory: self.facts.account(account).and_then(|fact| fact.directory) })
    }

    /// The tenant of the call and the directory in which its accounts must be, if the caller holds the seat.
    fn held_seat(&mut self, standing: Standing) -> Result<(Tenant, Option<DirectoryId>), Refusal> {
        if self.rule.resource.is_none() {
            self.seat(self.rule.seat == Seat::OwnAccount, || format!("`{}`", standing.account.name()))?;
            return Ok((Tenant::Account(standing.account), None));
        }
        let targets = self.targets;
        let field = self.rule.resource.map_or("", |path| path.text);
        let name = ResourceName::parse(&targets.resource);
        let name = name.map_err(|e| self.malformed(field, &targets.resource, &e))?;
        match name.owner() {
            Owner::Account(owner) => self.account_seat(standing, owner),
            Owner::Directory(owner) => self.directory_seat(standing, owner, &name),
        }
    }

    fn account_seat(&mut self, standing: Standing, owner: AccountId) -> Result<(Tenant, Option<DirectoryId>), Refusal> {
        let own = owner == standing.account;
        let shared = standing.directory.filter(|d| self.member_of(owner, *d));
        self.visible(own || shared.is_some())?;
        let holds = match self.rule.seat {
            Seat::OwnAccount => own,
            Seat::OwnAccountOrAdministrator => {
                own || shared.is_some_and(|directory| self.administers(directory, standing.account))
            }
            // STAND-IN of this branch: the trust policy is not asked. The authorization helper's part replaces it.
            Seat::TrustedPrincipal => {
                let role = self.targets.resource.parse().ok().and_then(|role| self.facts.identity(&role));
                role.is_some_and(|role| role.kind == PrincipalKind::Role && role.enabled)
            }
            _ => false,
        };
        self.seat(holds, || format!("`{}` calls about `{}`", standing.account.name(), owner.name()))?;
        // The owner's own identities need neither trusted access nor enrolment.
        Ok((Tenant::Account(owner), if own { None } else { shared }))
    }

    fn directory_seat(
        &mut self,
        standing: Standing,
        owner: DirectoryId,
        name: &ResourceName<'_>,
    ) -> Result<(Tenant, Option<DirectoryId>), Refusal> {
        let belongs = standing.directory == Some(owner);
        let invited = self.rule.seat == Seat::Invitee
            && self.facts.invitee(owner, name.last()).is_some_and(|account| account == standing.account);
        self.visible(belongs || invited)?;
        let management = self.facts.management_account(owner) == Some(standing.account);
        let holds = match self.rule.seat {
            Seat::ManagementAccount => management,
            Seat::Administrator | Seat::OwnAccountOrAdministrator => self.administers(owner, standing.account),
            Seat::Member => !management && name.target_account().is_ok_and(|account| account == standing.account),
            Seat::Invitee => invited,
            _ => false,
        };
        self.seat(holds, || format!("`{}` calls about `{}`", standing.account.name(), owner.name()))?;
        Ok((Tenant::Directory(owner), Some(owner)))
    }

    fn administers(&self, directory: DirectoryId, account: AccountId) -> bool {
        self.facts.management_account(directory) == Some(account)
            || match self.rule.trusted_service {
                Some(service) => self.facts.is_administrator(directory, service, account),
                None => TrustedService::ALL.into_iter().any(|s| self.facts.is_administrator(directory, s, account)),
            }
    }

    fn member_of(&self, account: AccountId, directory: DirectoryId) -> bool {
        self.facts.account(account).is_some_and(|fact| fact.directory == Some(directory))
    }

    /// Refuses what belongs to a tenant that the caller has nothing to do with, in the words for what does not exist.
    fn visible(&mut self, visible: bool) -> Result<(), Refusal> {
        let resource = &self.targets.resource;
        self.note("the resource belongs to a tenant of the caller", visible, || format!("`{resource}`"));
        if visible { Ok(()) } else { Err(Refusal::not_found(resource)) }
    }

    fn seat(&mut self, holds: bool, because: impl FnOnce() -> String) -> Result<(), Refusal> {
        let rule = self.rule;
        let of = match rule.trusted_service {
            Some(service) if !holds || self.steps.is_some() => format!(" of {service}"),
            _ => String::new(),
        };
        self.note_with(|| format!("the caller holds the seat {}{of}", rule.seat.as_str()), holds, because);
        if holds {
            return Ok(());
        }
        let message = match rule.seat {
            Seat::ManagementAccount => {
                "only the management account of the directory may do this; sign in as one of its identities".to_owned()
            }
            Seat::Administrator if rule.trusted_service.is_none() => {
                "only the management account and delegated administrators of the directory may do this".to_owned()
            }
            Seat::Administrator => {
                format!("only the management account and the delegated administrator{of} may do this in the directory")
            }
            Seat::OwnAccountOrAdministrator => {
                format!("only the account itself and the delegated administrator{of} may do this")
            }
            Seat::PlatformOperator => "only an operator of the platform may do this".to_owned(),
            Seat::Invitee => "only the account that was invited may do this".to_owned(),
            Seat::Member => "only the member itself may do this".to_owned(),
            _ => "only an identity of the account itself may do this".to_owned(),
        };
        let refusal = refusal(Reason::SeatRequired, message)
            .with("required_seat", rule.seat.as_str().to_owned())
            .with("action", rule.action.to_owned());
        Err(match rule.trusted_service {
            Some(service) => refusal.with("trusted_service", service.id().to_owned()),
            None => refusal,
        })
    }

    fn policies(&mut self, who: &Principal, identity: &IdentityFact) -> Result<(), Refusal> {
        let rule = self.rule;
        for action in std::iter::once(rule.action).chain(rule.also_requires.iter().copied()) {
            let root = identity.kind == PrincipalKind::Root;
            let policy = identity.policies.iter().find(|policy: &&SystemPolicy| policy.allows(action));
            let holds = root || policy.is_some();
            self.note_with(
                || format!("a policy of the identity allows `{action}`"),
                holds,
                || match policy {
                    _ if root => "a root user may do what its account may do".to_owned(),
                    Some(policy) => format!("policy `{}`", policy.name()),
                    None => format!("none of the {} policies of `{}` does", identity.policies.len(), who.identity),
                },
            );
            if !holds {
                let message = format!("no policy of `{}` allows `{action}`", who.identity);
                return Err(refusal(Reason::ActionNotAllowed, message).with("action", action.to_owned()));
            }
        }
        Ok(())
    }

    fn operator_named(&mut self, identity: &IdentityFact) -> Result<(), Refusal> {
        if !self.rule.operator_required {
            return Ok(());
        }
        let holds = identity.kind != PrincipalKind::Root;
        self.note("the operator has a name of its own", holds, || {
            "root users are shared by whoever has them".to_owned()
        });
        if holds {
            return Ok(());
        }
        let message =
            "a root user may not do this; use a RAM user or role, so that the operator is recorded".to_owned();
        Err(refusal(Reason::OperatorRequired, message).with("action", self.rule.action.to_owned()))
    }

    fn trusted_access(&mut self, directory: Option<DirectoryId>) -> Result<(), Refusal> {
        let (Some(service), Some(directory)) = (self.rule.trusted_service, directory) else { return Ok(()) };
        let holds = self.facts.trusted_access(directory, service);
        self.note_with(|| format!("{service} may work on the directory"), holds, || format!("`{}`", directory.name()));
        if holds {
            return Ok(());
        }
        let message =
            format!("{service} has not been authorized to work on the directory; enable trusted access first");
        Err(refusal(Reason::TrustedAccessRequired, message).with("trusted_service", service.id().to_owned()))
    }

    /// The accounts acted on must belong to the directory; where the call is about the caller's own account, which is
    /// then no matter of a directory, they must be that account.
    fn accounts(&mut self, tenant: Tenant, directory: Option<DirectoryId>) -> Result<(), Refusal> {
        let rule = self.rule;
        let targets = self.targets;
        for value in &targets.accounts {
            let field = rule.accounts.first().map_or("", |path| path.text);
            let named = ResourceName::parse(value).and_then(|name| Ok((name.owner(), name.target_account()?)));
            let (owner, account) = named.map_err(|e| self.malformed(field, value, &e))?;
            let inside = match directory {
                Some(directory) => match owner {
                    Owner::Directory(other) if other != directory => false,
                    Owner::Directory(_) | Owner::Account(_) => self.member_of(account, directory),
                },
                None => tenant == Tenant::Account(account) && owner == Owner::Account(account),
            };
            self.note("the account acted on belongs to the tenant", inside, || format!("`{value}`"));
            if !inside {
                let tenant = if directory.is_some() { "the directory" } else { "the account that calls" };
                let message = format!("`{}` does not belong to {tenant}", account.name());
                return Err(refusal(Reason::AccountNotInDirectory, message).with("account", account.name()));
            }
            if let (true, Some(service), Some(directory)) = (rule.enrolled, rule.trusted_service, directory) {
                let enrolled = self.facts.is_enrolled(directory, service, account);
                self.note("the account acted on is enrolled", enrolled, || format!("`{}`", account.name()));
                if !enrolled {
                    let message = format!("`{}` is not in the scope of {service}", account.name());
                    return Err(refusal(Reason::AccountNotEnrolled, message)
                        .with("account", account.name())
                        .with("trusted_service", service.id().to_owned()));
                }
            }
        }
        Ok(())
    }

    fn malformed(&mut self, field: &'static str, value: &str, error: &NameError) -> Refusal {
        self.note_with(|| format!("`{field}` is well formed"), false, || error.to_string());
        invalid(field, value, error)
    }

    fn internal(&mut self) -> Refusal {
        self.note("the caller is a role of the suite that the method is for", false, || "its allow list".to_owned());
        refusal(Reason::InternalMethod, "the method is for the roles of the suite alone".to_owned())
    }

    fn permit(&self, who: Option<(&Principal, Option<Standing>)>, tenant: Tenant) -> Permit {
        let standing = who.and_then(|(_, standing)| standing);
        Permit {
            path: self.rule.path,
            tenant,
            principal: who.map(|(principal, _)| {
                let session = principal.session.as_ref();
                let session = session.map(|session| Session { policy: None, ..session.clone() });
                Box::new(Principal { session, ..principal.clone() })
            }),
            account: standing.map(|s| s.account),
            directory: standing.and_then(|s| s.directory),
            service: None,
            resource: self.targets.resource.clone(),
            accounts: self.targets.accounts.clone(),
            revision: self.facts.revision(),
            operator: None,
        }
    }

    fn note(&mut self, condition: &str, holds: bool, because: impl FnOnce() -> String) {
        self.note_with(|| condition.to_owned(), holds, because);
    }

    /// Texts are made only when somebody asked for an explanation: a decision itself allocates nothing but its permit.
    fn note_with(&mut self, condition: impl FnOnce() -> String, holds: bool, because: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.steps {
            steps.push(Step { condition: condition(), holds, because: because() });
        }
    }
}

fn refusal(reason: Reason, message: String) -> Refusal {
    Refusal { reason, message, metadata: Vec::new(), field: None }
}

fn invalid(field: &'static str, value: &str, error: &NameError) -> Refusal {
    let message = if value.is_empty() { format!("`{field}` is required") } else { format!("`{field}`: {error}") };
    Refusal { reason: Reason::InvalidField, message, metadata: Vec::new(), field: Some(field) }
}
