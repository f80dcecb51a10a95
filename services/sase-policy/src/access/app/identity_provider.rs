//! OpenID providers: beyond what all resources have, each issuer is of one of them.

use sea_orm::DatabaseTransaction;

use super::{Error, resource::Kept};
use crate::access::{
    domain::{IdentityProvider, Resource, SaseError},
    store,
};

impl Kept for IdentityProvider {
    /// Whose token it is must be plain from its issuer.
    async fn check(&self, conn: &DatabaseTransaction) -> Result<(), Error> {
        let providers = store::all::<Self>(conn, self.meta.directory).await?;
        let same = |other: &&Self| other.settings.issuer == self.settings.issuer && other.meta.id != self.meta.id;
        providers.values().find(same).map_or(Ok(()), |same| Err(SaseError::Exists(same.name()).into()))
    }
}
