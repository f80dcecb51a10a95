//! What enforcement points ask over gRPC as Envoy does, and who is who by ID tokens, on both databases.

use std::collections::HashMap;

use bailiwick_api::sase::v1::{
    enforcement_point_service_client::EnforcementPointServiceClient,
    sase_identity_provider_service_client::SaseIdentityProviderServiceClient,
};
use bailiwick_openid::testing::{Issuer, Key};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tonic::{client::Grpc, codegen::http::uri::PathAndQuery, transport::Endpoint};
use tonic_prost::ProstCodec;

use super::*;
use crate::{
    EnforcementConfig, IdentityConfig,
    enforcement::envoy::{
        Address, AttributeContext, AttributeRequest, CHECK, CheckRequest, CheckResponse, HttpRequest, HttpResponse,
        Peer, SocketAddress,
    },
};

mod bounds;

/// A scene with an enforcement point `edge`, and a provider whose claim `preferred_username` is the id of a user.
struct Edge {
    scene: Scene,
    issuer: Issuer,
    key: Key,
    credential: String,
    channel: Channel,
}

/// What a client sees of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Passed,
    Stopped(i32, String),
}

fn point_client(scene: &Scene) -> EnforcementPointServiceClient<Channel> {
    EnforcementPointServiceClient::new(scene.channel())
}

fn provider_client(scene: &Scene) -> SaseIdentityProviderServiceClient<Channel> {
    SaseIdentityProviderServiceClient::new(scene.channel())
}

fn provider(issuer: &str) -> pb::SaseIdentityProvider {
    pb::SaseIdentityProvider {
        display_name: "main".into(),
        issuer: issuer.into(),
        audiences: vec!["cli".into()],
        user_claim: "preferred_username".into(),
        group_claim: "groups".into(),
        attribute_claims: vec!["team".into()],
        ..Default::default()
    }
}

fn http(headers: &[(&str, &str)]) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        path: "/basket?x=1".into(),
        host: "shop.example".into(),
        scheme: "https".into(),
    }
}

fn endpoint(scene: &Scene, scheme: &str) -> Endpoint {
    Endpoint::from_shared(format!("{scheme}://{}", scene.enforcement.unwrap())).unwrap()
}

async fn ask(channel: Channel, credential: &str, http: HttpRequest) -> Result<CheckResponse, Status> {
    let address = SocketAddress { address: "192.0.2.7".into() };
    let context = AttributeContext {
        source: Some(Peer { address: Some(Address { socket_address: Some(address) }) }),
        request: Some(AttributeRequest { http: Some(http) }),
        context_extensions: HashMap::new(),
    };
    let mut request = Request::new(CheckRequest { attributes: Some(context) });
    request.metadata_mut().insert("authorization", format!("Bearer {credential}").parse().unwrap());
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<CheckRequest, CheckResponse>::default();
    Ok(client.unary(request, PathAndQuery::from_static(CHECK), codec).await?.into_inner())
}

fn seen(response: &CheckResponse) -> Seen {
    match response.http_response.as_ref().unwrap() {
        HttpResponse::Ok(_) => Seen::Passed,
        HttpResponse::Denied(denied) => {
            let body: Value = serde_json::from_str(&denied.body).unwrap();
            let header = denied.headers.iter().filter_map(|option| option.header.as_ref());
            let reason = header.filter(|header| header.key == "x-bailiwick-reason").map(|header| &header.value);
            assert_eq!(reason.collect::<Vec<_>>(), [body["reason"].as_str().unwrap()]);
            Seen::Stopped(denied.status.as_ref().unwrap().code, body["reason"].as_str().unwrap().to_owned())
        }
    }
}

fn stopped(code: i32, reason: &str) -> Seen {
    Seen::Stopped(code, reason.to_owned())
}

impl Edge {
    async fn start(url: &str) -> Self {
        Self::start_with(url, EnforcementConfig::default()).await
    }

    async fn start_with(url: &str, enforcement: EnforcementConfig) -> Self {
        let config = Config {
            enforcement: EnforcementConfig { listen: "127.0.0.1:0".into(), freshness_ms: 60_000, ..enforcement },
            identity: IdentityConfig { private_issuers: true, ..Default::default() },
        };
        let scene = Scene::start_with(url, &config).await;
        let key = Key::ecdsa("k1");
        let issuer = Issuer::start(&[&key]).await;
        let channel = endpoint(&scene, "http").connect_lazy();
        let mut edge = Self { scene, issuer, key, credential: String::new(), channel };
        edge.register("main", provider(&edge.issuer.url)).await.unwrap();
        edge.credential = edge.point("edge", pb::EnforcementPoint::default()).await.credential;
        edge.scene.policy("allow", policy(10, pb::AccessAction::Allow)).await.unwrap();
        edge
    }

    async fn register(&self, id: &str, provider: pb::SaseIdentityProvider) -> Result<pb::SaseIdentityProvider, Status> {
        let message = pb::CreateSaseIdentityProviderRequest {
            parent: parent(),
            sase_identity_provider_id: id.into(),
            sase_identity_provider: Some(provider),
            ..Default::default()
        };
        let request = self.scene.request("SaseIdentityProviderService/CreateSaseIdentityProvider", message);
        Ok(provider_client(&self.scene).create_sase_identity_provider(request).await?.into_inner())
    }

    async fn point(&self, id: &str, point: pb::EnforcementPoint) -> pb::EnforcementPoint {
        let message = pb::CreateEnforcementPointRequest {
            parent: parent(),
            enforcement_point_id: id.into(),
            enforcement_point: Some(pb::EnforcementPoint { display_name: id.into(), ..point }),
            ..Default::default()
        };
        let request = self.scene.request("EnforcementPointService/CreateEnforcementPoint", message);
        point_client(&self.scene).create_enforcement_point(request).await.unwrap().into_inner()
    }

    /// A token of `ann`, with other claims besides.
    fn token(&self, changes: Value) -> String {
        self.key.sign(&self.claims(changes))
    }

    fn claims(&self, changes: Value) -> Value {
        let mut claims = self.issuer.claims(self.scene.clock.now());
        claims["preferred_username"] = json!("ann");
        for (claim, value) in changes.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        claims
    }

    async fn ask(&self, credential: &str, http: HttpRequest) -> Result<CheckResponse, Status> {
        ask(self.channel.clone(), credential, http).await
    }

    async fn with(&self, headers: &[(&str, &str)]) -> Seen {
        seen(&self.ask(&self.credential, http(headers)).await.unwrap())
    }

    async fn with_token(&self, token: &str) -> Seen {
        self.with(&[("authorization", &format!("Bearer {token}"))]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_that_is_good_in_every_way_says_who_asks() {
    for database in databases().await {
        let edge = Edge::start(&database.url).await;
        let now = edge.scene.clock.now().as_seconds();
        assert_eq!(edge.with_token(&edge.token(json!({}))).await, Seen::Passed, "{}", database.engine);
        assert_eq!(edge.with_token(&edge.token(json!({"nonce": "n"}))).await, Seen::Passed);
        for (changes, code, reason) in [
            (json!({"exp": now}), 401, "TOKEN_INVALID"),
            (json!({"iat": now - 86_401}), 401, "TOKEN_INVALID"),
            (json!({"aud": "web"}), 401, "TOKEN_INVALID"),
            (json!({"aud": ["cli", "other"]}), 401, "TOKEN_INVALID"),
            (json!({"iss": "https://elsewhere.example.com"}), 401, "TOKEN_INVALID"),
            (json!({"preferred_username": "nobody"}), 403, "USER_UNKNOWN"),
            (json!({"preferred_username": ["ann"]}), 401, "TOKEN_INVALID"),
        ] {
            assert_eq!(edge.with_token(&edge.token(changes.clone())).await, stopped(code, reason), "{changes}");
        }
        let forged = Key::ecdsa("k1").sign(&edge.claims(json!({})));
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let payload = part(&edge.claims(json!({})));
        let unsigned = format!("{}.{payload}.", part(&json!({"alg": "none", "kid": "k1"})));
        let public = edge.key.public().to_string();
        let confused = Key::shared("k1", public.as_bytes()).sign(&edge.claims(json!({})));
        let good = edge.token(json!({"preferred_username": "bob"}));
        let signature = good.rsplit('.').next().unwrap();
        let header = good.split('.').next().unwrap();
        let grafted = format!("{header}.{payload}.{signature}");
        for token in [&forged, &unsigned, &confused, &grafted, "x", "a.b.c"] {
            assert_eq!(edge.with_token(token).await, stopped(401, "TOKEN_INVALID"), "{token}");
        }
        for headers in [&[][..], &[("authorization", "Basic eDp5")], &[("authorization", "Bearer ")]] {
            assert_eq!(edge.with(headers).await, stopped(401, "TOKEN_MISSING"), "{headers:?}");
        }
        // What was good a moment ago is not for longer than it says.
        let brief = edge.token(json!({"exp": now + 10}));
        assert_eq!(edge.with_token(&brief).await, Seen::Passed);
        edge.scene.clock.advance(Duration::from_secs(10));
        assert_eq!(edge.with_token(&brief).await, stopped(401, "TOKEN_INVALID"));
        edge.scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_good_for_its_point_until_it_is_rotated_or_the_point_is_gone() {
    for database in databases().await {
        let edge = Edge::start(&database.url).await;
        let (token, own) = (edge.token(json!({})), &edge.credential);
        let headers = [("authorization", format!("Bearer {token}"))];
        let request = || http(&[(headers[0].0, &headers[0].1)]);
        let (rest, secret) = own.rsplit_once('.').unwrap();
        let other = format!("{rest}.{}", secret.chars().rev().collect::<String>());
        for wrong in ["", "x", rest, &other, &own.replace(".edge.", ".other."), &token] {
            let refused = edge.ask(wrong, request()).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{wrong} {}", database.engine);
        }
        let name = in_directory("enforcementPoints", "edge");
        let shown = edge.scene.request(
            "EnforcementPointService/GetEnforcementPoint",
            pb::GetEnforcementPointRequest { name: name.clone() },
        );
        let shown = point_client(&edge.scene).get_enforcement_point(shown).await.unwrap().into_inner();
        assert_eq!((shown.credential.as_str(), shown.token_header.as_str()), ("", "authorization"));
        let message = pb::RotateEnforcementPointCredentialRequest {
            name: name.clone(),
            overlap_seconds: 60,
            ..Default::default()
        };
        let rotate = edge.scene.request("EnforcementPointService/RotateEnforcementPointCredential", message);
        let mut points = point_client(&edge.scene);
        let rotated = points.rotate_enforcement_point_credential(rotate).await.unwrap().into_inner();
        assert!(rotated.former_credential_expire_time.is_some() && rotated.credential != *own);
        for credential in [own, &rotated.credential] {
            assert_eq!(seen(&edge.ask(credential, request()).await.unwrap()), Seen::Passed);
        }
        edge.scene.clock.advance(Duration::from_secs(60));
        assert_eq!(edge.ask(own, request()).await.unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(seen(&edge.ask(&rotated.credential, request()).await.unwrap()), Seen::Passed);
        let message = pb::DeleteEnforcementPointRequest { name, ..Default::default() };
        let delete = edge.scene.request("EnforcementPointService/DeleteEnforcementPoint", message);
        points.delete_enforcement_point(delete).await.unwrap();
        let gone = edge.ask(&rotated.credential, request()).await.unwrap_err();
        assert_eq!(gone.code(), Code::Unauthenticated);
        edge.scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_says_of_groups_attributes_and_strength_holds_for_its_request() {
    for database in databases().await {
        let edge = Edge::start(&database.url).await;
        for id in ["outer", "inner"] {
            let groups = if id == "outer" { Vec::new() } else { vec![in_directory("userGroups", "outer")] };
            // `outer` is made first and contains nothing; what contains it is `inner`.
            let group = pb::UserGroup { display_name: id.into(), groups, ..Default::default() };
            let message = pb::CreateUserGroupRequest {
                parent: parent(),
                user_group_id: id.into(),
                user_group: Some(group),
                ..Default::default()
            };
            let request = edge.scene.request("UserGroupService/CreateUserGroup", message);
            UserGroupServiceClient::new(edge.scene.channel()).create_user_group(request).await.unwrap();
        }
        let mapping =
            |group: &str| pb::SaseGroupMapping { value: "ops".into(), user_group: in_directory("userGroups", group) };
        let name = in_directory("saseIdentityProviders", "main");
        let update = |mappings| pb::UpdateSaseIdentityProviderRequest {
            sase_identity_provider: Some(pb::SaseIdentityProvider {
                name: name.clone(),
                group_mappings: mappings,
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["group_mappings".into()] }),
            ..Default::default()
        };
        let method = "SaseIdentityProviderService/UpdateSaseIdentityProvider";
        let unknown = edge.scene.request(method, update(vec![mapping("unknown")]));
        let refused = provider_client(&edge.scene).update_sase_identity_provider(unknown).await.unwrap_err();
        assert!(details(&refused).contains("SASE_REFERENCE_UNKNOWN"), "{refused:?}");
        let known = edge.scene.request(method, update(vec![mapping("outer")]));
        let updated = provider_client(&edge.scene).update_sase_identity_provider(known).await.unwrap().into_inner();
        assert_eq!((updated.group_mappings.len(), updated.issuer.as_str()), (1, edge.issuer.url.as_str()));

        let subjects = |groups: &[&str], attributes: &[&str]| pb::SubjectSelection {
            groups: groups.iter().map(|id| in_directory("userGroups", id)).collect(),
            attributes: attributes.iter().map(|text| (*text).to_owned()).collect(),
            ..Default::default()
        };
        let strong = pb::AccessConditions {
            min_authentication_strength: pb::AuthenticationStrength::MultiFactor.into(),
            ..Default::default()
        };
        let block = policy(5, pb::AccessAction::Block);
        for (id, policy) in [
            ("everybody", block),
            (
                "ops",
                pb::AccessPolicy { subjects: Some(subjects(&["inner"], &[])), ..policy(4, pb::AccessAction::Allow) },
            ),
            (
                "team",
                pb::AccessPolicy { subjects: Some(subjects(&[], &["team=red"])), ..policy(3, pb::AccessAction::Allow) },
            ),
            ("strong", pb::AccessPolicy { conditions: Some(strong), ..policy(2, pb::AccessAction::Allow) }),
        ] {
            edge.scene.policy(id, policy).await.unwrap();
        }
        for (claims, passed) in [
            (json!({}), false),
            (json!({"groups": ["dev"]}), false),
            (json!({"groups": ["ops"]}), true),
            (json!({"team": "red"}), true),
            (json!({"team": ["blue", "red"]}), true),
            (json!({"team": "blue", "amr": ["pwd"]}), false),
            (json!({"amr": ["pwd", "otp"]}), true),
            (json!({"acr": "phr"}), true),
        ] {
            let expected = if passed { Seen::Passed } else { stopped(403, "POLICY") };
            assert_eq!(edge.with_token(&edge.token(claims.clone())).await, expected, "{claims} {}", database.engine);
        }
        edge.scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_by_our_headers_is_not_passed_on_and_a_device_shows_its_key() {
    for database in databases().await {
        let edge = Edge::start(&database.url).await;
        let bearer = format!("Bearer {}", edge.token(json!({})));
        let forged = [
            ("authorization", bearer.as_str()),
            ("x-bailiwick-user", "root"),
            ("x-bailiwick-other", "x"),
            ("x-other", "y"),
        ];
        let response = edge.ask(&edge.credential, http(&forged)).await.unwrap();
        let Some(HttpResponse::Ok(ok)) = response.http_response else { panic!("{response:?}") };
        let set: HashMap<_, _> = ok
            .headers
            .iter()
            .map(|option| (option.header.clone().unwrap(), option.append_action))
            .map(|(header, action)| (header.key, (header.value, action)))
            .collect();
        assert_eq!(set["x-bailiwick-user"], ("ann".to_owned(), 2));
        assert_eq!(set["x-bailiwick-decided-by"], (in_directory("accessPolicies", "allow"), 2));
        assert_eq!(set["x-bailiwick-decision"].0.len(), 20);
        let mut removed = ok.headers_to_remove;
        removed.sort_unstable();
        assert_eq!(removed, ["authorization", "x-bailiwick-other"]);

        let own = pb::Device {
            display_name: "laptop".into(),
            sase_user: in_directory("saseUsers", "ann"),
            ..Default::default()
        };
        let message = pb::CreateDeviceRequest {
            parent: parent(),
            device_id: "laptop".into(),
            device: Some(own),
            ..Default::default()
        };
        let request = edge.scene.request("DeviceService/CreateDevice", message);
        let device = DeviceServiceClient::new(edge.scene.channel()).create_device(request).await.unwrap().into_inner();
        let managed = pb::AccessConditions {
            device: Some(pb::DeviceCondition { managed: true, ..Default::default() }),
            ..Default::default()
        };
        let block = pb::AccessPolicy { conditions: None, ..policy(9, pb::AccessAction::Block) };
        edge.scene.policy("others", block).await.unwrap();
        let allow = pb::AccessPolicy { conditions: Some(managed), ..policy(8, pb::AccessAction::Allow) };
        edge.scene.policy("managed", allow).await.unwrap();
        for (name, key, expected) in [
            (device.name.as_str(), device.enrolment_key.as_str(), stopped(403, "POLICY")),
            (&device.name, "wrong", stopped(403, "DEVICE_KEY_INVALID")),
            (&device.name, "", stopped(403, "DEVICE_KEY_INVALID")),
            (&in_directory("devices", "none"), &device.enrolment_key, stopped(403, "DEVICE_KEY_INVALID")),
            ("laptop", &device.enrolment_key, stopped(403, "DEVICE_KEY_INVALID")),
        ] {
            let headers =
                [("authorization", bearer.as_str()), ("x-bailiwick-device", name), ("x-bailiwick-device-key", key)];
            assert_eq!(edge.with(&headers).await, expected, "{name} {}", database.engine);
        }
        edge.scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_holds_for_the_next_request_and_each_decision_is_in_the_log() {
    for database in databases().await {
        let edge = Edge::start(&database.url).await;
        let token = edge.token(json!({}));
        assert_eq!(edge.with_token(&token).await, Seen::Passed, "{}", database.engine);
        edge.scene.policy("block", policy(1, pb::AccessAction::Block)).await.unwrap();
        let response =
            edge.ask(&edge.credential, http(&[("authorization", &format!("Bearer {token}"))])).await.unwrap();
        let Some(HttpResponse::Denied(denied)) = &response.http_response else { panic!("{response:?}") };
        let body: Value = serde_json::from_str(&denied.body).unwrap();
        assert_eq!(body["decided_by"], in_directory("accessPolicies", "block"));
        assert_eq!((&body["reason"], &body["policy_version"]), (&json!("POLICY"), &json!(1)));
        let logged = || async {
            let message = pb::ListAccessDecisionsRequest { parent: parent(), ..Default::default() };
            let request = edge.scene.request("SaseAccessService/ListAccessDecisions", message);
            let listed = SaseAccessServiceClient::new(edge.scene.channel()).list_access_decisions(request).await;
            let decisions = listed.unwrap().into_inner().decisions;
            decisions.iter().map(|decision| (decision.action(), decision.source_ip.clone())).collect::<Vec<_>>()
        };
        let source = || "192.0.2.7".to_owned();
        // At one moment of the clock, in the order of their ids.
        eventually(|| async { logged().await.len() == 2 }).await;
        let found = logged().await;
        for action in [pb::AccessAction::Allow, pb::AccessAction::Block] {
            assert!(found.contains(&(action, source())), "{found:?}");
        }
        for (change, expected) in [
            (HttpRequest { host: "other.example".into(), ..http(&[]) }, stopped(403, "NO_APPLICATION")),
            (HttpRequest { path: "/basket/../admin".into(), ..http(&[]) }, stopped(400, "PATH_AMBIGUOUS")),
            (HttpRequest { host: "a b".into(), ..http(&[]) }, stopped(400, "HOST_MALFORMED")),
        ] {
            let headers = [("authorization".to_owned(), format!("Bearer {token}"))].into();
            let response = edge.ask(&edge.credential, HttpRequest { headers, ..change }).await.unwrap();
            assert_eq!(seen(&response), expected);
        }
        let name = in_directory("saseIdentityProviders", "main");
        let message = pb::DeleteSaseIdentityProviderRequest { name, ..Default::default() };
        let request = edge.scene.request("SaseIdentityProviderService/DeleteSaseIdentityProvider", message);
        provider_client(&edge.scene).delete_sase_identity_provider(request).await.unwrap();
        assert_eq!(edge.with_token(&token).await, stopped(401, "TOKEN_INVALID"));
        edge.scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_have_bounds_and_an_issuer_each() {
    for database in databases().await {
        let edge = Edge::start(&database.url).await;
        let refused = edge.register("second", provider(&edge.issuer.url)).await.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists, "{}", database.engine);
        for (wrong, field) in [
            (pb::SaseIdentityProvider { issuer: "ftp://x".into(), ..provider("") }, "issuer"),
            (pb::SaseIdentityProvider { audiences: Vec::new(), ..provider("https://x.example") }, "audiences"),
            (pb::SaseIdentityProvider { user_claim: String::new(), ..provider("https://x.example") }, "user_claim"),
            (pb::SaseIdentityProvider { display_name: String::new(), ..provider("https://x.example") }, "display_name"),
            (
                pb::SaseIdentityProvider {
                    group_mappings: vec![pb::SaseGroupMapping { value: "v".into(), user_group: "g".into() }],
                    ..provider("https://x.example")
                },
                "group_mappings[0].user_group",
            ),
        ] {
            let refused = edge.register("wrong", wrong).await.unwrap_err();
            let named = details(&refused).contains(&format!("sase_identity_provider.{field}"));
            assert!(refused.code() == Code::InvalidArgument && named, "{field}: {refused:?}");
        }
        for at in 1..10 {
            edge.register(&format!("p{at}"), provider(&format!("https://{at}.example"))).await.unwrap();
        }
        let full = edge.register("last", provider("https://last.example")).await.unwrap_err();
        assert_eq!(full.code(), Code::ResourceExhausted);
        edge.scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_names_users_by_an_attribute_that_one_of_them_has() {
    for database in databases().await {
        let edge = Edge::start(&database.url).await;
        let second = Issuer::start(&[&edge.key]).await;
        let by_mail = pb::SaseIdentityProvider {
            user_claim: "email".into(),
            user_attribute: "mail".into(),
            ..provider(&second.url)
        };
        edge.register("by-mail", by_mail).await.unwrap();
        let create = |id: &'static str, mail: &'static str| {
            let attributes = vec!["department=sales".to_owned(), format!("mail={mail}")];
            let user = pb::SaseUser { display_name: id.into(), attributes, ..Default::default() };
            let message = pb::CreateSaseUserRequest {
                parent: parent(),
                sase_user_id: id.into(),
                sase_user: Some(user),
                ..Default::default()
            };
            let request = edge.scene.request("SaseUserService/CreateSaseUser", message);
            let mut users = SaseUserServiceClient::new(edge.scene.channel());
            async move { users.create_sase_user(request).await.unwrap() }
        };
        create("bob", "bob@example.com").await;
        create("eve", "eve@example.com").await;
        let token = |claims: Value| {
            let mut all = second.claims(edge.scene.clock.now());
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            edge.key.sign(&all)
        };
        let bob = token(json!({"email": "bob@example.com", "email_verified": true}));
        let unknown = || stopped(403, "USER_UNKNOWN");
        for (token, expected) in [
            (bob.clone(), Seen::Passed),
            (token(json!({"email": "bob@example.com"})), unknown()),
            (token(json!({"email": "bob@example.com", "email_verified": false})), unknown()),
            (token(json!({"email": "Bob@example.com", "email_verified": true})), unknown()),
            (token(json!({"email": "dan@example.com", "email_verified": true})), unknown()),
            (token(json!({"email": "bob", "email_verified": true})), unknown()),
        ] {
            assert_eq!(edge.with_token(&token).await, expected, "{}", database.engine);
        }
        // Once two have it, it names nobody; another is named as before.
        create("bobby", "bob@example.com").await;
        assert_eq!(edge.with_token(&bob).await, unknown());
        let eve = token(json!({"email": "eve@example.com", "email_verified": true}));
        assert_eq!(edge.with_token(&eve).await, Seen::Passed);
        edge.scene.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_of_its_protocol_opens_no_other_application() {
    for database in databases().await {
        let edge = Edge::start(&database.url).await;
        let bearer = format!("Bearer {}", edge.token(json!({})));
        let plain = [("authorization", bearer.as_str())];
        let grpc = [("authorization", bearer.as_str()), ("content-type", "application/grpc")];
        assert_eq!(edge.with(&plain).await, Seen::Passed, "{}", database.engine);
        assert_eq!(edge.with(&grpc).await, stopped(403, "NO_APPLICATION"));
        let own = pb::Application { protocol: pb::ApplicationProtocol::Grpc.into(), ..application(11, &["api"]) };
        edge.scene.application("api", own).await.unwrap();
        let tagged = pb::TargetSelection { tags: vec!["api".into()], ..Default::default() };
        let block = pb::AccessPolicy { targets: Some(tagged), ..policy(1, pb::AccessAction::Block) };
        edge.scene.policy("api", block).await.unwrap();
        for headers in [&plain[..], &grpc] {
            assert_eq!(edge.with(headers).await, stopped(403, "POLICY"), "{headers:?}");
        }
        edge.scene.running.stop().await;
    }
}
