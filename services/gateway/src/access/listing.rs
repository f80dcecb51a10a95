//! The accounts on which the caller may call a method.

use bailiwick_api::{
    errors::v1::ErrorReason,
    gateway::v1::{ListAccessibleAccountsRequest, ListAccessibleAccountsResponse},
};
use bailiwick_core::{
    AccountId,
    authz::{Caller, Facts as _, Rule, Targets, decide},
};
use bailiwick_rpc::{InvalidFields, Kind, Problem};
use sha2::{Digest, Sha256};

use super::{Asking, question::names_resource};

/// Stands for the id of the account in the resource.
const PLACE: &str = "-";
/// Most accounts that are decided for one page.
const MAX_DECIDED: usize = 1_000;
/// After so many decisions others get their turn.
const TURN: usize = 32;
/// Hex digits of the query in a page token.
const QUERY_DIGITS: usize = 16;

/// The calls of a method, one for each account.
pub(super) struct Form<'a> {
    rule: &'static Rule,
    resource: &'a str,
}

impl<'a> Form<'a> {
    /// The form of the calls; none if they would not name the account.
    pub(super) fn parse(invalid: &mut InvalidFields, rule: &'static Rule, resource: &'a str) -> Option<Self> {
        let places = resource.split('/').filter(|segment| *segment == PLACE).count();
        let elsewhere = rule.accounts.iter().any(|path| !names_resource(rule, path));
        let problem = match rule.resource {
            None if resource.is_empty() => Some("no account is named in calls of the method"),
            None => Some("is nothing that the rule of the method names"),
            Some(_) if places > 1 => Some("must have one segment `-`"),
            Some(_) if places == 0 && !elsewhere => Some("must have a segment `-` for the account"),
            Some(_) => None,
        };
        let field = if rule.resource.is_none() && resource.is_empty() { "method" } else { "resource" };
        invalid.check(field, problem.is_none(), problem.unwrap_or_default());
        problem.is_none().then_some(Self { rule, resource })
    }

    fn targets(&self, account: AccountId) -> Targets {
        let id = account.to_string();
        let segments = self.resource.split('/').map(|segment| if segment == PLACE { id.as_str() } else { segment });
        let resource = segments.collect::<Vec<_>>().join("/");
        let named = |path| if names_resource(self.rule, path) { resource.clone() } else { account.name() };
        let accounts = self.rule.accounts.iter().map(named).collect();
        Targets { resource, accounts, external_id: String::new() }
    }
}

impl Asking {
    /// A page of accounts.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, PAGE_TOKEN_INVALID if the token is of another query or caller.
    pub(super) async fn page(
        &self,
        form: &Form<'_>,
        size: u32,
        asked: &ListAccessibleAccountsRequest,
    ) -> Result<ListAccessibleAccountsResponse, Problem> {
        let query = self.query(form);
        let after = match asked.page_token.as_str() {
            "" => None,
            token => Some(token.split_once('.').filter(|(of, _)| *of == query).ok_or_else(foreign)?.1),
        };
        let after = after.map(|id| id.parse::<AccountId>().map_err(|_| foreign())).transpose()?;
        let (size, revision) = (usize::try_from(size).unwrap_or(usize::MAX), self.version.position.revision);
        let (mut accounts, mut last) = (Vec::new(), None);
        // What is still to come is only looked at to know whether there is any.
        for (decided, account) in self.candidates(after).take(MAX_DECIDED + 1).enumerate() {
            if decided == MAX_DECIDED || accounts.len() == size {
                let next_page_token = last.map(|last: AccountId| format!("{query}.{last}")).unwrap_or_default();
                return Ok(ListAccessibleAccountsResponse { accounts, next_page_token, revision });
            }
            let facts = &self.version.snapshot;
            if decide(form.rule, &self.caller, facts, &form.targets(account), &self.environment).is_ok() {
                accounts.push(account.name());
            }
            last = Some(account);
            if decided % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(ListAccessibleAccountsResponse { accounts, next_page_token: String::new(), revision })
    }

    /// The accounts that the caller has to do with: those of its directory, or its own.
    fn candidates(&self, after: Option<AccountId>) -> Box<dyn Iterator<Item = AccountId> + Send + '_> {
        let facts = &self.version.snapshot;
        let Caller::Identity(principal) = &self.caller else { return Box::new(std::iter::empty()) };
        let Some(own) = principal.identity.account() else { return Box::new(std::iter::empty()) };
        match facts.account(own).and_then(|fact| fact.directory) {
            Some(directory) => Box::new(facts.members(directory, after)),
            None => Box::new(std::iter::once(own).filter(move |own| after.is_none_or(|after| *own > after))),
        }
    }

    /// What a page token is of. It keeps nobody from anything, but a token in the wrong place from being taken.
    fn query(&self, form: &Form<'_>) -> String {
        let caller = match &self.caller {
            Caller::Identity(principal) => principal.identity.to_string(),
            Caller::Anonymous | Caller::Service(_) => String::new(),
        };
        let text = format!("{caller}\n{}\n{}", form.rule.path, form.resource);
        let digits = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        digits.get(..QUERY_DIGITS).unwrap_or_default().to_owned()
    }
}

fn foreign() -> Problem {
    let message = "the page token is not one of this query and this caller";
    Problem::new(Kind::InvalidArgument, ErrorReason::PageTokenInvalid, message)
}
