//! Control policies, and what they are attached to.

use std::collections::BTreeMap;

use bailiwick_core::{DirectoryId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::{
    Result, count,
    entity::{control_policies, control_policy_attachments as attachments},
    member, parse, time,
};
use crate::domain::control_policy::{Attachment, ControlPolicy, Node};

/// A custom control policy.
pub async fn get(conn: &impl ConnectionTrait, of: DirectoryId, id: &str) -> Result<Option<ControlPolicy>> {
    control_policies::Entity::find().filter(this(of, id)).one(conn).await?.map(from_row).transpose()
}

/// Some custom control policies, by id.
pub async fn find(conn: &impl ConnectionTrait, of: DirectoryId, ids: &[&str]) -> Result<Vec<ControlPolicy>> {
    let query = custom(of).filter(control_policies::Column::Policy.is_in(ids.iter().copied()));
    query.all(conn).await?.into_iter().map(from_row).collect()
}

/// The custom control policies of a directory after `after`, by id.
pub async fn page(conn: &impl ConnectionTrait, of: DirectoryId, after: &str, limit: u64) -> Result<Vec<ControlPolicy>> {
    let query = custom(of).filter(control_policies::Column::Policy.gt(after));
    let query = query.order_by_asc(control_policies::Column::Policy).limit(limit);
    query.all(conn).await?.into_iter().map(from_row).collect()
}

/// The ids of all custom control policies of a directory: there is a most of them.
pub async fn ids(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<Vec<String>> {
    let ids = custom(of).select_only().column(control_policies::Column::Policy);
    Ok(ids.order_by_asc(control_policies::Column::Policy).into_tuple().all(conn).await?)
}

/// How many custom control policies a directory has.
pub async fn count_all(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<u32> {
    Ok(count(custom(of).count(conn).await?))
}

/// To how many folders and members some policies are attached, members that are over not counted; policies that are
/// nowhere are left out.
pub async fn count_attached(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    ids: &[&str],
    now: Timestamp,
) -> Result<BTreeMap<String, u32>> {
    let rows: Vec<(String, i64)> = attached(of)
        .select_only()
        .column(attachments::Column::Policy)
        .column_as(attachments::Column::Node.count(), "nodes")
        .filter(attachments::Column::Policy.is_in(ids.iter().copied()))
        .filter(attachments::Column::Node.not_in_subquery(member::nodes_due(of, now)))
        .group_by(attachments::Column::Policy)
        .into_tuple()
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, nodes)| (id, u32::try_from(nodes).unwrap_or(u32::MAX))).collect())
}

/// Adds a custom control policy.
pub async fn insert(conn: &impl ConnectionTrait, policy: &ControlPolicy) -> Result<()> {
    let row = control_policies::ActiveModel {
        directory: Set(policy.directory.to_string()),
        policy: Set(policy.id.clone()),
        create_us: Set(policy.create_time.as_micros()),
        ..changing(policy)
    };
    control_policies::Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// Writes what changes of a custom control policy.
pub async fn save(conn: &impl ConnectionTrait, policy: &ControlPolicy) -> Result<()> {
    let this = this(policy.directory, &policy.id);
    control_policies::Entity::update_many().set(changing(policy)).filter(this).exec(conn).await?;
    Ok(())
}

/// Deletes a custom control policy that is attached nowhere.
pub async fn delete(conn: &impl ConnectionTrait, policy: &ControlPolicy) -> Result<()> {
    control_policies::Entity::delete_many().filter(this(policy.directory, &policy.id)).exec(conn).await?;
    Ok(())
}

/// Deletes all custom control policies of a directory and all attachments in it.
pub async fn delete_all(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<()> {
    let all = attachments::Column::Directory.eq(of.to_string());
    attachments::Entity::delete_many().filter(all).exec(conn).await?;
    let all = control_policies::Column::Directory.eq(of.to_string());
    control_policies::Entity::delete_many().filter(all).exec(conn).await?;
    Ok(())
}

/// What is attached to each folder of a directory: ids, sorted.
pub async fn on_folders(conn: &impl ConnectionTrait, of: DirectoryId) -> Result<BTreeMap<Node, Vec<String>>> {
    let query = attached(of).filter(attachments::Column::Node.starts_with("folders/"));
    grouped(query.order_by_asc(attachments::Column::Policy).all(conn).await?)
}

/// What is attached to each of some nodes: ids, sorted.
pub async fn on(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    nodes: impl Iterator<Item = Node>,
) -> Result<BTreeMap<Node, Vec<String>>> {
    let query = attached(of).filter(attachments::Column::Node.is_in(nodes.map(|node| text(&node))));
    grouped(query.order_by_asc(attachments::Column::Policy).all(conn).await?)
}

/// The attachments of a policy after the node `after`, in the order of [`place`]; those to members that are over are not
/// among them.
pub async fn page_of_policy(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    policy: &str,
    (after, limit): (&str, u64),
    now: Timestamp,
) -> Result<Vec<Attachment>> {
    let query = attached(of).filter(attachments::Column::Policy.eq(policy));
    let query = query.filter(attachments::Column::Node.not_in_subquery(member::nodes_due(of, now)));
    let query = query.filter(attachments::Column::Node.gt(after)).order_by_asc(attachments::Column::Node);
    query.limit(limit).all(conn).await?.into_iter().map(attachment).collect()
}

/// The attachments on a node after the policy `after`, by policy.
pub async fn page_of_node(
    conn: &impl ConnectionTrait,
    of: DirectoryId,
    node: &Node,
    after: &str,
    limit: u64,
) -> Result<Vec<Attachment>> {
    let query = attached(of).filter(attachments::Column::Node.eq(text(node)));
    let query = query.filter(attachments::Column::Policy.gt(after)).order_by_asc(attachments::Column::Policy);
    query.limit(limit).all(conn).await?.into_iter().map(attachment).collect()
}

/// Where an attachment stands among those of its policy.
pub fn place(attachment: &Attachment) -> String {
    text(&attachment.node)
}

/// Attaches policies to a node.
pub async fn attach(
    conn: &impl ConnectionTrait,
    directory: DirectoryId,
    node: &Node,
    policies: &[String],
    at: Option<Timestamp>,
) -> Result<()> {
    let rows = policies.iter().map(|policy| attachments::ActiveModel {
        directory: Set(directory.to_string()),
        node: Set(text(node)),
        policy: Set(policy.clone()),
        attach_us: Set(at.map(Timestamp::as_micros)),
    });
    attachments::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}

/// Detaches a policy from a node.
pub async fn detach(conn: &impl ConnectionTrait, policy: &ControlPolicy, node: &Node) -> Result<()> {
    let this = on_node(policy.directory, node).add(attachments::Column::Policy.eq(&policy.id));
    attachments::Entity::delete_many().filter(this).exec(conn).await?;
    Ok(())
}

/// Ends all attachments to a node, which goes.
pub async fn detach_all(conn: &impl ConnectionTrait, directory: DirectoryId, node: &Node) -> Result<()> {
    attachments::Entity::delete_many().filter(on_node(directory, node)).exec(conn).await?;
    Ok(())
}

fn custom(of: DirectoryId) -> Select<control_policies::Entity> {
    control_policies::Entity::find().filter(control_policies::Column::Directory.eq(of.to_string()))
}

fn this(of: DirectoryId, id: &str) -> Condition {
    Condition::all()
        .add(control_policies::Column::Directory.eq(of.to_string()))
        .add(control_policies::Column::Policy.eq(id))
}

fn attached(of: DirectoryId) -> Select<attachments::Entity> {
    attachments::Entity::find().filter(attachments::Column::Directory.eq(of.to_string()))
}

fn on_node(of: DirectoryId, node: &Node) -> Condition {
    Condition::all()
        .add(attachments::Column::Directory.eq(of.to_string()))
        .add(attachments::Column::Node.eq(text(node)))
}

fn grouped(rows: Vec<attachments::Model>) -> Result<BTreeMap<Node, Vec<String>>> {
    let mut grouped: BTreeMap<Node, Vec<String>> = BTreeMap::new();
    for row in rows {
        grouped.entry(node(&row.node)?).or_default().push(row.policy);
    }
    Ok(grouped)
}

fn text(node: &Node) -> String {
    match node {
        Node::Folder(id) => format!("folders/{id}"),
        Node::Member(account) => format!("members/{account}"),
    }
}

fn node(text: &str) -> Result<Node> {
    match text.split_once('/') {
        Some(("folders", id)) => Ok(Node::Folder(id.to_owned())),
        Some(("members", account)) => Ok(Node::Member(parse("account of an attachment", account)?)),
        _ => Err(super::malformed("node of an attachment", text)),
    }
}

fn attachment(row: attachments::Model) -> Result<Attachment> {
    Ok(Attachment { node: node(&row.node)?, policy: row.policy, attach_time: row.attach_us.map(time) })
}

fn changing(policy: &ControlPolicy) -> control_policies::ActiveModel {
    control_policies::ActiveModel {
        description: Set(policy.description.clone()),
        document: Set(policy.document.clone()),
        update_us: Set(policy.update_time.as_micros()),
        version: Set(policy.version),
        ..Default::default()
    }
}

fn from_row(row: control_policies::Model) -> Result<ControlPolicy> {
    Ok(ControlPolicy {
        directory: super::directory(&row.directory)?,
        id: row.policy,
        description: row.description,
        document: row.document,
        create_time: time(row.create_us),
        update_time: time(row.update_us),
        version: row.version,
    })
}
