//! PostgreSQL for tests: one private server for each test process, a database for each test.
//!
//! The server listens on a socket in a directory of its own, so that no port can collide, and keeps nothing on disk
//! safely. It is run by a shell that waits for its standard input to close, which the system does when the test process
//! ends, however it ends; the shell then stops the server and removes the directory.
//!
//! Where `BAILIWICK_TEST_POSTGRES_URL` names a server (a user who may create databases), that one is used instead, and
//! each test's database is dropped when the test ends.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use sea_orm::{ConnectOptions, ConnectionTrait, Database};

use crate::database::{Guard, TestDatabase};

const VARIABLE: &str = "BAILIWICK_TEST_POSTGRES_URL";

/// `$1` is the directory of the server's programs. Prints `ready` and its directory, or what went wrong.
const SCRIPT: &str = r#"
set -u
trap '' INT TERM HUP
dir=$(mktemp -d /tmp/bailiwick-pg-XXXXXX) || exit 1
trap '"$1/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1; rm -rf "$dir"' EXIT
"$1/initdb" -D "$dir/data" -U bailiwick -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 2000
shared_buffers = 64MB
CONF
"$1/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start >/dev/null 2>&1 || { cat "$dir/log"; exit 1; }
echo "ready $dir"
while read -r _; do :; done
"#;

static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A server: its address around the name of a database.
struct Server {
    before: String,
    after: String,
    private: bool,
    /// The shell, whose standard input stays open until the process ends.
    _shell: Option<Child>,
}

/// A database of a server that goes on after the test.
pub(crate) struct Shared {
    administration: String,
    name: String,
}

/// An empty PostgreSQL database.
pub async fn database() -> TestDatabase {
    // Starting blocks; the tests that wait for it have nothing else to do.
    let server = SERVER.get_or_init(start);
    let name = name();
    let administration = server.url("postgres");
    execute(&administration, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    let url = server.url(&name);
    let guard = if server.private { Guard::Server } else { Guard::Shared(Shared { administration, name }) };
    TestDatabase::new(url, "postgres", guard)
}

async fn execute(url: &str, sql: &str) {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await.expect("the test PostgreSQL server can be reached");
    connection.execute_unprepared(sql).await.expect("the test user may create and drop databases");
    connection.close().await.expect("the connection closes");
}

/// Unique among all processes that use the same server.
#[expect(clippy::disallowed_methods, reason = "a name that no earlier run of the tests left behind")]
fn name() -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("bailiwick_test_{}_{}_{nanos}", process::id(), DATABASES.fetch_add(1, Ordering::Relaxed))
}

fn start() -> Server {
    if let Ok(url) = env::var(VARIABLE) {
        let (address, query) = url.split_once('?').map_or((url.as_str(), String::new()), |(a, q)| (a, format!("?{q}")));
        let (scheme, rest) = address.split_once("://").expect("the test PostgreSQL address begins with postgres://");
        let host = rest.split('/').next().unwrap_or_default();
        return Server { before: format!("{scheme}://{host}/"), after: query, private: false, _shell: None };
    }
    let private = PrivateServer::start();
    Server {
        before: "postgres://bailiwick@localhost/".to_owned(),
        after: format!("?host={}", private.socket),
        private: true,
        _shell: Some(private.shell),
    }
}

/// A server of its own, for a test that makes users or databases by fixed names. It goes when this is dropped.
pub struct PrivateServer {
    /// The directory of its socket; its superuser is `bailiwick`.
    pub socket: String,
    shell: Child,
}

impl PrivateServer {
    /// Starts a server. Blocks for a second or two.
    pub fn start() -> Self {
        let (socket, shell) = start_private();
        Self { socket, shell }
    }
}

fn start_private() -> (String, Child) {
    let programs = programs().unwrap_or_else(|| {
        panic!("PostgreSQL's `initdb` was not found: install the server's package, or set {VARIABLE}")
    });
    let mut child = shell()
        .args(["-c", SCRIPT, "postgres"])
        .arg(&programs)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell can be started");
    let mut output = BufReader::new(child.stdout.take().expect("the output is a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("the output can be read");
    let Some(directory) = line.trim_end().strip_prefix("ready ") else {
        let mut rest = String::new();
        output.read_to_string(&mut rest).expect("the output can be read");
        panic!("the test PostgreSQL server did not start: {line}{rest}");
    };
    (directory.to_owned(), child)
}

/// The server refuses to run as root.
fn shell() -> Command {
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        return Command::new("sh");
    }
    let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = if known.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" };
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), "--clear-groups", "sh"]);
    command
}

/// The directory of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = packaged
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .max()
        .map(|(_, path)| path);
    let on_path = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    newest.into_iter().chain(on_path).find(|directory| has_server(directory))
}

fn has_server(directory: &Path) -> bool {
    directory.join("initdb").is_file() && directory.join("pg_ctl").is_file()
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.before, self.after)
    }
}

impl Shared {
    /// In a thread of its own, for the runtime of the test may be at its end.
    pub(crate) fn remove(&self) {
        let (url, sql) = (self.administration.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let removal = thread::spawn(move || {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                runtime.block_on(execute(&url, &sql));
            }
        });
        // Failing to clean up is no failure of the test.
        drop(removal.join());
    }
}
