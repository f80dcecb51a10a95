use bailiwick_api::r#type::v1::access_fact::Kind;

use super::{deletion::deletion, races::check_invariants, *};
use crate::{
    app::{ListAttachments, NewControlPolicy},
    domain::{
        Error as Refusal,
        control_policy::{ControlPolicyChange, FULL_ACCESS, FULL_ACCESS_DOCUMENT, Node, name},
        member::MemberChange,
    },
};

pub(super) async fn create(world: &World, by: AccountId, of: DirectoryId, id: &str) -> Result<(), Error> {
    let call = world.root(by, "ControlPolicyService/CreateControlPolicy", &of.name()).await;
    let (id, document) = (id.to_owned(), FULL_ACCESS_DOCUMENT.to_owned());
    let new = NewControlPolicy { id, description: "some".to_owned(), document };
    world.app.control_policy_create(&call, &change(), of, new).await.map(drop)
}

async fn attach(world: &World, by: AccountId, of: DirectoryId, id: &str, node: &Node) -> Result<(), Error> {
    let call = world.root(by, "ControlPolicyService/AttachControlPolicy", &name(of, id)).await;
    world.app.control_policy_attach(&call, &change(), (of, id), node.clone()).await.map(drop)
}

async fn detach(world: &World, by: AccountId, of: DirectoryId, id: &str, node: &Node) -> Result<(), Error> {
    let call = world.root(by, "ControlPolicyService/DetachControlPolicy", &name(of, id)).await;
    world.app.control_policy_detach(&call, &change(), (of, id), node.clone()).await.map(drop)
}

/// What the last change says is attached to a folder or account.
async fn last_attached(world: &World) -> Vec<String> {
    let attached = match world.last_change().await.facts.pop().unwrap().fact.unwrap().kind.unwrap() {
        Kind::Folder(fact) => fact.control_policies,
        Kind::Account(fact) => fact.control_policies,
        other => panic!("{other:?}"),
    };
    attached.into_iter().map(|name| name.rsplit('/').next().unwrap().to_owned()).collect()
}

// covers: E-DIR-26
#[tokio::test]
async fn every_node_has_one_policy_at_least_and_the_facts_say_which() {
    let limits = Limits { attached_control_policies_max: 2, ..Limits::default() };
    for world in worlds_with(limits).await {
        let (by, directory) = world.directory("Acme").await;
        let folder = world.folder(by, directory, "root", "a").await.unwrap();
        let member = world.cloud_member(by, directory, "payments", "Acme").await;
        for id in ["one", "two"] {
            create(&world, by, directory, id).await.unwrap();
        }
        for node in [Node::Folder("root".to_owned()), Node::Folder(folder.clone()), Node::Member(member)] {
            let target = node.name(directory);
            let last = refused(detach(&world, by, directory, FULL_ACCESS, &node).await);
            assert_eq!(last, Refusal::LastControlPolicy(target.clone()), "{}", world.engine);
            attach(&world, by, directory, "one", &node).await.unwrap();
            assert_eq!(last_attached(&world).await, [FULL_ACCESS, "one"]);
            let (policy, target) = (name(directory, "one"), target);
            let again = refused(attach(&world, by, directory, "one", &node).await);
            let (p, t) = (policy.clone(), target.clone());
            assert_eq!(again, Refusal::ControlPolicyAttached { policy: p, target: t });
            let full = refused(attach(&world, by, directory, "two", &node).await);
            assert_eq!(full, Refusal::ControlPolicyQuotaExceeded { on: Some(target.clone()), limit: 2 });
            detach(&world, by, directory, FULL_ACCESS, &node).await.unwrap();
            assert_eq!(last_attached(&world).await, ["one"], "{}", world.engine);
            let absent = refused(detach(&world, by, directory, FULL_ACCESS, &node).await);
            let policy = name(directory, FULL_ACCESS);
            assert_eq!(absent, Refusal::ControlPolicyNotAttached { policy, target });
            assert!(matches!(
                refused(detach(&world, by, directory, "one", &node).await),
                Refusal::LastControlPolicy(_)
            ));
        }
        let management = refused(attach(&world, by, directory, "one", &Node::Member(by)).await);
        assert_eq!(management, Refusal::ManagementAccountNotEligible(by));
        let nowhere = Node::Folder("fd-none".to_owned());
        assert!(matches!(refused(attach(&world, by, directory, "one", &nowhere).await), Refusal::NotFound(_)));

        let get = world.root(by, "ControlPolicyService/GetControlPolicy", &name(directory, "one")).await;
        let attachments = async || world.app.control_policy_get(&get, directory, "one").await.unwrap().attachments;
        assert_eq!(attachments().await, 3, "{}", world.engine);
        let delete = world.root(by, "ControlPolicyService/DeleteControlPolicy", &name(directory, "one")).await;
        let used = refused(world.app.control_policy_delete(&delete, &change(), (directory, "one"), "").await);
        assert_eq!(used, Refusal::ControlPolicyInUse { policy: name(directory, "one"), attachments: 3 });
        world.remove(by, directory, member).await.unwrap();
        assert_eq!(attachments().await, 2, "what was attached to the member ended with it");
        let call = world.root(by, "FolderService/DeleteFolder", &domain::folder::name(directory, &folder)).await;
        world.app.folder_delete(&call, &change(), (directory, &folder), "").await.unwrap();
        assert_eq!(attachments().await, 1, "{}", world.engine);
        let back = world.invite(by, directory, member).await.unwrap();
        world.accept(member, &back).await.unwrap();
        assert_eq!(last_attached(&world).await, [FULL_ACCESS]);
    }
}

// covers: E-DIR-29
#[tokio::test]
async fn custom_policies_are_facts_with_their_documents() {
    let limits = Limits { control_policies_max: 2, ..Limits::default() };
    for world in worlds_with(limits).await {
        let (by, directory) = world.directory("Acme").await;
        for id in ["Zed", "alpha"] {
            create(&world, by, directory, id).await.unwrap();
        }
        assert_eq!(refused(create(&world, by, directory, "Zed").await), Refusal::ControlPolicyExists("Zed".to_owned()));
        let full = refused(create(&world, by, directory, "more").await);
        assert_eq!(full, Refusal::ControlPolicyQuotaExceeded { on: None, limit: 2 }, "{}", world.engine);
        let list = world.root(by, "ControlPolicyService/ListControlPolicies", &directory.name()).await;
        let (mut ids, mut asked) = (Vec::new(), first(1));
        loop {
            let page = world.app.control_policy_list(&list, directory, &asked).await.unwrap();
            ids.extend(page.items.into_iter().map(|view| view.policy.id));
            if page.next.is_empty() {
                break;
            }
            asked.token = page.next;
        }
        assert_eq!(ids, [FULL_ACCESS, "Zed", "alpha"], "{}", world.engine);
        let update = world.root(by, "ControlPolicyService/UpdateControlPolicy", &name(directory, "Zed")).await;
        let document = r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"ram:*","Resource":"*"}]}"#;
        let asked = ControlPolicyChange { document: Some(document.to_owned()), description: None };
        world.app.control_policy_update(&update, &change(), (directory, "Zed"), asked.clone(), "").await.unwrap();
        let Some(Kind::Policy(fact)) = world.last_change().await.facts.remove(0).fact.unwrap().kind else { panic!() };
        assert_eq!((fact.policy, fact.document.as_str()), (name(directory, "Zed"), document));
        let system = world.app.control_policy_update(&update, &change(), (directory, FULL_ACCESS), asked, "").await;
        assert_eq!(refused(system), Refusal::SystemPolicyImmutable(name(directory, FULL_ACCESS)));
        let delete = world.root(by, "ControlPolicyService/DeleteControlPolicy", &name(directory, "Zed")).await;
        world.app.control_policy_delete(&delete, &change(), (directory, "Zed"), "").await.unwrap();
        assert!(world.last_change().await.facts.remove(0).removed);
        create(&world, by, directory, "more").await.unwrap();
    }
}

// covers: E-DIR-14, E-DIR-32
#[tokio::test]
async fn what_bounds_a_member_is_on_its_path() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let a = world.folder(by, directory, "root", "a").await.unwrap();
        let b = world.folder(by, directory, &a, "b").await.unwrap();
        let member = world.member(by, directory, "payments").await.unwrap().membership.account;
        create(&world, by, directory, "one").await.unwrap();
        attach(&world, by, directory, "one", &Node::Folder(a.clone())).await.unwrap();
        attach(&world, by, directory, "one", &Node::Member(member)).await.unwrap();
        let resource = Node::Member(member).name(directory);
        let call = world.root(by, "ControlPolicyService/GetEffectiveControlPolicy", &resource).await;
        let effective = async || {
            let found = world.app.control_policy_effective(&call, directory, member).await.unwrap();
            assert!(!found.enabled);
            let node = |node: domain::control_policy::EffectiveNode| {
                let ids: Vec<_> = node.policies.into_iter().map(|view| view.policy.id).collect();
                format!("{} {}", node.node.name(directory).rsplit('/').next().unwrap(), ids.join(" "))
            };
            found.nodes.into_iter().map(node).collect::<Vec<_>>()
        };
        let (root, own) = (format!("root {FULL_ACCESS}"), format!("{member} {FULL_ACCESS} one"));
        assert_eq!(effective().await, [root.clone(), own.clone()], "{}", world.engine);
        world.move_member(by, directory, member, &b).await.unwrap();
        let path = [root, format!("{a} {FULL_ACCESS} one"), format!("{b} {FULL_ACCESS}"), own];
        assert_eq!(effective().await, path, "{}", world.engine);

        let list = async |which: ListAttachments, parent: &str| {
            let call = world.root(by, "ControlPolicyService/ListControlPolicyAttachments", parent).await;
            let (mut found, mut asked) = (Vec::new(), first(1));
            loop {
                let page = world.app.control_policy_attachments(&call, directory, &which, &asked).await.unwrap();
                let shown = |a: domain::control_policy::Attachment| {
                    format!("{} {} {}", a.policy, a.node.name(directory), a.attach_time.is_some())
                };
                found.extend(page.items.into_iter().map(shown));
                if page.next.is_empty() {
                    return found;
                }
                asked.token = page.next;
            }
        };
        let folder = domain::folder::name(directory, &a);
        let on_a = list(ListAttachments::OfNode(Node::Folder(a.clone())), &folder).await;
        assert_eq!(on_a, [format!("{FULL_ACCESS} {folder} false"), format!("one {folder} true")]);
        let of_one = list(ListAttachments::OfPolicy("one".to_owned()), &name(directory, "one")).await;
        assert_eq!(of_one, [format!("one {folder} true"), format!("one {resource} true")], "{}", world.engine);
    }
}

/// A fact of a member takes the place of the one before: one that left out what is attached would free the member.
#[tokio::test]
async fn whatever_happens_to_a_member_its_facts_say_what_is_attached() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.allow_deletion(directory).await;
        create(&world, by, directory, "one").await.unwrap();
        let folder = world.folder(by, directory, "root", "a").await.unwrap();
        let created = world.member(by, directory, "payments").await.unwrap().membership.account;
        assert_eq!(last_account(&world).await.1, [FULL_ACCESS], "{}", world.engine);
        let invited = world.cloud_member(by, directory, "billing", "Acme").await;
        assert_eq!(last_account(&world).await.1, [FULL_ACCESS], "{}", world.engine);
        let both = [FULL_ACCESS.to_owned(), "one".to_owned()];
        for member in [created, invited] {
            let node = Node::Member(member);
            attach(&world, by, directory, "one", &node).await.unwrap();
            assert_eq!(last_account(&world).await, (false, both.to_vec()), "{}", world.engine);
            world.move_member(by, directory, member, &folder).await.unwrap();
            assert_eq!(last_account(&world).await, (false, both.to_vec()), "{}", world.engine);
            let update = world.root(by, "MemberService/UpdateMember", &node.name(directory)).await;
            let asked = MemberChange { display_name: Some(format!("m{member}")), labels: None };
            world.app.member_update(&update, &change(), (directory, member), asked, "").await.unwrap();
            assert_eq!(last_account(&world).await, (false, both.to_vec()), "{}", world.engine);
            check_invariants(&world).await;
        }
        let delete = world.management(by, directory, "DeleteMember", created).await;
        world.app.member_delete(&delete, &change(), directory, created, &deletion(&[], 45)).await.unwrap();
        assert_eq!(last_account(&world).await, (true, both.to_vec()), "{}", world.engine);
        check_invariants(&world).await;
        let update = world.root(by, "MemberService/UpdateMember", &Node::Member(created).name(directory)).await;
        let asked = MemberChange { display_name: Some("waiting".to_owned()), labels: None };
        world.app.member_update(&update, &change(), (directory, created), asked, "").await.unwrap();
        assert_eq!(last_account(&world).await, (true, both.to_vec()), "{}", world.engine);
        detach(&world, by, directory, FULL_ACCESS, &Node::Member(created)).await.unwrap();
        assert_eq!(last_account(&world).await, (true, vec!["one".to_owned()]), "{}", world.engine);
        let back = world.management(by, directory, "UndeleteMember", created).await;
        world.app.member_undelete(&back, &change(), directory, created, "").await.unwrap();
        assert_eq!(last_account(&world).await, (false, vec!["one".to_owned()]), "{}", world.engine);
        world.remove(by, directory, invited).await.unwrap();
        assert_eq!(last_account(&world).await, (false, Vec::new()), "{}", world.engine);
        check_invariants(&world).await;
    }
}

/// What the last change of an account says: whether nobody acts in it, and what is attached to it.
async fn last_account(world: &World) -> (bool, Vec<String>) {
    let facts = world.changes().await.into_iter().flat_map(|change| change.facts);
    let mut accounts = facts.filter_map(|fact| match fact.fact.unwrap().kind.unwrap() {
        Kind::Account(fact) => Some(fact),
        _ => None,
    });
    let last = accounts.next_back().unwrap();
    let ids = last.control_policies.iter().map(|name| name.rsplit('/').next().unwrap().to_owned());
    (last.suspended, ids.collect())
}
