//! People sign in at a real OpenID provider (`tests/openid`) by `bailiwick login`, and call with what they got.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::{NamedTempFile, TempDir};
use tonic::Code;

use crate::{
    live::{Account, Databases, Suite, register, text, user},
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
        tools::installed("openid/node_modules/oidc-provider");
        let mut command = Command::new("node");
        command.arg(script("provider.mjs")).arg(tools::folder()).arg(user);
        let log = NamedTempFile::new().unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let mut issuer = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut issuer).unwrap();
        let issuer = issuer.trim().to_owned();
        let provider = Self { child, issuer, log };
        assert!(provider.issuer.starts_with("http://127.0.0.1:"), "{}{}", provider.issuer, provider.log());
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openid").join(name)
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
    command.args(["login", "--gateway", &format!("http://{}", suite.gateway()), "--provider", provider]).args(more);
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
            let browser = Command::new("node").arg(script("browser.mjs")).arg(&address).output().unwrap();
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
        assert_eq!(me["mfaPresent"], true);
    }
    assert!(Command::new(binary()).arg("logout").args(at).status().unwrap().success() && !file.exists());
    assert!(Command::new(binary()).arg("logout").args(at).status().unwrap().success());
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
