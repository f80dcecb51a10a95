use bailiwick_core::{authz::Facts, filter::Listing};

use super::{super::scope::Scope, *};
use crate::domain::{
    Error as Refusal,
    account::AccountType,
    member::{JoinMethod, MemberChange, NewMember, SCHEMA},
};

// covers: R-DIR-08, R-DIR-13, R-DIR-14, R-DIR-30, R-DIR-32, R-DEL-08
#[tokio::test]
async fn a_created_member_is_a_resource_account_with_a_disabled_root_user() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let member = world.member(by, directory, "payments").await.unwrap();
        assert_eq!((member.kind, member.membership.join_method), (AccountType::Resource, JoinMethod::Created));
        let id = member.membership.account;
        let facts = world.facts().await;
        assert_eq!(facts.account(id).unwrap().directory, Some(directory), "{}", world.engine);
        assert!(!facts.identity(&IdentityName::root(id)).unwrap().enabled);
        assert_eq!(world.members(by, directory).await, vec![member.clone()]);
        let name = member.membership.name();
        let call = world.root(by, "MemberService/GetMember", &name).await;
        assert_eq!(world.app.member_get(&call, directory, id).await.unwrap(), member);
        assert!(matches!(refused(world.app.member_get(&call, directory, by).await), Refusal::NotFound(_)));
        let made = world.last_change().await;
        assert_eq!((made.resource.as_str(), made.tenant.as_str()), (name.as_str(), directory.name().as_str()));
        assert_eq!(made.operator.unwrap().principal, IdentityName::root(by).to_string());
        assert_eq!(made.request_json, r#"{"shown":true}"#);
        assert_eq!(made.method, "bailiwick.directory.v1.MemberService/CreateMember");
    }
}

// covers: E-DIR-11
#[tokio::test]
async fn display_names_are_unique_in_a_directory_only() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        world.member(by, directory, "payments").await.unwrap();
        let used = Refusal::DisplayNameUsed("payments".to_owned());
        assert_eq!(refused(world.member(by, directory, "payments").await), used, "{}", world.engine);
        let (other, elsewhere) = world.directory("Other").await;
        world.member(other, elsewhere, "payments").await.unwrap();
        // Whoever joins with a name that is taken gets another one, and is not kept out.
        let joined = world.cloud_member(by, directory, "payments", "Acme").await;
        let members = world.members(by, directory).await;
        let joined_name = &members.iter().find(|m| m.membership.account == joined).unwrap().membership.display_name;
        assert_eq!(*joined_name, format!("payments {joined}"));
    }
}

// covers: E-DIR-03
#[tokio::test(flavor = "multi_thread")]
async fn members_and_invitations_at_once_never_exceed_the_quota() {
    let limits = Limits { members_max: 2, ..Limits::default() };
    for world in worlds_with(limits).await {
        // The race is for the last place: many directories have more of them than a large one.
        for round in 0..6 {
            let (by, directory) = world.directory(&format!("Acme {round}")).await;
            let create = world.root(by, "MemberService/CreateMember", &directory.name()).await;
            let invite = world.root(by, "InvitationService/CreateInvitation", &directory.name()).await;
            let mut invited = Vec::new();
            for number in 0..3 {
                invited.push(world.account(&format!("invited {number}"), Some(&format!("Acme {round}"))).await);
            }
            let mut tries = Vec::new();
            for (number, account) in invited.into_iter().enumerate() {
                let (app, call) = (world.app.clone(), create.clone());
                let new = named(&format!("created {number}"));
                tries.push(tokio::spawn(
                    async move { app.member_create(&call, &change(), directory, new).await.map(drop) },
                ));
                let (app, call) = (world.app.clone(), invite.clone());
                let new = invitation_to(account);
                tries.push(tokio::spawn(async move {
                    app.invitation_create(&call, &change(), directory, new).await.map(drop)
                }));
            }
            let mut taken = 0;
            for one in tries {
                match one.await.unwrap() {
                    Ok(()) => taken += 1,
                    full => assert_eq!(refused(full), Refusal::MemberQuotaExceeded { limit: 2 }, "{}", world.engine),
                }
            }
            assert_eq!(taken, 2, "{}", world.engine);
        }
    }
}

// covers: E-DIR-15, E-DEL-01
#[tokio::test]
async fn only_cloud_accounts_can_be_removed() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let created = world.member(by, directory, "payments").await.unwrap().membership.account;
        let refusal = refused(world.remove(by, directory, created).await);
        assert_eq!(refusal, Refusal::MemberTypeMismatch(AccountType::Resource), "{}", world.engine);
        assert_eq!(refused(world.remove(by, directory, by).await), Refusal::ManagementAccountNotEligible(by));
        let stranger = world.account("stranger", Some("Acme")).await;
        assert!(matches!(refused(world.remove(by, directory, stranger).await), Refusal::NotFound(_)));
    }
}

// covers: R-DIR-12, R-DIR-17
#[tokio::test]
async fn a_removed_member_lives_on_and_rejoins_as_another_membership() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let id = world.cloud_member(by, directory, "payments", "Acme").await;
        let before = world.members(by, directory).await.pop().unwrap().membership;
        world.remove(by, directory, id).await.unwrap();
        let facts = world.facts().await;
        assert_eq!(facts.account(id).unwrap().directory, None, "{}", world.engine);
        assert!(facts.identity(&IdentityName::root(id)).unwrap().enabled);
        assert!(world.members(by, directory).await.is_empty());
        let invitation = world.invite(by, directory, id).await.unwrap();
        world.accept(id, &invitation).await.unwrap();
        let after = world.members(by, directory).await.pop().unwrap().membership;
        assert_eq!((after.account, after.display_name.as_str()), (id, "payments"));
        assert_ne!(after.incarnation, before.incarnation);
    }
}

// covers: E-GW-08, E-DIR-25
#[tokio::test]
async fn pages_give_every_member_once_and_belong_to_their_list() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let mut expected = Vec::new();
        for number in 0..7 {
            expected.push(world.member(by, directory, &format!("member {number}")).await.unwrap());
        }
        expected.sort_by_key(|member| member.membership.account);
        let call = world.root(by, "MemberService/ListMembers", &directory.name()).await;
        let (mut seen, mut asked) = (Vec::new(), first(3));
        loop {
            let page = world.app.member_list(&call, directory, &asked, &Listing::default()).await.unwrap();
            seen.extend(page.items);
            if page.next.is_empty() {
                break;
            }
            asked.token = page.next;
        }
        assert_eq!(seen, expected, "{}", world.engine);
        let (other, elsewhere) = world.directory("Other").await;
        let foreign = world.root(other, "MemberService/ListMembers", &elsewhere.name()).await;
        let taken = world.app.member_list(&foreign, elsewhere, &asked, &Listing::default()).await;
        assert!(matches!(taken, Err(Error::PageToken(_))), "{}", world.engine);
        let sent = world.root(by, "InvitationService/ListInvitations", &directory.name()).await;
        assert!(matches!(
            world.app.invitation_list(&sent, directory, &Default::default(), &asked).await,
            Err(Error::PageToken(_))
        ));
        world.clock.advance(std::time::Duration::from_hours(25));
        assert!(matches!(
            world.app.member_list(&call, directory, &asked, &Listing::default()).await,
            Err(Error::PageToken(_))
        ));
    }
}

#[tokio::test]
async fn members_are_filtered_and_ordered_by_what_they_say() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let (_, elsewhere) = world.directory("Other").await;
        let mut ids = Vec::new();
        for name in ["Shop one", "shop_two", "billing"] {
            ids.push(world.member(by, directory, name).await.unwrap().membership.account);
            world.clock.advance(std::time::Duration::from_secs(1));
        }
        let [one, two, billing] = ids[..] else { panic!("{ids:?}") };
        let cloud = world.cloud_member(by, directory, "100%", "Acme").await;
        let call = world.root(by, "MemberService/ListMembers", &directory.name()).await;
        let list = async |filter: &str, order: &str| {
            let listing = Listing { filter: SCHEMA.filter(filter).unwrap(), order: SCHEMA.order(order).unwrap() };
            let another = Listing { filter: SCHEMA.filter("another").unwrap(), ..listing.clone() };
            let (mut found, mut asked) = (Vec::new(), first(1));
            loop {
                let page = world.app.member_list(&call, directory, &asked, &listing).await.unwrap();
                found.extend(page.items.iter().map(|member| member.membership.account));
                if page.next.is_empty() {
                    return found;
                }
                asked.token = page.next;
                let other = world.app.member_list(&call, directory, &asked, &another).await;
                assert!(matches!(other, Err(Error::PageToken(_))), "a token of another listing");
            }
        };
        for (filter, order, found) in [
            ("", "join_time", vec![one, two, billing, cloud]),
            ("SHOP", "display_name", vec![one, two]),
            ("shop_", "", vec![two]),
            ("%", "", vec![cloud]),
            ("display_name = \"shop one\"", "", vec![]),
            ("type = ACCOUNT_TYPE_CLOUD", "", vec![cloud]),
            ("type != ACCOUNT_TYPE_CLOUD -shop", "", vec![billing]),
            ("join_method = JOIN_METHOD_CREATED", "display_name desc", vec![two, billing, one]),
            ("display_name = bill* OR join_method = JOIN_METHOD_INVITED", "join_time desc", vec![cloud, billing]),
        ] {
            assert_eq!(list(filter, order).await, found, "{}: {filter}, {order}", world.engine);
        }
        let (all, mut sorted) = (list("", "").await, vec![one, two, billing, cloud]);
        sorted.sort();
        assert_eq!(all, sorted);
        assert_eq!(list(&format!("account = {}", one.name()), "account desc").await, [one]);
        let named = world.app.member_list(&call, elsewhere, &first(1), &Listing::default()).await;
        assert!(matches!(named, Err(Error::Refused(_))), "{}", world.engine);
    }
}

// covers: R-DIR-07, R-DIR-32, E-DIR-11, E-DIR-25, E-DIR-31
#[tokio::test]
async fn members_are_labelled_moved_and_found_by_it() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let shops = world.folder(by, directory, "root", "shops").await.unwrap();
        let one = world.member(by, directory, "one").await.unwrap().membership;
        let create = world.root(by, "MemberService/CreateMember", &directory.name()).await;
        let labels = Labels::from([("env".to_owned(), "prod".to_owned()), ("a b".to_owned(), String::new())]);
        let new = NewMember { folder: shops.clone(), labels: labels.clone(), ..named("two").into() };
        let two = world.app.member_create(&create, &change(), directory, new).await.unwrap().value.membership;
        assert_eq!((&two.folder, &two.labels), (&shops, &labels), "{}", world.engine);
        let lost = NewMember { folder: "fd-none".to_owned(), ..named("lost").into() };
        let refusal = refused(world.app.member_create(&create, &change(), directory, lost).await);
        assert_eq!(refusal, Refusal::NotFound(domain::folder::name(directory, "fd-none")));

        let update = world.root(by, "MemberService/UpdateMember", &one.name()).await;
        let asked =
            MemberChange { labels: Some(Labels::from([("env".to_owned(), "test".to_owned())])), display_name: None };
        let done = world.app.member_update(&update, &change(), (directory, one.account), asked, &one.etag()).await;
        let labelled = done.unwrap().value.membership;
        let asked = |name: &str| MemberChange { display_name: Some(name.to_owned()), labels: None };
        let taken = world.app.member_update(&update, &change(), (directory, one.account), asked("two"), "").await;
        assert_eq!(refused(taken), Refusal::DisplayNameUsed("two".to_owned()));
        let stale =
            world.app.member_update(&update, &change(), (directory, one.account), asked("x1"), &one.etag()).await;
        assert_eq!(refused(stale), Refusal::EtagMismatch(one.name()));

        let list = world.root(by, "MemberService/ListMembers", &directory.name()).await;
        let find = async |filter: &str| {
            let listing =
                Listing { filter: SCHEMA.filter(filter).unwrap(), order: SCHEMA.order("display_name").unwrap() };
            let page = world.app.member_list(&list, directory, &first(10), &listing).await.unwrap();
            page.items.into_iter().map(|member| member.membership.display_name).collect::<Vec<_>>()
        };
        let in_shops = format!("folder = {}", domain::folder::name(directory, &shops));
        for (filter, found) in [
            ("labels.env = prod", vec!["two"]),
            ("labels.env = pr*", vec!["two"]),
            ("labels:env", vec!["one", "two"]),
            ("labels.\"a b\":*", vec!["two"]),
            ("NOT labels.env = prod", vec!["one"]),
            ("prod", vec![]),
            (in_shops.as_str(), vec!["two"]),
            ("shops", vec![]),
        ] {
            assert_eq!(find(filter).await, found, "{}: {filter}", world.engine);
        }

        let moved = world.move_member(by, directory, one.account, &shops).await.unwrap().membership;
        assert_eq!((&moved.folder, &moved.labels), (&shops, &labelled.labels));
        assert_eq!(find(&in_shops).await, ["one", "two"], "{}", world.engine);
        let fact = world.last_change().await.facts.remove(0).fact.unwrap().kind.unwrap();
        let Kind::Account(fact) = fact else { panic!("{fact:?}") };
        assert_eq!(fact.folder, domain::folder::name(directory, &shops));
        assert_eq!(fact.control_policies, [domain::control_policy::name(directory, "FullAliyunAccess")]);
        let again = refused(world.move_member(by, directory, one.account, &shops).await);
        assert_eq!(again, Refusal::AlreadyInFolder(fact.folder.clone()));
        let call = world.root(by, "MemberService/MoveMember", &one.name()).await;
        let target = (directory, one.account);
        let wrong = world.app.member_move(&call, &change(), target, (Some("root"), "root"), "").await;
        assert_eq!(refused(wrong), Refusal::SourceFolderMismatch(fact.folder));
        let none = refused(world.move_member(by, directory, one.account, "fd-none").await);
        assert_eq!(none, Refusal::NotFound(domain::folder::name(directory, "fd-none")));
        let management = refused(world.move_member(by, directory, by, &shops).await);
        assert_eq!(management, Refusal::ManagementAccountNotEligible(by));
    }
}

// covers: R-DEL-07, R-DEL-08
#[tokio::test]
async fn within_folders_only_their_members_are_seen() {
    for world in worlds().await {
        let (by, directory) = world.directory("Acme").await;
        let shops = world.folder(by, directory, "root", "shops").await.unwrap();
        let small = world.folder(by, directory, &shops, "small").await.unwrap();
        let mut ids = Vec::new();
        for (name, folder) in [("out", "root"), ("in", &shops), ("deep", &small)] {
            let id = world.member(by, directory, name).await.unwrap().membership.account;
            if folder != "root" {
                world.move_member(by, directory, id, folder).await.unwrap();
            }
            ids.push(id);
        }
        let call = world.root(by, "MemberService/ListMembers", &directory.name()).await;
        let listing = Listing { filter: Default::default(), order: SCHEMA.order("display_name").unwrap() };
        for (scope, names, seen) in [
            (Scope::Whole, vec!["deep", "in", "out"], [true, true, true]),
            (Scope::Folders(vec![shops.clone()]), vec!["deep", "in"], [false, true, true]),
            (Scope::Folders(vec![small.clone()]), vec!["deep"], [false, false, true]),
            (Scope::Folders(Vec::new()), vec![], [false, false, false]),
            (Scope::Folders(vec!["fd-none".to_owned()]), vec![], [false, false, false]),
        ] {
            let page = world.app.member_page(&call, &scope, &first(10), &listing).await.unwrap();
            let found: Vec<_> = page.items.into_iter().map(|m| m.membership.display_name).collect();
            assert_eq!(found, names, "{}: {scope:?}", world.engine);
            for (id, seen) in ids.iter().zip(seen) {
                let found = world.app.member_read(directory, &scope, *id).await.unwrap();
                assert_eq!(found.is_some(), seen, "{}: {scope:?}", world.engine);
            }
        }
    }
}
