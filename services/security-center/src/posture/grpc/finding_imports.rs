//! `bailiwick.securitycenter.v1.FindingImportService`.

use std::time::Duration;

use bailiwick_api::{
    errors::v1::ErrorReason,
    securitycenter::v1::{
        FindingImport, FindingImportOptions, GetFindingImportRequest, ImportFindingsRequest, ImportFindingsResponse,
        ListFindingImportsRequest, ListFindingImportsResponse, finding_import_service_server::FindingImportService,
    },
};
use bailiwick_core::Timestamp;
use bailiwick_rpc::{Call, InvalidFields, Kind, Problem, refusal, split};
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::import_places::{ImportPlace, ImportPlaces, NoPlace};
use crate::posture::{
    app::{ImportStream, Imports, Step},
    domain::{self, Format, ImportOptions, OnError, PIECE_MAX},
};

const PATTERN: &str = "accounts/{account}/findingImports/{finding_import}";
/// How long a stream may be silent, or leave answers untaken.
const IDLE: Duration = Duration::from_secs(120);
/// How long a stream may be silent that has sent nothing of a file yet.
const BEGIN: Duration = Duration::from_secs(10);
/// How long a piece waits for the next one, to be stored with it.
const GATHER: Duration = Duration::from_millis(10);
/// Answers that wait to be taken: with them, the next piece is not read.
const QUEUE: usize = 4;
const TEXT_MAX: usize = 256;

/// The service over the imports.
pub(crate) struct FindingImports {
    imports: Imports,
    places: ImportPlaces,
    shutdown: CancellationToken,
}

type Answer = Result<ImportFindingsResponse, Status>;

/// A stream on its way.
struct Run {
    requests: Streaming<ImportFindingsRequest>,
    import: ImportStream,
    answers: mpsc::Sender<Answer>,
    /// Something of the file was sent.
    begun: bool,
    shutdown: CancellationToken,
    _place: ImportPlace,
}

/// Why a stream ends before its import does.
enum Stop {
    /// The caller is gone.
    Gone,
    Failed(Status),
}

impl FindingImports {
    pub(crate) fn new(imports: Imports, shutdown: CancellationToken) -> Self {
        Self { imports, places: ImportPlaces::default(), shutdown }
    }
}

#[tonic::async_trait]
impl FindingImportService for FindingImports {
    type ImportFindingsStream = BoxStream<'static, Answer>;

    async fn import_findings(
        &self,
        request: Request<Streaming<ImportFindingsRequest>>,
    ) -> Result<Response<Self::ImportFindingsStream>, Status> {
        let (call, mut requests) = split(request)?;
        let tenant = call.permit.tenant_account().map_err(|refused| refusal(&refused))?;
        let caller = call.permit.account().unwrap_or(tenant);
        let place = self.places.take(caller, call.permit.directory()).map_err(busy)?;
        let first = timeout(BEGIN, requests.message()).await.map_err(|_| silent())??.unwrap_or_default();
        let import = self.open(call, &first).await?;
        let (answers, receiver) = mpsc::channel(QUEUE);
        let run = Run { requests, import, answers, begun: false, shutdown: self.shutdown.clone(), _place: place };
        tokio::spawn(run.all(first));
        let answers = stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|a| (a, receiver)) });
        Ok(Response::new(answers.boxed()))
    }

    async fn get_finding_import(
        &self,
        request: Request<GetFindingImportRequest>,
    ) -> Result<Response<FindingImport>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        let named = fields.name::<1>("name", &message.name, PATTERN);
        let id = named.and_then(|(_, [id])| fields.request_id("name", id));
        let Some(id) = id else { return Err(fields.into_status()) };
        Ok(Response::new(convert(&self.imports.get(&call, &id).await?)))
    }

    async fn list_finding_imports(
        &self,
        request: Request<ListFindingImportsRequest>,
    ) -> Result<Response<ListFindingImportsResponse>, Status> {
        let (call, message) = split(request)?;
        let mut fields = InvalidFields::new();
        fields.account("parent", &message.parent);
        let size = fields.page_size("page_size", message.page_size);
        fields.finish()?;
        let page = self.imports.list(&call, size.unwrap_or_default(), &message.page_token).await?;
        let finding_imports = page.imports.iter().map(convert).collect();
        Ok(Response::new(ListFindingImportsResponse { finding_imports, next_page_token: page.next }))
    }
}

impl FindingImports {
    async fn open(&self, call: Call, first: &ImportFindingsRequest) -> Result<ImportStream, Status> {
        let mut fields = InvalidFields::new();
        fields.account("parent", &first.parent);
        let id = fields.request_id("request_id", &first.request_id);
        fields.check("request_id", !first.request_id.is_empty(), "must be set");
        let asked = first.options.as_ref();
        let options = asked.map(|asked| options(&mut fields, asked));
        check(&mut fields, first);
        let (Some(id), true) = (id, options.as_ref().is_none_or(Option::is_some)) else {
            return Err(fields.into_status());
        };
        fields.finish()?;
        Ok(self.imports.open(call, id, options.flatten()).await?)
    }
}

impl Run {
    async fn all(mut self, first: ImportFindingsRequest) {
        if let Err(Stop::Failed(status)) = self.import(first).await {
            self.import.let_go();
            drop(timeout(IDLE, self.answers.send(Err(status))).await);
        }
    }

    async fn import(&mut self, first: ImportFindingsRequest) -> Result<(), Stop> {
        self.answer().await?;
        let mut message = Some(first);
        while let Some(piece) = message {
            self.give(piece)?;
            let broken = self.gather().await?;
            if self.store().await? {
                return match self.import.import().refusal() {
                    Some(refusal) => Err(failed(refusal.into())),
                    None => Ok(()),
                };
            }
            if let Some(status) = broken {
                return Err(Stop::Failed(status));
            }
            message = self.next().await?;
        }
        Ok(())
    }

    fn give(&mut self, message: ImportFindingsRequest) -> Result<(), Stop> {
        let mut fields = InvalidFields::new();
        check(&mut fields, &message);
        fields.finish().map_err(Stop::Failed)?;
        self.begun |= !message.data.is_empty() || message.finish;
        let offset = u64::try_from(message.offset).unwrap_or_default();
        self.import.give(offset, &message.data, message.finish).map_err(failed)
    }

    /// Takes what comes at once, so that it is stored together; returns how the stream broke, if it did.
    async fn gather(&mut self) -> Result<Option<Status>, Stop> {
        while self.import.has_room() {
            match timeout(GATHER, self.requests.message()).await {
                Ok(Ok(Some(message))) => self.give(message)?,
                Ok(Err(status)) => return Ok(Some(status)),
                Ok(Ok(None)) | Err(_) => break,
            }
        }
        Ok(None)
    }

    /// Stores what was given; tells whether the import is over.
    async fn store(&mut self) -> Result<bool, Stop> {
        loop {
            match self.import.step().await.map_err(failed)? {
                Step::Stored => self.answer().await?,
                Step::Wait => return Ok(false),
                Step::Over => {
                    self.answer().await?;
                    return Ok(true);
                }
            }
        }
    }

    /// How far the import is, when there is room for it: until then, nothing more is read. An import that others wait for
    /// waits for no room: it says how far it is when it is further.
    async fn answer(&self) -> Result<(), Stop> {
        if self.shutdown.is_cancelled() {
            return Err(Stop::Failed(stopping()));
        }
        let answer = ImportFindingsResponse { finding_import: Some(convert(self.import.import())) };
        deliver(&self.answers, answer, if self.import.holds_file() { None } else { Some(IDLE) }).await
    }

    async fn next(&mut self) -> Result<Option<ImportFindingsRequest>, Stop> {
        tokio::select! {
            () = self.answers.closed() => Err(Stop::Gone),
            () = self.shutdown.cancelled() => Err(Stop::Failed(stopping())),
            message = timeout(if self.begun { IDLE } else { BEGIN }, self.requests.message()) => match message {
                Ok(message) => message.map_err(Stop::Failed),
                Err(_) => Err(Stop::Failed(silent())),
            },
        }
    }
}

/// Hands an answer over within a time; without one, at once or not at all.
async fn deliver(
    answers: &mpsc::Sender<Answer>,
    answer: ImportFindingsResponse,
    within: Option<Duration>,
) -> Result<(), Stop> {
    let Some(within) = within else {
        return match answers.try_send(Ok(answer)) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Stop::Gone),
        };
    };
    match timeout(within, answers.send(Ok(answer))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Stop::Gone),
    }
}

fn failed(error: crate::posture::app::ImportError) -> Stop {
    Stop::Failed(error.into())
}

fn check(fields: &mut InvalidFields, message: &ImportFindingsRequest) {
    fields.check("offset", message.offset >= 0, "must not be negative");
    fields.check("data", message.data.len() <= PIECE_MAX, format!("must have at most {PIECE_MAX} bytes"));
}

fn options(fields: &mut InvalidFields, asked: &FindingImportOptions) -> Option<ImportOptions> {
    let format = Format::of(asked.format);
    fields.check("options.format", format.is_some(), "must be one of the values of its enumeration");
    let on_error = if asked.on_error == 0 { Some(OnError::Keep) } else { OnError::of(asked.on_error) };
    fields.check("options.on_error", on_error.is_some(), "must be one of the values of its enumeration");
    let scope = fields.text("options.scope", &asked.scope, 0..=TEXT_MAX);
    let file_name = fields.text("options.file_name", &asked.file_name, 0..=TEXT_MAX);
    let scan = asked.scan_time.map(|time| time_of(&time));
    fields.check("options.scan_time", scan.is_none_or(|scan| scan.is_some()), "must be a time from 1970 on");
    Some(ImportOptions {
        format: format?,
        scope: scope?,
        full: asked.full,
        scan: scan.flatten(),
        on_error: on_error?,
        file_name: file_name?,
    })
}

fn time_of(time: &prost_types::Timestamp) -> Option<Timestamp> {
    let micros = time.seconds.checked_mul(1_000_000)?.checked_add(i64::from(time.nanos) / 1_000)?;
    (micros > 0 && (0..1_000_000_000).contains(&time.nanos)).then(|| Timestamp::from_micros(micros))
}

fn convert(import: &domain::FindingImport) -> FindingImport {
    let (options, counts) = (&import.options, &import.counts);
    FindingImport {
        name: import.name(),
        state: import.state.code(),
        options: Some(FindingImportOptions {
            format: options.format.code(),
            scope: options.scope.clone(),
            full: options.full,
            scan_time: Some(timestamp(import.scan)),
            on_error: options.on_error.code(),
            file_name: options.file_name.clone(),
        }),
        stored_bytes: i64::try_from(import.stored_bytes).unwrap_or(i64::MAX),
        findings: counts.findings,
        created: counts.created,
        seen: counts.seen,
        reopened: counts.reopened,
        fixed: counts.fixed,
        duplicates: counts.duplicates,
        passed: counts.passed,
        dropped: counts.dropped,
        problem_line: i64::try_from(import.problem_line).unwrap_or(i64::MAX),
        problem: import.problem.clone(),
        operator: import.operator.clone(),
        create_time: Some(timestamp(import.created)),
        update_time: Some(timestamp(import.updated)),
    }
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let nanos = time.as_micros().rem_euclid(1_000_000) * 1_000;
    prost_types::Timestamp { seconds: time.as_seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

fn busy(none: NoPlace) -> Status {
    let problem = Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, none.to_string());
    problem.retry_after(Duration::from_secs(1)).into()
}

fn stopping() -> Status {
    let message = "the service is stopping; go on with the import by another stream";
    Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, message)
        .retry_after(Duration::from_millis(500))
        .into()
}

fn silent() -> Status {
    Status::deadline_exceeded("the stream was silent for too long; go on with the import by another one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_nobody_takes_holds_up_no_file_that_others_wait_for() {
        let (sender, mut receiver) = mpsc::channel(1);
        let answer = || ImportFindingsResponse::default();
        assert!(deliver(&sender, answer(), None).await.is_ok());
        assert!(deliver(&sender, answer(), None).await.is_ok(), "it is left out");
        let gone = deliver(&sender, answer(), Some(Duration::from_millis(5))).await;
        assert!(matches!(gone, Err(Stop::Gone)), "the last one waits for its time");
        assert!(receiver.recv().await.is_some());
        assert!(deliver(&sender, answer(), Some(IDLE)).await.is_ok());
        drop(receiver);
        assert!(matches!(deliver(&sender, answer(), None).await, Err(Stop::Gone)));
    }
}
