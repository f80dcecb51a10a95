//! Rows as they are, for tests that look at them or bring about what no RPC does.

pub(crate) mod accounts {
    pub(crate) use super::super::entity::accounts::{Column, Entity};
}

pub(crate) mod claims {
    pub(crate) use super::super::entity::claims::Entity;
}

pub(crate) mod control_policy_attachments {
    pub(crate) use super::super::entity::control_policy_attachments::{Entity, Model};
}

pub(crate) mod directories {
    pub(crate) use super::super::entity::directories::{Column, Entity};
}

pub(crate) mod members {
    pub(crate) use super::super::entity::members::{Entity, Model};
}

pub(crate) mod service_linked_roles {
    pub(crate) use super::super::entity::service_linked_roles::Entity;
}

pub(crate) mod sign_ins {
    pub(crate) use super::super::entity::sign_ins::Entity;
}

pub(crate) mod users {
    pub(crate) use super::super::entity::users::Entity;
}
