//! People sign in at a real OpenID provider (`tests/openid`) by `bailiwick login`, and call with what they got.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};
use tokio::time::{Instant, sleep};
use tonic::Code;

use crate::{
    checkout,
    live::{Account, Databases, Suite, register, text, user},
    patience::PATIENCE,
    processes::binary,
    tools,
};

const SIGN_IN: &str = "directory.v1.TokenService/SignIn";
const WHO_AM_I: &str = "directory.v1.TokenService/GetCallerIdentity";

/// A provider that signs everybody in as one user.
struct Provider {
    child: Child,
    issuer: String,
    log: NamedTempFile,
}

impl Provider {
    fn start(user: &str) -> Self {
        Self::start_with(user, &[])
    }

    /// With the files of its certificate and key, it is reached by https.
    fn start_with(user: &str, tls: &[PathBuf]) -> Self {
        tools::installed("openid/node_modules/oidc-provider");
        let mut command = Command::new("node");
        command.arg(script("provider.mjs")).arg(tools::folder()).arg(user).args(tls);
        let log = NamedTempFile::new().unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let mut issuer = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut issuer).unwrap();
        let issuer = issuer.trim().to_owned();
        let provider = Self { child, issuer, log };
        let address = if tls.is_empty() { "http://127.0.0.1:" } else { "https://localhost:" };
        assert!(provider.issuer.starts_with(address), "{}{}", provider.issuer, provider.log());
        provider
    }

    /// What it wrote to standard error, such as why it ended.
    fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(name: &str) -> PathBuf {
    checkout::tests().join("openid").join(name)
}

/// Registers a provider of an account; returns its name.
async fn connect(account: &Account, id: &str, issuer: &str, client_id: &str) -> String {
    let settings = json!({
        "issuer": issuer, "client_ids": [client_id], "scopes": ["profile"], "user_claim": "preferred_username"
    });
    let create = json!({"parent": account.name, "identity_provider_id": id, "identity_provider": settings});
    let method = "directory.v1.IdentityProviderService/CreateIdentityProvider";
    text(&account.root.call(method, create).await.unwrap(), "name").to_owned()
}

/// Runs `bailiwick login` with a browser; returns whether it succeeded, and what it said on both of its outputs.
async fn login(suite: &Suite, provider: &str, more: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(binary());
    command.args(["login", "--gateway", &suite.url(), "--provider", provider]).args(more);
    let ca = suite.ca_file();
    let work = move || {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut asked = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let mut address = String::new();
        let mut line = String::new();
        while asked.read_line(&mut line).unwrap() > 0 {
            said.push_str(&line);
            // Of the device flow, the last one has the code in it.
            if line.trim().starts_with("http") {
                address = line.trim().to_owned();
                if address.contains('?') {
                    break;
                }
            }
            line.clear();
        }
        if !address.is_empty() {
            let mut browser = Command::new("node");
            browser.env("NODE_EXTRA_CA_CERTS", &ca).arg(script("browser.mjs")).arg(&address);
            let browser = browser.output().unwrap();
            said.push_str(&String::from_utf8_lossy(&browser.stdout));
            said.push_str(&String::from_utf8_lossy(&browser.stderr));
        }
        asked.read_to_string(&mut said).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), said)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_by_both_flows_and_calls_as_the_user() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    user(&account, "alice", &[]).await;
    let provider = Provider::start("alice");
    let name = connect(&account, "main", &provider.issuer, "cli").await;

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("deep/token.json");
    let at = ["--token-file", file.to_str().unwrap()];
    let (well, said, asked) = login(&suite, &name, &at).await;
    assert!(well, "{said}{asked}{}", provider.log());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert!(!said.contains(text(&kept, "access_token")) && !asked.contains(text(&kept, "access_token")));
    let (well, printed, asked) = login(&suite, &name, &["--device", "--print"]).await;
    assert!(well, "{printed}{asked}{}", provider.log());
    let printed: Value = serde_json::from_str(&printed).unwrap();
    for token in [text(&kept, "access_token"), text(&printed, "access_token")] {
        let me = suite.client().with_token(token).call(WHO_AM_I, json!({})).await.unwrap();
        assert_eq!(text(&me, "principal"), format!("{}/users/alice", account.name));
        assert_eq!(text(&me, "sourceIdentity"), name);
        assert_eq!((text(&me, "identityProvider"), text(&me, "subject")), (&*name, "alice"));
        assert_eq!(me["mfaPresent"], true);
    }
    assert!(Command::new(binary()).arg("logout").args(at).status().unwrap().success() && !file.exists());
    assert!(Command::new(binary()).arg("logout").args(at).status().unwrap().success());
    suite.stop().await;
}

/// covers: R-DIR-25, R-GW-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_in_is_in_the_trail_of_the_whole_chain() {
    let suite = Suite::start(Databases::Sqlite).await;
    let account = register(&suite.operator().await, "account", "Example").await;
    user(&account, "alice", &["AdministratorAccess"]).await;
    let provider = Provider::start("alice");
    let name = connect(&account, "main", &provider.issuer, "cli").await;
    let (well, printed, asked) = login(&suite, &name, &["--print"]).await;
    assert!(well, "{printed}{asked}{}", provider.log());
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let mut person = suite.client().with_token(text(&printed, "access_token"));
    let statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [account.name]}});
    let trust_policy = json!({"Version": "1", "Statement": [statement]}).to_string();
    for role_id in ["first", "second"] {
        let create = json!({"parent": account.name, "role_id": role_id, "role": {"trust_policy": trust_policy}});
        let role = account.root.call("directory.v1.RoleService/CreateRole", create).await.unwrap();
        let policy = format!("{}/policies/AdministratorAccess", account.name);
        let attach = json!({"target": role["name"], "policy": policy});
        account.root.call("directory.v1.PolicyService/AttachPolicy", attach).await.unwrap();
        let assume = json!({"role": role["name"], "session_name": "chained"});
        let session = person.call("directory.v1.TokenService/AssumeRole", assume).await.unwrap();
        person = person.with_token(text(&session, "accessToken"));
        let create = json!({"parent": account.name, "user_id": format!("by-{role_id}")});
        person.call("directory.v1.UserService/CreateUser", create).await.unwrap();
    }
    let me = person.call(WHO_AM_I, json!({})).await.unwrap();
    assert_eq!((text(&me, "identityProvider"), text(&me, "subject")), (&*name, "alice"));

    let list = "audit.v1.AuditService/ListAccountAuditEntries";
    let until = Instant::now() + PATIENCE;
    loop {
        let trail = account.root.call(list, json!({"parent": account.name, "page_size": 1000})).await.unwrap();
        let entries = trail["auditEntries"].as_array().unwrap().iter();
        let by: Vec<_> = entries
            .map(|entry| &entry["operator"])
            .filter(|by| text(by, "identityProvider") == name && text(by, "subject") == "alice")
            .map(|by| text(by, "principal").rsplit('/').next().unwrap())
            .collect();
        // The sign-in, then twice a role that is assumed by one identity, and a user that it makes as the role.
        if by == ["alice", "alice", "first", "first", "second"] || by == ["second", "first", "first", "alice", "alice"]
        {
            break;
        }
        assert!(Instant::now() < until, "{by:?}");
        sleep(Duration::from_millis(50)).await;
    }
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_authority_that_is_given_is_trusted_for_the_gateway_and_the_provider() {
    let suite = Suite::start_with_tls().await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    user(&account, "alice", &[]).await;
    let mesh = suite.ca_file().parent().unwrap().to_owned();
    let provider = Provider::start_with("alice", &[mesh.join("public.pem"), mesh.join("public.key")]);
    let name = connect(&account, "main", &provider.issuer, "cli").await;

    let ca = suite.ca_file();
    for flow in [&["--print"][..], &["--print", "--device"]] {
        let (well, printed, asked) = login(&suite, &name, &[&["--ca", ca.to_str().unwrap()], flow].concat()).await;
        assert!(well, "{printed}{asked}{}", provider.log());
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let me = suite.client().with_token(text(&printed, "access_token")).call(WHO_AM_I, json!({})).await.unwrap();
        assert_eq!(text(&me, "principal"), format!("{}/users/alice", account.name));
    }
    // Without it, nobody is told what a token would be had with.
    let (well, said, asked) = login(&suite, &name, &["--print"]).await;
    assert!(!well && said.is_empty() && asked.contains("cannot be reached"), "{said}{asked}");
    let other = TempDir::new().unwrap();
    let none = other.path().join("none.pem");
    let (well, _, asked) = login(&suite, &name, &["--print", "--ca", none.to_str().unwrap()]).await;
    assert!(!well && asked.contains("none.pem"), "{asked}");
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_no_provider_of_the_account_vouches_for_is_not_signed_in() {
    let suite = Suite::start(Databases::Sqlite).await;
    let operator = suite.operator().await;
    let account = register(&operator, "account", "Example").await;
    let provider = Provider::start("bob");
    let name = connect(&account, "main", &provider.issuer, "cli").await;
    // Nobody is called `bob`.
    let (well, said, asked) = login(&suite, &name, &["--print"]).await;
    assert!(!well && said.is_empty() && asked.contains("Unauthenticated"), "{said}{asked}");
    let unknown = json!({"identity_provider": format!("{}/identityProviders/none", account.name), "id_token": "a.b.c"});
    let refused = suite.client().refused(SIGN_IN, unknown).await;
    assert_eq!((refused.code, &*refused.reason), (Code::Unauthenticated, "CREDENTIAL_INVALID"));
    let forged = json!({"identity_provider": name, "id_token": "a.b.c"});
    let refused = suite.client().refused(SIGN_IN, forged).await;
    assert_eq!((refused.code, &*refused.reason), (Code::Unauthenticated, "CREDENTIAL_INVALID"));
    let bare = user(&account, "bare", &[]).await;
    let list = json!({"parent": account.name});
    let refused = bare.refused("directory.v1.IdentityProviderService/ListIdentityProviders", list).await;
    assert_eq!((refused.code, &*refused.reason), (Code::PermissionDenied, "ACTION_NOT_ALLOWED"));
    let wrong = json!({
        "parent": account.name, "identity_provider_id": "Wrong",
        "identity_provider": {"issuer": "http://example.com", "client_ids": []}
    });
    let method = "directory.v1.IdentityProviderService/CreateIdentityProvider";
    let refused = account.root.refused(method, wrong).await;
    assert_eq!(refused.code, Code::InvalidArgument);
    assert_eq!(refused.fields, ["identity_provider_id", "identity_provider.issuer", "identity_provider.client_ids"]);
    suite.stop().await;
}
