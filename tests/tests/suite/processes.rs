//! The suite as separate processes with mutual TLS between them, started by the commands and environment that
//! `docker-compose.yml` names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use bailiwick::{bootstrap::file, config::Config, serve};
use bailiwick_api::rules;
use bailiwick_core::{Role, authz::Seat};
use bailiwick_db::Db;
use bailiwick_testkit::postgres::PrivateServer;
use sea_orm::ConnectionTrait;
use serde_json::Value;
use tempfile::TempDir;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    checkout,
    client::{Client, Seen},
    live::{Databases, service},
    patience::{PATIENCE, until},
    relay::Relay,
};

const ENFORCEMENT: &str = "BAILIWICK_SASE_POLICY__ENFORCEMENT__LISTEN";
const PASSWORD: &str = "not-a-secret";

/// A running suite, a process per role.
pub struct Processes {
    compose: Value,
    environment: BTreeMap<Role, BTreeMap<String, String>>,
    running: BTreeMap<Role, Running>,
    settings: &'static [(&'static str, &'static str)],
    relays: BTreeMap<(Role, Role), Relay>,
    enforcement: Option<String>,
    databases: Databases,
    socket: Option<String>,
    data: TempDir,
    _server: Option<PrivateServer>,
}

struct Running {
    child: Child,
    address: String,
}

impl Processes {
    pub async fn start(databases: Databases) -> Self {
        Self::start_with(databases, &[], &[]).await
    }

    /// The same with further environment of each role, and with relays between roles: who calls, and whom.
    pub async fn start_with(
        databases: Databases,
        settings: &'static [(&'static str, &'static str)],
        relays: &[(Role, Role)],
    ) -> Self {
        let root = &checkout::root();
        let compose = fs::read_to_string(root.join("docker-compose.yml")).unwrap();
        let compose: Value = serde_saphyr::from_str(&compose).unwrap();
        let (server, socket) = match databases {
            Databases::Sqlite => (None, None),
            Databases::Postgres => {
                let server = prepare_postgres(root);
                let socket = server.socket.clone();
                (Some(server), Some(socket))
            }
        };
        let mut this = Self {
            compose,
            environment: BTreeMap::new(),
            running: BTreeMap::new(),
            settings,
            relays: BTreeMap::new(),
            enforcement: None,
            databases,
            socket,
            data: TempDir::with_prefix("bailiwick-").unwrap(),
            _server: server,
        };
        this.bootstrap();
        for role in Role::ALL {
            for (from, to) in relays.iter().copied().filter(|(from, _)| *from == role) {
                let relay = Relay::start(&this.mesh(), from, to, this.address(to)).await;
                this.relays.insert((from, to), relay);
            }
            this.start_role(role);
        }
        this.ready().await;
        this
    }

    /// Returns when the gateway decides, and every role says that it serves.
    async fn ready(&self) {
        let health = HealthClient::new(self.endpoint().connect_lazy());
        let public = rules().iter().filter(|rule| rule.seat != Seat::Internal);
        let services = public.filter_map(|rule| rule.path.split('/').nth(1)).collect::<BTreeSet<_>>();
        for service in std::iter::once("").chain(services) {
            let serves = async || {
                let asked = health.clone().check(HealthCheckRequest { service: service.to_owned() }).await;
                asked.is_ok_and(|answer| answer.get_ref().status() == ServingStatus::Serving)
            };
            until(&format!("`{service}` serves"), serves).await;
        }
    }

    /// The `bootstrap` service of the compose file, to its end.
    fn bootstrap(&self) {
        let arguments = self.command("bootstrap");
        let status = Command::new(binary()).args(arguments).status().unwrap();
        assert!(status.success());
    }

    /// The command of a service in the compose file, with its volume in our folder.
    fn command(&self, service: &str) -> Vec<String> {
        let words = self.compose["services"][service]["command"].as_array().unwrap_or_else(|| panic!("{service}"));
        words.iter().map(|word| self.here(word.as_str().unwrap())).collect()
    }

    /// A value of the compose file, as it is on this machine: the volume is a folder, the container network loopback.
    fn here(&self, value: &str) -> String {
        let data = self.data.path().to_str().unwrap();
        value.replace("/data", data).replace("${BAILIWICK_DB_PASSWORD:?}", PASSWORD)
    }

    /// Starts a role where its last process listened, or on any free port.
    pub fn start_role(&mut self, role: Role) {
        let name = role.as_str();
        let mut environment = BTreeMap::new();
        for (key, value) in self.compose["services"][name]["environment"].as_object().unwrap() {
            environment.insert(key.clone(), self.translated(role, key, &self.here(value.as_str().unwrap())));
        }
        environment.extend(self.settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let log = File::options().create(true).append(true).open(self.data.path().join(format!("{name}.log"))).unwrap();
        let asked = role == Role::SasePolicy && environment.contains_key(ENFORCEMENT);
        if let Some(enforcement) = self.enforcement.as_ref().filter(|_| asked) {
            environment.insert(ENFORCEMENT.to_owned(), enforcement.clone());
        }
        let deadline = Instant::now() + PATIENCE;
        let (child, mut out, mut line) = loop {
            let mut child = Command::new(binary())
                .args(self.command(name))
                .envs(&environment)
                .stdout(Stdio::piped())
                .stderr(log.try_clone().unwrap())
                .spawn()
                .unwrap();
            let mut line = String::new();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            out.read_line(&mut line).unwrap();
            if line.starts_with(&format!("listening {name} ")) {
                break (child, out, line);
            }
            child.wait().unwrap();
            let told = self.log(role);
            // While nobody listened there, some connection of this machine may have taken the port for a while.
            let taken = told.lines().last().is_some_and(|line| line.contains("Address already in use"));
            assert!(taken && Instant::now() < deadline, "`{name}` did not start: {line:?}\n{told}");
        };
        let address = line.trim().trim_start_matches(&format!("listening {name} "));
        let address = address.to_owned();
        if asked {
            line.clear();
            out.read_line(&mut line).unwrap();
            self.enforcement = line.trim().strip_prefix("listening enforcement ").map(str::to_owned);
        }
        self.running.insert(role, Running { child, address });
        self.environment.insert(role, environment);
    }

    fn translated(&self, role: Role, key: &str, value: &str) -> String {
        let address = |role: Role| self.running.get(&role).map(|running| running.address.clone());
        if key.ends_with("__LISTEN") {
            return address(role).unwrap_or_else(|| "127.0.0.1:0".to_owned());
        }
        if key.ends_with("__ADDRESS") {
            let host = value.rsplit_once(':').unwrap().0.parse().unwrap();
            let relayed = self.relays.get(&(role, host)).map(|relay| relay.address.clone());
            // Roles are started after those that they call; what they do not call has no address yet.
            return relayed.or_else(|| address(host)).unwrap_or_else(|| "127.0.0.1:1".to_owned());
        }
        if key.ends_with("__DATABASE_URL") {
            return match (&self.databases, &self.socket) {
                (Databases::Postgres, Some(socket)) => {
                    format!("{}?host={socket}", value.replace("@postgres/", "@localhost/"))
                }
                _ => format!("sqlite:{role}.db"),
            };
        }
        value.to_owned()
    }

    /// Kills a role as a power cut would, and starts it again.
    pub fn kill_and_restart(&mut self, role: Role) {
        self.kill(role);
        self.start_role(role);
    }

    /// Kills a role as a power cut would.
    pub fn kill(&mut self, role: Role) {
        let running = self.running.get_mut(&role).unwrap();
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }

    /// Takes a backup of the database of a role, which is stopped for it.
    pub fn back_up(&mut self, role: Role) {
        self.kill(role);
        match &self.socket {
            Some(_) => {
                self.postgres("pg_dump", role, &["--format=custom", "--file", self.backup(role).to_str().unwrap()])
            }
            None => copy_sqlite(&self.data.path().join(format!("{role}.db")), &self.backup(role)),
        }
        self.start_role(role);
    }

    /// Restores the backup of the database of a role, which was killed. The epoch stays as it was.
    pub fn restore(&self, role: Role) {
        let backup = self.backup(role);
        match &self.socket {
            Some(_) => {
                let database = role.as_str().replace('-', "_");
                let options = ["--clean", "--if-exists", "--exit-on-error", "--dbname", &database];
                self.postgres("pg_restore", role, &[&options[..], &[backup.to_str().unwrap()]].concat());
            }
            None => copy_sqlite(&backup, &self.data.path().join(format!("{role}.db"))),
        }
    }

    /// `bailiwick renew-epoch` for a role that was killed.
    pub fn renew_epoch(&self, role: Role) {
        let configuration = self.data.path().join(file::CONFIG);
        let mut command = Command::new(binary());
        command.args(["renew-epoch", role.as_str(), "--config"]).arg(configuration).envs(&self.environment[&role]);
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
    }

    /// What a role has logged.
    pub fn log(&self, role: Role) -> String {
        fs::read_to_string(self.data.path().join(format!("{role}.log"))).unwrap()
    }

    fn backup(&self, role: Role) -> PathBuf {
        self.data.path().join(format!("{role}.backup"))
    }

    /// Runs a program of PostgreSQL as the user that owns a role's database, which has the same name.
    fn postgres(&self, program: &str, role: Role, options: &[&str]) {
        let name = role.as_str().replace('-', "_");
        let environment = [("PGHOST", self.socket.as_deref().unwrap()), ("PGUSER", &name), ("PGDATABASE", &name)];
        let status = Command::new(program).args(options).envs(environment).status().unwrap();
        assert!(status.success(), "{program}");
    }

    /// The relay between two roles.
    pub fn relay(&self, from: Role, to: Role) -> &Relay {
        &self.relays[&(from, to)]
    }

    /// Where a role listens.
    pub fn address(&self, role: Role) -> &str {
        &self.running[&role].address
    }

    /// Where enforcement points ask.
    pub fn enforcement(&self) -> &str {
        self.enforcement.as_deref().unwrap()
    }

    pub fn gateway(&self) -> &str {
        self.address(Role::Gateway)
    }

    pub fn operator_file(&self) -> PathBuf {
        self.data.path().join(file::OPERATOR)
    }

    pub fn ca_file(&self) -> PathBuf {
        self.mesh().join("ca.pem")
    }

    /// The folder of the certificates.
    pub fn mesh(&self) -> PathBuf {
        self.data.path().join(file::MESH)
    }

    /// The file that messages to people are written to.
    pub fn mailbox(&self) -> PathBuf {
        self.data.path().join("mailbox.jsonl")
    }

    /// A client that sends no consistency tokens: roles are killed and restored while it calls.
    pub fn client(&self) -> Client {
        Client::new(self.endpoint())
    }

    fn endpoint(&self) -> Endpoint {
        let ca = Certificate::from_pem(fs::read(self.ca_file()).unwrap());
        let port = self.gateway().rsplit(':').next().unwrap();
        let endpoint = Endpoint::from_shared(format!("https://localhost:{port}")).unwrap();
        endpoint.tls_config(ClientTlsConfig::new().ca_certificate(ca).domain_name("localhost")).unwrap()
    }

    pub async fn operator(&self) -> Client {
        self.operator_of(self.client()).await
    }

    /// The operator, with a client that sees what it has seen.
    pub async fn seeing_operator(&self) -> Client {
        self.operator_of(Client::seeing(self.endpoint(), Seen::default())).await
    }

    async fn operator_of(&self, client: Client) -> Client {
        let credential: Value = serde_json::from_str(&fs::read_to_string(self.operator_file()).unwrap()).unwrap();
        let (id, secret) = (credential["access_key_id"].as_str().unwrap(), credential["secret"].as_str().unwrap());
        client.sign_in(id, secret).await.unwrap()
    }

    /// The database of a role, for looking at its log.
    pub async fn database(&self, role: Role) -> Db {
        serve::database(&self.config(role), role).await.unwrap()
    }

    /// Changes rows in the database of a role as no call does, such as to let time pass.
    pub async fn change_rows(&self, role: Role, sql: &str) {
        let database = sea_orm::Database::connect(self.config(role).database_url(role)).await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = database.execute_unprepared(sql).await {
            // The role writes as well.
            assert!(error.to_string().contains("locked") && Instant::now() < deadline, "{error}");
        }
        database.close().await.unwrap();
    }

    /// A configuration with the database of a role.
    fn config(&self, role: Role) -> Config {
        let mut config = Config { data: self.data.path().to_owned(), ..Config::default() };
        let key = format!("BAILIWICK_{}__DATABASE_URL", role.as_str().replace('-', "_").to_uppercase());
        service(&mut config, role).database_url = self.environment[&role][&key].clone();
        config
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for running in self.running.values_mut() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// Copies a database that nobody has open: its file, and the log of what is not in it yet.
fn copy_sqlite(from: &Path, to: &Path) {
    let beside = |path: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(from, suffix), beside(to, suffix));
        if to.exists() {
            fs::remove_file(&to).unwrap();
        }
        // The index of the log is made anew.
        if suffix != "-shm" && from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
}

/// A private server with the users and databases of `deploy/postgres-init.sh`.
fn prepare_postgres(root: &Path) -> PrivateServer {
    let server = PrivateServer::start();
    let environment =
        [("PGHOST", server.socket.as_str()), ("POSTGRES_USER", "bailiwick"), ("POSTGRES_PASSWORD", PASSWORD)];
    let status = Command::new(root.join("deploy/postgres-init.sh")).envs(environment).status().unwrap();
    assert!(status.success());
    server
}

/// The executable, built beside this test by `cargo build --package bailiwick`.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().and_then(Path::parent).unwrap().join("bailiwick");
    assert!(binary.exists(), "run `cargo build --package bailiwick` first (`scripts/test scenario` does)");
    binary
}
