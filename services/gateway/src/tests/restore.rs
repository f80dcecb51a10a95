//! Databases are restored from a backup, behind the gateway.

use bailiwick_api::{
    CONSISTENCY_TOKEN,
    directory::v1::{GetCallerIdentityRequest, ListMembersRequest},
    encode_token,
    r#type::v1::{AccessFact, LogPosition},
};
use bytes::Bytes;
use tonic::Code;

use super::{
    client::{Answered, Client, encoded, open_body},
    world::*,
};

const WHO: &str = "/bailiwick.directory.v1.TokenService/GetCallerIdentity";

fn refused(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

async fn who(client: &mut Client, token: &str) -> Answered {
    client.unary(WHO, token, &GetCallerIdentityRequest {}).await
}

async fn open_stream(world: &World, client: &mut Client, token: &str) -> http::Response<hyper::body::Incoming> {
    let (sender, body) = open_body();
    let first: Bytes = encoded(&ListMembersRequest { parent: DIRECTORY.to_owned(), ..Default::default() });
    sender.send(first).unwrap();
    let response = client.begin("/test.Bidi/Open", &[("authorization", token)], body).await;
    assert_eq!(world.echo.event().await, "begun");
    // Open until the gateway ends it.
    std::mem::forget(sender);
    response
}

/// A backup takes generations back: what was revoked after it would be honoured again. So no token of before counts.
#[tokio::test]
async fn after_a_restore_of_directory_no_token_of_before_counts() {
    let world = World::new().await;
    let mut client = world.client().await;
    let alice = user(MANAGEMENT, "alice");
    let old = world.token(&alice);
    assert_eq!(who(&mut client, &old).await.status().code(), Code::Ok);
    let stream = open_stream(&world, &mut client, &old).await;

    // In the middle of the replacement, nobody is anybody.
    world.facts.restore_directory("");
    world.facts.change(vec![]);
    let ended = within(Answered::read(stream)).await;
    assert_eq!(ended.refused(), refused(Code::PermissionDenied, "AUTHORIZATION_REVOKED"));
    assert_eq!(who(&mut client, &old).await.refused(), refused(Code::Unavailable, "FACTS_NOT_READY"));

    world.facts.restore_directory("d2");
    let position = world.facts.change(vec![]);
    let new = world.token(&alice);
    let reached = LogPosition { role: "directory".to_owned(), epoch: "d2".to_owned(), revision: 1 };
    let seen = encode_token(vec![position, reached]);
    let headers = [("authorization", new.as_str()), (CONSISTENCY_TOKEN, seen.as_str())];
    let (sender, body) = open_body();
    sender.send(encoded(&GetCallerIdentityRequest {})).unwrap();
    drop(sender);
    let answered = Answered::read(client.begin(WHO, &headers, body).await).await;
    assert_eq!(answered.status().code(), Code::Ok, "a new one counts");
    for _ in 0..2 {
        assert_eq!(who(&mut client, &old).await.refused(), refused(Code::Unauthenticated, "CREDENTIAL_REVOKED"));
    }
    let lost = LogPosition { role: "directory".to_owned(), epoch: "d".to_owned(), revision: 1 };
    let lost = encode_token(vec![lost]);
    let headers = [("authorization", new.as_str()), (CONSISTENCY_TOKEN, lost.as_str())];
    let (sender, body) = open_body();
    sender.send(encoded(&GetCallerIdentityRequest {})).unwrap();
    drop(sender);
    let answered = Answered::read(client.begin(WHO, &headers, body).await).await;
    assert_eq!(answered.refused(), refused(Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID"));
}

/// The facts of the former log are replaced as a whole, and tokens of directory, which was not restored, go on to count.
#[tokio::test]
async fn after_a_restore_of_delegation_its_facts_are_listed_anew() {
    let world = World::new().await;
    let mut client = world.client().await;
    let (alice, bob) = (world.token(&user(MANAGEMENT, "alice")), world.token(&user(MANAGEMENT, "bob")));
    assert_eq!(who(&mut client, &bob).await.status().code(), Code::Ok);
    let kinds = [
        account(MANAGEMENT, ""),
        identity(&user(MANAGEMENT, "alice"), bailiwick_api::r#type::v1::PrincipalKind::User, &[]),
    ];
    world.facts.restore("f", kinds.into_iter().map(|kind| AccessFact { kind: Some(kind) }).collect());
    within(async {
        while who(&mut client, &bob).await.status().code() != Code::Unauthenticated {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(who(&mut client, &bob).await.refused(), refused(Code::Unauthenticated, "CREDENTIAL_REVOKED"));
    assert_eq!(who(&mut client, &alice).await.status().code(), Code::Ok);
}
