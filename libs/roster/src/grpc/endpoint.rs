//! The calls, for handlers: fields in, messages out.

use std::sync::Arc;

use bailiwick_api::{CONSISTENCY_TOKEN, encode_token};
use bailiwick_changelog::log_position;
use bailiwick_core::{AccountId, Owner, Role, filter::Listing};
use bailiwick_rpc::{Call, InvalidFields};
use prost_types::FieldMask;
use tonic::{Response, Status};

use super::{EligibleView, EntryView};
use crate::{
    Done, Replaced, Roster,
    domain::{Attributes, Entry, Members, Selection, Spec},
};

/// How the contract of a service writes entries.
pub struct Shape<M> {
    /// The name of the entry's field in requests, such as `monitored_account`.
    pub field: &'static str,
    /// The fields of a message.
    pub read: fn(M) -> EntryView,
    /// The message of these fields.
    pub write: fn(EntryView) -> M,
}

/// What of a list is asked for, as every request for one has it.
pub struct ListRequest<'a> {
    /// Most entries of the page.
    pub page_size: i32,
    /// Ended the page before.
    pub page_token: &'a str,
    /// Which entries.
    pub filter: &'a str,
    /// In which order.
    pub order_by: &'a str,
}

/// The list of one trusted service as the handlers of its contract, with `M` for entries, use it.
pub struct Endpoint<M> {
    roster: Arc<Roster>,
    shape: Shape<M>,
}

impl<M> Endpoint<M> {
    /// The calls of `roster`.
    pub fn new(roster: Arc<Roster>, shape: Shape<M>) -> Self {
        Self { roster, shape }
    }

    /// Adds a member.
    ///
    /// # Errors
    /// INVALID_FIELD, and those of [`Roster::create`].
    pub async fn create(&self, call: &Call, entry: Option<M>, request_id: &str) -> Result<Response<M>, Status> {
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", request_id);
        let entry = fields.required(self.shape.field, entry).map(self.shape.read).unwrap_or_default();
        let account = fields.account(self.path("account"), &entry.account);
        let attributes = fields.take(self.path("remark"), Attributes::new(entry.remark, entry.marked));
        let members = fields.take(self.path("account"), Members::new(account.into_iter().collect()));
        let (Some(attributes), Some(members)) = (attributes, members) else { return Err(fields.into_status()) };
        fields.finish()?;
        let selection = Selection::given(self.spec(), attributes);
        let done = self.roster.create(call, &members, &selection, request_id).await?;
        let entry = done.value.first().map(|entry| self.message(entry));
        entry.map(|entry| self.respond(&done, entry)).ok_or_else(|| InvalidFields::new().into_status())
    }

    /// Adds several members; the messages are in the order of the accounts.
    ///
    /// # Errors
    /// INVALID_FIELD, and those of [`Roster::create`].
    pub async fn batch_create(
        &self,
        call: &Call,
        accounts: &[String],
        request_id: &str,
    ) -> Result<Response<Vec<M>>, Status> {
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", request_id);
        let named = accounts.iter().enumerate().filter_map(|(i, name)| fields.account(format!("accounts[{i}]"), name));
        let named: Vec<_> = named.collect();
        let members = fields.take("accounts", Members::new(named));
        let Some(members) = members else { return Err(fields.into_status()) };
        fields.finish()?;
        let done = self.roster.create(call, &members, &Selection::default(), request_id).await?;
        Ok(self.respond(&done, done.value.iter().map(|entry| self.message(entry)).collect()))
    }

    /// Makes the list exactly the members named, or says what that would change. A list of nobody must be meant.
    ///
    /// # Errors
    /// INVALID_FIELD, and those of [`Roster::replace`].
    pub async fn replace(
        &self,
        call: &Call,
        accounts: &[String],
        (clear, validate_only): (bool, bool),
        request_id: &str,
    ) -> Result<Response<Replaced>, Status> {
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", request_id);
        let named = accounts.iter().enumerate().filter_map(|(i, name)| fields.account(format!("accounts[{i}]"), name));
        let named: Vec<_> = named.collect();
        let members = match (accounts.is_empty(), clear) {
            (true, true) => Vec::new(),
            (true, false) => {
                fields.violation("clear", "must be set to remove all members from the list");
                Vec::new()
            }
            (false, true) => {
                fields.violation("clear", "must not be set where members are named");
                Vec::new()
            }
            (false, false) => match fields.take("accounts", Members::new(named)) {
                Some(members) => members.accounts().to_vec(),
                None => Vec::new(),
            },
        };
        fields.finish()?;
        if validate_only {
            return Ok(Response::new(self.roster.preview_replace(call, &members).await?));
        }
        let done = self.roster.replace(call, &members, request_id).await?;
        Ok(self.respond(&done, done.value.clone()))
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// INVALID_FIELD, and those of [`Roster::get`].
    pub async fn get(&self, call: &Call, name: &str) -> Result<Response<M>, Status> {
        let account = self.account(call, "name", name)?;
        Ok(Response::new(self.message(&self.roster.get(call, account).await?)))
    }

    /// Reads a page, and the token of the next.
    ///
    /// # Errors
    /// INVALID_FIELD, and those of [`Roster::list`].
    pub async fn list(&self, call: &Call, asked: ListRequest<'_>) -> Result<(Vec<M>, String), Status> {
        let mut fields = InvalidFields::new();
        let size = fields.page_size("page_size", asked.page_size);
        let filter = fields.take("filter", self.spec().schema().filter(asked.filter));
        let order = fields.take("order_by", self.spec().schema().order(asked.order_by));
        let (Some(size), Some(filter), Some(order)) = (size, filter, order) else { return Err(fields.into_status()) };
        let page = self.roster.list(call, &Listing { filter, order }, size, asked.page_token).await?;
        Ok((page.entries.iter().map(|entry| self.message(entry)).collect(), page.next))
    }

    /// A page of the members that could be added, and the token of the next.
    ///
    /// # Errors
    /// INVALID_FIELD, and those of [`Roster::eligible`].
    pub async fn eligible(
        &self,
        call: &Call,
        page_size: i32,
        page_token: &str,
    ) -> Result<(Vec<EligibleView>, String), Status> {
        let mut fields = InvalidFields::new();
        let Some(size) = fields.page_size("page_size", page_size) else { return Err(fields.into_status()) };
        let page = self.roster.eligible(call, size, page_token).await?;
        Ok((page.members.into_iter().map(EligibleView::of).collect(), page.next))
    }

    /// How many members the list has.
    ///
    /// # Errors
    /// Those of [`Roster::count`].
    pub async fn count(&self, call: &Call) -> Result<i32, Status> {
        Ok(i32::try_from(self.roster.count(call).await?).unwrap_or(i32::MAX))
    }

    /// Sets what the mask names on an entry, if its etag is empty or still that of the entry.
    ///
    /// # Errors
    /// INVALID_FIELD, and those of [`Roster::update`].
    pub async fn update(
        &self,
        call: &Call,
        entry: Option<M>,
        mask: Option<FieldMask>,
        request_id: &str,
    ) -> Result<Response<M>, Status> {
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", request_id);
        let entry = fields.required(self.shape.field, entry).map(self.shape.read).unwrap_or_default();
        let attributes = fields.take(self.path("remark"), Attributes::new(entry.remark, entry.marked));
        let mask = mask.unwrap_or_default().paths;
        let selection =
            fields.take("update_mask", Selection::masked(self.spec(), &mask, attributes.unwrap_or_default()));
        let Some(selection) = selection else { return Err(fields.into_status()) };
        fields.finish()?;
        let account = self.account(call, self.path("name"), &entry.name)?;
        let done = self.roster.update(call, account, &selection, &entry.etag, request_id).await?;
        Ok(self.respond(&done, self.message(&done.value)))
    }

    /// Removes an entry, if `etag` is empty or still that of the entry.
    ///
    /// # Errors
    /// INVALID_FIELD, and those of [`Roster::delete`].
    pub async fn delete(&self, call: &Call, name: &str, etag: &str, request_id: &str) -> Result<Response<()>, Status> {
        let mut fields = InvalidFields::new();
        let request_id = fields.request_id("request_id", request_id);
        fields.finish()?;
        let account = self.account(call, "name", name)?;
        let done = self.roster.delete(call, account, etag, request_id).await?;
        Ok(self.respond(&done, ()))
    }

    /// The account of an entry's name, which must be of the call's own directory.
    fn account(&self, call: &Call, field: impl Into<String>, name: &str) -> Result<AccountId, Status> {
        let mut fields = InvalidFields::new();
        let field = field.into();
        let parsed = fields.name::<1>(field.clone(), name, self.spec().pattern);
        let account = parsed.and_then(|(_, [account])| fields.parse::<AccountId>(field.clone(), account));
        let directory = call.permit.tenant_directory().map_err(|refused| bailiwick_rpc::refusal(&refused))?;
        let own = parsed.is_none_or(|(owner, _)| owner == Owner::Directory(directory));
        fields.check(field, own, "must be of the directory that was authorized");
        fields.finish()?;
        account.ok_or_else(|| InvalidFields::new().into_status())
    }

    fn spec(&self) -> &Spec {
        self.roster.spec()
    }

    fn path(&self, field: &str) -> String {
        format!("{}.{field}", self.shape.field)
    }

    fn message(&self, entry: &Entry) -> M {
        (self.shape.write)(EntryView::of(self.spec(), entry))
    }

    /// The answer with the positions of the own log and of `delegation`'s: whoever sends them back is let through to a
    /// member that was just enrolled.
    fn respond<T, D>(&self, done: &Done<D>, value: T) -> Response<T> {
        let own = log_position(self.spec().service.owner(), &done.position);
        let upstream = done.delegation.as_ref().map(|position| log_position(Role::Delegation, position));
        let mut response = Response::new(value);
        // The token is base64, which is always a header value.
        if let Ok(token) = encode_token([own].into_iter().chain(upstream).collect()).parse() {
            response.metadata_mut().insert(CONSISTENCY_TOKEN, token);
        }
        response
    }
}
