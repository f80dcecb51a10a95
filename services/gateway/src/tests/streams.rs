use bailiwick_api::directory::v1::ListMembersRequest;
use bytes::Bytes;
use http_body_util::BodyExt;
use tonic::Code;

use super::{
    client::{Answered, encoded, framed, full, open_body},
    world::*,
};

fn first() -> Bytes {
    encoded(&ListMembersRequest { parent: DIRECTORY.to_owned(), ..Default::default() })
}

#[tokio::test]
async fn every_kind_of_call_passes_byte_by_byte() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    for kind in ["Unary", "Client", "Server", "Bidi"] {
        // Further messages are nobody's to look into; the cuts are odd on purpose.
        let further = [framed(&[7; 100_000]), framed(b"not a protobuf")].concat();
        let further = if kind == "Unary" { &[][..] } else { &further[..] };
        let whole = [&first()[..], further].concat();
        let (sender, body) = open_body();
        for piece in whole.chunks(777) {
            sender.send(Bytes::copy_from_slice(piece)).unwrap();
        }
        drop(sender);
        let response = client.begin(&format!("/test.{kind}/Echo"), &[("authorization", &token)], body).await;
        let answered = Answered::read(response).await;
        assert_eq!(answered.status().code(), Code::Ok, "{kind}");
        assert_eq!(answered.body, whole, "{kind}");
    }
}

#[tokio::test]
async fn messages_pass_while_both_sides_are_open() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let (sender, body) = open_body();
    sender.send(first()).unwrap();
    let mut response = client.begin("/test.Bidi/Echo", &[("authorization", &token)], body).await;
    let mut next = async || within(response.body_mut().frame()).await.unwrap().unwrap();
    assert_eq!(next().await.into_data().unwrap(), first());
    for n in 0..5u8 {
        sender.send(framed(&[n])).unwrap();
        assert_eq!(next().await.into_data().unwrap(), framed(&[n]));
    }
    drop(sender);
    assert_eq!(next().await.into_trailers().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn a_stream_is_authorized_by_its_first_message() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(STRANGER, "eve"));
    for kind in ["Client", "Server", "Bidi"] {
        let (sender, body) = open_body();
        sender.send(first()).unwrap();
        let response = client.begin(&format!("/test.{kind}/Echo"), &[("authorization", &token)], body).await;
        assert_eq!(Answered::read(response).await.refused().1, "RESOURCE_NOT_FOUND", "{kind}");
    }
    assert!(world.echo.heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_gives_up_is_heard_behind() {
    let world = World::new().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    for kind in ["Unary", "Bidi"] {
        let mut client = world.client().await;
        // Before an answer.
        let (sender, body) = open_body();
        sender.send(first()).unwrap();
        let path = format!("/test.{kind}/Hang");
        let token = token.clone();
        // A unary request is passed on when it has ended.
        let sender = (kind != "Unary").then_some(sender);
        let call = tokio::spawn(async move { client.begin(&path, &[("authorization", &token)], body).await });
        assert_eq!(world.echo.event().await, "begun");
        call.abort();
        assert_eq!(world.echo.event().await, "given up", "{kind}");
        drop(sender);
    }
    // In the middle of one.
    let mut client = world.client().await;
    let (sender, body) = open_body();
    sender.send(first()).unwrap();
    let response = client.begin("/test.Bidi/Open", &[("authorization", &token)], body).await;
    assert_eq!(world.echo.event().await, "begun");
    let answer = world.echo.open.lock().unwrap().pop().unwrap();
    drop(response);
    drop(sender);
    within(answer.closed()).await;
}

#[tokio::test]
async fn a_unary_request_that_does_not_end_takes_no_place_of_a_role() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let (sender, body) = open_body();
    sender.send(first()).unwrap();
    let headers = [("authorization", token.as_str()), ("grpc-timeout", "200m")];
    let response = client.begin("/test.Unary/Hang", &headers, body).await;
    assert_eq!(Answered::read(response).await.status().code(), Code::DeadlineExceeded);
    drop(sender);
    // One that has more than its message is none of those that roles take.
    let more = [&first()[..], &first()].concat();
    let answered = client.call("/test.Unary/Hang", &headers[..1], more.into()).await;
    assert_eq!(answered.refused(), (Code::InvalidArgument, "REQUEST_UNDECODABLE".to_owned()));
    assert!(world.echo.heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn metadata_that_would_cost_others_their_connection_is_refused() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let mut request = client.request("/test.Unary/Echo", &[("authorization", &token)], full(first()));
    // Characters that take 30 bits each on the wire.
    let wide = [0xf9; 8_000];
    request.headers_mut().insert("x-wide", http::HeaderValue::from_bytes(&wide).unwrap());
    let sent = client.send(request).await;
    assert_eq!((sent.status().code(), sent.body), (Code::Ok, first()));
    let mut request = client.request("/test.Unary/Echo", &[("authorization", &token)], full(first()));
    request.headers_mut().insert("x-wide", http::HeaderValue::from_bytes(&[b'a'; 8_192]).unwrap());
    let refused = client.send(request).await.refused();
    assert_eq!(refused, (Code::ResourceExhausted, "REQUEST_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn a_service_lost_in_the_middle_is_no_end_of_an_answer() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let (sender, body) = open_body();
    sender.send(first()).unwrap();
    let response = client.begin("/test.Bidi/Open", &[("authorization", &token)], body).await;
    world.echo.open.lock().unwrap().last().unwrap().send(framed(b"half")).unwrap();
    let (parts, mut body) = response.into_parts();
    let frame = within(body.frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), framed(b"half"));
    world.echo.kill();
    let answered = Answered::read(http::Response::from_parts(parts, body)).await;
    assert_eq!(answered.refused(), (Code::Unavailable, "BACKEND_UNAVAILABLE".to_owned()));
    // The next call has a new connection.
    let answered = client.call("/test.Bidi/Echo", &[("authorization", &token)], first()).await;
    assert_eq!((answered.status().code(), answered.body), (Code::Ok, first()));
}

#[tokio::test]
async fn a_service_lost_before_its_answer_is_not_called_again() {
    let world = World::new().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let mut client = world.client().await;
    let call =
        tokio::spawn(async move { client.call("/test.Unary/Hang", &[("authorization", &token)], first()).await });
    assert_eq!(world.echo.event().await, "begun");
    world.echo.kill();
    let answered = within(call).await.unwrap();
    assert_eq!(answered.refused(), (Code::Unavailable, "BACKEND_UNAVAILABLE".to_owned()));
    assert_eq!(world.echo.heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_end_of_a_right_ends_the_stream_both_ways() {
    // covers: R-GW-03, R-GW-10
    let world = World::new().await;
    let mut client = world.client().await;
    let carol = world.token(&user(ADMIN, "carol"));
    let alice = world.token(&user(MANAGEMENT, "alice"));
    let mut open = async |token: &str| {
        let (sender, body) = open_body();
        sender.send(first()).unwrap();
        let response = client.begin("/test.Bidi/Open", &[("authorization", token)], body).await;
        assert_eq!(world.echo.event().await, "begun");
        (sender, response, world.echo.open.lock().unwrap().pop().unwrap())
    };
    let (mut kept, kept_response, kept_answer) = open(&alice).await;
    let (_ended, response, answer) = open(&carol).await;
    answer.send(framed(b"before")).unwrap();
    world.facts.change(gone(designation()));
    let answered = Answered::read(response).await;
    assert_eq!(answered.body, framed(b"before"));
    assert_eq!(answered.refused(), (Code::PermissionDenied, "AUTHORIZATION_REVOKED".to_owned()));
    assert_eq!(world.echo.event().await, "request broken off");
    within(answer.closed()).await;
    // Whose right still stands goes on.
    kept.send(framed(b"x")).unwrap();
    kept_answer.send(framed(b"after")).unwrap();
    let mut response = kept_response;
    assert_eq!(within(response.body_mut().frame()).await.unwrap().unwrap().into_data().unwrap(), framed(b"after"));
    kept = open_body().0;
    drop(kept);
}

#[tokio::test]
async fn the_end_of_a_token_ends_the_stream() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token_for(&user(MANAGEMENT, "alice"), 6);
    let (sender, body) = open_body();
    sender.send(first()).unwrap();
    let response = client.begin("/test.Bidi/Open", &[("authorization", &token)], body).await;
    let answered = Answered::read(response).await;
    assert_eq!(answered.refused(), (Code::PermissionDenied, "AUTHORIZATION_REVOKED".to_owned()));
}

#[tokio::test]
async fn a_stream_that_does_not_move_is_ended() {
    let mut config = config();
    config.times.streams.idle = std::time::Duration::from_millis(300);
    let world = World::with(config).await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let (sender, body) = open_body();
    sender.send(first()).unwrap();
    let response = client.begin("/test.Bidi/Open", &[("authorization", &token)], body).await;
    assert_eq!(Answered::read(response).await.status().code(), Code::DeadlineExceeded);
    drop(sender);
}

#[tokio::test]
async fn a_gateway_that_stops_ends_its_streams_with_a_reason() {
    let mut world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let (sender, body) = open_body();
    sender.send(first()).unwrap();
    let response = client.begin("/test.Bidi/Open", &[("authorization", &token)], body).await;
    let (answered, ()) = futures::join!(Answered::read(response), world.stop());
    assert_eq!(answered.refused(), (Code::Unavailable, "BACKEND_UNAVAILABLE".to_owned()));
    drop(sender);
}

#[tokio::test]
async fn a_reader_who_does_not_read_holds_up_nobody() {
    let world = World::new().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let mut idle = Vec::new();
    for _ in 0..4 {
        let mut client = world.client().await;
        let (sender, body) = open_body();
        sender.send(first()).unwrap();
        let response = client.begin("/test.Bidi/Open", &[("authorization", &token)], body).await;
        let answer = world.echo.open.lock().unwrap().pop().unwrap();
        // More than any window between here and there.
        for _ in 0..64 {
            answer.send(Bytes::from(vec![0; 256 << 10])).unwrap();
        }
        idle.push((client, sender, response, answer));
    }
    for kind in ["Bidi", "Server", "Unary"] {
        let answered =
            world.client().await.call(&format!("/test.{kind}/Echo"), &[("authorization", &token)], first()).await;
        assert_eq!((answered.status().code(), answered.body), (Code::Ok, first()), "{kind}");
    }
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_has_ended() {
    let world = World::new().await;
    let mut client = world.client().await;
    let token = world.token(&user(MANAGEMENT, "alice"));
    let (sender, body) = open_body();
    sender.send(first()).unwrap();
    let response = client.begin("/test.Client/TrailersOnly", &[("authorization", &token)], body).await;
    assert_eq!(Answered::read(response).await.status().message(), "not now");
    drop(sender);
}
