//! How each role is put together.

use std::{net::SocketAddr, sync::Arc};

use bailiwick_changelog::FollowedPositions;
use bailiwick_core::{Role, SystemClock, SystemEntropy};
use bailiwick_db::{Db, Migrations, Sealer};
use bailiwick_directory::ConfiguredOperator;
use bailiwick_rpc::{Module, Network, Positions};
use tokio_util::sync::CancellationToken;

use super::RunError;
use crate::{bootstrap::Keys, config::Config};

/// The tables of a role.
pub fn migrations(role: Role) -> Migrations {
    match role {
        Role::Directory => bailiwick_directory::migrations,
        Role::Delegation => bailiwick_delegation::migrations,
        Role::SecurityCenter => bailiwick_security_center::migrations,
        Role::SasePolicy => bailiwick_sase_policy::migrations,
        Role::BastionAudit => bailiwick_bastion_audit::migrations,
        Role::Gateway => Vec::new,
    }
}

/// A role, put together.
pub struct Parts {
    /// To be served.
    pub module: Module,
    /// What its guard waits for.
    pub positions: Arc<dyn Positions>,
    /// Where enforcement points ask; none of other roles than `sase-policy`.
    pub enforcement: Option<SocketAddr>,
}

/// A role with a database.
pub async fn build(
    role: Role,
    db: Db,
    network: &Network,
    keys: &Keys,
    config: &Config,
    shutdown: CancellationToken,
) -> Result<Parts, RunError> {
    let parts = |module, positions| Parts { module, positions, enforcement: None };
    let failed = |error: &dyn std::fmt::Display| RunError::Build(role, error.to_string());
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let sealer = Sealer::new(keys.seal, entropy.clone());
    db.verify_migrated().await.map_err(|e| RunError::Database(role, e))?;
    let roster = |db: Db, sealer| bailiwick_security_center::Deps {
        db,
        network: network.clone(),
        sealer,
        entropy: entropy.clone(),
        shutdown: shutdown.clone(),
    };
    match role {
        Role::Directory => {
            let positions = Arc::new(FollowedPositions::new(role, db.clone(), Vec::new()));
            let deps = bailiwick_directory::Deps {
                db,
                clock,
                entropy: entropy.clone(),
                sealer,
                signing_key: keys.token_signing_pem.clone(),
                former_signing_keys: Vec::new(),
                operators: vec![ConfiguredOperator {
                    id: keys.operator.operator.clone(),
                    access_key: keys.operator.access_key_id.clone(),
                    secret_hash: keys.operator.secret_hash(),
                }],
                config: config.directory_config(),
                shutdown: shutdown.clone(),
            };
            Ok(parts(bailiwick_directory::build(deps).await.map_err(|e| failed(&e))?, positions))
        }
        Role::Delegation => {
            let deps = bailiwick_delegation::Deps {
                db,
                network: network.clone(),
                clock,
                entropy: entropy.clone(),
                sealer,
                shutdown: shutdown.clone(),
            };
            let built = bailiwick_delegation::build(deps, &config.delegation_config());
            Ok(parts(built.module, built.positions))
        }
        Role::SecurityCenter => {
            let positions = bailiwick_security_center::positions(&db);
            let module = bailiwick_security_center::build(roster(db, sealer)).await;
            Ok(parts(module.map_err(|e| failed(&e))?, positions))
        }
        Role::SasePolicy => {
            let positions = bailiwick_sase_policy::positions(&db);
            let built = bailiwick_sase_policy::build(roster(db, sealer), &config.sase_policy_config()).await;
            let bailiwick_sase_policy::Built { module, enforcement } = built.map_err(|e| failed(&e))?;
            Ok(Parts { module, positions, enforcement })
        }
        Role::BastionAudit => {
            let positions = bailiwick_bastion_audit::positions(&db);
            let module = bailiwick_bastion_audit::build(roster(db, sealer)).await;
            Ok(parts(module.map_err(|e| failed(&e))?, positions))
        }
        Role::Gateway => Err(RunError::Build(role, "it has no database".to_owned())),
    }
}
