//! Resource names: they begin with the account or directory that owns the resource, so that the owner is known from the
//! name alone.

use crate::{AccountId, DirectoryId, IdError};

/// What a resource belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// `accounts/{account}`.
    Account(AccountId),
    /// `directories/{directory}`.
    Directory(DirectoryId),
}

/// A text that is no resource name, or not one of the pattern asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It does not begin with `accounts/` or `directories/`, or has an empty segment, or is over 512 bytes.
    #[error("a resource name begins with `accounts/{{account}}` or `directories/{{directory}}`")]
    Owner,
    /// An id in it is not canonical.
    #[error(transparent)]
    Id(#[from] IdError),
    /// It is of another pattern.
    #[error("the name must be of the form `{0}`")]
    Pattern(&'static str),
}

/// Longest resource name, in bytes.
const MAX_LEN: usize = 512;

/// A resource name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceName<'a> {
    text: &'a str,
    owner: Owner,
}

impl<'a> ResourceName<'a> {
    /// Takes a name apart.
    pub fn parse(text: &'a str) -> Result<Self, NameError> {
        let well_formed = text.len() <= MAX_LEN && text.split('/').all(|s| !s.is_empty());
        let (collection, after) = text.split_once('/').filter(|_| well_formed).ok_or(NameError::Owner)?;
        let id = after.split('/').next().unwrap_or_default();
        let owner = match collection {
            "accounts" => Owner::Account(id.parse()?),
            "directories" => Owner::Directory(id.parse()?),
            _ => return Err(NameError::Owner),
        };
        Ok(Self { text, owner })
    }

    /// The whole name.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The owner.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// The last segment.
    pub fn last(&self) -> &'a str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The account that the name speaks of: of what an account owns its owner, of what a directory owns the last segment.
    pub fn target_account(&self) -> Result<AccountId, NameError> {
        match self.owner {
            Owner::Account(account) => Ok(account),
            Owner::Directory(_) => Ok(self.last().parse()?),
        }
    }

    /// The ids in a name of a pattern such as `directories/{directory}/members/{account}`, the owner's left out.
    ///
    /// # Errors
    /// [`NameError::Pattern`] with the pattern if the name is of another.
    pub fn ids<const N: usize>(&self, pattern: &'static str) -> Result<[&'a str; N], NameError> {
        let mut ids = [""; N];
        let mut slots = ids.iter_mut();
        let mut segments = self.text.split('/');
        let mut expected = pattern.split('/');
        for position in 0.. {
            match (segments.next(), expected.next()) {
                (None, None) => break,
                (Some(_), Some(_)) if position == 1 => {}
                (Some(id), Some(wanted)) if wanted.starts_with('{') => {
                    *slots.next().ok_or(NameError::Pattern(pattern))? = id;
                }
                (Some(segment), Some(wanted)) if segment == wanted => {}
                _ => return Err(NameError::Pattern(pattern)),
            }
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "accounts/1000000000000001";
    const MEMBER: &str = "directories/rd-0000000000001/members/1000000000000002";

    #[test]
    fn names_tell_their_owner_and_target() {
        let name = ResourceName::parse(MEMBER).unwrap();
        assert_eq!(name.owner(), Owner::Directory("rd-0000000000001".parse().unwrap()));
        assert_eq!(name.target_account().unwrap().to_string(), "1000000000000002");
        assert_eq!(name.ids::<1>("directories/{directory}/members/{account}").unwrap(), ["1000000000000002"]);
        assert!(name.ids::<1>("directories/{directory}/invitations/{invitation}").is_err());
        assert!(name.ids::<0>("directories/{directory}").is_err());
        let name = ResourceName::parse(ACCOUNT).unwrap();
        assert_eq!(name.target_account().unwrap().name(), ACCOUNT);
        assert!(name.ids::<1>("accounts/{account}/users/{user}").is_err());
        let user = format!("{ACCOUNT}/users/1000000000000002");
        assert_eq!(ResourceName::parse(&user).unwrap().target_account().unwrap().name(), ACCOUNT);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in
            ["", "accounts", "accounts/", "accounts/1", "/accounts/1000000000000001", "tenants/1", "accounts//users"]
        {
            assert!(ResourceName::parse(text).is_err(), "{text}");
        }
        assert!(ResourceName::parse(&format!("{ACCOUNT}/users//x")).is_err());
        assert!(ResourceName::parse(&format!("{ACCOUNT}/users/{}", "x".repeat(512))).is_err());
        assert!(ResourceName::parse(&format!("{ACCOUNT}/")).is_err());
    }
}
