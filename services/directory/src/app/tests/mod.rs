//! What the tests of this layer share: the role on both engines, and calls that were decided over the facts in its own
//! change log, as they are in production.

mod accounts;
mod bounds;
mod claims;
mod control_policies;
mod credentials;
mod deletion;
mod departures;
mod directories;
mod due;
mod folders;
mod groups;
mod handlers;
mod identities;
mod identity_handlers;
mod invitations;
mod linked_roles;
mod members;
mod mutations;
mod policies;
mod races;
mod reviews;
mod roles;
mod root_users;
mod security_info;
mod sessions;
mod sign_ins;
mod standing;
mod tokens;
mod tree_races;
mod type_switch;
mod verifications;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_api::{
    audit::v1::Change,
    r#type::v1::{self as fact, access_fact::Kind},
};
use bailiwick_core::{
    AccountId, DirectoryId, IdentityName, Operator, PrincipalKind, Role, SystemEntropy, Timestamp,
    authz::{Caller, Environment, Facts, Principal, Snapshot, Targets, decide},
};
use bailiwick_db::{Db, DbDeps, DbOptions, IdempotencyKey, PageTokens, Sealer};
use bailiwick_openid::OpenId;
use bailiwick_rpc::Call;
use bailiwick_testkit::{ManualClock, TestDatabase, databases};
use prost::Message;

use super::{App, Error, Mutation, PageRequest, SigningKeys, Uses};
use crate::{
    config::{IdentityLimits, Limits, SignInConfig},
    delivery::{Deliveries, tests::Recorder},
    domain::{
        self, Labels,
        account::{Attestation, NewAccount},
        attachment::{Put, Target, TargetKind},
        invitation::{Invitation, NewInvitation},
        member::Member,
        operator::Configured,
        policy::{NewPolicy, PolicyId, PolicyView},
        user::{NewUser, User},
    },
    store::migrations,
};

pub(crate) const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
                              MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
                              -----END PRIVATE KEY-----\n";

/// The role with its database.
pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<ManualClock>,
    /// Where messages are delivered.
    pub(crate) delivered: Arc<Recorder>,
    pub(crate) engine: &'static str,
    _database: TestDatabase,
}

/// One on each engine.
pub(crate) async fn worlds() -> Vec<World> {
    worlds_with(Limits::default()).await
}

pub(crate) async fn worlds_with(limits: Limits) -> Vec<World> {
    let mut worlds = Vec::new();
    for database in databases().await {
        worlds.push(World::new(database, limits).await);
    }
    worlds
}

pub(crate) fn operator(secret: u8) -> Configured {
    Configured { id: "ops".to_owned(), access_key: "AKops".to_owned(), secret_hash: [secret; 32] }
}

/// The refusal in an error.
pub(crate) fn refused<T>(result: Result<T, Error>) -> domain::Error {
    match result {
        Err(Error::Domain(error)) => error,
        Err(other) => panic!("another failure: {other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

pub(crate) fn change() -> Mutation {
    let key =
        IdempotencyKey { scope: "test".to_owned(), method: "test".to_owned(), request_id: None, fingerprint: [0; 32] };
    Mutation { key, validate_only: false }
}

pub(crate) fn once(request_id: &str, fingerprint: u8) -> Mutation {
    let Mutation { key, .. } = change();
    let key = IdempotencyKey { request_id: Some(request_id.to_owned()), fingerprint: [fingerprint; 32], ..key };
    Mutation { key, validate_only: false }
}

pub(crate) fn first(size: u32) -> PageRequest {
    PageRequest { size, token: String::new() }
}

pub(crate) fn named(display_name: &str) -> NewAccount {
    NewAccount { display_name: display_name.to_owned(), provider: String::new(), external_id: String::new() }
}

/// A permission policy, another one for each number.
pub(crate) fn document(number: u32) -> String {
    let statement = format!(r#"{{"Effect":"Allow","Action":"ram:Get*","Resource":"*","Sid":"S{number}"}}"#);
    format!(r#"{{"Version":"1","Statement":[{statement}]}}"#)
}

pub(crate) fn target(account: AccountId, kind: TargetKind, id: &str) -> Target<'_> {
    Target { account, kind, id }
}

pub(crate) fn invitation_to(account: AccountId) -> NewInvitation {
    let (note, folder) = ("join us".to_owned(), "root".to_owned());
    NewInvitation { account, note, folder, labels: Labels::new() }
}

impl World {
    async fn new(database: TestDatabase, limits: Limits) -> Self {
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SystemEntropy);
        let sealer = Sealer::new([7; 32], entropy.clone());
        let deps = DbDeps {
            role: "directory",
            migrations,
            clock: clock.clone(),
            entropy: entropy.clone(),
            sealer: sealer.clone(),
        };
        let options = DbOptions { connections_max: 8, ..DbOptions::default() };
        let db = Db::open(&database.url.parse().unwrap(), &options, deps).await.unwrap();
        db.migrate().await.unwrap();
        let signing = SigningKeys::new(PEM, &[]).unwrap();
        let pages = PageTokens::new(sealer.clone());
        let sign_in = SignInConfig { private_issuers: true, ..SignInConfig::default() };
        let openid = OpenId::open(&sign_in, clock.clone()).unwrap();
        let delivered = Arc::new(Recorder::default());
        let deliveries = Deliveries { email: delivered.clone(), phone: delivered.clone() };
        let app = App {
            db,
            clock: clock.clone(),
            entropy,
            pages,
            sealer,
            deliveries,
            limits,
            openid,
            signing,
            uses: Arc::new(Uses::default()),
        };
        app.operators_ensure(&[operator(1)]).await.unwrap();
        Self { app: Arc::new(app), clock, delivered, engine: database.engine, _database: database }
    }

    /// All changes of the log.
    pub(crate) async fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        loop {
            let part = self.app.db.changes_after(changes.len().try_into().unwrap(), 1000).await.unwrap();
            if part.is_empty() {
                return changes;
            }
            changes.extend(part.iter().map(|row| Change::decode(row.change.payload.as_slice()).unwrap()));
        }
    }

    pub(crate) async fn last_change(&self) -> Change {
        self.changes().await.pop().unwrap()
    }

    /// The facts of the log, as the gateway has them.
    pub(crate) async fn facts(&self) -> Snapshot {
        let mut facts = Snapshot::empty();
        for (revision, change) in (1..).zip(self.changes().await) {
            facts.apply(revision, change.facts.iter().map(|fact| fact.to_core().unwrap()));
        }
        facts
    }

    /// What the log says of an identity at last. At each point of the log, the custom policies that identities have must
    /// be known.
    pub(crate) async fn identity(&self, name: &str) -> Option<fact::IdentityFact> {
        let (mut identities, mut policies) = (BTreeMap::new(), BTreeSet::new());
        for change in self.changes().await {
            for changed in change.facts {
                match (changed.fact.unwrap().kind.unwrap(), changed.removed) {
                    (Kind::Policy(fact), false) => drop(policies.insert(fact.policy)),
                    (Kind::Policy(fact), true) => drop(policies.remove(&fact.policy)),
                    (Kind::Identity(fact), false) => drop(identities.insert(fact.identity.clone(), fact)),
                    (Kind::Identity(fact), true) => drop(identities.remove(&fact.identity)),
                    _ => {}
                }
            }
            let named = identities.values().flat_map(|fact: &fact::IdentityFact| &fact.policies);
            let unknown = named.filter(|policy| policy.contains('/')).find(|policy| !policies.contains(*policy));
            assert_eq!(unknown, None, "a policy that nobody knows: {}", self.engine);
        }
        identities.remove(name)
    }

    /// The policies that the log says an identity has at last.
    pub(crate) async fn policies_of(&self, name: &str) -> Vec<String> {
        self.identity(name).await.unwrap().policies
    }

    pub(crate) async fn user(&self, of: AccountId, id: &str) -> User {
        let call = self.root(of, "UserService/CreateUser", &of.name()).await;
        let new = NewUser { id: id.to_owned(), display_name: String::new() };
        self.app.user_create(&call, &change(), of, new).await.unwrap().value
    }

    /// A policy of one statement.
    pub(crate) async fn policy(&self, of: AccountId, id: &str) -> PolicyView {
        let call = self.root(of, "PolicyService/CreatePolicy", &of.name()).await;
        let new = NewPolicy { id: id.to_owned(), description: String::new(), document: document(1) };
        self.app.policy_create(&call, &change(), of, new).await.unwrap().value
    }

    pub(crate) async fn put(&self, target: Target<'_>, policy: &str, to: Put) -> Result<Vec<PolicyId>, Error> {
        let call = self.root(target.account, "PolicyService/AttachPolicy", &target.name()).await;
        Ok(self.app.policy_put(&call, &change(), target, &PolicyId::from(policy), to).await?.value)
    }

    pub(crate) async fn generation(&self, identity: &IdentityName) -> Option<i64> {
        self.facts().await.identity(identity).map(|fact| fact.generation)
    }

    /// A call by an identity that the facts allow.
    pub(crate) async fn call(&self, by: &IdentityName, method: &str, resource: &str) -> Call {
        let facts = self.facts().await;
        let fact = facts.identity(by).unwrap_or_else(|| panic!("`{by}` is no identity"));
        let principal = Principal::new(by.clone(), fact.generation, "AKtest");
        self.call_as(principal, method, resource).await
    }

    /// A call with a token that says this.
    pub(crate) async fn call_as(&self, by: Principal, method: &str, resource: &str) -> Call {
        let facts = self.facts().await;
        let session = by.session.as_ref();
        let operator = Operator {
            principal: by.identity.to_string(),
            kind: facts.identity(&by.identity).unwrap().kind,
            account: by.identity.account(),
            access_key_id: by.access_key_id.clone(),
            source_ip: "192.0.2.1".to_owned(),
            call_id: "call".to_owned(),
            via: vec![Role::Gateway],
            session_name: session.map(|session| session.name.clone()).unwrap_or_default(),
            source_identity: session.and_then(|s| s.source.as_ref()).map(ToString::to_string).unwrap_or_default(),
            identity_provider: String::new(),
            subject: String::new(),
        };
        call(&Caller::Identity(by), operator, &facts, method, resource)
    }

    /// A call by the delegation service.
    pub(crate) async fn service_call(&self, method: &str, directory: DirectoryId) -> Call {
        let operator = Operator { kind: PrincipalKind::Service, ..Operator::service(Role::Delegation) };
        call(&Caller::Service(Role::Delegation), operator, &self.facts().await, method, &directory.name())
    }

    pub(crate) async fn platform(&self, method: &str) -> Call {
        self.call(&IdentityName::Operator("ops".to_owned()), method, "").await
    }

    pub(crate) async fn root(&self, of: AccountId, method: &str, resource: &str) -> Call {
        self.call(&IdentityName::root(of), method, resource).await
    }

    /// A standalone account, of an enterprise if one is given.
    pub(crate) async fn account(&self, display_name: &str, enterprise: Option<&str>) -> AccountId {
        let call = self.platform("AccountService/CreateAccount").await;
        let made = self.app.account_create(&call, &change(), named(display_name)).await.unwrap();
        let id = made.value.account.id;
        if let Some(enterprise) = enterprise {
            self.verify(id, enterprise).await.unwrap();
        }
        id
    }

    pub(crate) async fn verify(&self, id: AccountId, enterprise: &str) -> Result<(), Error> {
        let attested = Attestation {
            legal_name: enterprise.to_owned(),
            registration_number: format!("HRB {enterprise}"),
            verifier: "a clerk".to_owned(),
        };
        let call = self.platform("AccountService/VerifyEnterpriseIdentity").await;
        self.app.account_verify(&call, &change(), id, attested, "").await.map(drop)
    }

    pub(crate) async fn enable(&self, id: AccountId) -> Result<DirectoryId, Error> {
        let call = self.root(id, "DirectoryService/CreateDirectory", &id.name()).await;
        Ok(self.app.directory_create(&call, &change(), id).await?.value.id)
    }

    /// A directory of an enterprise, and its management account.
    pub(crate) async fn directory(&self, enterprise: &str) -> (AccountId, DirectoryId) {
        let id = self.account(&format!("main {enterprise}"), Some(enterprise)).await;
        (id, self.enable(id).await.unwrap())
    }

    pub(crate) async fn member(&self, by: AccountId, of: DirectoryId, name: &str) -> Result<Member, Error> {
        let call = self.root(by, "MemberService/CreateMember", &of.name()).await;
        Ok(self.app.member_create(&call, &change(), of, named(name)).await?.value)
    }

    pub(crate) async fn invite(&self, by: AccountId, of: DirectoryId, who: AccountId) -> Result<Invitation, Error> {
        let call = self.root(by, "InvitationService/CreateInvitation", &of.name()).await;
        let new = invitation_to(who);
        Ok(self.app.invitation_create(&call, &change(), of, new).await?.value)
    }

    pub(crate) async fn accept(&self, by: AccountId, invitation: &Invitation) -> Result<Invitation, Error> {
        let call = self.root(by, "InvitationService/AcceptInvitation", &invitation.name()).await;
        let done = self.app.invitation_accept(&call, &change(), invitation.directory, &invitation.id).await;
        Ok(done?.value)
    }

    /// A folder; its id.
    pub(crate) async fn folder(
        &self,
        by: AccountId,
        of: DirectoryId,
        under: &str,
        name: &str,
    ) -> Result<String, Error> {
        let call = self.root(by, "FolderService/CreateFolder", &domain::folder::name(of, under)).await;
        Ok(self.app.folder_create(&call, &change(), of, under, name).await?.value.folder.id)
    }

    pub(crate) async fn move_member(
        &self,
        by: AccountId,
        of: DirectoryId,
        who: AccountId,
        to: &str,
    ) -> Result<Member, Error> {
        let call = self.root(by, "MemberService/MoveMember", &format!("{}/members/{who}", of.name())).await;
        Ok(self.app.member_move(&call, &change(), (of, who), (None, to), "").await?.value)
    }

    /// An account that joined by invitation: a member that can be removed.
    pub(crate) async fn cloud_member(&self, by: AccountId, of: DirectoryId, name: &str, enterprise: &str) -> AccountId {
        let id = self.account(name, Some(enterprise)).await;
        let invitation = self.invite(by, of, id).await.unwrap();
        self.accept(id, &invitation).await.unwrap();
        id
    }

    pub(crate) async fn remove(&self, by: AccountId, of: DirectoryId, who: AccountId) -> Result<(), Error> {
        let call = self.remove_call(by, of, who).await;
        self.app.member_remove(&call, &change(), of, who, "").await.map(drop)
    }

    pub(crate) async fn remove_call(&self, by: AccountId, of: DirectoryId, who: AccountId) -> Call {
        self.root(by, "MemberService/RemoveMember", &format!("{}/members/{who}", of.name())).await
    }

    pub(crate) async fn members(&self, by: AccountId, of: DirectoryId) -> Vec<Member> {
        let call = self.root(by, "MemberService/ListMembers", &of.name()).await;
        self.app.member_list(&call, of, &first(1_000), &Default::default()).await.unwrap().items
    }
}

fn call(caller: &Caller, operator: Operator, facts: &Snapshot, method: &str, resource: &str) -> Call {
    let rule = bailiwick_api::rule(&format!("/bailiwick.directory.v1.{method}")).unwrap();
    let targets = Targets { resource: resource.to_owned(), ..Targets::default() };
    let permit = decide(rule, caller, facts, &targets, &Environment::at(Timestamp::default()))
        .unwrap_or_else(|refusal| panic!("{method}: {refusal}"));
    Call {
        permit,
        operator,
        request_json: r#"{"shown":true}"#.to_owned(),
        call_id: "call".to_owned(),
        deadline: tokio::time::Instant::now() + std::time::Duration::from_secs(30),
        consistency: Vec::new(),
    }
}
