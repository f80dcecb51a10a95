//! The decision once more, by walking a list of relations, after the product documents. Slow and plain on purpose: it
//! works on texts, keeps no index, and shares nothing with `decide` but the types that both are asked in.

use bailiwick_core::{
    PrincipalKind,
    authz::{
        AttachedPolicy, Caller, ControlPolicy, Fact, FactChange, IdentityFact, Placement, Principal, Reason, Rule,
        Seat, SystemPolicy, Targets, Tenant,
    },
};

/// What is known to be so.
#[derive(Clone, Debug)]
enum Relation {
    Member { account: String, directory: String, incarnation: String },
    Manages { account: String, directory: String },
    Bounded { directory: String },
    Placed { account: String, placement: Placement },
    Folder { directory: String, id: String, parent: Option<String>, policies: Vec<ControlPolicy> },
    Documented { policy: String },
    Trusted { directory: String, service: String },
    Designated { place: Place, folder: Option<String> },
    Enrolled { place: Place },
    Invited { account: String, directory: String, invitation: String },
    Known { identity: String, fact: IdentityFact },
}

/// A membership, and the service for which something is said of it.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    directory: String,
    service: String,
    account: String,
    incarnation: String,
}

/// All relations, in the order in which they were learnt.
#[derive(Clone, Debug, Default)]
pub struct Relations(Vec<Relation>);

impl Relations {
    /// Learns that something is so, or no longer.
    pub fn learn(&mut self, change: &FactChange) {
        // To say once more of a membership what it has takes nothing away.
        if change.removed || !matches!(change.fact, Fact::Delegation { .. } | Fact::Enrolment { .. }) {
            self.forget(&change.fact, change.removed);
        }
        if change.removed {
            return;
        }
        match change.fact.clone() {
            Fact::Account { account, membership, placement } => {
                self.0.push(Relation::Placed { account: account.to_string(), placement });
                if let Some((directory, incarnation)) = membership {
                    let (account, directory) = (account.to_string(), directory.to_string());
                    self.0.push(Relation::Member { account, directory, incarnation });
                }
            }
            Fact::Directory { directory, management_account, control_policies_enabled } => {
                let directory = directory.to_string();
                if control_policies_enabled {
                    self.0.push(Relation::Bounded { directory: directory.clone() });
                }
                if let Some(account) = management_account {
                    self.0.push(Relation::Manages { account: account.to_string(), directory });
                }
            }
            Fact::Folder { directory, folder: id, fact } => {
                let (directory, fact) = (directory.to_string(), fact.unwrap());
                let policies = fact.control_policies.into_vec();
                self.0.push(Relation::Folder { directory, id, parent: fact.parent, policies });
            }
            Fact::Policy { policy, .. } => self.0.push(Relation::Documented { policy }),
            Fact::Credential { .. } | Fact::RootUser { .. } => {}
            Fact::Identity { identity, fact } => {
                self.0.push(Relation::Known { identity: identity.to_string(), fact: fact.unwrap() });
            }
            Fact::TrustedAccess { directory, service } => {
                self.0.push(Relation::Trusted { directory: directory.to_string(), service: service.to_string() });
            }
            Fact::Delegation { directory, service, account, incarnation, folder } => {
                let place = place(&directory, &service, &account, incarnation);
                // What is said anew of a designation is how far it reaches now.
                self.0.retain(|r| !matches!(r, Relation::Designated { place: p, .. } if *p == place));
                self.0.push(Relation::Designated { place, folder });
            }
            Fact::Enrolment { directory, service, account, incarnation } => {
                let place = place(&directory, &service, &account, incarnation);
                self.0.push(Relation::Enrolled { place });
            }
            Fact::Invitation { directory, invitation, account } => {
                let (account, directory) = (account.unwrap().to_string(), directory.to_string());
                self.0.push(Relation::Invited { account, directory, invitation });
            }
        }
    }

    /// Drops what a fact speaks of: what it says anew replaces what was said before. What is said of a membership stays
    /// when the membership ends, and counts for nothing from then on, as no later membership is the same.
    fn forget(&mut self, fact: &Fact, removed: bool) {
        let same = |text: &String, id: &dyn ToString| *text == id.to_string();
        self.0.retain(|relation| !match (relation, fact) {
            (
                Relation::Member { account: a, .. } | Relation::Placed { account: a, .. },
                Fact::Account { account, .. },
            ) => same(a, account),
            (Relation::Folder { directory: d, id, .. }, Fact::Folder { directory, folder, .. }) => {
                same(d, directory) && id == folder
            }
            (Relation::Documented { policy: p }, Fact::Policy { policy, .. }) => p == policy,
            (
                Relation::Manages { directory: d, .. } | Relation::Bounded { directory: d },
                Fact::Directory { directory, .. },
            ) => same(d, directory),
            (Relation::Known { identity: i, .. }, Fact::Identity { identity, .. }) => same(i, identity),
            (Relation::Trusted { directory: d, service: s }, Fact::TrustedAccess { directory, service }) => {
                same(d, directory) && same(s, service)
            }
            (
                Relation::Designated { place: p, .. },
                Fact::Delegation { directory, service, account, incarnation, .. },
            )
            | (Relation::Enrolled { place: p }, Fact::Enrolment { directory, service, account, incarnation }) => {
                let any = Place { incarnation: p.incarnation.clone(), ..place(directory, service, account, "") };
                *p == any && (incarnation.is_empty() || p.incarnation == *incarnation)
            }
            (Relation::Invited { directory: d, invitation: i, .. }, Fact::Invitation { directory, invitation, .. }) => {
                same(d, directory) && i == invitation
            }
            _ => false,
        });
        // With a directory goes whatever is its own.
        if let (Fact::Directory { directory, .. }, true) = (fact, removed) {
            self.0.retain(|relation| {
                !matches!(relation, Relation::Trusted { directory: d, .. } | Relation::Invited { directory: d, .. } | Relation::Folder { directory: d, .. }
                    if same(d, directory))
            });
        }
    }

    /// The tenant that the call may be about, or why it is refused.
    pub fn verdict(&self, rule: &Rule, caller: &Caller, targets: &Targets) -> Result<Tenant, Reason> {
        match rule.seat {
            Seat::Public => return Ok(Tenant::Platform),
            Seat::Internal => {
                let listed = matches!(caller, Caller::Service(role) if rule.callers.contains(role));
                return if listed { Ok(Tenant::Platform) } else { Err(Reason::InternalMethod) };
            }
            _ => {}
        }
        let principal = match caller {
            Caller::Anonymous => return Err(Reason::CredentialMissing),
            Caller::Service(_) => return Err(Reason::InternalMethod),
            Caller::Identity(principal) => principal,
        };
        let identity = self.identity(principal).ok_or(Reason::CredentialRevoked)?;
        let name = principal.identity.to_string();
        let account = name.strip_prefix("accounts/").map(|rest| &rest[..16]);
        // E-DIR-20: nobody acts in an account that waits for its deletion.
        if account.is_some_and(|account| self.placement(account).suspended) {
            return Err(Reason::AccountSuspended);
        }
        match (rule.seat, account) {
            (Seat::Authenticated, _) => return Ok(Tenant::Platform),
            (Seat::PlatformOperator, None) if identity.kind == PrincipalKind::PlatformOperator => {
                return Ok(Tenant::Platform);
            }
            (Seat::PlatformOperator, _) => return Err(Reason::SeatRequired),
            _ => {}
        }
        let account = account.ok_or(Reason::SeatRequired)?;
        let subject = Subject::read(&targets.resource).ok_or(Reason::InvalidField)?;
        let seats = self.seats(account, &subject, rule);
        if seats.is_empty() {
            return Err(Reason::ResourceNotFound);
        }
        if !seats.contains(&Some(rule.seat)) {
            return Err(Reason::SeatRequired);
        }
        for action in std::iter::once(&rule.action).chain(rule.also_requires) {
            self.bounds_allow(account, action, &names_of_resource(&targets.resource))?;
            let allows = |policy: &AttachedPolicy| matches!(policy, AttachedPolicy::System(policy) if policy_allows(*policy, action));
            if identity.kind != PrincipalKind::Root && !identity.policies.iter().any(allows) {
                return Err(Reason::ActionNotAllowed);
            }
            for text in &targets.accounts {
                self.bounds_allow(account, action, &names_of_account(text))?;
            }
        }
        if identity.kind == PrincipalKind::Root && rule.operator_required {
            return Err(Reason::OperatorRequired);
        }
        match self.directory_at_issue(account, &subject) {
            Some(directory) => self.within_directory(account, &directory, &subject, rule, targets)?,
            None => within_account(account, targets)?,
        }
        Ok(match subject.owner {
            Owner::Account(owner) => Tenant::Account(owner.parse().unwrap()),
            Owner::Directory(owner) => Tenant::Directory(owner.parse().unwrap()),
        })
    }

    /// R-GW-01, R-DIR-30: an identity that is known and enabled, with a token that was not taken back.
    fn identity(&self, principal: &Principal) -> Option<&IdentityFact> {
        let name = principal.identity.to_string();
        self.0.iter().find_map(|relation| match relation {
            Relation::Known { identity, fact } if *identity == name => {
                (fact.enabled && principal.generation >= fact.generation).then_some(fact)
            }
            _ => None,
        })
    }

    /// The seats that the account has at what the call is about; one without a name for having to do with its tenant.
    fn seats(&self, account: &str, subject: &Subject, rule: &Rule) -> Vec<Option<Seat>> {
        let mut seats = Vec::new();
        match &subject.owner {
            // R-DIR-17, R-GW-12: an account belongs to itself.
            Owner::Account(owner) if owner == account => {
                seats.extend([Some(Seat::OwnAccount), Some(Seat::OwnAccountOrAdministrator)]);
            }
            Owner::Account(owner) => {
                for directory in self.directories(account) {
                    if self.is_member(owner, &directory) {
                        seats.push(None);
                        if self.administers(account, &directory, rule) {
                            seats.push(Some(Seat::OwnAccountOrAdministrator));
                        }
                    }
                }
            }
            Owner::Directory(directory) => {
                let manages = self.manages(account, directory);
                if self.is_member(account, directory) {
                    seats.push(None);
                    // R-DIR-04, R-GW-02: the organization is the management account's.
                    if manages {
                        seats.push(Some(Seat::ManagementAccount));
                    }
                    // R-GW-03: a service is the management account's and its own administrators'.
                    if self.administers(account, directory, rule) {
                        seats.extend([Some(Seat::Administrator), Some(Seat::OwnAccountOrAdministrator)]);
                    }
                    // E-DIR-33: a member leaves by itself; the management account is not one that can.
                    if !manages && subject.last == account {
                        seats.push(Some(Seat::Member));
                    }
                }
                // E-DIR-09: an invitation is its recipient's, who has to do with nothing else of the directory.
                if rule.seat == Seat::Invitee && self.is_invited(account, directory, &subject.last) {
                    seats.push(Some(Seat::Invitee));
                }
            }
        }
        seats
    }

    /// The directory whose matter the call is: none where an account acts on its own.
    fn directory_at_issue(&self, account: &str, subject: &Subject) -> Option<String> {
        match &subject.owner {
            Owner::Directory(directory) => Some(directory.clone()),
            Owner::Account(owner) if owner == account => None,
            Owner::Account(_) => self.directories(account).first().cloned(),
        }
    }

    fn within_directory(
        &self,
        caller: &str,
        directory: &str,
        about: &Subject,
        rule: &Rule,
        targets: &Targets,
    ) -> Result<(), Reason> {
        let service = rule.trusted_service.map(|service| service.to_string());
        // R-DEL-12, R-SC-04: the directory must have let the service in.
        if let Some(service) = &service {
            let trusted = |r: &Relation| matches!(r, Relation::Trusted { directory: d, service: s } if d == directory && s == service);
            if !self.0.iter().any(trusted) {
                return Err(Reason::TrustedAccessRequired);
            }
        }
        // Whoever administers folders alone acts on what is below them alone.
        let folders = self.folders(caller, directory, rule);
        let below = |account: &str| folders.as_ref().is_none_or(|folders| self.is_below(account, directory, folders));
        let scoped = match &about.owner {
            Owner::Account(owner) => below(owner),
            Owner::Directory(_) => folders.is_none() || rule.scope_filtered || !targets.accounts.is_empty(),
        };
        if !scoped {
            return Err(Reason::OutsideFolderScope);
        }
        for text in &targets.accounts {
            let subject = Subject::read(text).ok_or(Reason::InvalidField)?;
            let account = match &subject.owner {
                Owner::Account(account) => account,
                Owner::Directory(_) if !is_account(&subject.last) => return Err(Reason::InvalidField),
                Owner::Directory(other) if other != directory => return Err(Reason::AccountNotInDirectory),
                Owner::Directory(_) => &subject.last,
            };
            // R-SC-03, R-SASE-05, R-DEL-03: only members.
            if !self.is_member(account, directory) {
                return Err(Reason::AccountNotInDirectory);
            }
            if !below(account) {
                return Err(Reason::OutsideFolderScope);
            }
            // R-GW-04, R-GW-10: of these, only those in the scope of the service.
            if let (true, Some(service)) = (rule.enrolled, &service) {
                let counts = |r: &Relation| match r {
                    Relation::Enrolled { place } => self.counts(place, directory, service, account),
                    _ => false,
                };
                if !self.0.iter().any(counts) {
                    return Err(Reason::AccountNotEnrolled);
                }
            }
        }
        Ok(())
    }

    fn directories(&self, account: &str) -> Vec<String> {
        let of = |relation: &Relation| match relation {
            Relation::Member { account: a, directory, .. } if a == account => Some(directory.clone()),
            _ => None,
        };
        self.0.iter().filter_map(of).collect()
    }

    fn is_member(&self, account: &str, directory: &str) -> bool {
        self.directories(account).iter().any(|d| d == directory)
    }

    fn manages(&self, account: &str, directory: &str) -> bool {
        self.0
            .iter()
            .any(|r| matches!(r, Relation::Manages { account: a, directory: d } if a == account && d == directory))
    }

    fn is_invited(&self, account: &str, directory: &str, invitation: &str) -> bool {
        self.0.iter().any(|r| {
            matches!(r, Relation::Invited { account: a, directory: d, invitation: i }
                if a == account && d == directory && i == invitation)
        })
    }

    /// R-DEL-04, R-DEL-11: the management account, or an administrator of the service; of any, where any will do.
    fn administers(&self, account: &str, directory: &str, rule: &Rule) -> bool {
        let designated = |relation: &Relation| match (relation, rule.trusted_service) {
            (Relation::Designated { place, .. }, None) => self.counts(place, directory, &place.service, account),
            (Relation::Designated { place, .. }, Some(service)) => {
                self.counts(place, directory, &service.to_string(), account)
            }
            _ => false,
        };
        self.manages(account, directory) || self.0.iter().any(designated)
    }

    /// The folders that the account administers; none if it acts for the whole directory: as its management account, by a
    /// designation without a folder, or by a seat that has nothing to do with services.
    fn folders(&self, account: &str, directory: &str, rule: &Rule) -> Option<Vec<String>> {
        if !matches!(rule.seat, Seat::Administrator | Seat::OwnAccountOrAdministrator)
            || self.manages(account, directory)
        {
            return None;
        }
        let reach = |r: &Relation| match r {
            Relation::Designated { place, folder }
                if rule.trusted_service.is_none_or(|s| place.service == s.to_string())
                    && self.counts(place, directory, &place.service, account) =>
            {
                Some(folder.clone())
            }
            _ => None,
        };
        // None as soon as one of them is for the whole directory.
        self.0.iter().filter_map(reach).collect()
    }

    fn placement(&self, account: &str) -> Placement {
        let of = |r: &Relation| match r {
            Relation::Placed { account: a, placement } if a == account => Some(placement.clone()),
            _ => None,
        };
        self.0.iter().find_map(of).unwrap_or_default()
    }

    /// The folders from the account up; none if they do not end at a root folder.
    fn way_up(&self, account: &str, directory: &str) -> (Vec<(String, Vec<ControlPolicy>)>, bool) {
        let mut way: Vec<(String, Vec<ControlPolicy>)> = Vec::new();
        let mut next = Some(self.placement(account).folder);
        while let Some(wanted) = next {
            let found = self.0.iter().find_map(|r| match r {
                Relation::Folder { directory: d, id, parent, policies } if d == directory && *id == wanted => {
                    Some((parent.clone(), policies.clone()))
                }
                _ => None,
            });
            let Some((parent, policies)) = found else {
                way.push((wanted, Vec::new()));
                return (way, false);
            };
            if way.iter().any(|(id, _)| *id == wanted) {
                return (way, false);
            }
            way.push((wanted, policies));
            next = parent;
        }
        (way, true)
    }

    fn is_below(&self, account: &str, directory: &str, folders: &[String]) -> bool {
        self.way_up(account, directory).0.iter().any(|(id, _)| folders.contains(id))
    }

    /// E-DIR-27: control policies bound members, root users included; every place on the way up must allow.
    fn bounds_allow(&self, account: &str, action: &str, names: &[String]) -> Result<(), Reason> {
        for directory in self.directories(account) {
            let bounded = |r: &Relation| matches!(r, Relation::Bounded { directory: d } if *d == directory);
            if !self.0.iter().any(bounded) || self.manages(account, &directory) {
                continue;
            }
            let (way, whole) = self.way_up(account, &directory);
            let mut places: Vec<Vec<ControlPolicy>> = way.into_iter().map(|(_, policies)| policies).collect();
            places.push(self.placement(account).control_policies.into_vec());
            let says: Vec<Vec<Option<bool>>> = places
                .iter()
                .map(|place| place.iter().map(|policy| self.bound_says(policy, action, names)).collect())
                .collect();
            if says.iter().flatten().any(|said| *said == Some(false)) {
                return Err(Reason::ActionDenied);
            }
            if !whole || says.iter().any(|place| !place.contains(&Some(true))) {
                return Err(Reason::ActionNotAllowed);
            }
        }
        Ok(())
    }

    /// Whether a control policy allows or denies; one that is not known denies.
    fn bound_says(&self, policy: &ControlPolicy, action: &str, names: &[String]) -> Option<bool> {
        let ControlPolicy::Custom(name) = policy else { return Some(true) };
        let known = |r: &Relation| matches!(r, Relation::Documented { policy } if policy == name);
        if !self.0.iter().any(known) {
            return Some(false);
        }
        if name.ends_with("/not-one") {
            Some(!names.iter().any(|name| name == "accounts/1000000000000001"))
        } else if name.ends_with("/organization") {
            (action.starts_with("directory:") || action.starts_with("delegation:")).then_some(true)
        } else {
            Some(!(action.contains(":Get") || action.contains(":List")))
        }
    }

    /// Whether what was said of a membership is said of this account's present one in this directory.
    fn counts(&self, place: &Place, directory: &str, service: &str, account: &str) -> bool {
        let present = |r: &Relation| {
            matches!(r, Relation::Member { account: a, directory: d, incarnation }
                if a == account && d == directory && *incarnation == place.incarnation)
        };
        place.directory == directory
            && place.service == service
            && place.account == account
            && self.0.iter().any(present)
    }
}

/// How an account that is acted on can be called: as the call does it, and by itself.
fn names_of_account(text: &str) -> Vec<String> {
    let account = Subject::read(text).and_then(|subject| match subject.owner {
        Owner::Account(account) => Some(account),
        Owner::Directory(_) => Some(subject.last).filter(|last| is_account(last)),
    });
    let by_itself = account.map(|account| format!("accounts/{account}"));
    [text.to_owned()].into_iter().chain(by_itself).collect()
}

/// How what a call is about can be called: a member or delegated administrator of a directory by its account too.
fn names_of_resource(text: &str) -> Vec<String> {
    let segments: Vec<&str> = text.split('/').collect();
    match segments.as_slice() {
        ["directories", .., "members" | "delegatedAdministrators", account] if is_account(account) => {
            vec![text.to_owned(), format!("accounts/{account}")]
        }
        _ => vec![text.to_owned()],
    }
}

/// Where a call is about the caller's own account, that is all that it may act on.
fn within_account(account: &str, targets: &Targets) -> Result<(), Reason> {
    for text in &targets.accounts {
        let subject = Subject::read(text).ok_or(Reason::InvalidField)?;
        match subject.owner {
            Owner::Account(owner) if owner == account => {}
            Owner::Directory(_) if !is_account(&subject.last) => return Err(Reason::InvalidField),
            _ => return Err(Reason::AccountNotInDirectory),
        }
    }
    Ok(())
}

fn place(
    directory: &dyn ToString,
    service: &dyn ToString,
    account: &dyn ToString,
    incarnation: impl Into<String>,
) -> Place {
    Place {
        directory: directory.to_string(),
        service: service.to_string(),
        account: account.to_string(),
        incarnation: incarnation.into(),
    }
}

enum Owner {
    Account(String),
    Directory(String),
}

/// What a resource name says.
struct Subject {
    owner: Owner,
    last: String,
}

impl Subject {
    fn read(name: &str) -> Option<Self> {
        let segments: Vec<&str> = name.split('/').collect();
        if name.len() > 512 || segments.len() < 2 || segments.iter().any(|segment| segment.is_empty()) {
            return None;
        }
        let owner = match segments[0] {
            "accounts" if is_account(segments[1]) => Owner::Account(segments[1].to_owned()),
            "directories" if is_directory(segments[1]) => Owner::Directory(segments[1].to_owned()),
            _ => return None,
        };
        Some(Self { owner, last: segments[segments.len() - 1].to_owned() })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 16 && text.chars().all(|c| c.is_ascii_digit()) && !text.starts_with('0')
}

fn is_directory(text: &str) -> bool {
    let allowed = "0123456789abcdefghjkmnpqrstvwxyz";
    text.len() == 16
        && text.starts_with("rd-")
        && text[3..].chars().all(|c| allowed.contains(c))
        && text[3..].starts_with(|c| ('0'..='7').contains(&c))
}

/// What the policies are for, in the words of the documents.
fn policy_allows(policy: SystemPolicy, action: &str) -> bool {
    let of = |services: &[&str]| services.iter().any(|service| action.split(':').next() == Some(service));
    let reads = action.split(':').nth(1).is_some_and(|name| name.starts_with("Get") || name.starts_with("List"));
    match policy {
        SystemPolicy::AdministratorAccess => true,
        SystemPolicy::ResourceDirectoryFullAccess => of(&["directory", "delegation"]),
        SystemPolicy::ResourceDirectoryReadOnlyAccess => of(&["directory", "delegation"]) && reads,
        SystemPolicy::RamFullAccess => of(&["ram"]),
        SystemPolicy::SecurityCenterFullAccess => of(&["securitycenter", "soc"]),
        SystemPolicy::SecurityCenterReadOnlyAccess => of(&["securitycenter", "soc"]) && reads,
        SystemPolicy::SaseFullAccess => of(&["sase"]),
        SystemPolicy::BastionHostFullAccess => of(&["bastion"]),
        SystemPolicy::ActionTrailReadOnlyAccess => of(&["audit"]) && reads,
    }
}
