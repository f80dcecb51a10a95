//! A real Envoy lets through and stops requests to a real HTTP and a real gRPC upstream, as zero-trust policies decide.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bailiwick_core::{Clock, Role, SystemClock};
use bailiwick_openid::testing::{Issuer, Key};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tonic::{Code, Request, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    checkout,
    client::Client,
    envoy::{Connection, Envoy, grpc_upstream, http_upstream},
    live::{Account, Databases, create_member, designate, enable_directory, enable_service, join, register, text},
    patience::PATIENCE,
    processes::Processes,
    tools,
};

const SETTINGS: &[(&str, &str)] = &[
    ("BAILIWICK_SASE_POLICY__ENFORCEMENT__LISTEN", "127.0.0.1:0"),
    ("BAILIWICK_SASE_POLICY__IDENTITY__PRIVATE_ISSUERS", "true"),
];
/// A busy machine is no fault of the suite's.
const PATIENT: &[(&str, &str)] =
    &[SETTINGS[0], SETTINGS[1], ("BAILIWICK_SASE_POLICY__ENFORCEMENT__FRESHNESS_MS", "60000")];
const CREATE_POLICY: &str = "sase.v1.AccessPolicyService/CreateAccessPolicy";
const DELETE_POLICY: &str = "sase.v1.AccessPolicyService/DeleteAccessPolicy";
const CREATE_PROVIDER: &str = "sase.v1.SaseIdentityProviderService/CreateSaseIdentityProvider";
const CREATE_POINT: &str = "sase.v1.EnforcementPointService/CreateEnforcementPoint";

/// The suite as processes, SASE with the applications `shop` (HTTP) and `till` (gRPC) of a member, the users `ann` and
/// `bob`, of whom policies let `ann` in, and Envoy.
struct Scene {
    processes: Processes,
    administrator: Account,
    /// Administers Security Center.
    other: Account,
    directory: String,
    issuer: Issuer,
    key: Key,
    upstreams: [String; 2],
    credential: String,
    envoy: Envoy,
}

/// A real OpenID provider, at which whoever opens it is signed in.
struct Provider {
    child: Child,
    issuer: String,
}

fn policy(directory: &str, id: &str, priority: i32, action: &str, users: &[&str]) -> Value {
    let users: Vec<_> = users.iter().map(|user| format!("{directory}/saseUsers/{user}")).collect();
    json!({"parent": directory, "access_policy_id": id, "access_policy": {
        "display_name": id, "priority": priority, "action": format!("ACCESS_ACTION_{action}"), "enabled": true,
        "subjects": {"users": users}, "targets": {"tags": ["web"]}, "members": {"all": true}
    }})
}

/// Applications of `member`, and users.
async fn set_up(root: &Client, directory: &str, member: &str) {
    let add = json!({"parent": directory, "accounts": [member]});
    root.call("sase.v1.SaseMemberService/BatchCreateSaseMembers", add).await.unwrap();
    for (id, protocol) in [("shop", "HTTP"), ("till", "GRPC")] {
        let application = json!({
            "display_name": id, "account": member, "hosts": [format!("{id}.example")], "ports": [{"first": 80}],
            "protocol": format!("APPLICATION_PROTOCOL_{protocol}"), "tags": ["web"]
        });
        let create = json!({"parent": directory, "application_id": id, "application": application});
        root.call("sase.v1.ApplicationService/CreateApplication", create).await.unwrap();
    }
    for id in ["ann", "bob"] {
        let create = json!({"parent": directory, "sase_user_id": id, "sase_user": {"display_name": id}});
        root.call("sase.v1.SaseUserService/CreateSaseUser", create).await.unwrap();
    }
    root.call(CREATE_POLICY, policy(directory, "allow-ann", 20, "ALLOW", &["ann"])).await.unwrap();
    root.call(CREATE_POLICY, policy(directory, "block-bob", 10, "BLOCK", &["bob"])).await.unwrap();
}

fn provider(directory: &str, id: &str, issuer: &str) -> Value {
    json!({"parent": directory, "sase_identity_provider_id": id, "sase_identity_provider": {
        "display_name": id, "issuer": issuer, "audiences": ["cli"], "user_claim": "preferred_username"
    }})
}

impl Scene {
    async fn start(databases: Databases, settings: &'static [(&'static str, &'static str)]) -> Self {
        let processes = Processes::start_with(databases, settings, &[]).await;
        let operator = processes.seeing_operator().await;
        let management = register(&operator, "management", "Example").await;
        let directory = enable_directory(&management).await;
        let administrator = register(&operator, "administrator", "Example").await;
        let other = register(&operator, "other", "Example").await;
        for (service, account) in [("sase", &administrator), ("security-center", &other)] {
            join(&management, &directory, account).await;
            enable_service(&management, &directory, service).await;
            designate(&management, &directory, service, &account.name).await;
        }
        let member = create_member(&management, &directory, "member").await;
        let root = &administrator.root;
        set_up(root, &directory, &member).await;
        let key = Key::ecdsa("k1");
        let issuer = Issuer::start(&[&key]).await;
        root.call(CREATE_PROVIDER, provider(&directory, "main", &issuer.url)).await.unwrap();
        let create =
            json!({"parent": directory, "enforcement_point_id": "edge", "enforcement_point": {"display_name": "edge"}});
        let point = root.call(CREATE_POINT, create).await.unwrap();
        let credential = text(&point, "credential").to_owned();
        let upstreams = [http_upstream().await, grpc_upstream().await];
        let [shop, till] = &upstreams;
        let envoy = Envoy::start(&credential, processes.enforcement(), shop, till).await;
        Self { processes, administrator, other, directory, issuer, key, upstreams, credential, envoy }
    }

    /// A token of a user, with other claims besides.
    fn token(&self, user: &str, changes: &Value) -> String {
        self.key.sign(&self.claims(user, changes))
    }

    fn claims(&self, user: &str, changes: &Value) -> Value {
        let mut claims = self.issuer.claims(SystemClock.now());
        claims["preferred_username"] = json!(user);
        for (claim, value) in changes.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        claims
    }

    fn policy(&self, id: &str) -> String {
        format!("{}/accessPolicies/{id}", self.directory)
    }

    /// Asks the gRPC upstream for its health.
    async fn health(&self, token: &str) -> Result<i32, tonic::Status> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.envoy.address)).unwrap();
        let endpoint = endpoint.origin("http://till.example".parse().unwrap());
        let mut client = HealthClient::new(endpoint.connect().await.unwrap());
        let mut request = Request::new(HealthCheckRequest { service: String::new() });
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        client.check(request).await.map(|answer| answer.into_inner().status)
    }
}

impl Provider {
    fn start(user: &str) -> Self {
        tools::installed("openid/node_modules/oidc-provider");
        let mut command = Command::new("node");
        command.arg(script("provider.mjs")).arg(tools::folder()).arg(user).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut issuer = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut issuer).unwrap();
        Self { child, issuer: issuer.trim().to_owned() }
    }

    /// An ID token of the user.
    async fn token(&self) -> String {
        let mut command = Command::new("node");
        command.arg(script("token.mjs")).arg(&self.issuer);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(name: &str) -> std::path::PathBuf {
    checkout::tests().join("openid").join(name)
}

/// covers: R-SASE-14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_traffic_passes_or_is_stopped_as_policies_decide() {
    let scene = Scene::start(Databases::Sqlite, PATIENT).await;
    let root = &scene.administrator.root;
    let mut client = Connection::open(&scene.envoy.address).await;
    let provided = Provider::start("ann");
    root.call(CREATE_PROVIDER, provider(&scene.directory, "real", &provided.issuer)).await.unwrap();
    for token in [scene.token("ann", &json!({})), provided.token().await] {
        let bearer = format!("Bearer {token}");
        let spoofed = [("authorization", bearer.as_str()), ("x-bailiwick-user", "root"), ("x-bailiwick-x", "y")];
        let passed = client.get("shop.example", "/basket?a=b", &spoofed).await;
        assert_eq!(passed.status, 200, "{passed:?} {}", scene.envoy.log());
        let reached = &passed.body["headers"];
        assert_eq!((text(&passed.body, "path"), text(reached, "x-bailiwick-user")), ("/basket", "ann"));
        assert_eq!(text(reached, "x-bailiwick-decided-by"), scene.policy("allow-ann"));
        assert!(!text(reached, "x-bailiwick-decision").is_empty());
        // Neither the token nor what a client claims to be said by us.
        assert!(reached.get("authorization").is_none() && reached.get("x-bailiwick-x").is_none(), "{reached}");
    }
    assert_eq!(scene.health(&scene.token("ann", &json!({}))).await.unwrap(), 1);

    let blocked = client.get_as("shop.example", "/", &scene.token("bob", &json!({}))).await;
    assert_eq!((blocked.status, text(&blocked.body, "reason")), (403, "POLICY"), "{blocked:?}");
    assert_eq!(text(&blocked.body, "decided_by"), scene.policy("block-bob"));
    assert_eq!(blocked.headers["x-bailiwick-reason"], "POLICY");
    assert_eq!(blocked.headers["x-bailiwick-decided-by"], scene.policy("block-bob").as_str());
    let refused = scene.health(&scene.token("bob", &json!({}))).await.unwrap_err();
    assert!(refused.code() == Code::PermissionDenied && refused.message().contains("block-bob"), "{refused:?}");

    let now = SystemClock.now().as_seconds();
    let forged = Key::ecdsa("k1").sign(&scene.claims("ann", &json!({})));
    let confused = Key::shared("k1", scene.key.public().to_string().as_bytes()).sign(&scene.claims("ann", &json!({})));
    for (what, token) in [
        ("forged", forged),
        ("of a confused algorithm", confused),
        ("expired", scene.token("ann", &json!({"iat": now - 100, "exp": now - 1}))),
        ("of another audience", scene.token("ann", &json!({"aud": "web"}))),
        ("of another issuer", scene.token("ann", &json!({"iss": "https://id.example.com"}))),
    ] {
        let refused = client.get_as("shop.example", "/", &token).await;
        assert_eq!((refused.status, text(&refused.body, "reason")), (401, "TOKEN_INVALID"), "{what}");
    }
    let none = client.get("shop.example", "/", &[]).await;
    assert_eq!((none.status, text(&none.body, "reason")), (401, "TOKEN_MISSING"));
    // Envoy makes paths plain before it asks, and passes on what it asked about; what it leaves is refused.
    let plain = client.get_as("shop.example", "/a/../b", &scene.token("ann", &json!({}))).await;
    assert_eq!((plain.status, text(&plain.body, "path")), (200, "/b"));
    let odd = client.get_as("shop.example", "/a/%252e%252e/b", &scene.token("ann", &json!({}))).await;
    assert_eq!((odd.status, text(&odd.body, "reason")), (400, "PATH_AMBIGUOUS"));

    let [shop, till] = &scene.upstreams;
    let wrong = format!("{}x", scene.credential);
    let stranger = Envoy::start(&wrong, scene.processes.enforcement(), shop, till).await;
    let mut client = Connection::open(&stranger.address).await;
    let refused = client.get_as("shop.example", "/", &scene.token("ann", &json!({}))).await;
    assert_eq!(refused.status, 503, "another credential is answered nothing: {refused:?}");
    // Who holds no seat of SASE registers neither points nor providers.
    for (method, request) in [
        (CREATE_POINT, json!({"parent": scene.directory, "enforcement_point_id": "x"})),
        (CREATE_PROVIDER, provider(&scene.directory, "x", "https://id.example.com")),
    ] {
        assert_eq!(scene.other.root.refused(method, request).await.reason, "SEAT_REQUIRED", "{method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_policy_holds_for_the_next_request_of_a_connection_that_is_open() {
    let scene = Scene::start(Databases::Sqlite, PATIENT).await;
    let root = &scene.administrator.root;
    let mut client = Connection::open(&scene.envoy.address).await;
    let token = scene.token("ann", &json!({}));
    assert_eq!(client.get_as("shop.example", "/", &token).await.status, 200, "{}", scene.envoy.log());
    for _ in 0..5 {
        root.call(CREATE_POLICY, policy(&scene.directory, "stop", 1, "BLOCK", &["ann"])).await.unwrap();
        let blocked = client.get_as("shop.example", "/", &token).await;
        assert_eq!((blocked.status, text(&blocked.body, "decided_by")), (403, &*scene.policy("stop")));
        root.call(DELETE_POLICY, json!({"name": scene.policy("stop")})).await.unwrap();
        assert_eq!(client.get_as("shop.example", "/", &token).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_passes_while_nobody_decides() {
    let mut scene = Scene::start(Databases::Sqlite, SETTINGS).await;
    let mut client = Connection::open(&scene.envoy.address).await;
    let token = scene.token("ann", &json!({}));
    assert_eq!(client.get_as("shop.example", "/", &token).await.status, 200, "{}", scene.envoy.log());
    scene.processes.kill(Role::SasePolicy);
    for _ in 0..3 {
        assert_eq!(client.get_as("shop.example", "/", &token).await.status, 503);
    }
    scene.processes.start_role(Role::SasePolicy);
    passes(&mut client, &token).await;
    // Facts that are no longer followed are too old after two seconds.
    scene.processes.kill(Role::Delegation);
    let until = Instant::now() + PATIENCE;
    let stale = loop {
        let answer = client.get_as("shop.example", "/", &token).await;
        if answer.status != 200 && answer.body["reason"] == "FACTS_STALE" {
            break answer;
        }
        assert!(Instant::now() < until, "{answer:?}");
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(stale.status, 503);
    scene.processes.start_role(Role::Delegation);
    passes(&mut client, &token).await;
}

/// Waits until a request passes again.
async fn passes(client: &mut Connection, token: &str) {
    let until = Instant::now() + PATIENCE;
    while client.get_as("shop.example", "/", token).await.status != 200 {
        assert!(Instant::now() < until, "nothing passes again");
        sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn the_documentation_names_what_the_configuration_has() {
    let root = checkout::root();
    let documentation = fs::read_to_string(root.join("docs/sase.md")).unwrap();
    for word in ["BAILIWICK_CREDENTIAL", "max_stream_duration", "failure_mode_allow", "docs/envoy/envoy.yaml"] {
        assert!(documentation.contains(word), "{word}");
    }
}
