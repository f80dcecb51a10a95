//! The accounts that a call acts on.

use crate::{AccountId, Owner, ResourceName};

use super::{Decision, Facts, Held, MAX_FOLDERS, Reason, Refusal, Scope, Tenant, refusal};

impl<F: Facts> Decision<'_, F> {
    /// The accounts acted on must belong to the directory; where the call is about the caller's own account, which is
    /// then no matter of a directory, they must be that account.
    pub(super) fn accounts(&mut self, held: &Held) -> Result<(), Refusal> {
        let (rule, targets, directory) = (self.rule, self.targets, held.directory);
        self.bounded(held)?;
        for value in &targets.accounts {
            let field = rule.accounts.first().map_or("", |path| path.text);
            let named = ResourceName::parse(value).and_then(|name| Ok((name.owner(), name.target_account()?)));
            let (owner, account) = named.map_err(|e| self.malformed(field, value, &e))?;
            let inside = match directory {
                Some(directory) => match owner {
                    Owner::Directory(other) if other != directory => false,
                    Owner::Directory(_) | Owner::Account(_) => self.member_of(account, directory),
                },
                None => held.tenant == Tenant::Account(account) && owner == Owner::Account(account),
            };
            self.note("the account acted on belongs to the tenant", inside, || format!("`{value}`"));
            if !inside {
                let tenant = if directory.is_some() { "the directory" } else { "the account that calls" };
                let message = format!("`{}` does not belong to {tenant}", account.name());
                return Err(refusal(Reason::AccountNotInDirectory, message).with("account", account.name()));
            }
            self.in_scope(held, account)?;
            if let (true, Some(service), Some(directory)) = (rule.enrolled, rule.trusted_service, directory) {
                let enrolled = self.facts.is_enrolled(directory, service, account);
                self.note("the account acted on is enrolled", enrolled, || format!("`{}`", account.name()));
                if !enrolled {
                    let message = format!("`{}` is not in the scope of {service}", account.name());
                    return Err(refusal(Reason::AccountNotEnrolled, message)
                        .with("account", account.name())
                        .with("trusted_service", service.id().to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Refuses an administrator of a folder a call that names no account, unless its handler answers within the scope.
    fn bounded(&mut self, held: &Held) -> Result<(), Refusal> {
        if held.scope == Scope::Whole {
            return Ok(());
        }
        match held.tenant {
            Tenant::Account(owner) => self.in_scope(held, owner),
            _ if !self.targets.accounts.is_empty() || self.rule.scope_filtered => Ok(()),
            _ => {
                self.note("the call keeps to the folders of the administrator", false, || {
                    "it names no account".to_owned()
                });
                Err(self.outside(held, "the call is about the whole directory".to_owned()))
            }
        }
    }

    fn in_scope(&mut self, held: &Held, account: AccountId) -> Result<(), Refusal> {
        let Scope::Folders(folders) = &held.scope else { return Ok(()) };
        let holds = self.is_below(held, account, folders);
        self.note("the account acted on is in a folder of the administrator", holds, || {
            format!("`{}`", account.name())
        });
        if holds {
            return Ok(());
        }
        Err(self.outside(held, format!("`{}` is in none of them", account.name())))
    }

    fn is_below(&self, held: &Held, account: AccountId, folders: &[String]) -> bool {
        let Some(directory) = held.directory else { return false };
        let mut next = self.facts.folder_of(account);
        for _ in 0..MAX_FOLDERS {
            let Some(folder) = next else { return false };
            if folders.iter().any(|of| of == folder) {
                return true;
            }
            next = self.facts.folder(directory, folder).and_then(|fact| fact.parent.as_deref());
        }
        false
    }

    fn outside(&self, held: &Held, because: String) -> Refusal {
        let message = format!("the caller administers some folders of the directory; {because}");
        let mut refusal = refusal(Reason::OutsideFolderScope, message);
        if let (Scope::Folders(folders), Some(directory)) = (&held.scope, held.directory) {
            let names = folders.iter().map(|folder| format!("{}/folders/{folder}", directory.name()));
            refusal = refusal.with("folder", names.collect::<Vec<_>>().join(" "));
        }
        match self.rule.trusted_service {
            Some(service) => refusal.with("trusted_service", service.id().to_owned()),
            None => refusal,
        }
    }
}
