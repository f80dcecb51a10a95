//! Who calls.

use crate::{IdentityName, Role};

/// Who calls, as far as it was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular: the call carries no credential.
    Anonymous,
    /// An identity with a verified token.
    Identity(Principal),
    /// A role of the suite, by the identity of its connection.
    Service(Role),
}

/// An identity as its token states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The identity.
    pub identity: IdentityName,
    /// The generation at which the token was issued; an earlier one than the identity's present one is refused.
    pub generation: i64,
    /// Id of the access key that the token was had with; empty if none.
    pub access_key_id: String,
}
