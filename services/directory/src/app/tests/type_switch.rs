//! The switch of a member's type, with all that document 003 asks for.

use std::time::Duration;

use bailiwick_api::r#type::v1::{AccountType as FactType, access_fact::Kind as FactKind};
use bailiwick_core::authz::Facts;
use futures::future::join_all;

use super::{
    super::{Done, KeyName, Whose},
    deletion::deletion,
    races::check_invariants,
    security_info::{email, phone},
    *,
};
use crate::{
    domain::{
        Error as Refusal,
        access_key::Use,
        account::AccountType,
        credential::NewCredential,
        destination::Channel,
        member::TypeSwitch,
        verification::{Purpose, Verification},
    },
    store,
};

const ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";

/// A directory with a cloud account that can be switched.
struct Scene {
    world: World,
    by: AccountId,
    directory: DirectoryId,
    member: AccountId,
}

fn to(to: AccountType) -> TypeSwitch {
    TypeSwitch { to, risk_acknowledged: true, etag: String::new() }
}

fn invalid(attempts_left: u32) -> Refusal {
    Refusal::VerificationCodeInvalid { attempts_left }
}

fn only_tried() -> Mutation {
    Mutation { validate_only: true, ..change() }
}

async fn scenes() -> Vec<Scene> {
    let mut scenes = Vec::new();
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let member = world.cloud_member(by, directory, "payments", "Acme").await;
        world.bind(member, Whose::Own(member), &email("owner@example.com")).await;
        scenes.push(Scene { world, by, directory, member });
    }
    scenes
}

impl Scene {
    async fn call(&self, method: &str) -> Call {
        self.world.management(self.by, self.directory, method, self.member).await
    }

    async fn request(&self, kind: AccountType, channel: Option<Channel>) -> Result<Verification, Error> {
        let call = self.call("RequestTypeSwitchVerification").await;
        let of = (self.directory, self.member);
        let (app, change) = (&self.world.app, change());
        Ok(Box::pin(app.member_type_switch_request(&call, &change, of, (kind, channel))).await?.value)
    }

    async fn sent_code(&self, kind: AccountType) -> String {
        self.request(kind, None).await.unwrap();
        self.world.delivered_code().await
    }

    async fn switch(&self, asked: &TypeSwitch, code: &str) -> Result<Member, Error> {
        Ok(self.switch_as(&change(), asked, code).await?.value)
    }

    async fn switch_as(&self, change: &Mutation, asked: &TypeSwitch, code: &str) -> Result<Done<Member>, Error> {
        let call = self.call("SwitchMemberType").await;
        let of = (self.directory, self.member);
        Box::pin(self.world.app.member_type_switch(&call, change, of, asked, code)).await
    }

    /// Asserts that the request, the trial and the switch itself are all refused so.
    async fn refused(&self, kind: AccountType, expected: &Refusal) {
        assert_eq!(&refused(self.request(kind, None).await), expected, "{}", self.world.engine);
        assert_eq!(&refused(self.switch_as(&only_tried(), &to(kind), "").await), expected, "{}", self.world.engine);
        assert_eq!(&refused(self.switch(&to(kind), "000000").await), expected, "{}", self.world.engine);
    }

    async fn root_key(&self) -> (String, String) {
        let root = IdentityName::root(self.member).to_string();
        let call = self.world.root(self.member, "AccessKeyService/CreateAccessKey", &root).await;
        let made = self.world.app.access_key_create(&call, &change(), self.member, IdentityName::ROOT).await;
        let made = made.unwrap().value;
        (made.key.id, made.secret.to_string())
    }

    /// Makes the root user a single-purpose credential; returns its id.
    async fn root_credential(&self) -> String {
        let root = IdentityName::root(self.member).to_string();
        let call = self.world.root(self.member, "CredentialService/CreateCredential", &root).await;
        let new = NewCredential { action: "directory:ListMembers".to_owned(), expire_time: None };
        let of = (self.member, IdentityName::ROOT);
        self.world.app.credential_create(&call, &change(), of, &new).await.unwrap().value.credential.id
    }

    async fn disable(&self, key: &str) {
        let named = KeyName { account: self.member, user: IdentityName::ROOT, key };
        let resource = format!("{}/accessKeys/{key}", IdentityName::root(self.member));
        let call = self.world.root(self.member, "AccessKeyService/DisableAccessKey", &resource).await;
        self.world.app.access_key_put(&call, &change(), named, Use::Disabled, "").await.unwrap();
    }

    /// Verifies the member anew: of the same enterprise, under another name.
    async fn rename_enterprise(&self, legal_name: &str) {
        let registration_number = "HRB Acme".to_owned();
        let attested =
            Attestation { legal_name: legal_name.to_owned(), registration_number, verifier: "a clerk".to_owned() };
        let call = self.world.platform("AccountService/VerifyEnterpriseIdentity").await;
        self.world.app.account_verify(&call, &change(), self.member, attested, "").await.unwrap();
    }

    async fn root(&self) -> (bool, i64) {
        let facts = self.world.facts().await;
        let fact = facts.identity(&IdentityName::root(self.member)).unwrap();
        (fact.enabled, fact.generation)
    }
}

// covers: R-DIR-20, R-DIR-21, R-DIR-22, R-DIR-23, R-DIR-26, R-DIR-33, E-DIR-21, E-DIR-22
#[tokio::test]
async fn each_obstacle_has_its_refusal_and_nothing_changes() {
    for scene in scenes().await {
        let (resource, id) = (AccountType::Resource, scene.member);
        scene.refused(AccountType::Cloud, &Refusal::MemberTypeMismatch(AccountType::Cloud)).await;
        scene.rename_enterprise("Acme Holding").await;
        scene.refused(resource, &Refusal::LegalEntityMismatch(id)).await;
        scene.rename_enterprise("Acme").await;
        let (key, _) = scene.root_key().await;
        scene.refused(resource, &Refusal::AccessKeyInUse { account: id, keys: 1 }).await;
        scene.disable(&key).await;
        let by_phone = refused(scene.request(resource, Some(Channel::Phone)).await);
        assert_eq!(by_phone, Refusal::MissingSecurityInfo(id), "{}", scene.world.engine);

        let code = scene.sent_code(resource).await;
        let head = scene.world.app.db.head().await.unwrap();
        let unread = TypeSwitch { risk_acknowledged: false, ..to(resource) };
        assert_eq!(refused(scene.switch(&unread, &code).await), Refusal::RiskNotAcknowledged);
        assert_eq!(refused(scene.switch_as(&only_tried(), &unread, "").await), Refusal::RiskNotAcknowledged);
        scene.switch_as(&only_tried(), &to(resource), "").await.unwrap();
        assert_eq!(refused(scene.switch(&to(resource), "").await), invalid(4), "{}", scene.world.engine);
        assert_eq!(scene.world.app.db.head().await.unwrap(), head, "{}", scene.world.engine);
        scene.switch(&to(resource), &code).await.unwrap();
        scene.refused(resource, &Refusal::MemberTypeMismatch(resource)).await;
    }
}

// covers: R-DIR-21
#[tokio::test]
async fn members_that_cannot_be_reached_are_not_switched() {
    for mut scene in scenes().await {
        scene.member = scene.world.cloud_member(scene.by, scene.directory, "silent", "Acme").await;
        scene.refused(AccountType::Resource, &Refusal::MissingSecurityInfo(scene.member)).await;
        scene.world.allow_deletion(scene.directory).await;
        let created = scene.world.member(scene.by, scene.directory, "created").await.unwrap();
        scene.member = created.membership.account;
        scene.world.delete(scene.by, scene.directory, scene.member, &deletion(&[], 1)).await.unwrap();
        scene.refused(AccountType::Cloud, &Refusal::MemberPendingDeletion(scene.member)).await;
        scene.member = scene.by;
        scene.refused(AccountType::Resource, &Refusal::ManagementAccountNotEligible(scene.by)).await;
        scene.member = scene.world.account("standalone", Some("Acme")).await;
        let missing = refused(scene.switch(&to(AccountType::Resource), "000000").await);
        assert!(matches!(missing, Refusal::NotFound(_)), "{}", scene.world.engine);
    }
}

// covers: R-DIR-19, R-DIR-25, R-DIR-29, R-DIR-30, R-DIR-34
#[tokio::test]
async fn the_type_its_root_user_and_their_facts_change_at_once_both_ways() {
    for scene in scenes().await {
        let (world, id) = (&scene.world, scene.member);
        let (key, secret) = scene.root_key().await;
        world.app.token_create(&key, &secret, "192.0.2.1").await.unwrap();
        scene.disable(&key).await;
        let credential = scene.root_credential().await;
        assert!(world.facts().await.credential(&credential).is_some(), "{}", world.engine);
        let (_, generation) = scene.root().await;
        let before = world.members(scene.by, scene.directory).await.remove(0);
        let code = scene.sent_code(AccountType::Resource).await;
        let switched = scene.switch(&to(AccountType::Resource), &code).await.unwrap();
        assert_eq!(switched.kind, AccountType::Resource, "{}", world.engine);
        assert_ne!(switched.membership.etag(), before.membership.etag());
        assert_eq!(world.members(scene.by, scene.directory).await, std::slice::from_ref(&switched));

        let made = world.last_change().await;
        let operator = IdentityName::User(scene.by, "admin".to_owned());
        assert_eq!(made.operator.as_ref().unwrap().principal, operator.to_string());
        assert_eq!((made.facts.len(), made.accounts), (4, vec![id.name()]), "{}: with one revision", world.engine);
        assert!(world.facts().await.credential(&credential).is_none(), "{}", world.engine);
        let (enabled, disabled_generation) = scene.root().await;
        assert!(!enabled && disabled_generation > generation, "{}", world.engine);
        let types = made.facts.iter().filter_map(|change| match change.fact.as_ref()?.kind.as_ref()? {
            FactKind::Account(fact) => Some(fact.r#type()),
            _ => None,
        });
        assert_eq!(types.collect::<Vec<_>>(), [FactType::Resource], "{}", world.engine);

        // As a cloud account again, it has nothing of what its root user could sign in with.
        let code = scene.sent_code(AccountType::Cloud).await;
        let etag = TypeSwitch { etag: before.membership.etag(), ..to(AccountType::Cloud) };
        assert!(matches!(refused(scene.switch(&etag, &code).await), Refusal::EtagMismatch(_)), "{}", world.engine);
        scene.switch(&to(AccountType::Cloud), &code).await.unwrap();
        let (enabled, generation) = scene.root().await;
        assert!(enabled && generation > disabled_generation, "{}", world.engine);
        let keys = store::access_key::count_all(world.app.db.reader(), id, IdentityName::ROOT).await.unwrap();
        assert_eq!(keys, 0, "{}", world.engine);
        assert!(world.app.token_create(&key, &secret, "192.0.2.1").await.is_err(), "{}", world.engine);
        check_invariants(world).await;
    }
}

// covers: R-DIR-28
#[tokio::test]
async fn a_code_is_good_for_what_it_was_sent_for() {
    for scene in scenes().await {
        let (world, resource) = (&scene.world, to(AccountType::Resource));
        assert_eq!(refused(scene.switch(&resource, "000000").await), invalid(0), "{}", world.engine);
        let sent = scene.request(AccountType::Resource, Some(Channel::Email)).await.unwrap();
        assert_eq!((sent.subject.purpose, sent.subject.account), (Purpose::SwitchToResourceAccount, scene.member));
        let code = world.delivered_code().await;
        // The address that it was sent to no longer counts.
        world.clock.advance(Duration::from_mins(1));
        world.bind(scene.member, Whose::Own(scene.member), &email("other@example.com")).await;
        assert_eq!(refused(scene.switch(&resource, &code).await), invalid(0), "{}", world.engine);
        // Another phone besides it is no harm: either address may have been asked for.
        let code = scene.sent_code(AccountType::Resource).await;
        world.bind(scene.member, Whose::Own(scene.member), &phone("+4930123456")).await;
        scene.switch_as(&once(ID, 1), &resource, &code).await.unwrap();
        let repeated = scene.switch_as(&once(ID, 1), &resource, &code).await.unwrap();
        assert_eq!(repeated.value.kind, AccountType::Resource, "{}", world.engine);
        assert_eq!(refused(scene.switch(&to(AccountType::Cloud), &code).await), invalid(0), "{}", world.engine);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_switches_at_the_same_time_one_wins() {
    for scene in scenes().await {
        let code = scene.sent_code(AccountType::Resource).await;
        let asked = to(AccountType::Resource);
        let tries = join_all((0..6).map(|_| scene.switch(&asked, &code))).await;
        assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 1, "{}", scene.world.engine);
        for loser in tries.into_iter().filter(Result::is_err).map(refused) {
            assert_eq!(loser, Refusal::MemberTypeMismatch(AccountType::Resource), "{}", scene.world.engine);
        }
        check_invariants(&scene.world).await;
    }
}

// covers: R-DIR-22, R-DIR-30
#[tokio::test(flavor = "multi_thread")]
async fn no_key_of_a_root_user_slips_through_while_it_is_disabled() {
    for mut scene in scenes().await {
        for round in 0..6 {
            let name = format!("switching {round}");
            scene.member = scene.world.cloud_member(scene.by, scene.directory, &name, "Acme").await;
            scene.world.bind(scene.member, Whose::Own(scene.member), &email("owner@example.com")).await;
            let code = scene.sent_code(AccountType::Resource).await;
            let (world, id) = (&scene.world, scene.member);
            let call = world.platform("AccountService/CreateRootAccessKey").await;
            let (asked, change) = (to(AccountType::Resource), change());
            let (switched, key) =
                tokio::join!(scene.switch(&asked, &code), world.app.access_key_create_root(&call, &change, id),);
            let enabled = store::access_key::count_enabled(world.app.db.reader(), id).await.unwrap();
            match (switched, key) {
                (Ok(_), Err(Error::Domain(refusal))) => {
                    assert_eq!((refusal, enabled), (Refusal::RootUserDisabled(id), 0), "{}", world.engine);
                }
                (Err(Error::Domain(refusal)), Ok(_)) => {
                    let in_use = Refusal::AccessKeyInUse { account: id, keys: 1 };
                    assert_eq!((refusal, enabled), (in_use, 1), "{}", world.engine);
                }
                (switched, key) => panic!("{switched:?} {}: {}", key.is_ok(), world.engine),
            }
        }
    }
}
