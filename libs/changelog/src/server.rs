//! The service that others follow.

use bailiwick_api::{
    audit::v1::{
        Change, ChangeBatch, FollowChangesRequest, FollowChangesResponse, Pong,
        change_log_service_server::ChangeLogService, follow_changes_response::Event,
    },
    r#type::v1::LogPosition,
};
use bailiwick_core::Role;
use bailiwick_db::{Db, LoggedChange, Position};
use futures::{Stream, StreamExt, future, stream, stream::BoxStream};
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    level::UpstreamLevel,
    payload::log_position,
    tail::{Tail, TailError, TailEvent},
};

/// `bailiwick.audit.v1.ChangeLogService` over the log of a database.
#[derive(Clone, Debug)]
pub struct ChangeLogServer {
    role: Role,
    db: Db,
    upstream: Option<UpstreamLevel>,
    shutdown: CancellationToken,
}

// === impl ChangeLogServer ===

impl ChangeLogServer {
    /// Serves the log of `role`, which mirrors the one of `upstream`. Streams end with `shutdown`.
    pub fn new(role: Role, db: Db, upstream: Option<UpstreamLevel>, shutdown: CancellationToken) -> Self {
        Self { role, db, upstream, shutdown }
    }

    pub(crate) async fn tail(
        &self,
        after: Position,
        pings: impl Stream<Item = i64> + Send + 'static,
    ) -> Result<Tail, TailError> {
        Tail::open(self.db.clone(), self.upstream.clone(), after, pings, self.shutdown.clone()).await
    }

    fn response(&self, epoch: &str, event: TailEvent) -> Result<FollowChangesResponse, TailError> {
        let event = match event {
            TailEvent::Changes(changes) => {
                let changes = changes.into_iter().map(change).collect::<Result<_, _>>()?;
                Event::Changes(ChangeBatch { epoch: epoch.to_owned(), changes })
            }
            TailEvent::Pong { ping, head, upstream, upstream_age } => Event::Pong(Pong {
                ping,
                head: Some(log_position(self.role, &head)),
                upstream_age: prost_types::Duration::try_from(upstream_age).ok(),
                upstream: self.upstream.as_ref().zip(upstream).map(|(of, at)| log_position(of.role, &at)),
            }),
        };
        Ok(FollowChangesResponse { event: Some(event) })
    }

    async fn next(self, mut tail: Tail) -> Option<(Result<FollowChangesResponse, Status>, Option<Tail>)> {
        let event = match tail.next().await {
            Ok(event) => event?,
            Err(error) => return Some((Err(error.into()), None)),
        };
        let epoch = tail.position().epoch.clone();
        Some(match self.response(&epoch, event) {
            Ok(response) => (Ok(response), Some(tail)),
            Err(error) => (Err(error.into()), None),
        })
    }
}

#[tonic::async_trait]
impl ChangeLogService for ChangeLogServer {
    type FollowChangesStream = BoxStream<'static, Result<FollowChangesResponse, Status>>;

    async fn follow_changes(
        &self,
        request: Request<Streaming<FollowChangesRequest>>,
    ) -> Result<Response<Self::FollowChangesStream>, Status> {
        let mut requests = request.into_inner();
        let first = requests.message().await?.unwrap_or_default();
        let after = position(first.after, self.role)?;
        let pings = requests
            .take_while(|request| future::ready(request.is_ok()))
            .filter_map(|request| future::ready(request.ok().map(|request| request.ping)));
        let tail = self.tail(after, pings).await?;
        let server = self.clone();
        let events = stream::unfold(Some(tail), move |tail| {
            let server = server.clone();
            async move { server.next(tail?).await }
        });
        Ok(Response::new(events.boxed()))
    }
}

/// The position that a first message names: the beginning if it names none.
fn position(after: Option<LogPosition>, role: Role) -> Result<Position, TailError> {
    let after = after.unwrap_or_default();
    if !after.role.is_empty() && after.role != role.as_str() {
        return Err(TailError::OtherLog);
    }
    Ok(Position { epoch: after.epoch, revision: after.revision })
}

fn change(logged: LoggedChange) -> Result<Change, TailError> {
    let change = Change::decode(logged.change.payload.as_slice());
    let change = change.map_err(|_| TailError::Undecodable(logged.revision))?;
    Ok(Change { revision: logged.revision, ..change })
}
