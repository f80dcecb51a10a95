//! The command line.

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
};

use bailiwick_core::{Role, SystemEntropy, authz::Rule};
use bailiwick_rpc::telemetry::Telemetry;
use clap::{Args, Parser, Subcommand};

use crate::{
    bootstrap::{bootstrap, file},
    config::Config,
    import::Import,
    login::{Login, TokenFile},
    serve,
};

/// One delegated seat secures many cloud accounts.
#[derive(Debug, Parser)]
#[command(name = "bailiwick", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes keys, certificates, the operator's credential and a configuration; keeps what is there.
    Bootstrap {
        /// The folder to fill.
        #[arg(long)]
        data: PathBuf,
        /// DNS name or address of the public address, for its certificate; can be repeated.
        #[arg(long = "public-name", default_values_t = ["localhost".to_owned()])]
        public_names: Vec<String>,
    },
    /// Runs roles until SIGTERM or SIGINT.
    Serve {
        /// All roles in this process; applies migrations first.
        #[arg(long, conflicts_with_all = ["role", "migrate"])]
        all: bool,
        /// The role to run.
        #[arg(required_unless_present = "all")]
        role: Option<Role>,
        /// Apply the migrations of this version first.
        #[arg(long)]
        migrate: bool,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Applies the migrations of this version to the database of a role.
    Migrate {
        /// The role.
        role: Role,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Gives the database of a role a new epoch: to be done once after a restore from a backup, while no process of the
    /// role runs.
    RenewEpoch {
        /// The role.
        role: Role,
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Looks at the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Succeeds if the gateway of the configuration is SERVING.
    Healthcheck {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Signs a person in by an OpenID provider, and keeps the token in a file.
    Login(Login),
    /// Removes the file with the token.
    Logout(TokenFile),
    /// Brings in what others found.
    #[command(subcommand)]
    Import(Import),
    /// Prints each method of the contract with its authorization rule.
    AuthzMatrix,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Says what is wrong with it.
    Check(ConfigFile),
    /// Prints what is in force, without passwords.
    Show(ConfigFile),
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long = "config", default_value = "data/bailiwick.toml")]
    path: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Box<dyn Error>> {
        let config = Config::load(&self.path)?;
        match config.problems() {
            problems if problems.is_empty() => Ok(config),
            problems => Err(problems.join("; ").into()),
        }
    }
}

impl Cli {
    /// Does what the command line asks for.
    ///
    /// # Errors
    /// What stopped it, in words for the operator.
    pub async fn run(self) -> Result<(), Box<dyn Error>> {
        match self.command {
            Command::Bootstrap { data, public_names } => Ok(bootstrap(&data, &public_names, &SystemEntropy)?),
            Command::Serve { all: true, file, .. } => serve_all(&file.load()?).await,
            Command::Serve { role: Some(role), migrate, file, .. } => serve_role(&file.load()?, role, migrate).await,
            Command::Serve { role: None, .. } => Err("name a role, or --all".into()),
            Command::Migrate { role, file } => Ok(serve::database(&file.load()?, role).await?.migrate().await?),
            Command::RenewEpoch { role, file } => {
                serve::database(&file.load()?, role).await?.renew_epoch().await?;
                say(&format!("the database of {role} has a new epoch: start the role"))
            }
            Command::Config { command: ConfigCommand::Check(file) } => file.load().map(drop),
            Command::Config { command: ConfigCommand::Show(file) } => {
                say(&toml::to_string_pretty(&file.load()?.without_passwords())?)
            }
            Command::Healthcheck { file } => Ok(serve::healthcheck(&file.load()?).await?),
            Command::Login(login) => login.run().await,
            Command::Logout(file) => file.remove(),
            Command::Import(import) => import.run().await,
            Command::AuthzMatrix => bailiwick_api::rules().iter().try_for_each(|rule| say(&row(rule))),
        }
    }
}

async fn serve_all(config: &Config) -> Result<(), Box<dyn Error>> {
    let telemetry = serve::telemetry(config, "bailiwick")?;
    let running = serve::start_all(config).await?;
    let address = running.gateway;
    let operator = config.data.join(file::OPERATOR);
    say(&format!(
        "bailiwick is ready\n\n  gateway:              {address}\n  operator credential:  {operator}\n\ntry\n\n  \
         grpcurl -plaintext -d @ {address} bailiwick.directory.v1.TokenService/CreateToken < {operator}\n\nand the tour\n\n  \
         docs/walkthrough.sh {address} {operator}\n",
        operator = operator.display(),
    ))?;
    let ended = running.until_signal().await;
    flush(telemetry).await;
    Ok(ended?)
}

async fn serve_role(config: &Config, role: Role, migrate: bool) -> Result<(), Box<dyn Error>> {
    let telemetry = serve::telemetry(config, &format!("bailiwick-{role}"))?;
    let running = serve::start_role(config, role, migrate).await?;
    // Whoever starts a role with port 0 reads here where it listens.
    say(&format!("listening {role} {}", running.address))?;
    if let Some(enforcement) = running.enforcement {
        say(&format!("listening enforcement {enforcement}"))?;
    }
    let ended = running.until_signal().await;
    flush(telemetry).await;
    Ok(ended?)
}

/// Sends what telemetry still holds: the last calls before a stop are those that are asked about.
async fn flush(telemetry: Telemetry) {
    // It blocks, and the exporter needs the runtime.
    let _ = tokio::task::spawn_blocking(move || telemetry.shutdown()).await;
}

fn row(rule: &Rule) -> String {
    let service = rule.trusted_service.map(|s| format!(" of {s}")).unwrap_or_default();
    let enrolled = if rule.enrolled { ", enrolled accounts" } else { "" };
    let operator = if rule.operator_required { ", no root user" } else { "" };
    format!("{}: {}{service}{enrolled}{operator}; policy {}", rule.method(), rule.seat.as_str(), rule.action)
}

fn say(text: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
