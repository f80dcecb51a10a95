//! Changes that do not fit into one revision.

use std::collections::BTreeSet;

use bailiwick_api::{
    delegation::v1::{DisableTrustedServiceRequest, FactChange},
    r#type::v1::{AccessFactChange, AccountFact, access_fact::Kind},
};
use bailiwick_core::{
    Timestamp, TrustedService,
    authz::{Facts, Snapshot},
};
use bailiwick_db::{DbError, FOLLOWED_MAX, PAYLOAD_MAX, Tx};
use prost::Message;

use super::world::{World, account, worlds};
use crate::{domain::Enrolment, events, store};

/// The accounts whose membership or enrolment in a service ends by a change.
fn ended(change: &FactChange) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut left, mut unenrolled) = (BTreeSet::new(), BTreeSet::new());
    for AccessFactChange { fact, removed } in &change.changes {
        match fact.as_ref().and_then(|fact| fact.kind.clone()) {
            Some(Kind::Account(AccountFact { account, directory, .. })) if directory.is_empty() => {
                left.insert(account);
            }
            Some(Kind::Enrolment(fact)) if *removed => drop(unenrolled.insert(fact.account)),
            _ => {}
        }
    }
    (left, unenrolled)
}

/// A change of directory that its log takes gains more facts here than ours takes of one. The mirror goes on; each membership
/// ends in one revision with its enrolments, and none of the revisions but the last decides anything.
#[tokio::test(flavor = "multi_thread")]
async fn memberships_that_end_in_a_large_change_end_with_their_enrolments() {
    const MEMBERS: u64 = 12_000;
    for world in worlds().await {
        let members: Vec<_> = (100..100 + MEMBERS).map(account).collect();
        world.directory.join_all(world.at, &members, "i1").await;
        world.enable("sase").await;
        world.enable("bastionhost").await;
        for service in [TrustedService::Sase, TrustedService::Bastionhost] {
            world.has_enrolled(service, 100..100 + MEMBERS).await;
        }
        world.mirrored().await;
        let mut watcher = world.watch(None).await;
        watcher.list().await;
        let leaving = |member: &_| {
            AccessFactChange::holds(Kind::Account(AccountFact {
                account: bailiwick_core::AccountId::name(*member),
                ..AccountFact::default()
            }))
        };
        let leaving: Vec<_> = members.iter().map(leaving).collect();
        let bytes: usize = leaving.iter().map(Message::encoded_len).sum();
        assert!(bytes < PAYLOAD_MAX, "{bytes}");
        let at = world.directory.commit(leaving).await;
        world.mirrored().await;

        let (changes, _) = watcher.catch_up().await;
        let lengths: Vec<_> = changes.iter().map(Message::encoded_len).collect();
        assert!(lengths.len() > 1 && lengths.iter().all(|bytes| *bytes <= FOLLOWED_MAX), "{lengths:?}");
        let mut all = BTreeSet::new();
        for change in &changes {
            let (left, unenrolled) = ended(change);
            assert_eq!(left, unenrolled, "of each account all of it, in one revision");
            all.extend(left);
        }
        assert_eq!(all, members.iter().map(|member| member.name()).collect());
        let epochs: Vec<_> = changes.iter().map(|change| change.upstream.clone().unwrap().epoch).collect();
        let (last, rest) = epochs.split_last().unwrap();
        assert!(*last == at.epoch && rest.iter().all(String::is_empty));
        assert_eq!(changes.last().unwrap().upstream, Some(at));

        let rows = store::enrolments::of_directory(world.app.db.reader(), world.at, 1).await.unwrap();
        assert!(rows.is_empty());
        let (facts, _) = world.watch(None).await.list().await;
        assert!(!facts.iter().any(|fact| matches!(fact.kind, Some(Kind::Enrolment(_)))));
        world.directory.join(world.at, account(2), "i1").await;
        world.designate("sase", account(2)).await.unwrap();
    }
}

impl World {
    /// Enrolments of accounts that were enrolled long ago, without a claim.
    async fn has_enrolled(&self, service: TrustedService, numbers: std::ops::Range<u64>) {
        let enrolment = |number| Enrolment {
            directory: self.at,
            service,
            account: account(number),
            incarnation: "i1".to_owned(),
            uid: format!("u{number}"),
            created: Timestamp::default(),
        };
        let enrolled: &Vec<_> = &numbers.map(enrolment).collect();
        let facts: &Vec<_> = &enrolled.iter().map(|of| events::enrolment(of, false)).collect();
        let work = |tx: Tx| async move {
            store::enrolments::insert(tx.conn(), enrolled).await?;
            store::facts::write(tx.conn(), events::rows(facts)).await?;
            Ok::<_, DbError>(())
        };
        self.app.db.write("enrolled", work).await.unwrap();
    }
}

/// However many members a service has, trusted access can be taken back: first what gives access, then the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_very_many_members_is_disabled_in_parts() {
    const MEMBERS: u64 = 30_000;
    for world in worlds().await {
        let administrator = account(2);
        world.directory.join(world.at, administrator, "i1").await;
        world.enable("sase").await;
        world.designate("sase", administrator).await.unwrap();
        world.has_enrolled(TrustedService::Sase, 1_000..1_000 + MEMBERS).await;
        let mut watcher = world.watch(None).await;
        let (facts, end) = watcher.list().await;
        let mut snapshot = Snapshot::empty();
        let facts = facts.into_iter().map(|fact| AccessFactChange::holds(fact.kind.unwrap()).to_core().unwrap());
        snapshot.apply(end.position.unwrap().revision, facts);
        assert!(snapshot.trusted_access(world.at, TrustedService::Sase));

        let name = world.service("sase");
        let message = DisableTrustedServiceRequest { name, force: true, ..Default::default() };
        let request = world.by_management("TrustedServiceService/DisableTrustedService", message);
        let answer = world.trusted_services().disable_trusted_service(request).await.unwrap();
        assert_eq!(answer.get_ref().enrolled_members, i32::try_from(MEMBERS).unwrap());

        let (changes, _) = watcher.catch_up().await;
        assert!(changes.len() > 1 && changes.iter().all(|change| change.encoded_len() <= PAYLOAD_MAX));
        let mut unenrolled = 0;
        for change in &changes {
            let facts = change.changes.iter().map(|change| change.to_core().unwrap());
            snapshot.apply(change.position.as_ref().unwrap().revision, facts);
            assert!(!snapshot.trusted_access(world.at, TrustedService::Sase), "from the first part on");
            assert!(!snapshot.is_administrator(world.at, TrustedService::Sase, administrator));
            unenrolled += ended(change).1.len();
        }
        assert_eq!(unenrolled, usize::try_from(MEMBERS).unwrap());
        let last = changes.last().unwrap().position.as_ref().unwrap().revision;
        assert_eq!(super::world::revision(&answer), last, "whoever shows the answer's token sees all of it");
        let (facts, _) = world.watch(None).await.list().await;
        let of_service = |key: String| key.starts_with("enrolment") || key.starts_with("delegation");
        assert!(!facts.iter().any(|fact| of_service(fact.key())));
    }
}
