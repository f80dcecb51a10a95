//! The role of a created member that the identities of the management account assume.

use bailiwick_core::{AccountId, Timestamp, authz::SystemPolicy};

use super::{
    account::Account,
    directory::Directory,
    policy::PolicyId,
    role::{Role, SESSION_SECONDS_MIN},
};

/// The access role of an account that is being created in a directory: with AdministratorAccess, and trusting the users
/// and roles of the management account.
pub fn create(account: &mut Account, id: &str, directory: &Directory, now: Timestamp) -> Role {
    Role {
        account: account.id,
        id: id.to_owned(),
        description: "For the management account, which created this account.".to_owned(),
        trust_policy: trusting(directory.management_account),
        max_session_seconds: SESSION_SECONDS_MIN,
        policies: vec![PolicyId::System(SystemPolicy::AdministratorAccess)],
        generation: account.next_generation(),
        access_from: Some(directory.id),
        create_time: now,
        update_time: now,
        last_use_time: None,
        version: 1,
    }
}

/// The trust policy that lets the identities of an account assume a role, its root user not (E-GW-03).
fn trusting(account: AccountId) -> String {
    let account = account.name();
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":["{account}"]}}}}]}}"#
    )
}

#[cfg(test)]
mod tests {
    use bailiwick_core::authz::{Document, PolicyKind};

    use super::*;

    #[test]
    fn the_trust_policy_is_one_and_names_the_management_account() {
        let text = trusting(1_000_000_000_000_001.try_into().unwrap());
        assert!(Document::parse(PolicyKind::Trust, &text).is_ok(), "{text}");
        assert!(text.contains(r#"["accounts/1000000000000001"]"#), "{text}");
    }
}
