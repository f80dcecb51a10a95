//! Codes from the request to the use, with a call that stands for those that need one, and the outbox behind them.

use std::time::Duration;

use bailiwick_db::Tx;
use bailiwick_rpc::Call;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::*;
use crate::{
    app::{Done, lock_account, lock_directory, outbox::TAKEN},
    domain::{
        Error as Refusal,
        destination::{Channel, Destination},
        verification::{Purpose, Verification},
    },
    store,
};

const ID: &str = "0b8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f";
const SWITCH: Purpose = Purpose::SwitchToResourceAccount;

/// A directory with a member, and the call of who manages it.
struct Scene {
    world: World,
    by: AccountId,
    directory: DirectoryId,
    member: AccountId,
    call: Call,
}

fn owner() -> Destination {
    Destination::new(Channel::Email, "owner@example.com").unwrap()
}

fn invalid(attempts_left: u32) -> Refusal {
    Refusal::VerificationCodeInvalid { attempts_left }
}

async fn scenes() -> Vec<Scene> {
    let mut scenes = Vec::new();
    for world in worlds_with(Limits { verifications_per_day_max: 3, ..Limits::default() }).await {
        let (by, directory) = world.directory("Acme").await;
        let member = world.cloud_member(by, directory, "payments", "Acme").await;
        let call = world.root(by, "MemberService/ListMembers", &directory.name()).await;
        scenes.push(Scene { world, by, directory, member, call });
    }
    scenes
}

impl Scene {
    async fn request(&self) -> Result<Verification, Error> {
        Ok(self.request_as(&change(), self.member, SWITCH).await?.value)
    }

    async fn request_as(
        &self,
        change: &Mutation,
        account: AccountId,
        purpose: Purpose,
    ) -> Result<Done<Verification>, Error> {
        let (app, call) = (&self.world.app, &self.call);
        let work = move |tx: Tx| async move {
            lock_directory(tx.conn(), self.directory).await?;
            let locked = lock_account(tx.conn(), account).await?;
            app.verification_request(&tx, call, &locked, purpose, owner()).await
        };
        app.mutate("test_request", change, work).await
    }

    /// The code that was delivered last.
    async fn code(&self) -> String {
        self.world.app.deliver_due().await.unwrap();
        self.world.delivered.take().pop().unwrap().code.digits().to_owned()
    }

    async fn sent_code(&self) -> String {
        self.request().await.unwrap();
        self.code().await
    }

    async fn using(&self, presented: &str) -> Result<(), Error> {
        self.using_as(&self.call, &change(), presented, Ok(())).await
    }

    /// Something that needs a code, and may be refused for another reason.
    async fn using_as(
        &self,
        call: &Call,
        change: &Mutation,
        presented: &str,
        rest: Result<(), Refusal>,
    ) -> Result<(), Error> {
        let app = &self.world.app;
        let attempt = app.verification_attempt(call, self.member, SWITCH, presented).await?;
        let (attempt, rest) = (&attempt, &rest);
        let work = move |tx: Tx| async move {
            let locked = lock_account(tx.conn(), self.member).await?;
            app.verification_use(&tx, call, &locked, attempt, (SWITCH, vec![owner()])).await?;
            Ok(rest.clone()?)
        };
        app.mutate("test_use", change, work).await.map(|done| done.value)
    }

    async fn stored_codes(&self) -> Vec<Option<Vec<u8>>> {
        let codes = "SELECT sealed_code FROM verifications ORDER BY create_us";
        let reader = self.world.app.db.reader();
        let select = sea_orm::Statement::from_string(sea_orm::ConnectionTrait::get_database_backend(reader), codes);
        let rows = sea_orm::ConnectionTrait::query_all_raw(reader, select).await.unwrap();
        rows.into_iter().map(|row| row.try_get("", "sealed_code").unwrap()).collect()
    }

    /// Another replica on the same database.
    fn replica(&self) -> (App, Arc<Recorder>) {
        let delivered = Arc::new(Recorder::default());
        let deliveries = Deliveries { email: delivered.clone(), phone: delivered.clone() };
        (App { deliveries, ..App::clone(&self.world.app) }, delivered)
    }

    fn wrong(code: &str) -> String {
        let other = if code.starts_with('0') { '1' } else { '0' };
        format!("{other}{}", &code[1..])
    }
}

#[tokio::test]
async fn a_code_is_delivered_and_good_once() {
    for scene in scenes().await {
        let asked = scene.request().await.unwrap();
        scene.world.app.deliver_due().await.unwrap();
        let message = scene.world.delivered.take().pop().unwrap();
        assert_eq!((&message.id, &message.destination), (&asked.id, &owner()), "{}", scene.world.engine);
        assert_eq!(message.requester, IdentityName::root(scene.by).to_string());
        assert_eq!((message.account, message.account_name.as_str()), (scene.member, "payments"));
        assert_eq!(scene.world.app.deliver_due().await.unwrap(), 0, "it is sent once");
        let code = message.code.digits();
        let stored = scene.stored_codes().await.remove(0).unwrap();
        assert!(!stored.windows(6).any(|part| part == code.as_bytes()));
        scene.using(code).await.unwrap();
        assert_eq!(scene.stored_codes().await, [None]);
        assert_eq!(refused(scene.using(code).await), invalid(0));
    }
}

#[tokio::test]
async fn what_is_missing_wrong_or_for_something_else_is_refused() {
    for scene in scenes().await {
        assert_eq!(refused(scene.using("").await), invalid(0), "{}", scene.world.engine);
        scene.request_as(&change(), scene.member, Purpose::SwitchToCloudAccount).await.unwrap();
        let other = scene.code().await;
        assert_eq!(refused(scene.using(&other).await), invalid(0), "it is for another purpose");
        let code = scene.sent_code().await;
        assert_eq!(refused(scene.using(&Scene::wrong(&code)).await), invalid(4));
        assert_eq!(refused(scene.using("").await), invalid(3));
        // Somebody else neither uses the code nor kills it.
        let name = scene.member.name();
        let stranger = scene.world.root(scene.member, "AccountService/GetAccount", &name).await;
        for presented in [code.clone(), Scene::wrong(&code)] {
            let taken = scene.using_as(&stranger, &change(), &presented, Ok(())).await;
            assert_eq!(refused(taken), invalid(0));
        }
        scene.using(&code).await.unwrap();
    }
}

#[tokio::test]
async fn wrong_guesses_count_although_the_call_is_refused() {
    for scene in scenes().await {
        let code = scene.sent_code().await;
        for left in (0..5).rev() {
            assert_eq!(refused(scene.using(&Scene::wrong(&code)).await), invalid(left), "{}", scene.world.engine);
        }
        assert_eq!(refused(scene.using(&code).await), invalid(0));
        assert_eq!(scene.stored_codes().await, [None]);
    }
}

#[tokio::test]
async fn guesses_at_the_same_time_count_as_many() {
    for scene in scenes().await {
        let code = scene.sent_code().await;
        let wrong = Scene::wrong(&code);
        let guesses = join_all((0..8).map(|_| scene.using(&wrong))).await;
        let mut left: Vec<_> = guesses.into_iter().map(refused).collect();
        left.sort_by_key(|refusal| format!("{refusal:?}"));
        let expected = [0, 0, 0, 0, 1, 2, 3, 4].map(invalid);
        assert_eq!(left, expected, "{}", scene.world.engine);
        assert_eq!(refused(scene.using(&code).await), invalid(0));
    }
}

#[tokio::test]
async fn of_two_uses_at_the_same_time_one_wins() {
    for scene in scenes().await {
        let code = scene.sent_code().await;
        let uses = join_all((0..8).map(|_| scene.using(&code))).await;
        assert_eq!(uses.iter().filter(|used| used.is_ok()).count(), 1, "{}", scene.world.engine);
    }
}

#[tokio::test]
async fn a_code_is_kept_when_what_it_confirms_is_refused() {
    for scene in scenes().await {
        let code = scene.sent_code().await;
        for _ in 0..7 {
            let failed = scene.using_as(&scene.call, &change(), &code, Err(Refusal::RootUserImmutable)).await;
            assert_eq!(refused(failed), Refusal::RootUserImmutable, "{}", scene.world.engine);
        }
        scene.using(&code).await.unwrap();
    }
}

#[tokio::test]
async fn repetitions_get_their_first_answer() {
    for scene in scenes().await {
        let asked = scene.request_as(&once(ID, 1), scene.member, SWITCH).await.unwrap();
        let again = scene.request_as(&once(ID, 1), scene.member, SWITCH).await.unwrap();
        assert_eq!(asked, again, "{}", scene.world.engine);
        let code = scene.code().await;
        assert_eq!(scene.world.app.deliver_due().await.unwrap(), 0);
        let (call, other) = (&scene.call, "7d8fba4e-7d1c-4f53-9c3a-08cc5b4f5a5f");
        scene.using_as(call, &once(other, 2), &code, Ok(())).await.unwrap();
        scene.using_as(call, &once(other, 2), &code, Ok(())).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_only_tried_or_fails_sends_nothing() {
    for scene in scenes().await {
        let tried = Mutation { validate_only: true, ..change() };
        scene.request_as(&tried, scene.member, SWITCH).await.unwrap();
        assert_eq!(scene.world.app.deliver_due().await.unwrap(), 0, "{}", scene.world.engine);
        assert!(scene.stored_codes().await.is_empty());
        scene.request().await.unwrap();
    }
}

#[tokio::test]
async fn a_new_code_kills_the_former_and_comes_a_minute_later() {
    for scene in scenes().await {
        let first = scene.sent_code().await;
        scene.world.clock.advance(Duration::from_secs(20));
        let status = Status::from(scene.request().await.unwrap_err());
        assert_eq!(status.code(), Code::ResourceExhausted, "{}", scene.world.engine);
        let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert_eq!(delay, Duration::from_secs(40));
        scene.world.clock.advance(delay);
        let second = scene.sent_code().await;
        if first != second {
            assert_eq!(refused(scene.using(&first).await), invalid(4));
        }
        scene.using(&second).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_was_overtaken_is_not_sent() {
    for scene in scenes().await {
        scene.request().await.unwrap();
        scene.world.clock.advance(Duration::from_mins(1));
        let second = scene.request().await.unwrap();
        assert_eq!(scene.world.app.deliver_due().await.unwrap(), 1, "{}", scene.world.engine);
        assert_eq!(scene.world.delivered.take()[0].id, second.id);
    }
}

#[tokio::test]
async fn a_directory_sends_so_many_codes_a_day() {
    for scene in scenes().await {
        let other = scene.world.cloud_member(scene.by, scene.directory, "billing", "Acme").await;
        for (account, purpose) in [(scene.member, SWITCH), (other, SWITCH), (other, Purpose::BindPhone)] {
            scene.request_as(&change(), account, purpose).await.unwrap();
            scene.world.clock.advance(Duration::from_hours(1));
        }
        let refusal = scene.request().await.unwrap_err();
        let status = Status::from(refusal);
        assert_eq!(status.code(), Code::ResourceExhausted, "{}", scene.world.engine);
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["limit"].as_str()), ("VERIFICATION_QUOTA_EXCEEDED", "3"));
        assert!(status.get_details_quota_failure().is_some());
        let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert_eq!(delay, Duration::from_hours(21));
        // Another tenant is not concerned.
        let standalone = scene.world.account("standalone", None).await;
        scene.request_as(&change(), standalone, SWITCH).await.unwrap();
        scene.world.clock.advance(delay);
        scene.request().await.unwrap();
    }
}

#[tokio::test]
async fn requests_at_the_same_time_do_not_pass_the_limit() {
    for scene in scenes().await {
        let mut accounts = vec![scene.member];
        for name in ["a1", "a2", "a3", "a4", "a5"] {
            accounts.push(scene.world.cloud_member(scene.by, scene.directory, name, "Acme").await);
        }
        let change = change();
        let asked = accounts.iter().map(|account| scene.request_as(&change, *account, SWITCH));
        let asked = join_all(asked).await;
        assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 3, "{}", scene.world.engine);
    }
}

#[tokio::test]
async fn who_left_and_came_back_needs_a_new_code() {
    for scene in scenes().await {
        let code = scene.sent_code().await;
        scene.world.remove(scene.by, scene.directory, scene.member).await.unwrap();
        let invitation = scene.world.invite(scene.by, scene.directory, scene.member).await.unwrap();
        scene.world.accept(scene.member, &invitation).await.unwrap();
        assert_eq!(refused(scene.using(&code).await), invalid(0), "{}", scene.world.engine);
    }
}

#[tokio::test]
async fn a_code_expires_and_is_forgotten_after_a_day() {
    for scene in scenes().await {
        let code = scene.sent_code().await;
        scene.world.clock.advance(Duration::from_secs(600));
        assert_eq!(refused(scene.using(&code).await), invalid(0), "{}", scene.world.engine);
        scene.world.clock.advance(Duration::from_hours(23));
        scene.world.app.sweep().await.unwrap();
        assert_eq!(scene.stored_codes().await.len(), 1, "it is counted for a day");
        scene.world.clock.advance(Duration::from_hours(1));
        scene.world.app.sweep().await.unwrap();
        assert!(scene.stored_codes().await.is_empty());
    }
}

#[tokio::test]
async fn a_message_outlives_the_process_that_wrote_it() {
    for scene in scenes().await {
        let asked = scene.request().await.unwrap();
        // The writer is gone before it looked for messages.
        let (replica, delivered) = scene.replica();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { replica.deliver_until(shutdown).await }
        });
        tokio::time::timeout(Duration::from_secs(20), delivered.arrived()).await.unwrap();
        assert_eq!(delivered.take()[0].id, asked.id, "{}", scene.world.engine);
        shutdown.cancel();
        running.await.unwrap();
    }
}

#[tokio::test]
async fn a_message_whose_taker_crashed_is_taken_by_another() {
    for scene in scenes().await {
        let asked = scene.request().await.unwrap();
        let now = scene.world.app.now();
        let take = move |tx: Tx| async move { store::outbox::take(tx.conn(), now, now.after(TAKEN), 10).await };
        let taken = scene.world.app.db.write::<_, bailiwick_db::DbError, _, _>("take", take).await.unwrap().value;
        assert_eq!(taken.len(), 1);
        // Whether it was sent nobody knows: it is sent again, under its id.
        let (replica, delivered) = scene.replica();
        scene.world.clock.advance(TAKEN - Duration::from_micros(1));
        assert_eq!(replica.deliver_due().await.unwrap(), 0, "{}", scene.world.engine);
        scene.world.clock.advance(Duration::from_micros(1));
        assert_eq!(replica.deliver_due().await.unwrap(), 1);
        assert_eq!(delivered.take()[0].id, asked.id);
    }
}

#[tokio::test]
async fn replicas_share_the_messages() {
    for scene in scenes().await {
        for purpose in [SWITCH, Purpose::BindPhone, Purpose::BindEmail] {
            scene.request_as(&change(), scene.member, purpose).await.unwrap();
        }
        let (second, also) = scene.replica();
        let (third, too) = scene.replica();
        let apps = [scene.world.app.as_ref(), &second, &third];
        let taken: usize = join_all(apps.into_iter().map(App::deliver_due)).await.into_iter().map(Result::unwrap).sum();
        let recorders = [&scene.world.delivered, &also, &too];
        let mut ids: Vec<_> = recorders.into_iter().flat_map(|r| r.take()).map(|message| message.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((taken, ids.len()), (3, 3), "{}: each once", scene.world.engine);
        scene.world.clock.advance(TAKEN);
        assert_eq!(second.deliver_due().await.unwrap(), 0, "none is left");
    }
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_until_the_code_expires() {
    for scene in scenes().await {
        scene.world.delivered.fail(2);
        scene.request().await.unwrap();
        let app = &scene.world.app;
        for (pause, tried) in [(0, 1), (0, 0), (1, 1), (1, 0), (1, 1), (100, 0)] {
            scene.world.clock.advance(Duration::from_secs(pause));
            assert_eq!(app.deliver_due().await.unwrap(), tried, "{}", scene.world.engine);
        }
        assert_eq!(scene.world.delivered.take().len(), 1);
        scene.world.delivered.fail(1_000);
        scene.request().await.unwrap();
        assert_eq!(app.deliver_due().await.unwrap(), 1);
        scene.world.clock.advance(Duration::from_mins(10));
        scene.world.delivered.fail(0);
        assert_eq!(app.deliver_due().await.unwrap(), 0);
        app.sweep().await.unwrap();
        let left = move |tx: Tx| async move {
            store::outbox::delete_expired(tx.conn(), Timestamp::from_micros(i64::MAX), 10).await
        };
        let left = app.db.write::<_, bailiwick_db::DbError, _, _>("left", left).await.unwrap().value;
        assert_eq!(left, 0, "the sweep dropped it");
    }
}

#[tokio::test]
async fn a_message_that_is_refused_for_good_is_dropped() {
    for scene in scenes().await {
        scene.world.delivered.refuse();
        scene.request().await.unwrap();
        assert_eq!(scene.world.app.deliver_due().await.unwrap(), 1, "{}", scene.world.engine);
        scene.world.clock.advance(Duration::from_mins(5));
        assert_eq!(scene.world.app.deliver_due().await.unwrap(), 0);
    }
}
