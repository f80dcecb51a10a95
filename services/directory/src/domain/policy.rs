//! Permission policies. There are system policies only: every account has the same ones, and none is stored.

use bailiwick_core::{AccountId, authz::SystemPolicy};

use super::Error;

/// The policy of a name.
pub fn find(name: &str) -> Result<SystemPolicy, Error> {
    name.parse().map_err(|_| Error::UnknownPolicy(name.to_owned()))
}

/// The resource name of a policy as an account sees it.
pub fn name(account: AccountId, policy: SystemPolicy) -> String {
    format!("{}/policies/{}", account.name(), policy.name())
}

/// The policies after the one named `after`, in the order of their names: at most `limit`.
pub fn page(after: &str, limit: usize) -> Vec<SystemPolicy> {
    let mut all = SystemPolicy::ALL;
    all.sort_by_key(|policy| policy.name());
    all.into_iter().filter(|policy| policy.name() > after).take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_give_each_policy_once() {
        let (mut seen, mut after) = (Vec::new(), "");
        loop {
            let part = page(after, 2);
            seen.extend(part.iter().copied());
            match part.last() {
                Some(last) => after = last.name(),
                None => break,
            }
        }
        assert_eq!(seen, page("", 100));
        assert_eq!(seen.len(), SystemPolicy::ALL.len());
    }
}
