//! Puts the role together.

use std::sync::Arc;

use bailiwick_api::audit::v1::change_log_service_server::ChangeLogServiceServer;
use bailiwick_changelog::ChangeLogServer;
use bailiwick_core::{Clock, Entropy, Role};
use bailiwick_db::{Db, DbError, PageTokens, Sealer};
use bailiwick_openid::{OpenId, OpenIdSetupError};
use bailiwick_rpc::Module;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    app::{App, SigningKeyError, SigningKeys, Uses},
    config::Config,
    delivery::{Deliveries, DeliverySetupError},
    domain::{access_key::ID_LEN_MAX, operator::Configured, user::is_user_id},
    grpc::Grpc,
};

/// What the role is given from outside.
pub struct Deps {
    /// The database, opened and migrated with [`crate::migrations`].
    pub db: Db,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub entropy: Arc<dyn Entropy>,
    /// Seals page tokens and codes. Its key is the same in all replicas.
    pub sealer: Sealer,
    /// Signs tokens: an Ed25519 private key as PKCS#8 in PEM, the same in all replicas.
    pub signing_key: String,
    /// Keys that signed before, newest first: their tokens are accepted until they expire.
    pub former_signing_keys: Vec<String>,
    /// Who runs the installation. Operators that were known and are not among these may no longer act.
    pub operators: Vec<Configured>,
    /// What can be configured.
    pub config: Config,
    /// Ends streams and background tasks.
    pub shutdown: CancellationToken,
}

/// Why the role cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A signing key cannot be read.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// An operator is configured with an id, or an id of its access key, that nothing can have.
    #[error("the operator `{0}` or the id of its access key is malformed")]
    Operator(String),
    /// A setting is out of its bounds; the first that is.
    #[error("the configuration of the directory: {0}")]
    Config(String),
    /// Messages cannot be delivered.
    #[error(transparent)]
    Delivery(#[from] DeliverySetupError),
    /// People cannot be signed in.
    #[error("`directory.sign_in.{}` {}", .0.setting, .0.problem)]
    SignIn(#[from] OpenIdSetupError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Builds the role. Operators are put into the database here, with a change that says so; the second time, nothing is
/// changed.
pub async fn build(deps: Deps) -> Result<Module, BuildError> {
    let Deps { db, clock, entropy, sealer, operators, config, shutdown, .. } = deps;
    let signing = SigningKeys::new(&deps.signing_key, &deps.former_signing_keys)?;
    if let Some(wrong) = operators.iter().find(|operator| !is_sound(operator)) {
        return Err(BuildError::Operator(wrong.id.clone()));
    }
    if let Some(problem) = config.problems().into_iter().next() {
        return Err(BuildError::Config(problem));
    }
    let deliveries = Deliveries::open(&config.delivery, &clock)?;
    let openid = OpenId::open(&config.sign_in, clock.clone())?;
    let pages = PageTokens::new(sealer.clone());
    let (limits, uses) = (config.limits, Arc::new(Uses::default()));
    let app = App { db: db.clone(), clock, entropy, pages, sealer, deliveries, limits, openid, signing, uses };
    let app = Arc::new(app);
    app.operators_ensure(&operators).await?;

    let mut routes = Routes::builder();
    Grpc::new(app.clone()).mount(&mut routes);
    let log = ChangeLogServer::new(Role::Directory, db, None, shutdown.clone());
    routes.add_service(ChangeLogServiceServer::new(log));

    let (alive, ready) = watch::channel(true);
    let (sweeper, deliverer, expirer, writer, watcher) = (app.clone(), app.clone(), app.clone(), app.clone(), app);
    let (stop, end, stop_expiry, stop_uses) = (shutdown.clone(), shutdown.clone(), shutdown.clone(), shutdown.clone());
    Ok(Module {
        role: Role::Directory,
        routes: routes.routes(),
        background: vec![
            ("directory sweeper", Box::pin(async move { sweeper.sweep_until(stop).await })),
            ("directory deliverer", Box::pin(async move { deliverer.deliver_until(end).await })),
            ("directory expiry", Box::pin(async move { expirer.expire_until(stop_expiry).await })),
            ("directory last use", Box::pin(async move { writer.write_uses_until(stop_uses).await })),
            ("directory database watch", Box::pin(async move { watcher.watch_database(alive, shutdown).await })),
        ],
        ready,
    })
}

fn is_sound(operator: &Configured) -> bool {
    let key = &operator.access_key;
    let plain = key.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
    is_user_id(&operator.id) && !key.is_empty() && key.len() <= ID_LEN_MAX && plain
}

#[cfg(test)]
mod tests {
    use bailiwick_core::SystemEntropy;
    use bailiwick_db::{DbDeps, DbOptions};
    use bailiwick_testkit::{ManualClock, databases};

    use super::*;
    use crate::app::tests::PEM;

    #[tokio::test]
    async fn building_twice_changes_nothing_the_second_time() {
        for database in databases().await {
            let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(SystemEntropy));
            let sealer = Sealer::new([7; 32], entropy.clone());
            let db_deps = DbDeps {
                role: "directory",
                migrations: crate::migrations,
                clock: clock.clone(),
                entropy: entropy.clone(),
                sealer: sealer.clone(),
            };
            let url = database.url.parse().unwrap();
            let db = Db::open(&url, &DbOptions::default(), db_deps).await.unwrap();
            db.migrate().await.unwrap();
            let operator =
                |id: &str| Configured { id: id.to_owned(), access_key: "AKops".to_owned(), secret_hash: [1; 32] };
            let shutdown = CancellationToken::new();
            let deps = |operators, signing_key: &str| Deps {
                db: db.clone(),
                clock: clock.clone(),
                entropy: entropy.clone(),
                sealer: sealer.clone(),
                signing_key: signing_key.to_owned(),
                former_signing_keys: Vec::new(),
                operators,
                config: Config::default(),
                shutdown: shutdown.clone(),
            };
            let module = build(deps(vec![operator("ops")], PEM)).await.unwrap();
            assert!(module.role == Role::Directory && *module.ready.borrow());
            build(deps(vec![operator("ops")], PEM)).await.unwrap();
            assert_eq!(db.head().await.unwrap().revision, 1, "{}", database.engine);
            let wrong = build(deps(vec![operator("Ops")], PEM)).await;
            assert!(matches!(wrong, Err(BuildError::Operator(_))));
            assert!(matches!(build(deps(Vec::new(), "no key")).await, Err(BuildError::SigningKey(_))));
            let mut long = deps(Vec::new(), PEM);
            long.config.limits.deletion_silence_days = 366;
            assert!(matches!(build(long).await, Err(BuildError::Config(_))));
            shutdown.cancel();
            for (_, task) in module.background {
                task.await;
            }
            assert!(!*module.ready.borrow());
        }
    }
}
