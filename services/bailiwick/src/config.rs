//! The configuration: one file, every value of which the environment can override
//! (`BAILIWICK_SECURITY_CENTER__DATABASE_URL` for `security_center.database_url`, `BAILIWICK_DATA` for `data`).

use std::path::{Path, PathBuf};

use bailiwick_core::Role;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder that `bailiwick bootstrap` filled: keys, certificates, the operator's credential. Paths below are
    /// relative to it.
    pub data: PathBuf,
    /// The public address.
    pub gateway: Gateway,
    /// The role `directory`.
    pub directory: Directory,
    /// The role `delegation`.
    pub delegation: Delegation,
    /// The role `security-center`.
    pub security_center: Service,
    /// The role `sase-policy`.
    pub sase_policy: SasePolicy,
    /// The role `bastion-audit`.
    pub bastion_audit: Service,
    /// Logs, traces and metrics.
    pub telemetry: Telemetry,
}

/// The role `gateway`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Where clients connect. Off loopback TLS is required.
    pub listen: String,
    /// PEM files of the certificate chain and its key for the public address; empty for plain text.
    pub tls_certificate: PathBuf,
    /// The key of `tls_certificate`.
    pub tls_key: PathBuf,
    /// Access facts older than this decide nothing, in milliseconds: 100 to 60,000.
    pub freshness_ms: u64,
}

/// A role with a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Service {
    /// Where the role listens when it runs as a process of its own.
    pub listen: String,
    /// Where the other roles find it, `host:port`.
    pub address: String,
    /// `sqlite:PATH` or `postgres://user:password@host/database`.
    pub database_url: String,
}

/// The role `directory`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Directory {
    /// Where it is; its settings stand beside the others.
    #[serde(flatten)]
    pub service: Service,
    /// Bounds of what tenants may have.
    pub limits: bailiwick_directory::Limits,
    /// How verification codes reach people. Relative paths are taken from the data folder.
    pub delivery: bailiwick_directory::DeliveryConfig,
    /// How OpenID providers are reached.
    pub sign_in: bailiwick_directory::SignInConfig,
}

/// The role `delegation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delegation {
    /// Where it is; its settings stand beside the others.
    #[serde(flatten)]
    pub service: Service,
    /// How often claims are compared with what needs them, in seconds: 1 to 86,400.
    pub reconcile_interval_s: u32,
    /// Bounds of what directories may have.
    pub limits: bailiwick_delegation::Limits,
}

/// The role `sase-policy`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SasePolicy {
    /// Where it is; its settings stand beside the others.
    #[serde(flatten)]
    pub service: Service,
    /// Where enforcement points ask. Relative paths are taken from the data folder.
    pub enforcement: bailiwick_sase_policy::EnforcementConfig,
    /// How the OpenID providers of its users are reached.
    pub identity: bailiwick_sase_policy::IdentityConfig,
}

/// Logs, traces and metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// What is logged: `info`, `bailiwick_gateway=debug,info`.
    pub filter: String,
    /// Whether log lines are JSON.
    pub json: bool,
    /// Where traces and metrics go by OTLP/gRPC, such as `http://127.0.0.1:4317`; empty for nowhere.
    pub otlp_endpoint: String,
}

impl Default for Config {
    fn default() -> Self {
        let service = |role: Role, port: u16| Service {
            listen: format!("127.0.0.1:{port}"),
            address: format!("127.0.0.1:{port}"),
            database_url: format!("sqlite:{role}.db"),
        };
        Self {
            data: PathBuf::from("data"),
            gateway: Gateway::default(),
            directory: Directory { service: service(Role::Directory, 7101), ..Directory::default() },
            delegation: Delegation { service: service(Role::Delegation, 7102), ..Delegation::default() },
            security_center: service(Role::SecurityCenter, 7103),
            sase_policy: SasePolicy { service: service(Role::SasePolicy, 7104), ..SasePolicy::default() },
            bastion_audit: service(Role::BastionAudit, 7105),
            telemetry: Telemetry::default(),
        }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7100".to_owned(),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            freshness_ms: 2_000,
        }
    }
}

impl Default for Delegation {
    fn default() -> Self {
        let bailiwick_delegation::Config { reconcile_interval_s, limits } = bailiwick_delegation::Config::default();
        Self { service: Service::default(), reconcile_interval_s, limits }
    }
}

impl Default for Service {
    fn default() -> Self {
        Self { listen: "127.0.0.1:0".to_owned(), address: String::new(), database_url: String::new() }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { filter: "info".to_owned(), json: false, otlp_endpoint: String::new() }
    }
}

impl Config {
    /// Reads a file, and the environment over it.
    ///
    /// # Errors
    /// If the file cannot be read, or a value is unknown or of the wrong type; the error names it.
    pub fn load(file: &Path) -> Result<Self, Box<figment::Error>> {
        // Other variables of the prefix are for other programs, such as the tests' `BAILIWICK_TOOLS`.
        let ours = |key: &figment::value::UncasedStr| key == "data" || key.as_str().contains("__");
        let env = Env::prefixed("BAILIWICK_").filter(ours).split("__");
        Figment::from(Serialized::defaults(Self::default()))
            .merge(Toml::file_exact(file))
            .merge(env)
            .extract()
            .map_err(Box::new)
    }

    /// The part of a role with a database; none for the gateway.
    pub fn service(&self, role: Role) -> Option<&Service> {
        match role {
            Role::Directory => Some(&self.directory.service),
            Role::Delegation => Some(&self.delegation.service),
            Role::SecurityCenter => Some(&self.security_center),
            Role::SasePolicy => Some(&self.sase_policy.service),
            Role::BastionAudit => Some(&self.bastion_audit),
            Role::Gateway => None,
        }
    }

    /// What the role `directory` is configured with.
    pub fn directory_config(&self) -> bailiwick_directory::Config {
        let Directory { limits, delivery, sign_in, .. } = self.directory.clone();
        bailiwick_directory::Config { limits, delivery, sign_in }.in_folder(&self.data)
    }

    /// What the role `delegation` is configured with.
    pub fn delegation_config(&self) -> bailiwick_delegation::Config {
        let Delegation { reconcile_interval_s, limits, .. } = self.delegation;
        bailiwick_delegation::Config { reconcile_interval_s, limits }
    }

    /// What the role `sase-policy` is configured with.
    pub fn sase_policy_config(&self) -> bailiwick_sase_policy::Config {
        let SasePolicy { enforcement, identity, .. } = self.sase_policy.clone();
        bailiwick_sase_policy::Config { enforcement, identity }.in_folder(&self.data)
    }

    /// The URL of a role's database, a relative path of SQLite taken from the data folder.
    pub fn database_url(&self, role: Role) -> String {
        let url = self.service(role).map(|service| service.database_url.clone()).unwrap_or_default();
        match url.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{}?mode=rwc", self.data.join(path).display()),
            None => url,
        }
    }

    /// The same, with the passwords of databases blotted out.
    pub fn without_passwords(mut self) -> Self {
        let services = [
            &mut self.directory.service,
            &mut self.delegation.service,
            &mut self.security_center,
            &mut self.sase_policy.service,
            &mut self.bastion_audit,
        ];
        for service in services {
            if let Some((scheme, rest)) = service.database_url.split_once("://")
                && let Some((_, host)) = rest.rsplit_once('@')
            {
                service.database_url = format!("{scheme}://***@{host}");
            }
        }
        self
    }

    /// What is wrong with it, as far as that can be seen without starting anything.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(100..=60_000).contains(&self.gateway.freshness_ms) {
            problems.push("`gateway.freshness_ms` must be between 100 and 60,000".to_owned());
        }
        let chain = self.gateway.tls_certificate.as_os_str().is_empty();
        if chain != self.gateway.tls_key.as_os_str().is_empty() {
            problems.push("`gateway.tls_certificate` and `gateway.tls_key` go together".to_owned());
        }
        let of_directory = self.directory_config().problems();
        problems.extend(of_directory.into_iter().map(|problem| problem.replacen('`', "`directory.", 1)));
        let of_delegation = self.delegation_config().problems();
        problems.extend(of_delegation.into_iter().map(|problem| problem.replacen('`', "`delegation.", 1)));
        let of_sase_policy = self.sase_policy_config().problems();
        problems.extend(of_sase_policy.into_iter().map(|problem| problem.replacen('`', "`sase_policy.", 1)));
        for role in Role::ALL {
            if !role.has_database() {
                continue;
            }
            if let Err(error) = self.database_url(role).parse::<bailiwick_db::DatabaseUrl>() {
                problems.push(format!("the `database_url` of {role}: {error}"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use figment::Jail;

    use super::*;

    #[test]
    #[expect(clippy::result_large_err, reason = "the error type is the jail's")]
    fn the_environment_overrides_the_file_and_mistakes_are_named() {
        Jail::expect_with(|jail| {
            let file = jail.directory().join("bailiwick.toml");
            fs::write(&file, toml::to_string(&Config::default()).unwrap()).unwrap();
            jail.set_env("BAILIWICK_DATA", "/elsewhere");
            jail.set_env("BAILIWICK_SECURITY_CENTER__DATABASE_URL", "postgres://u:p@h/d");
            jail.set_env("BAILIWICK_GATEWAY__FRESHNESS_MS", "50");
            jail.set_env("BAILIWICK_TOOLS", "/not/ours");
            let config = Config::load(&file).unwrap();
            assert_eq!(config.data, Path::new("/elsewhere"));
            assert_eq!(config.database_url(Role::SecurityCenter), "postgres://u:p@h/d");
            assert_eq!(config.database_url(Role::Directory), "sqlite:/elsewhere/directory.db?mode=rwc");
            assert_eq!(config.problems(), ["`gateway.freshness_ms` must be between 100 and 60,000"]);
            assert_eq!(config.without_passwords().security_center.database_url, "postgres://***@h/d");
            jail.set_env("BAILIWICK_GATEWAY__LISTENING", "x");
            assert!(Config::load(&file).unwrap_err().to_string().contains("listening"));
            Ok(())
        });
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the error type is the jail's")]
    fn limits_and_deliveries_of_the_directory_are_set_beside_its_addresses() {
        Jail::expect_with(|jail| {
            let file = jail.directory().join("bailiwick.toml");
            let text = "[directory]\nlisten = \"127.0.0.1:1\"\n[directory.limits]\nverification_seconds = 120\n\
                        [directory.delivery]\nemail = \"smtp\"\n[directory.delivery.smtp]\nhost = \"mail.example.com\"\n";
            fs::write(&file, text).unwrap();
            jail.set_env("BAILIWICK_DATA", "/data");
            jail.set_env("BAILIWICK_DIRECTORY__ADDRESS", "directory:7101");
            jail.set_env("BAILIWICK_DIRECTORY__LIMITS__VERIFICATIONS_PER_DAY_MAX", "7");
            jail.set_env("BAILIWICK_DIRECTORY__DELIVERY__PHONE", "webhook");
            jail.set_env("BAILIWICK_DIRECTORY__DELIVERY__SMTP__PORT", "465");
            jail.set_env("BAILIWICK_DIRECTORY__DELIVERY__WEBHOOK__URL", "http://sms.example.com");
            jail.set_env("BAILIWICK_DIRECTORY__DELIVERY__WEBHOOK__SECRET_FILE", "webhook.secret");
            let config = Config::load(&file).unwrap();
            let service = config.service(Role::Directory).unwrap();
            assert_eq!((service.listen.as_str(), service.address.as_str()), ("127.0.0.1:1", "directory:7101"));
            let own = config.directory_config();
            assert_eq!((own.limits.verification_seconds, own.limits.verifications_per_day_max), (120, 7));
            assert_eq!(own.limits.members_max, 20);
            let problems = config.problems();
            assert_eq!(problems.len(), 2, "{problems:?}");
            assert!(problems[0].starts_with("`directory.delivery.smtp.from` must be"), "{problems:?}");
            assert!(problems[1].starts_with("`directory.delivery.webhook.url` must be"), "{problems:?}");
            for (variable, word) in [
                ("BAILIWICK_DIRECTORY__LISTENING", "listening"),
                ("BAILIWICK_DIRECTORY__LIMITS__MEMBER_MAX", "member_max"),
                ("BAILIWICK_DIRECTORY__DELIVERY__SMTP__PASSWORD", "password"),
            ] {
                jail.set_env(variable, "1");
                let error = Config::load(&file).unwrap_err().to_string();
                assert!(error.contains(word), "{error}");
                jail.clear_env();
            }
            Ok(())
        });
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the error type is the jail's")]
    fn limits_of_delegated_administrators_are_set_beside_the_addresses_of_delegation() {
        Jail::expect_with(|jail| {
            let file = jail.directory().join("bailiwick.toml");
            let text =
                "[delegation]\naddress = \"delegation:7102\"\n[delegation.limits]\nsase_administrators_max = 9\n";
            fs::write(&file, text).unwrap();
            jail.set_env("BAILIWICK_DELEGATION__RECONCILE_INTERVAL_S", "5");
            jail.set_env("BAILIWICK_DELEGATION__LIMITS__BASTIONHOST_ADMINISTRATORS_MAX", "0");
            let config = Config::load(&file).unwrap();
            assert_eq!(config.service(Role::Delegation).unwrap().address, "delegation:7102");
            let own = config.delegation_config();
            assert_eq!((own.reconcile_interval_s, own.limits.sase_administrators_max), (5, 9));
            let problem = "`delegation.limits.bastionhost_administrators_max` must be between 1 and 1000";
            assert_eq!(config.problems(), [problem]);
            jail.set_env("BAILIWICK_DELEGATION__LIMITS__SASE_ADMINISTRATOR_MAX", "1");
            assert!(Config::load(&file).unwrap_err().to_string().contains("sase_administrator_max"));
            Ok(())
        });
    }
}
