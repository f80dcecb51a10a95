//! The decision.

mod accounts;
mod policies;
mod trust;

use crate::{AccountId, DirectoryId, IdentityName, NameError, Owner, PrincipalKind, ResourceName, TrustedService};

use super::{
    Caller, Circumstances, Designation, Environment, Explanation, Facts, IdentityFact, Permit, PolicyType, Principal,
    Reason, Refusal, Rule, Scope, Seat, Step, Tenant,
};

/// How many folders lie above an account at most: a longer way is a fault, or a circle.
const MAX_FOLDERS: usize = 10;

/// What a request names: the values of the fields that its rule points at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// The value of the rule's `resource`; empty if the rule has none.
    pub resource: String,
    /// The values of the rule's `accounts`, in the order of its paths.
    pub accounts: Vec<String>,
    /// The value of the rule's `external_id`; empty if the rule has none.
    pub external_id: String,
}

/// Decides a call. Conditions are looked at in a fixed order: who calls, whether the tenant is any of the caller's, the
/// seat, the policies, trusted access, the accounts acted on; the first that fails is the refusal.
///
/// # Errors
/// The refusal, fit to be shown to the caller.
pub fn decide(
    rule: &Rule,
    caller: &Caller,
    facts: &impl Facts,
    targets: &Targets,
    environment: &Environment,
) -> Result<Permit, Refusal> {
    Decision { rule, facts, targets, environment, notes: None }.run(caller)
}

/// Decides a call as [`decide`] does, and says what was looked at.
pub fn explain(
    rule: &Rule,
    caller: &Caller,
    facts: &impl Facts,
    targets: &Targets,
    environment: &Environment,
) -> (Result<Permit, Refusal>, Explanation) {
    let mut decision = Decision { rule, facts, targets, environment, notes: Some(Explanation::default()) };
    let result = decision.run(caller);
    (result, decision.notes.unwrap_or_default())
}

struct Decision<'f, F> {
    rule: &'f Rule,
    facts: &'f F,
    targets: &'f Targets,
    environment: &'f Environment,
    notes: Option<Explanation>,
}

/// A known identity, and what is known of its call.
#[derive(Clone, Copy)]
struct Who<'f, 'c> {
    principal: &'c Principal,
    fact: &'f IdentityFact,
    circumstances: Circumstances,
}

/// A seat that is held.
struct Held {
    tenant: Tenant,
    /// The directory in which the accounts acted on must be; none where the call is the matter of one account.
    directory: Option<DirectoryId>,
    scope: Scope,
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
        let Caller::Identity(principal) = caller else {
            self.note("the caller is identified", false, || "the call carries no credential".to_owned());
            return Err(refusal(Reason::CredentialMissing, "the call needs a credential; none was sent".to_owned()));
        };
        let who = self.identity(principal)?;
        if rule.seat == Seat::Authenticated {
            self.purpose(&who, rule.action)?;
            return Ok(self.permit(Some((principal, self.standing(principal))), Tenant::Platform));
        }
        let Some(standing) = self.standing(principal) else {
            let holds = rule.seat == Seat::PlatformOperator && who.fact.kind == PrincipalKind::PlatformOperator;
            self.seat(holds, || format!("`{}` is an operator of the platform", principal.identity))?;
            self.purpose(&who, rule.action)?;
            return Ok(self.permit(Some((principal, None)), Tenant::Platform));
        };
        if rule.seat == Seat::TrustedPrincipal {
            self.operator_named(&who)?;
            let tenant = self.trusted(&who, standing)?;
            self.policies(&who, standing)?;
            return Ok(self.permit(Some((principal, Some(standing))), tenant));
        }
        let held = self.held_seat(standing)?;
        self.policies(&who, standing)?;
        self.operator_named(&who)?;
        self.trusted_access(held.directory)?;
        self.accounts(&held)?;
        let mut permit = self.permit(Some((principal, Some(standing))), held.tenant);
        permit.scope = held.scope;
        Ok(permit)
    }

    /// The identity of a credential, if that still counts.
    fn identity<'c>(&mut self, principal: &'c Principal) -> Result<Who<'f, 'c>, Refusal> {
        let facts = self.facts;
        let known = |identity, generation| {
            facts.identity(identity).filter(|fact: &&IdentityFact| fact.enabled && fact.generation <= generation)
        };
        let fact = known(&principal.identity, principal.generation);
        self.note("the identity is enabled and its token not revoked", fact.is_some(), || {
            format!("`{}` at generation {}", principal.identity, principal.generation)
        });
        let fact = fact.ok_or_else(|| Refusal::revoked(&principal.identity))?;
        self.credential(principal)?;
        self.active(&principal.identity)?;
        let source = principal.session.as_ref().and_then(|s| Some((s.source.as_ref()?, s.source_generation)));
        if let Some((source, generation)) = source {
            let holds = known(source, generation).is_some();
            self.note("the identity that the session began with is enabled and its token not revoked", holds, || {
                format!("`{source}` at generation {generation}")
            });
            if !holds {
                return Err(Refusal::revoked(source));
            }
            self.active(source)?;
        }
        Ok(Who { principal, fact, circumstances: self.environment.with_mfa(principal.mfa) })
    }

    /// Refuses a single-purpose credential that is no more, or no longer accepted.
    fn credential(&mut self, principal: &Principal) -> Result<(), Refusal> {
        let Some(purpose) = &principal.purpose else { return Ok(()) };
        let fact = self.facts.credential(&purpose.credential);
        let holds = fact.is_some_and(|fact| {
            let same = fact.user == principal.identity && fact.action == purpose.action;
            same && self.environment.now < fact.expires
        });
        self.note("the credential is known and has not expired", holds, || format!("`{}`", purpose.credential));
        if holds { Ok(()) } else { Err(Refusal::revoked(&principal.identity)) }
    }

    /// Refuses whoever belongs to an account that waits for its deletion.
    fn active(&mut self, identity: &IdentityName) -> Result<(), Refusal> {
        let Some(account) = identity.account() else { return Ok(()) };
        if !self.facts.account(account).is_some_and(|fact| fact.suspended) {
            return Ok(());
        }
        self.note("the account of the identity is active", false, || format!("`{}`", account.name()));
        Err(Refusal::suspended(account))
    }

    fn standing(&self, who: &Principal) -> Option<Standing> {
        let account = who.identity.account()?;
        Some(Standing { account, directory: self.facts.account(account).and_then(|fact| fact.directory) })
    }

    /// The seat, if the caller holds it.
    fn held_seat(&mut self, standing: Standing) -> Result<Held, Refusal> {
        if self.rule.resource.is_none() {
            self.seat(self.rule.seat == Seat::OwnAccount, || format!("`{}`", standing.account.name()))?;
            return Ok(Held { tenant: Tenant::Account(standing.account), directory: None, scope: Scope::Whole });
        }
        let name = self.resource()?;
        match name.owner() {
            Owner::Account(owner) => self.account_seat(standing, owner),
            Owner::Directory(owner) => self.directory_seat(standing, owner, &name),
        }
    }

    /// The resource that the call names.
    fn resource(&mut self) -> Result<ResourceName<'f>, Refusal> {
        let targets = self.targets;
        let field = self.rule.resource.map_or("", |path| path.text);
        ResourceName::parse(&targets.resource).map_err(|e| self.malformed(field, &targets.resource, &e))
    }

    fn account_seat(&mut self, standing: Standing, owner: AccountId) -> Result<Held, Refusal> {
        let own = owner == standing.account;
        let shared = standing.directory.filter(|d| self.member_of(owner, *d));
        self.visible(own || shared.is_some())?;
        let scope = match self.rule.seat {
            Seat::OwnAccount | Seat::OwnAccountOrAdministrator if own => Some(Scope::Whole),
            Seat::OwnAccountOrAdministrator => {
                shared.and_then(|directory| self.administers(directory, standing.account))
            }
            _ => None,
        };
        self.seat(scope.is_some(), || format!("`{}` calls about `{}`", standing.account.name(), owner.name()))?;
        // The owner's own identities need neither trusted access nor enrolment.
        let directory = if own { None } else { shared };
        Ok(Held { tenant: Tenant::Account(owner), directory, scope: scope.unwrap_or_default() })
    }

    fn directory_seat(
        &mut self,
        standing: Standing,
        owner: DirectoryId,
        name: &ResourceName<'_>,
    ) -> Result<Held, Refusal> {
        let belongs = standing.directory == Some(owner);
        let invited = self.rule.seat == Seat::Invitee
            && self.facts.invitee(owner, name.last()).is_some_and(|account| account == standing.account);
        self.visible(belongs || invited)?;
        let management = self.facts.management_account(owner) == Some(standing.account);
        let whole = |holds: bool| holds.then_some(Scope::Whole);
        let scope = match self.rule.seat {
            Seat::ManagementAccount => whole(management),
            Seat::Administrator | Seat::OwnAccountOrAdministrator => self.administers(owner, standing.account),
            Seat::Member => {
                whole(!management && name.target_account().is_ok_and(|account| account == standing.account))
            }
            Seat::Invitee => whole(invited),
            _ => None,
        };
        self.seat(scope.is_some(), || format!("`{}` calls about `{}`", standing.account.name(), owner.name()))?;
        let scope = scope.unwrap_or_default();
        Ok(Held { tenant: Tenant::Directory(owner), directory: Some(owner), scope })
    }

    /// How far an account administers the rule's service, or any service if the rule is for administrators of any.
    fn administers(&self, directory: DirectoryId, account: AccountId) -> Option<Scope> {
        if self.facts.management_account(directory) == Some(account) {
            return Some(Scope::Whole);
        }
        let mut folders = Vec::new();
        for service in TrustedService::ALL {
            if self.rule.trusted_service.is_some_and(|wanted| wanted != service) {
                continue;
            }
            match self.facts.designation(directory, service, account) {
                Some(Designation::Directory) => return Some(Scope::Whole),
                Some(Designation::Folder(folder)) => folders.push(folder.to_owned()),
                None => {}
            }
        }
        folders.sort_unstable();
        folders.dedup();
        (!folders.is_empty()).then_some(Scope::Folders(folders))
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
            Some(service) if !holds || self.notes.is_some() => format!(" of {service}"),
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

    fn operator_named(&mut self, who: &Who<'_, '_>) -> Result<(), Refusal> {
        // A role is assumed by a user or another role, never by a root user (E-GW-03).
        if !self.rule.operator_required && self.rule.seat != Seat::TrustedPrincipal {
            return Ok(());
        }
        let holds = who.fact.kind != PrincipalKind::Root;
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
            identity: who.map(|(principal, _)| principal.identity.clone()),
            account: standing.map(|s| s.account),
            directory: standing.and_then(|s| s.directory),
            service: None,
            resource: self.targets.resource.clone(),
            accounts: self.targets.accounts.clone(),
            external_id: self.targets.external_id.clone(),
            scope: Scope::Whole,
            authentication: who.map(|(principal, _)| principal.authentication(self.environment)),
            revision: self.facts.revision(),
            operator: None,
        }
    }

    fn note(&mut self, condition: &str, holds: bool, because: impl FnOnce() -> String) {
        self.note_with(|| condition.to_owned(), holds, because);
    }

    /// Texts are made only when somebody asked for an explanation: a decision itself allocates nothing but its permit.
    fn note_with(&mut self, condition: impl FnOnce() -> String, holds: bool, because: impl FnOnce() -> String) {
        if let Some(notes) = &mut self.notes {
            notes.steps.push(Step { condition: condition(), holds, because: because() });
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
