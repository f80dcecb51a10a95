//! `bailiwick.delegation.v1.FactService`: the one ordered source of the facts that decide access.
//!
//! What `upstream` says of a change may be less than what it includes, and is absent where nothing is known; it is never
//! more. The answer to a ping has it exactly, from the same read as the head.

use bailiwick_api::{
    audit::v1::Change,
    delegation::v1::{
        FactChange, FactList, FactListEnd, FactPong, WatchFactsRequest, WatchFactsResponse,
        fact_service_server::FactService, watch_facts_response::Event,
    },
    r#type::v1::{AccessFact, LogPosition},
};
use bailiwick_changelog::{Tail, TailError, TailEvent, head_with_cursor, log_position};
use bailiwick_core::Role;
use bailiwick_db::{DbError, LoggedChange, Position};
use futures::{StreamExt, future, stream::BoxStream};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Api, position};
use crate::app::{Error, ListPart};

/// Messages that may wait for a watcher.
const QUEUE: usize = 8;

type Answer = Result<WatchFactsResponse, Status>;

#[tonic::async_trait]
impl FactService for Api {
    type WatchFactsStream = BoxStream<'static, Answer>;

    async fn watch_facts(
        &self,
        request: Request<Streaming<WatchFactsRequest>>,
    ) -> Result<Response<Self::WatchFactsStream>, Status> {
        let mut requests = request.into_inner();
        let first = requests.message().await?.unwrap_or_default();
        let (sender, answers) = mpsc::channel(QUEUE);
        let watch = Watch { api: self.clone(), sender, upstream: None };
        tokio::spawn(watch.run(first.after, requests));
        Ok(Response::new(ReceiverStream::new(answers).boxed()))
    }
}

/// One watcher.
struct Watch {
    api: Api,
    sender: mpsc::Sender<Answer>,
    /// How much of directory's log is in what was sent, as far as known.
    upstream: Option<LogPosition>,
}

/// Why a watch ends early.
enum Stop {
    /// The watcher is gone.
    Gone,
    Failed(Status),
}

impl Watch {
    async fn run(mut self, after: Option<LogPosition>, requests: Streaming<WatchFactsRequest>) {
        let sender = self.sender.clone();
        // Dropped where it stands when the watcher goes: it only reads.
        let ended = tokio::select! {
            () = sender.closed() => Err(Stop::Gone),
            ended = self.watch(after, requests) => ended,
        };
        if let Err(Stop::Failed(status)) = ended {
            drop(sender.send(Err(status)).await);
        }
    }

    async fn watch(&mut self, after: Option<LogPosition>, requests: Streaming<WatchFactsRequest>) -> Result<(), Stop> {
        let start = match after {
            Some(after) => self.resume(after).await?,
            None => None,
        };
        let start = match start {
            Some(start) => start,
            None => self.list().await?,
        };
        let pings = requests
            .take_while(|request| future::ready(request.is_ok()))
            .filter_map(|request| future::ready(request.ok().map(|request| request.ping)));
        let (db, upstream) = (self.api.app.db.clone(), self.api.upstream.clone());
        let mut tail = Tail::open(db, Some(upstream), start, pings, self.api.shutdown.clone()).await?;
        while let Some(event) = tail.next().await? {
            let epoch = tail.position().epoch.clone();
            match event {
                TailEvent::Changes(changes) => {
                    for change in changes {
                        let event = self.change(&epoch, change)?;
                        self.send(event).await?;
                    }
                }
                TailEvent::Pong { ping, head, upstream, upstream_age } => {
                    let upstream = upstream.map(|at| log_position(Role::Directory, &at));
                    // Of changes that were sent since the ping came, it knows nothing: not even another epoch.
                    if head == *tail.position() {
                        self.upstream.clone_from(&upstream);
                    }
                    let head = Some(position(&head));
                    let upstream_age = prost_types::Duration::try_from(upstream_age).ok();
                    self.send(Event::Pong(FactPong { ping, head, upstream, upstream_age })).await?;
                }
            }
        }
        Ok(())
    }

    /// Where the watch goes on without a list; none if the position is of another log. One that is beyond the end of this
    /// very log is refused: its database was restored, and its epoch was not renewed, so that nothing can be said of it.
    async fn resume(&mut self, after: LogPosition) -> Result<Option<Position>, Stop> {
        let head = head_with_cursor(self.api.app.db.reader(), Role::Directory).await;
        let (head, cursor) = head.map_err(TailError::from)?;
        let ours = after.role.is_empty() || after.role == Role::Delegation.as_str();
        if !ours || after.epoch != head.epoch || after.revision < 0 {
            return Ok(None);
        }
        if after.revision > head.revision {
            return Err(TailError::BeyondHead.into());
        }
        if after.revision == head.revision {
            self.upstream = cursor.map(|at| log_position(Role::Directory, &at));
        }
        Ok(Some(Position { epoch: after.epoch, revision: after.revision }))
    }

    /// Sends the full list, and returns its position.
    async fn list(&mut self) -> Result<Position, Stop> {
        let (sender, mut parts) = mpsc::channel::<ListPart>(1);
        let app = self.api.app.clone();
        let reading = async move { app.list_facts(&sender).await };
        let sending = async {
            while let Some(part) = parts.recv().await {
                let facts = part.iter().map(|fact| AccessFact::decode(fact.as_slice()));
                let facts = facts.collect::<Result<_, _>>().map_err(|error| DbError::Other(Box::new(error)));
                let facts = facts.map_err(|error| Stop::from(TailError::Db(error)))?;
                self.send(Event::List(FactList { facts })).await?;
            }
            Ok::<_, Stop>(())
        };
        let (listed, sent) = future::join(reading, sending).await;
        sent?;
        let (at, cursor) = listed?;
        self.upstream = cursor.map(|at| log_position(Role::Directory, &at));
        let end = FactListEnd { position: Some(position(&at)), upstream: self.upstream.clone() };
        self.send(Event::ListEnd(end)).await?;
        Ok(at)
    }

    fn change(&mut self, epoch: &str, logged: LoggedChange) -> Result<Event, Stop> {
        let change = Change::decode(logged.change.payload.as_slice());
        let change = change.map_err(|_| TailError::Undecodable(logged.revision))?;
        if let Some(origin) = change.origin {
            self.upstream = Some(origin);
        }
        let at = Position { epoch: epoch.to_owned(), revision: logged.revision };
        Ok(Event::Change(FactChange {
            position: Some(position(&at)),
            upstream: self.upstream.clone(),
            changes: change.facts,
        }))
    }

    async fn send(&self, event: Event) -> Result<(), Stop> {
        self.sender.send(Ok(WatchFactsResponse { event: Some(event) })).await.map_err(|_| Stop::Gone)
    }
}

impl From<TailError> for Stop {
    fn from(error: TailError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}
