//! Policies over gRPC, as the gateway lets calls through, on both databases.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bailiwick_api::{
    audit::v1::Change,
    sase::v1::{
        self as pb, access_block_service_client::AccessBlockServiceClient,
        access_policy_service_client::AccessPolicyServiceClient, application_service_client::ApplicationServiceClient,
        device_service_client::DeviceServiceClient, sase_access_service_client::SaseAccessServiceClient,
        sase_instance_service_client::SaseInstanceServiceClient, sase_member_service_client::SaseMemberServiceClient,
        sase_user_service_client::SaseUserServiceClient, user_group_service_client::UserGroupServiceClient,
    },
    r#type::v1::TimeWindow,
    r#type::v1::{AccessFactChange, IdentityFact, PrincipalKind, access_fact::Kind},
};
use bailiwick_core::{Clock, Role, TrustedService};
use bailiwick_db::{DbError, Engine, Tx};
use bailiwick_roster::testing::{Running, Suite, account, directory, eventually};
use bailiwick_testkit::{ManualClock, databases};
use prost::Message;
use sea_orm::{ConnectionTrait, Statement};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, transport::Channel};

use crate::{Built, Config, build, migrations, positions};

mod enforcement;

mod versions;

struct Scene {
    suite: Suite,
    running: Running,
    clock: Arc<ManualClock>,
    /// Where enforcement points ask.
    enforcement: Option<SocketAddr>,
}

fn in_directory(collection: &str, id: &str) -> String {
    format!("{}/{collection}/{id}", directory(1).name())
}

fn parent() -> String {
    directory(1).name()
}

fn application(member: u8, tags: &[&str]) -> pb::Application {
    pb::Application {
        display_name: "Shop".into(),
        account: account(member).name(),
        hosts: vec!["shop.example".into()],
        ports: vec![pb::PortRange { first: 443, last: 0 }],
        protocol: pb::ApplicationProtocol::Http.into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Default::default()
    }
}

fn policy(priority: i32, action: pb::AccessAction) -> pb::AccessPolicy {
    pb::AccessPolicy {
        display_name: format!("policy {priority}"),
        priority,
        action: action.into(),
        enabled: true,
        subjects: Some(pb::SubjectSelection { all_users: true, ..Default::default() }),
        targets: Some(pb::TargetSelection { tags: vec!["web".into()], ..Default::default() }),
        members: Some(pb::MemberSelection { all: true, ..Default::default() }),
        ..Default::default()
    }
}

impl Scene {
    /// An instance, the members 11 and 12, the user `ann`, and the application `shop` of member 11.
    async fn start(url: &str) -> Self {
        Self::start_with(url, &Config::default()).await
    }

    async fn start_with(url: &str, config: &Config) -> Self {
        let scene = Self::bare_with(url, config).await;
        scene.activate().await;
        scene.add(&[11, 12]).await;
        scene.user("ann", "").await.unwrap();
        scene.application("shop", application(11, &["web"])).await.unwrap();
        scene
    }

    async fn bare(url: &str) -> Self {
        Self::bare_with(url, &Config::default()).await
    }

    async fn bare_with(url: &str, config: &Config) -> Self {
        let clock = Arc::new(ManualClock::default());
        let suite = Suite::new(url, clock.clone(), migrations).await;
        let shutdown = CancellationToken::new();
        let Built { module, enforcement } = build(suite.deps(shutdown.clone()), config).await.unwrap();
        let running = suite.serve(module, positions(&suite.db), shutdown).await;
        Self { suite, running, clock, enforcement }
    }

    fn channel(&self) -> Channel {
        self.suite.channel(Role::SasePolicy)
    }

    fn request<M: Message>(&self, method: &str, message: M) -> Request<M> {
        let path = format!("/bailiwick.sase.v1.{method}");
        let path = bailiwick_api::rules().iter().find(|rule| rule.path == path).unwrap().path;
        self.suite.request((account(10), "alice"), path, message).unwrap()
    }

    async fn activate(&self) {
        let message = pb::CreateSaseInstanceRequest { parent: parent(), ..Default::default() };
        let request = self.request("SaseInstanceService/CreateSaseInstance", message);
        SaseInstanceServiceClient::new(self.channel()).create_sase_instance(request).await.unwrap();
    }

    async fn add(&self, members: &[u8]) {
        let accounts = members.iter().map(|member| account(*member).name()).collect();
        let message = pb::BatchCreateSaseMembersRequest { parent: parent(), accounts, ..Default::default() };
        let request = self.request("SaseMemberService/BatchCreateSaseMembers", message);
        SaseMemberServiceClient::new(self.channel()).batch_create_sase_members(request).await.unwrap();
    }

    async fn user(&self, id: &str, ram_user: &str) -> Result<pb::SaseUser, Status> {
        let user = pb::SaseUser {
            display_name: id.into(),
            ram_user: ram_user.into(),
            attributes: vec!["department=sales".into()],
            ..Default::default()
        };
        let message = pb::CreateSaseUserRequest {
            parent: parent(),
            sase_user_id: id.into(),
            sase_user: Some(user),
            ..Default::default()
        };
        let request = self.request("SaseUserService/CreateSaseUser", message);
        Ok(SaseUserServiceClient::new(self.channel()).create_sase_user(request).await?.into_inner())
    }

    async fn application(&self, id: &str, application: pb::Application) -> Result<pb::Application, Status> {
        let message = pb::CreateApplicationRequest {
            parent: parent(),
            application_id: id.into(),
            application: Some(application),
            ..Default::default()
        };
        let request = self.request("ApplicationService/CreateApplication", message);
        Ok(ApplicationServiceClient::new(self.channel()).create_application(request).await?.into_inner())
    }

    fn policies(&self) -> AccessPolicyServiceClient<Channel> {
        AccessPolicyServiceClient::new(self.channel())
    }

    async fn policy(&self, id: &str, policy: pb::AccessPolicy) -> Result<pb::AccessPolicy, Status> {
        let message = pb::CreateAccessPolicyRequest {
            parent: parent(),
            access_policy_id: id.into(),
            access_policy: Some(policy),
            ..Default::default()
        };
        let request = self.request("AccessPolicyService/CreateAccessPolicy", message);
        Ok(self.policies().create_access_policy(request).await?.into_inner())
    }

    async fn decide(&self, asked: pb::AccessRequest) -> pb::AccessDecision {
        let message = pb::EvaluateAccessRequest { parent: parent(), access_request: Some(asked) };
        let request = self.request("SaseAccessService/EvaluateAccess", message);
        SaseAccessServiceClient::new(self.channel()).evaluate_access(request).await.unwrap().into_inner()
    }

    /// Of `ann` and `shop`: the outcome, and the id of what decided.
    async fn outcome(&self) -> (pb::AccessAction, String) {
        let decision = self.decide(ann_to_shop()).await;
        (decision.action(), decision.decided_by.rsplit('/').next().unwrap().to_owned())
    }
}

fn ann_to_shop() -> pb::AccessRequest {
    pb::AccessRequest {
        sase_user: in_directory("saseUsers", "ann"),
        application: in_directory("applications", "shop"),
        ..Default::default()
    }
}

fn details(refused: &Status) -> String {
    String::from_utf8_lossy(refused.details()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_before_the_step_that_it_needs() {
    for database in databases().await {
        let scene = Scene::bare(&database.url).await;
        let message = pb::CreateSaseMemberRequest {
            parent: parent(),
            sase_member: Some(pb::SaseMember { account: account(11).name(), ..Default::default() }),
            ..Default::default()
        };
        let request = scene.request("SaseMemberService/CreateSaseMember", message);
        let early = SaseMemberServiceClient::new(scene.channel()).create_sase_member(request).await.unwrap_err();
        assert_eq!(early.code(), Code::FailedPrecondition, "{}", database.engine);
        assert!(details(&early).contains("SASE_SETUP_STEP_INSTANCE"), "{early:?}");
        assert_eq!(scene.suite.delegation.enrolled(TrustedService::Sase).await, 0);
        scene.activate().await;
        let early = scene.policy("p", policy(1, pb::AccessAction::Allow)).await.unwrap_err();
        assert!(details(&early).contains("SASE_SETUP_STEP_SASE_MEMBERS"), "{early:?}");
        scene.add(&[11]).await;
        scene.policy("p", policy(1, pb::AccessAction::Allow)).await.unwrap();
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_policy_by_priority_decides_and_each_change_counts_in_the_next_decision() {
    use pb::AccessAction::{Allow, Block};

    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        assert_eq!(scene.outcome().await, (Block, String::new()), "{}", database.engine);
        let allow = scene.policy("allow", policy(20, Allow)).await.unwrap();
        assert!(allow.cedar.contains("@priority(\"20\")"), "{}", allow.cedar);
        assert_eq!(scene.outcome().await, (Allow, "allow".into()));
        scene.policy("block", policy(10, Block)).await.unwrap();
        assert_eq!(scene.outcome().await, (Block, "block".into()));

        let priorities = [("allow", 5), ("block", 6)];
        let priorities = priorities.map(|(id, priority)| pb::AccessPolicyPriority {
            access_policy: in_directory("accessPolicies", id),
            priority,
        });
        let message = pb::ReorderAccessPoliciesRequest {
            parent: parent(),
            priorities: priorities.to_vec(),
            ..Default::default()
        };
        let request = scene.request("AccessPolicyService/ReorderAccessPolicies", message);
        let reordered = scene.policies().reorder_access_policies(request).await.unwrap().into_inner();
        assert_eq!(reordered.access_policies.iter().map(|p| p.version).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(scene.outcome().await, (Allow, "allow".into()));

        let name = in_directory("accessPolicies", "allow");
        let message = pb::RollbackAccessPolicyRequest { name: name.clone(), version: 1, ..Default::default() };
        let request = scene.request("AccessPolicyService/RollbackAccessPolicy", message);
        let back = scene.policies().rollback_access_policy(request).await.unwrap().into_inner();
        assert_eq!((back.priority, back.version), (20, 3));
        assert_eq!(scene.outcome().await, (Block, "block".into()));
        let message = pb::ListAccessPolicyVersionsRequest { parent: name.clone(), page_size: 2, ..Default::default() };
        let request = scene.request("AccessPolicyService/ListAccessPolicyVersions", message.clone());
        let page = scene.policies().list_access_policy_versions(request).await.unwrap().into_inner();
        assert_eq!(page.versions.iter().map(|v| v.version).collect::<Vec<_>>(), [3, 2]);
        let message = pb::ListAccessPolicyVersionsRequest { page_token: page.next_page_token, ..message };
        let request = scene.request("AccessPolicyService/ListAccessPolicyVersions", message);
        let page = scene.policies().list_access_policy_versions(request).await.unwrap().into_inner();
        assert_eq!((page.versions.len(), page.versions[0].version), (1, 1));
        assert_eq!(page.next_page_token, "");

        let names = vec![in_directory("accessPolicies", "block"), in_directory("accessPolicies", "none")];
        let message = pb::BatchDeleteAccessPoliciesRequest { parent: parent(), names, ..Default::default() };
        let request = scene.request("AccessPolicyService/BatchDeleteAccessPolicies", message);
        let refused = scene.policies().batch_delete_access_policies(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "all or nothing");
        assert_eq!(scene.outcome().await, (Block, "block".into()));
        let names = vec![in_directory("accessPolicies", "block")];
        let message = pb::BatchDeleteAccessPoliciesRequest { parent: parent(), names, ..Default::default() };
        let request = scene.request("AccessPolicyService/BatchDeleteAccessPolicies", message);
        scene.policies().batch_delete_access_policies(request).await.unwrap();
        assert_eq!(scene.outcome().await, (Allow, "allow".into()));
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_administrator_nor_a_policy_reaches_a_member_that_was_deleted() {
    use pb::AccessAction::{Allow, Block};

    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        scene.policy("allow", policy(20, Allow)).await.unwrap();
        assert_eq!(scene.outcome().await.0, Allow);
        let name = in_directory("saseMembers", &account(11).to_string());
        let message = pb::DeleteSaseMemberRequest { name, ..Default::default() };
        let request = scene.request("SaseMemberService/DeleteSaseMember", message);
        SaseMemberServiceClient::new(scene.channel()).delete_sase_member(request).await.unwrap();
        let decision = scene.decide(ann_to_shop()).await;
        assert_eq!(decision.reason(), pb::AccessDecisionReason::MemberNotManaged, "{}", database.engine);
        assert_eq!(decision.action(), Block);
        let mut applications = ApplicationServiceClient::new(scene.channel());
        let message = pb::GetApplicationRequest { name: in_directory("applications", "shop") };
        let request = scene.request("ApplicationService/GetApplication", message);
        assert_eq!(applications.get_application(request).await.unwrap_err().code(), Code::NotFound);
        let message = pb::ListApplicationsRequest { parent: parent(), ..Default::default() };
        let request = scene.request("ApplicationService/ListApplications", message);
        assert_eq!(applications.list_applications(request).await.unwrap().into_inner().applications, []);
        let message = pb::ListAccessDecisionsRequest { parent: parent(), ..Default::default() };
        let request = scene.request("SaseAccessService/ListAccessDecisions", message);
        let mut access = SaseAccessServiceClient::new(scene.channel());
        let log = access.list_access_decisions(request).await.unwrap().into_inner();
        assert_eq!(log.decisions, [], "what was decided on its applications is out of reach too");
        // A member whose enrolment ends from below is reached no more than that.
        scene.application("till", application(12, &["web"])).await.unwrap();
        let till = pb::AccessRequest { application: in_directory("applications", "till"), ..ann_to_shop() };
        assert_eq!(scene.decide(till.clone()).await.action(), Allow);
        scene.suite.delegation.end(directory(1), TrustedService::Sase, account(12)).await;
        eventually(|| async { scene.decide(till.clone()).await.action() == Block }).await;
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ram_user_that_is_disabled_is_allowed_nothing() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let name = format!("{}/users/bob", account(13).name());
        let unknown = scene.user("eve", &format!("{}/users/eve", account(13).name())).await.unwrap_err();
        assert_eq!(unknown.code(), Code::InvalidArgument, "{}", database.engine);
        assert!(details(&unknown).contains("sase_user.ram_user"));
        let foreign = scene.user("eve", &format!("{}/users/bob", account(21).name())).await.unwrap_err();
        assert!(details(&foreign).contains("SASE_REFERENCE_UNKNOWN"), "of another directory");
        assert!(scene.user("bob", &name).await.unwrap().active);
        assert_eq!(scene.user("bob-2", &name).await.unwrap_err().code(), Code::AlreadyExists);
        scene.policy("allow", policy(20, pb::AccessAction::Allow)).await.unwrap();
        let asked = pb::AccessRequest { sase_user: in_directory("saseUsers", "bob"), ..ann_to_shop() };
        assert_eq!(scene.decide(asked.clone()).await.action(), pb::AccessAction::Allow);
        let disabled = Kind::Identity(IdentityFact {
            identity: name,
            kind: PrincipalKind::User.into(),
            enabled: false,
            ..IdentityFact::default()
        });
        scene.suite.delegation.say(vec![AccessFactChange::holds(disabled)]).await;
        let inactive =
            || async { scene.decide(asked.clone()).await.reason() == pb::AccessDecisionReason::UserInactive };
        eventually(inactive).await;
        scene.running.stop().await;
    }
}

/// Facts are those of all tenants: a call of one must not hold them up.
#[tokio::test(flavor = "multi_thread")]
async fn facts_are_followed_while_a_call_holds_what_decides() {
    use pb::AccessAction::{Allow, Block};

    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        if scene.suite.db.engine() == Engine::Sqlite {
            // It has one writer at a time.
            continue;
        }
        scene.policy("allow", policy(1, Allow)).await.unwrap();
        assert_eq!(scene.decide(ann_to_shop()).await.action(), Allow);
        let (locked, decided) = (Notify::new(), Notify::new());
        let call = scene.suite.db.write("test", |tx: Tx| {
            let (locked, decided) = (&locked, &decided);
            async move {
                super::store::head_lock(tx.conn(), directory(1)).await?;
                locked.notify_one();
                decided.notified().await;
                Ok::<_, DbError>(())
            }
        });
        let member = async {
            locked.notified().await;
            scene.suite.delegation.end(directory(1), TrustedService::Sase, account(11)).await;
            eventually(|| async { scene.decide(ann_to_shop()).await.action() == Block }).await;
            decided.notify_one();
        };
        tokio::join!(call, member).0.unwrap();
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_devices_and_circumstances_decide() {
    use pb::AccessAction::{Allow, Block};

    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let mut groups = UserGroupServiceClient::new(scene.channel());
        for (id, users, inner) in [("inner", vec!["ann"], vec![]), ("outer", vec![], vec!["inner"])] {
            let group = pb::UserGroup {
                display_name: id.into(),
                users: users.iter().map(|user| in_directory("saseUsers", user)).collect(),
                groups: inner.iter().map(|group| in_directory("userGroups", group)).collect(),
                ..Default::default()
            };
            let message = pb::CreateUserGroupRequest {
                parent: parent(),
                user_group_id: id.into(),
                user_group: Some(group),
                ..Default::default()
            };
            groups.create_user_group(scene.request("UserGroupService/CreateUserGroup", message)).await.unwrap();
        }
        let cycle = pb::UserGroup {
            name: in_directory("userGroups", "inner"),
            groups: vec![in_directory("userGroups", "outer")],
            ..Default::default()
        };
        let message = pb::UpdateUserGroupRequest {
            user_group: Some(cycle),
            update_mask: Some(prost_types::FieldMask { paths: vec!["groups".into()] }),
            ..Default::default()
        };
        let request = scene.request("UserGroupService/UpdateUserGroup", message);
        let refused = groups.update_user_group(request).await.unwrap_err();
        assert!(details(&refused).contains("USER_GROUP_CYCLE"), "{} {refused:?}", database.engine);

        let conditions = pb::AccessConditions {
            device: Some(pb::DeviceCondition {
                os: vec![pb::DeviceOs::Linux.into()],
                min_os_version: "6.1".into(),
                disk_encrypted: true,
                max_report_age_minutes: 10,
                ..Default::default()
            }),
            networks: vec!["192.0.2.0/24".into()],
            min_authentication_strength: pb::AuthenticationStrength::MultiFactor.into(),
            ..Default::default()
        };
        let subjects = pb::SubjectSelection { groups: vec![in_directory("userGroups", "outer")], ..Default::default() };
        let strict = pb::AccessPolicy { subjects: Some(subjects), conditions: Some(conditions), ..policy(1, Allow) };
        scene.policy("strict", strict).await.unwrap();
        let mut devices = DeviceServiceClient::new(scene.channel());
        let device = pb::Device {
            display_name: "laptop".into(),
            sase_user: in_directory("saseUsers", "ann"),
            ..Default::default()
        };
        let message = pb::CreateDeviceRequest {
            parent: parent(),
            device_id: "laptop".into(),
            device: Some(device),
            ..Default::default()
        };
        let made = devices.create_device(scene.request("DeviceService/CreateDevice", message)).await.unwrap();
        let made = made.into_inner();
        let asked = pb::AccessRequest {
            device: made.name.clone(),
            source_ip: "192.0.2.7".into(),
            authentication_strength: pb::AuthenticationStrength::PhishingResistant.into(),
            ..ann_to_shop()
        };
        assert_eq!(scene.decide(asked.clone()).await.action(), Block, "it has said nothing of itself");
        let posture =
            pb::DevicePosture { os: pb::DeviceOs::Linux.into(), os_version: "6.10".into(), disk_encrypted: true };
        for (key, code) in [("wrong", Some(Code::Unauthenticated)), (made.enrolment_key.as_str(), None)] {
            let message = pb::ReportDevicePostureRequest {
                name: made.name.clone(),
                enrolment_key: key.into(),
                posture: Some(posture.clone()),
            };
            let request = scene.request("DeviceService/ReportDevicePosture", message);
            assert_eq!(devices.report_device_posture(request).await.err().map(|refused| refused.code()), code);
        }
        // What it says is a change; that it says so again is none.
        let report = async |disk_encrypted: bool| {
            let before = scene.suite.db.head().await.unwrap().revision;
            let message = pb::ReportDevicePostureRequest {
                name: made.name.clone(),
                enrolment_key: made.enrolment_key.clone(),
                posture: Some(pb::DevicePosture { disk_encrypted, ..posture.clone() }),
            };
            let request = scene.request("DeviceService/ReportDevicePosture", message);
            DeviceServiceClient::new(scene.channel()).report_device_posture(request).await.unwrap();
            let changes = scene.suite.db.changes_after(before, 10).await.unwrap();
            changes
                .iter()
                .filter(|change| Change::decode(&*change.change.payload).unwrap().resource == made.name)
                .count()
        };
        assert_eq!((report(true).await, report(false).await, report(false).await, report(true).await), (0, 1, 0, 1));
        assert_eq!(scene.decide(asked.clone()).await.action(), Allow);
        for other in [
            pb::AccessRequest { source_ip: "192.0.3.7".into(), ..asked.clone() },
            pb::AccessRequest { source_ip: String::new(), ..asked.clone() },
            pb::AccessRequest { device: String::new(), ..asked.clone() },
            pb::AccessRequest { authentication_strength: 1, ..asked.clone() },
        ] {
            assert_eq!(scene.decide(other.clone()).await.action(), Block, "{other:?}");
        }
        scene.clock.advance(Duration::from_secs(601));
        assert_eq!(scene.decide(asked).await.action(), Block, "the report is too old");
        let message = pb::GetDeviceRequest { name: made.name };
        let read = devices.get_device(scene.request("DeviceService/GetDevice", message)).await.unwrap().into_inner();
        assert_eq!((read.enrolment_key.as_str(), read.posture), ("", Some(posture)), "a key is shown once");
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_comes_before_every_policy_until_it_expires_or_is_lifted() {
    use pb::AccessAction::{Allow, Block};

    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        scene.policy("allow", policy(1, Allow)).await.unwrap();
        let mut blocks = AccessBlockServiceClient::new(scene.channel());
        let now = scene.clock.now().as_seconds();
        let create = |id: &str, expire: Option<i64>| pb::CreateAccessBlockRequest {
            parent: parent(),
            access_block_id: id.into(),
            access_block: Some(pb::AccessBlock {
                sase_user: in_directory("saseUsers", "ann"),
                reason: "stolen laptop".into(),
                expire_time: expire.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let request = scene.request("AccessBlockService/CreateAccessBlock", create("alert", Some(now + 60)));
        blocks.create_access_block(request).await.unwrap();
        assert_eq!(scene.outcome().await, (Block, "alert".into()), "{}", database.engine);
        let message = pb::ListUserPoliciesRequest {
            parent: parent(),
            sase_user: in_directory("saseUsers", "ann"),
            ..Default::default()
        };
        let request = scene.request("SaseAccessService/ListUserPolicies", message);
        let mut access = SaseAccessServiceClient::new(scene.channel());
        let listed = access.list_user_policies(request).await.unwrap().into_inner().policies;
        assert_eq!(listed.iter().map(|policy| policy.priority).collect::<Vec<_>>(), [0, 1]);
        scene.clock.advance(Duration::from_secs(61));
        assert_eq!(scene.outcome().await, (Allow, "allow".into()));
        let request = scene.request("AccessBlockService/CreateAccessBlock", create("second", None));
        blocks.create_access_block(request).await.unwrap();
        assert_eq!(scene.outcome().await, (Block, "second".into()));
        let name = in_directory("accessBlocks", "second");
        let message = pb::DeleteAccessBlockRequest { name, ..Default::default() };
        blocks.delete_access_block(scene.request("AccessBlockService/DeleteAccessBlock", message)).await.unwrap();
        assert_eq!(scene.outcome().await, (Allow, "allow".into()));
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_over_too_many_kinds_of_decisions_is_refused() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let day = scene.clock.now().as_micros().div_euclid(86_400_000_000);
        let fill = |tx: Tx| async move {
            let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                       INSERT INTO sase_decision_counts \
                       (directory, day, sase_user, application, decided_by, action, decisions) \
                       SELECT $1, $2, 'u' || i, 'shop', '', 2, 3 FROM n";
            let values = [directory(1).to_string().into(), day.into()];
            let statement = Statement::from_sql_and_values(tx.conn().get_database_backend(), sql, values);
            tx.conn().execute_raw(statement).await?;
            Ok::<_, DbError>(())
        };
        scene.suite.db.write("test", fill).await.unwrap();
        let dry_run = async || {
            let access_policy = Some(policy(1, pb::AccessAction::Allow));
            let message = pb::DryRunAccessPolicyRequest { parent: parent(), access_policy, days: 0 };
            let request = scene.request("AccessPolicyService/DryRunAccessPolicy", message);
            scene.policies().dry_run_access_policy(request).await
        };
        assert_eq!(dry_run().await.unwrap().into_inner().decisions, 300_000, "{}", database.engine);
        // One more.
        scene.outcome().await;
        let refused = dry_run().await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let text = String::from_utf8_lossy(refused.details()).into_owned();
        assert!(text.contains("SASE_QUOTA_EXCEEDED") && text.contains("accessDecisions"), "{text}");
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_logged_sampled_and_counted_for_dry_runs() {
    use pb::AccessAction::{Allow, Block};

    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        scene.outcome().await;
        scene.policy("allow", policy(50, Allow)).await.unwrap();
        for _ in 0..11 {
            scene.outcome().await;
        }
        let mut access = SaseAccessServiceClient::new(scene.channel());
        let list = |page_token: String| pb::ListAccessDecisionsRequest {
            parent: parent(),
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let request = scene.request("SaseAccessService/ListAccessDecisions", list(String::new()));
        let first = access.list_access_decisions(request).await.unwrap().into_inner();
        let request = scene.request("SaseAccessService/ListAccessDecisions", list(first.next_page_token));
        let second = access.list_access_decisions(request).await.unwrap().into_inner();
        let mut actions: Vec<_> = first.decisions.iter().chain(&second.decisions).map(|d| d.action()).collect();
        actions.sort_unstable();
        assert_eq!(actions, [Allow, Allow, Block], "all blocks, and of 11 allows the first and the last");

        let dry_run = |policy: pb::AccessPolicy| pb::DryRunAccessPolicyRequest {
            parent: parent(),
            access_policy: Some(policy),
            days: 0,
        };
        let conditional = pb::AccessConditions { networks: vec!["10.0.0.0/8".into()], ..Default::default() };
        for (tried, certain, possible) in [
            (policy(10, Block), 11, 0),
            (policy(60, Block), 0, 0),
            (pb::AccessPolicy { conditions: Some(conditional), ..policy(10, Block) }, 0, 11),
            (policy(10, Allow), 1, 0),
        ] {
            let request = scene.request("AccessPolicyService/DryRunAccessPolicy", dry_run(tried));
            let run = scene.policies().dry_run_access_policy(request).await.unwrap().into_inner();
            assert_eq!((run.decisions, run.certain_changes, run.possible_changes), (12, certain, possible));
        }
        assert_eq!(scene.outcome().await.0, Allow, "a dry run changes nothing");
        scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_policy_is_named_and_nothing_changes() {
    for database in databases().await {
        let scene = Scene::start(&database.url).await;
        let conditions = pb::AccessConditions {
            networks: vec!["192.0.2.1/24".into()],
            windows: vec![TimeWindow {
                time_zone: "Mars/Olympus".into(),
                weekdays: vec![1],
                start: "09:00".into(),
                end: "17:00".into(),
            }],
            ..Default::default()
        };
        let mixed = pb::SubjectSelection {
            groups: vec![in_directory("userGroups", "g")],
            attributes: vec!["department=sales".into()],
            ..Default::default()
        };
        let both =
            pb::TargetSelection { applications: vec![in_directory("applications", "shop")], tags: vec!["web".into()] };
        let wrong = pb::AccessPolicy {
            display_name: "x".repeat(129),
            priority: 1_001,
            subjects: Some(mixed),
            targets: Some(both),
            conditions: Some(conditions),
            ..policy(1, pb::AccessAction::Unspecified)
        };
        let refused = scene.policy("wrong", wrong).await.unwrap_err();
        let details = details(&refused);
        for field in [
            "access_policy.display_name",
            "access_policy.priority",
            "access_policy.action",
            "access_policy.subjects.attributes",
            "access_policy.targets",
            "access_policy.conditions.networks[0]",
            "access_policy.conditions.windows[0].time_zone",
        ] {
            assert!(details.contains(field), "{} {field}: {details}", database.engine);
        }
        let unknown =
            pb::TargetSelection { applications: vec![in_directory("applications", "none")], ..Default::default() };
        let refused =
            scene.policy("p", pb::AccessPolicy { targets: Some(unknown), ..policy(1, pb::AccessAction::Allow) });
        let refused = refused.await.unwrap_err();
        let text = String::from_utf8_lossy(refused.details()).into_owned();
        assert!(text.contains("SASE_REFERENCE_UNKNOWN") && text.contains("access_policy.targets.applications"));
        let over = pb::TargetSelection { tags: (0..101).map(|n| format!("t{n}")).collect(), ..Default::default() };
        let over = pb::AccessPolicy { targets: Some(over), ..policy(1, pb::AccessAction::Allow) };
        assert_eq!(scene.policy("p", over).await.unwrap_err().code(), Code::InvalidArgument);

        scene.policy("p", policy(1, pb::AccessAction::Allow)).await.unwrap();
        let message = pb::ExtendAccessPolicySelectionRequest {
            name: in_directory("accessPolicies", "p"),
            targets: Some(pb::TargetSelection {
                applications: vec![in_directory("applications", "shop")],
                ..Default::default()
            }),
            ..Default::default()
        };
        let request = scene.request("AccessPolicyService/ExtendAccessPolicySelection", message.clone());
        let refused = scene.policies().extend_access_policy_selection(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "tags are not applications");
        let message = pb::ReplaceAccessPolicySelectionRequest {
            name: message.name,
            targets: message.targets,
            ..Default::default()
        };
        let request = scene.request("AccessPolicyService/ReplaceAccessPolicySelection", message);
        let replaced = scene.policies().replace_access_policy_selection(request).await.unwrap().into_inner();
        assert_eq!(replaced.version, 2);
        let message = pb::DeleteApplicationRequest { name: in_directory("applications", "shop"), ..Default::default() };
        let request = scene.request("ApplicationService/DeleteApplication", message);
        let refused = ApplicationServiceClient::new(scene.channel()).delete_application(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition, "the policy names it");
        scene.running.stop().await;
    }
}
