//! Control policies, and what they are attached to.

use std::collections::BTreeMap;

use bailiwick_core::{AccountId, DirectoryId, Timestamp, authz::Tenant};
use bailiwick_db::{PageTokenError, Snapshot, Tx};
use bailiwick_rpc::Call;
use sea_orm::ConnectionTrait;

use super::{App, Done, Error, Made, Mutation, Page, PageRequest, list::DOCUMENTS_MAX, lock_directory, own_directory};
use crate::{
    domain::{
        self,
        control_policy::{
            Attachment, Bounds, ControlPolicy, ControlPolicyChange, ControlPolicyView, Effective, EffectiveNode,
            FULL_ACCESS, Node, attach, detach, name,
        },
        directory::Directory,
        folder::Folder,
        member::Membership,
    },
    events, store,
};

/// What a custom control policy is created with. The texts are checked, the document is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewControlPolicy {
    /// The id.
    pub id: String,
    /// What it is for.
    pub description: String,
    /// A policy document.
    pub document: String,
}

/// What attachments are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListAttachments {
    /// Those of the policy of an id.
    OfPolicy(String),
    /// Those to a folder or member.
    OfNode(Node),
}

/// A folder or member that is there.
enum Found {
    Folder(Folder),
    Member(Membership),
}

impl App {
    /// Creates a custom control policy (E-DIR-29).
    pub async fn control_policy_create(
        &self,
        call: &Call,
        change: &Mutation,
        named: DirectoryId,
        new: NewControlPolicy,
    ) -> Result<Done<ControlPolicyView>, Error> {
        let id = own_directory(&call.permit, named)?;
        let new = &new;
        let work = move |tx: Tx| async move {
            let conn = tx.conn();
            let now = self.now();
            lock_directory(conn, id).await?;
            let NewControlPolicy { id: policy, description, document } = new.clone();
            let taken = store::control_policy::get(conn, id, &policy).await?.is_some();
            let custom = store::control_policy::count_all(conn, id).await?;
            let policy = ControlPolicy {
                directory: id,
                id: policy,
                description,
                document,
                create_time: now,
                update_time: now,
                version: 1,
            };
            let policy = ControlPolicy::create(policy, taken, custom, self.control_policy_bounds())?;
            store::control_policy::insert(conn, &policy).await?;
            self.record(&tx, call, change, now, made(&policy, events::control_policy(&policy)));
            Ok(ControlPolicyView { policy, attachments: 0 })
        };
        self.mutate("control_policy_create", change, work).await
    }

    /// Reads a control policy.
    pub async fn control_policy_get(
        &self,
        call: &Call,
        named: DirectoryId,
        policy: &str,
    ) -> Result<ControlPolicyView, Error> {
        let id = own_directory(&call.permit, named)?;
        let now = self.now();
        let read = move |snapshot: Snapshot| async move {
            let directory = existing(snapshot.conn(), id).await?;
            let found = find(snapshot.conn(), &directory, policy).await?;
            view(snapshot.conn(), found, now).await
        };
        Ok(self.db.snapshot("control_policy_get", read).await?.value)
    }

    /// Lists control policies, the system policy first.
    pub async fn control_policy_list(
        &self,
        call: &Call,
        named: DirectoryId,
        asked: &PageRequest,
    ) -> Result<Page<ControlPolicyView>, Error> {
        let id = own_directory(&call.permit, named)?;
        let window = self.window(call, asked, "").await?.at_most(DOCUMENTS_MAX);
        let after = window.after.clone();
        let (limit, now) = (window.limit(), self.now());
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            let directory = existing(conn, id).await?;
            let mut policies = Vec::new();
            let after = match after.as_deref() {
                None => {
                    policies.push(ControlPolicy::full_access(id, directory.create_time));
                    ""
                }
                // The system policy stands before all others, whatever their ids are.
                Some(FULL_ACCESS) => "",
                Some(custom) => custom.strip_prefix('/').ok_or(PageTokenError::Invalid)?,
            };
            policies.extend(store::control_policy::page(conn, id, after, limit).await?);
            views(conn, id, policies, now).await
        };
        let items = self.db.snapshot("control_policy_list", read).await?.value;
        let key = |view: &ControlPolicyView| match view.policy.is_system() {
            true => FULL_ACCESS.to_owned(),
            false => format!("/{}", view.policy.id),
        };
        self.page(call, &window, items, key)
    }

    /// Changes a custom control policy; wherever it is attached, it counts at once.
    pub async fn control_policy_update(
        &self,
        call: &Call,
        change: &Mutation,
        (named, policy): (DirectoryId, &str),
        asked: ControlPolicyChange,
        etag: &str,
    ) -> Result<Done<ControlPolicyView>, Error> {
        let id = own_directory(&call.permit, named)?;
        let asked = &asked;
        let work = move |tx: Tx| async move {
            let now = self.now();
            let directory = lock_directory(tx.conn(), id).await?;
            let found = find(tx.conn(), &directory, policy).await?;
            let changed = found.update(asked.clone(), etag, now)?;
            store::control_policy::save(tx.conn(), &changed).await?;
            self.record(&tx, call, change, now, made(&changed, events::control_policy(&changed)));
            view(tx.conn(), changed, now).await
        };
        self.mutate("control_policy_update", change, work).await
    }

    /// Deletes a custom control policy that is attached nowhere.
    pub async fn control_policy_delete(
        &self,
        call: &Call,
        change: &Mutation,
        (named, policy): (DirectoryId, &str),
        etag: &str,
    ) -> Result<Done<()>, Error> {
        let id = own_directory(&call.permit, named)?;
        let work = move |tx: Tx| async move {
            let now = self.now();
            let directory = lock_directory(tx.conn(), id).await?;
            let found = view(tx.conn(), find(tx.conn(), &directory, policy).await?, now).await?;
            found.policy.delete(found.attachments, etag)?;
            store::control_policy::delete(tx.conn(), &found.policy).await?;
            let gone = events::control_policy_gone(found.policy.name());
            self.record(&tx, call, change, now, made(&found.policy, gone));
            Ok(())
        };
        self.mutate("control_policy_delete", change, work).await
    }

    /// Attaches a control policy to a folder or member (E-DIR-26).
    pub async fn control_policy_attach(
        &self,
        call: &Call,
        change: &Mutation,
        (named, policy): (DirectoryId, &str),
        node: Node,
    ) -> Result<Done<Attachment>, Error> {
        let id = own_directory(&call.permit, named)?;
        let node = &node;
        let work = move |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.now());
            let directory = lock_directory(tx.conn(), id).await?;
            let policy = find(conn, &directory, policy).await?;
            let on = found(conn, &directory, node, now).await?;
            let attached = attach(&policy, node, on.attached(), self.control_policy_bounds())?;
            store::control_policy::attach(conn, id, node, std::slice::from_ref(&policy.id), Some(now)).await?;
            self.record(&tx, call, change, now, attached_made(conn, &policy, on.with(attached)).await?);
            Ok(Attachment { policy: policy.id, node: node.clone(), attach_time: Some(now) })
        };
        self.mutate("control_policy_attach", change, work).await
    }

    /// Detaches a control policy from a folder or member, but never its last (E-DIR-26).
    pub async fn control_policy_detach(
        &self,
        call: &Call,
        change: &Mutation,
        (named, policy): (DirectoryId, &str),
        node: Node,
    ) -> Result<Done<()>, Error> {
        let id = own_directory(&call.permit, named)?;
        let node = &node;
        let work = move |tx: Tx| async move {
            let (conn, now) = (tx.conn(), self.now());
            let directory = lock_directory(tx.conn(), id).await?;
            let policy = find(conn, &directory, policy).await?;
            let on = found(conn, &directory, node, now).await?;
            let attached = detach(&policy, node, on.attached())?;
            store::control_policy::detach(conn, &policy, node).await?;
            self.record(&tx, call, change, now, attached_made(conn, &policy, on.with(attached)).await?);
            Ok(())
        };
        self.mutate("control_policy_detach", change, work).await
    }

    /// Lists where a policy is attached, or what is attached to a folder or member.
    pub async fn control_policy_attachments(
        &self,
        call: &Call,
        named: DirectoryId,
        which: &ListAttachments,
        asked: &PageRequest,
    ) -> Result<Page<Attachment>, Error> {
        let id = own_directory(&call.permit, named)?;
        let window = self.window(call, asked, "").await?;
        let (after, limit, now) = (window.after.clone().unwrap_or_default(), window.limit(), self.now());
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            let directory = existing(conn, id).await?;
            match which {
                ListAttachments::OfPolicy(policy) => {
                    find(conn, &directory, policy).await?;
                    Ok(store::control_policy::page_of_policy(conn, id, policy, (&after, limit), now).await?)
                }
                ListAttachments::OfNode(node) => {
                    found(conn, &directory, node, now).await?;
                    Ok::<_, Error>(store::control_policy::page_of_node(conn, id, node, &after, limit).await?)
                }
            }
        };
        let items = self.db.snapshot("control_policy_attachments", read).await?.value;
        self.page(call, &window, items, |attachment| match which {
            ListAttachments::OfPolicy(_) => store::control_policy::place(attachment),
            ListAttachments::OfNode(_) => attachment.policy.clone(),
        })
    }

    /// What bounds the identities of a member (E-DIR-32).
    pub async fn control_policy_effective(
        &self,
        call: &Call,
        named: DirectoryId,
        of: AccountId,
    ) -> Result<Effective, Error> {
        let id = own_directory(&call.permit, named)?;
        let now = self.now();
        let read = move |snapshot: Snapshot| async move {
            let conn = snapshot.conn();
            let directory = existing(conn, id).await?;
            let Found::Member(member) = found(conn, &directory, &Node::Member(of), now).await? else {
                return Err(domain::Error::NotFound(Node::Member(of).name(id)).into());
            };
            let tree = store::folder::tree(conn, id).await?;
            let folder = tree.find(id, &member.folder)?;
            let path = tree.path(folder).into_iter().chain([folder]);
            let mut nodes: Vec<(Node, Vec<String>)> =
                path.map(|f| (Node::Folder(f.id.clone()), f.control_policies.clone())).collect();
            nodes.push((Node::Member(of), member.control_policies));
            let mut ids: Vec<&str> = nodes.iter().flat_map(|(_, ids)| ids.iter().map(String::as_str)).collect();
            ids.sort_unstable();
            ids.dedup();
            let mut policies = store::control_policy::find(conn, id, &ids).await?;
            policies.push(ControlPolicy::full_access(id, directory.create_time));
            let known: BTreeMap<String, ControlPolicyView> =
                views(conn, id, policies, now).await?.into_iter().map(|view| (view.policy.id.clone(), view)).collect();
            let node = |(node, ids): (Node, Vec<String>)| EffectiveNode {
                node,
                policies: ids.iter().filter_map(|id| known.get(id)).cloned().collect(),
            };
            let nodes = nodes.into_iter().map(node).collect();
            Ok::<_, Error>(Effective { enabled: directory.control_policies_enabled, nodes })
        };
        Ok(self.db.snapshot("control_policy_effective", read).await?.value)
    }

    fn control_policy_bounds(&self) -> Bounds {
        Bounds {
            policies_max: self.limits.control_policies_max,
            attached_max: self.limits.attached_control_policies_max,
        }
    }
}

impl Found {
    fn attached(&self) -> &[String] {
        match self {
            Self::Folder(folder) => &folder.control_policies,
            Self::Member(membership) => &membership.control_policies,
        }
    }

    fn with(self, control_policies: Vec<String>) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(Folder { control_policies, ..folder }),
            Self::Member(membership) => Self::Member(Membership { control_policies, ..membership }),
        }
    }
}

fn made(policy: &ControlPolicy, fact: events::Fact) -> Made {
    Made {
        resource: policy.name(),
        tenant: Tenant::Directory(policy.directory),
        accounts: Vec::new(),
        facts: vec![fact],
    }
}

/// The change of what is attached to a folder or member.
async fn attached_made(conn: &impl ConnectionTrait, policy: &ControlPolicy, on: Found) -> Result<Made, Error> {
    let (accounts, fact) = match &on {
        Found::Folder(folder) => (Vec::new(), events::folder_holds(folder)),
        Found::Member(membership) => {
            let account = store::account::get(conn, membership.account).await?;
            let account = account.ok_or_else(|| domain::Error::NotFound(membership.account.name()))?;
            (vec![membership.account], events::account(&account, Some(membership)))
        }
    };
    Ok(Made { accounts, ..made(policy, fact) })
}

async fn existing(conn: &impl ConnectionTrait, id: DirectoryId) -> Result<Directory, Error> {
    store::directory::get(conn, id).await?.ok_or_else(|| domain::Error::NotFound(id.name()).into())
}

/// A policy of a directory, the system policy among them.
async fn find(conn: &impl ConnectionTrait, directory: &Directory, id: &str) -> Result<ControlPolicy, Error> {
    if id == FULL_ACCESS {
        return Ok(ControlPolicy::full_access(directory.id, directory.create_time));
    }
    let found = store::control_policy::get(conn, directory.id, id).await?;
    found.ok_or_else(|| domain::Error::NotFound(name(directory.id, id)).into())
}

/// A folder or member of a directory. The management account is none: nothing bounds it.
async fn found(
    conn: &impl ConnectionTrait,
    directory: &Directory,
    node: &Node,
    now: Timestamp,
) -> Result<Found, Error> {
    match node {
        Node::Folder(id) => {
            Ok(Found::Folder(store::folder::tree(conn, directory.id).await?.find(directory.id, id)?.clone()))
        }
        Node::Member(account) if *account == directory.management_account => {
            Err(domain::Error::ManagementAccountNotEligible(*account).into())
        }
        Node::Member(account) => {
            let member = store::member::get(conn, directory.id, *account, now).await?;
            let member = member.ok_or_else(|| domain::Error::NotFound(node.name(directory.id)))?;
            Ok(Found::Member(member.membership))
        }
    }
}

async fn view(conn: &impl ConnectionTrait, policy: ControlPolicy, now: Timestamp) -> Result<ControlPolicyView, Error> {
    let counts = store::control_policy::count_attached(conn, policy.directory, &[&policy.id], now).await?;
    Ok(ControlPolicyView { attachments: counts.get(&policy.id).copied().unwrap_or_default(), policy })
}

async fn views(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    policies: Vec<ControlPolicy>,
    now: Timestamp,
) -> Result<Vec<ControlPolicyView>, Error> {
    let ids: Vec<&str> = policies.iter().map(|policy| policy.id.as_str()).collect();
    let counts = store::control_policy::count_attached(conn, directory, &ids, now).await?;
    let view = |policy: ControlPolicy| ControlPolicyView {
        attachments: counts.get(&policy.id).copied().unwrap_or_default(),
        policy,
    };
    Ok(policies.into_iter().map(view).collect())
}
