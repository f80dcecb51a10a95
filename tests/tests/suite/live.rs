//! A running suite in this process, and a world in it that was made through its gateway.

use std::{path::PathBuf, time::Duration};

use bailiwick::{
    bootstrap::{bootstrap, file},
    config::Config,
    serve::{self, AllRunning},
};
use bailiwick_core::{AccountId, Role, SystemEntropy, TrustedService};
use bailiwick_testkit::TestDatabase;
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::{
    client::{Client, Seen},
    patience::{PATIENCE, in_time, passes},
    world::{LINKED_ROLE, Names, Who, furnish},
};

/// The databases of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Databases {
    Sqlite,
    Postgres,
}

/// A suite of all roles in this process.
pub struct Suite {
    pub config: Config,
    seen: Seen,
    running: Option<AllRunning>,
    _databases: Vec<TestDatabase>,
    _data: TempDir,
}

impl Suite {
    pub async fn start(databases: Databases) -> Self {
        Self::start_with(databases, |_| ()).await
    }

    /// One whose gateway and OpenID providers prove to be `localhost` by certificates of the authority in `ca_file`.
    pub async fn start_with_tls() -> Self {
        let set = |config: &mut Config| {
            let mesh = config.data.join(file::MESH);
            config.gateway.tls_certificate = mesh.join("public.pem");
            config.gateway.tls_key = mesh.join("public.key");
            config.directory.sign_in.ca_file = mesh.join("ca.pem");
        };
        Self::start_with(Databases::Sqlite, set).await
    }

    async fn start_with(databases: Databases, set: impl FnOnce(&mut Config)) -> Self {
        let data = TempDir::new().unwrap();
        bootstrap(data.path(), &["localhost".to_owned()], &SystemEntropy).unwrap();
        let mut config = Config { data: data.path().to_owned(), ..Config::default() };
        config.gateway.listen = "127.0.0.1:0".to_owned();
        // A busy machine is no fault of the suite's.
        config.gateway.freshness_ms = 60_000;
        // The OpenID providers of tests are on this machine.
        config.directory.sign_in.private_issuers = true;
        set(&mut config);
        let mut created = Vec::new();
        if databases == Databases::Postgres {
            for role in Role::ALL.into_iter().filter(|role| role.has_database()) {
                let database = bailiwick_testkit::postgres::database().await;
                service(&mut config, role).database_url = database.url.clone();
                created.push(database);
            }
        }
        let running = serve::start_all(&config).await.unwrap();
        Self { config, seen: Seen::default(), running: Some(running), _databases: created, _data: data }
    }

    pub fn gateway(&self) -> std::net::SocketAddr {
        self.running.as_ref().unwrap().gateway
    }

    /// The file of the authority of the gateway's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.config.data.join(file::MESH).join("ca.pem")
    }

    /// The address of the gateway, as its certificate has it.
    pub fn url(&self) -> String {
        if self.config.gateway.tls_certificate.as_os_str().is_empty() {
            format!("http://{}", self.gateway())
        } else {
            format!("https://localhost:{}", self.gateway().port())
        }
    }

    pub fn client(&self) -> Client {
        let endpoint = Endpoint::from_shared(self.url()).unwrap();
        if endpoint.uri().scheme_str() == Some("http") {
            return Client::seeing(endpoint, self.seen.clone());
        }
        let ca = Certificate::from_pem(std::fs::read(self.ca_file()).unwrap());
        let endpoint = endpoint.tls_config(ClientTlsConfig::new().ca_certificate(ca)).unwrap();
        Client::seeing(endpoint, self.seen.clone())
    }

    /// A client as the operator of the platform.
    pub async fn operator(&self) -> Client {
        let credential = std::fs::read_to_string(self.config.data.join(file::OPERATOR)).unwrap();
        let credential: Value = serde_json::from_str(&credential).unwrap();
        let (id, secret) = (credential["access_key_id"].as_str().unwrap(), credential["secret"].as_str().unwrap());
        self.client().sign_in(id, secret).await.unwrap()
    }

    /// The last code that was sent for a purpose of an account, such as `BIND_EMAIL`: it comes into the mailbox some time
    /// after the call that asked for it.
    pub async fn code(&self, account: &str, purpose: &str) -> String {
        let mailbox = self.config.data.join("mailbox.jsonl");
        let wanted = |line: &str| {
            let message: Value = serde_json::from_str(line).ok()?;
            let found = message["account"] == account && message["purpose"] == purpose;
            found.then(|| text(&message, "code").to_owned())
        };
        let find = async {
            loop {
                let messages = std::fs::read_to_string(&mailbox).unwrap_or_default();
                if let Some(code) = messages.lines().filter_map(wanted).next_back() {
                    return code;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, find).await.expect("a code was delivered")
    }

    pub async fn stop(mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }
}

/// The part of a role in a configuration.
pub fn service(config: &mut Config, role: Role) -> &mut bailiwick::config::Service {
    match role {
        Role::Directory => &mut config.directory.service,
        Role::Delegation => &mut config.delegation.service,
        Role::SecurityCenter => &mut config.security_center,
        Role::SasePolicy => &mut config.sase_policy.service,
        Role::BastionAudit => &mut config.bastion_audit,
        Role::Gateway => panic!("the gateway has no database"),
    }
}

/// An account of a running suite, with clients for its identities.
#[derive(Clone)]
pub struct Account {
    pub name: String,
    /// The root user.
    pub root: Client,
}

impl Account {
    pub fn id(&self) -> AccountId {
        self.name.trim_start_matches("accounts/").parse().unwrap()
    }
}

/// Registers an account of an enterprise.
pub async fn register(operator: &Client, display_name: &str, enterprise: &str) -> Account {
    let external = format!("{display_name}-{enterprise}");
    let account = json!({"display_name": display_name, "provider": "aliyun", "external_id": external});
    let account =
        operator.call("directory.v1.AccountService/CreateAccount", json!({"account": account})).await.unwrap();
    let name = account["name"].as_str().unwrap().to_owned();
    let identity =
        json!({"legal_name": enterprise, "registration_number": format!("{enterprise}-1"), "verifier": "test"});
    let verify = json!({"name": name, "enterprise_identity": identity});
    operator.call("directory.v1.AccountService/VerifyEnterpriseIdentity", verify).await.unwrap();
    let key = operator.call("directory.v1.AccountService/CreateRootAccessKey", json!({"account": name})).await.unwrap();
    let root = operator.sign_in(text(&key, "accessKeyId"), text(&key, "secret")).await.unwrap();
    Account { name, root }
}

/// Creates a RAM user with some policies, and signs in as it.
pub async fn user(account: &Account, id: &str, policies: &[&str]) -> Client {
    let user = json!({"parent": account.name, "user_id": id});
    account.root.call("directory.v1.UserService/CreateUser", user).await.unwrap();
    let name = format!("{}/users/{id}", account.name);
    for policy in policies {
        let attach = json!({"target": name, "policy": format!("{}/policies/{policy}", account.name)});
        account.root.call("directory.v1.PolicyService/AttachPolicy", attach).await.unwrap();
    }
    let key =
        account.root.call("directory.v1.AccessKeyService/CreateAccessKey", json!({"parent": name})).await.unwrap();
    account.root.sign_in(text(&key, "accessKeyId"), text(&key, "secret")).await.unwrap()
}

/// Enables a directory; returns its name.
pub async fn enable_directory(management: &Account) -> String {
    let request = json!({"account": management.name});
    let directory = management.root.call("directory.v1.DirectoryService/CreateDirectory", request).await.unwrap();
    text(&directory, "name").to_owned()
}

/// Invites an account; returns the invitation's name.
pub async fn invite(management: &Account, directory: &str, account: &Account) -> String {
    let request = json!({"parent": directory, "invitation": {"account": account.name}});
    let method = "directory.v1.InvitationService/CreateInvitation";
    let sent = management.root.call(method, request).await.unwrap();
    text(&sent, "name").to_owned()
}

/// Invites an account, which accepts.
pub async fn join(management: &Account, directory: &str, account: &Account) {
    let name = invite(management, directory, account).await;
    account.root.call("directory.v1.InvitationService/AcceptInvitation", json!({"name": name})).await.unwrap();
}

/// Creates a member; returns `accounts/{account}`.
pub async fn create_member(management: &Account, directory: &str, display_name: &str) -> String {
    let request = json!({"parent": directory, "member": {"display_name": display_name}});
    let member = management.root.call("directory.v1.MemberService/CreateMember", request).await.unwrap();
    text(&member, "account").to_owned()
}

/// Authorizes a service to work on a directory. SASE is activated with it.
pub async fn enable_service(management: &Account, directory: &str, service: &str) {
    let request = json!({"name": format!("{directory}/trustedServices/{service}")});
    management.root.call("delegation.v1.TrustedServiceService/EnableTrustedService", request).await.unwrap();
    if service == "sase" {
        let request = json!({"parent": directory});
        management.root.call("sase.v1.SaseInstanceService/CreateSaseInstance", request).await.unwrap();
    }
}

/// Designates a delegated administrator.
pub async fn designate(management: &Account, directory: &str, service: &str, account: &str) {
    let parent = format!("{directory}/trustedServices/{service}");
    let request = json!({"parent": parent, "delegated_administrator": {"account": account}});
    let method = "delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator";
    management.root.call(method, request).await.unwrap();
}

/// A text in an answer.
pub fn text<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {answer}"))
}

/// The world of [`crate::world`] in a running suite.
pub struct World {
    pub names: Names,
    pub operator: Client,
    /// In the order of [`Who::ALL`]: clients as `root`, `full` and `bare`.
    clients: Vec<[Client; 3]>,
}

impl World {
    pub async fn build(suite: &Suite) -> Self {
        let operator = suite.operator().await;
        let mut accounts = Vec::new();
        let mut clients = Vec::new();
        for who in Who::ALL {
            let enterprise = if who == Who::OtherDirectory { "Other" } else { "Example" };
            let account = register(&operator, &format!("{who:?}"), enterprise).await;
            let full = user(&account, "full", &["AdministratorAccess"]).await;
            let bare = user(&account, "bare", &[]).await;
            clients.push([account.root.clone(), full, bare]);
            accounts.push(account);
        }
        let account = |who| &accounts[Who::ALL.iter().position(|w| *w == who).unwrap()];
        let management = account(Who::Management);
        let directory = enable_directory(management).await;
        let other_directory = enable_directory(account(Who::OtherDirectory)).await;
        let created = create_member(management, &directory, "created").await;
        let administrators = [Who::CenterAdministrator, Who::SaseAdministrator, Who::BastionAdministrator];
        for who in administrators.into_iter().chain([Who::Member]) {
            join(management, &directory, account(who)).await;
        }
        let invitation = invite(management, &directory, account(Who::Invitee)).await;
        let decline = json!({"name": invitation});
        let invitee = &account(Who::Invitee).root;
        invitee.call("directory.v1.InvitationService/DeclineInvitation", decline).await.unwrap();
        for service in TrustedService::ALL.into_iter().filter(|s| s.follows().is_none()) {
            enable_service(management, &directory, service.id()).await;
            let administrator = &account(Who::administrator(service)).name;
            designate(management, &directory, service.id(), administrator).await;
        }
        enrol(management, &directory, &[&created, &account(Who::Member).name]).await;
        let member = &account(Who::Member);
        let parent = format!("{}/users/full", member.name);
        let key =
            member.root.call("directory.v1.AccessKeyService/CreateAccessKey", json!({"parent": parent})).await.unwrap();
        furnish(member).await;
        let create = json!({"parent": parent, "credential": {"action": "ram:ListUsers"}});
        let credential = member.root.call("directory.v1.CredentialService/CreateCredential", create).await.unwrap();
        let delete = json!({"name": format!("{}/serviceLinkedRoles/{LINKED_ROLE}", member.name)});
        let method = "delegation.v1.ServiceLinkedRoleService/DeleteServiceLinkedRole";
        let deletion = member.root.call(method, delete).await.unwrap();
        let last = |name: &str| name.rsplit('/').next().unwrap().to_owned();
        let names = Names {
            accounts: std::array::from_fn(|n| accounts[n].id()),
            directory: directory.trim_start_matches("directories/").parse().unwrap(),
            other_directory: other_directory.trim_start_matches("directories/").parse().unwrap(),
            created: created.trim_start_matches("accounts/").parse().unwrap(),
            invitation: last(&invitation),
            access_key: text(&key, "accessKeyId").to_owned(),
            credential: last(text(&credential, "name")),
            deletion: last(text(&deletion, "name")),
        };
        Self { names, operator, clients }
    }

    /// A client as an identity of an account.
    pub fn client(&self, who: Who, user: &str) -> &Client {
        let user = ["root", "full", "bare"].iter().position(|u| *u == user).unwrap();
        &self.clients[Who::ALL.iter().position(|w| *w == who).unwrap()][user]
    }
}

/// Buys the Ultimate edition of Security Center for an account, unless it has it: with it the account's identities may use
/// the multi-account feature.
pub async fn subscribe(account: &Account) {
    let name = format!("{}/subscription", account.name);
    let service = "securitycenter.v1.SubscriptionService";
    let held = account.root.call(&format!("{service}/GetSubscription"), json!({"name": name})).await.unwrap();
    if held["multiAccount"] == json!(true) {
        return;
    }
    let buy = json!({"name": name, "edition": "EDITION_ULTIMATE", "protected_servers": 100, "months": 12});
    account.root.call(&format!("{service}/PurchaseSubscription"), buy).await.unwrap();
}

/// Puts accounts into the scope of every service; the administrator's account gets the edition that this needs.
pub async fn enrol(administrator: &Account, directory: &str, accounts: &[&str]) {
    subscribe(administrator).await;
    for method in [
        "securitycenter.v1.MonitoredAccountService/BatchCreateMonitoredAccounts",
        "soc.v1.ScopeService/BatchCreateScopeAccounts",
        "sase.v1.SaseMemberService/BatchCreateSaseMembers",
        "bastion.v1.BastionMemberService/BatchCreateBastionMembers",
    ] {
        let add = || administrator.root.call(method, json!({"parent": directory, "accounts": accounts}));
        // A client that sends no consistency tokens may come before a member that it has just made.
        in_time(method, add, |failure| passes(failure) || failure.reason == "SASE_SETUP_INCOMPLETE").await;
    }
}
