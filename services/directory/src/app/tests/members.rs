use bailiwick_core::{authz::Facts, filter::Listing};

use super::*;
use crate::domain::{
    Error as Refusal,
    account::AccountType,
    member::{JoinMethod, SCHEMA},
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
                let new = NewInvitation { account, note: String::new() };
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
        assert!(matches!(world.app.invitation_list(&sent, directory, &asked).await, Err(Error::PageToken(_))));
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
