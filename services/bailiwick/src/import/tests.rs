//! An import against a service that goes away.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use bailiwick_api::securitycenter::v1::{
    FindingImport, FindingImportOptions, FindingImportState, GetFindingImportRequest, ImportFindingsRequest,
    ImportFindingsResponse, ListFindingImportsRequest, ListFindingImportsResponse,
    finding_import_service_server::{FindingImportService, FindingImportServiceServer},
};
use futures::{Stream, StreamExt, channel::mpsc, stream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};

use super::{
    ImportError,
    file::{Findings, PIECE},
    progress::Progress,
    transfer::Transfer,
};

/// Keeps what it is sent, and goes away after each piece until it has gone away `breaks` times.
#[derive(Clone)]
struct Service(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    breaks: u32,
    bytes: Vec<u8>,
    ids: Vec<String>,
    finished: bool,
    refusal: Option<Status>,
}

impl Kept {
    fn answer(&self) -> ImportFindingsResponse {
        let state = if self.finished { FindingImportState::Succeeded } else { FindingImportState::Running };
        let stored_bytes = i64::try_from(self.bytes.len()).unwrap();
        let import = FindingImport { state: state.into(), stored_bytes, ..FindingImport::default() };
        ImportFindingsResponse { finding_import: Some(import) }
    }

    fn take(&mut self, piece: &ImportFindingsRequest) -> Result<ImportFindingsResponse, Status> {
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        assert_eq!(piece.offset, i64::try_from(self.bytes.len()).unwrap());
        self.bytes.extend_from_slice(&piece.data);
        if self.breaks > 0 {
            self.breaks -= 1;
            let late = Status::deadline_exceeded("the stream has its longest time");
            return Err(if self.breaks == 0 { late } else { Status::unavailable("going away") });
        }
        self.finished = piece.finish;
        Ok(self.answer())
    }
}

type Answers = std::pin::Pin<Box<dyn Stream<Item = Result<ImportFindingsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl FindingImportService for Service {
    type ImportFindingsStream = Answers;

    async fn import_findings(
        &self,
        request: Request<Streaming<ImportFindingsRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let token = request.metadata().get("authorization").map(|value| value.as_bytes().to_vec());
        assert_eq!(token.as_deref(), Some(b"Bearer t".as_slice()));
        let mut pieces = request.into_inner();
        let first = pieces.message().await?.unwrap();
        let kept = self.0.clone();
        let begun = {
            let mut kept = kept.lock().unwrap();
            kept.ids.push(first.request_id);
            kept.answer()
        };
        let rest = pieces.map(move |piece| kept.lock().unwrap().take(&piece?));
        Ok(Response::new(Box::pin(stream::iter([Ok(begun)]).chain(rest))))
    }

    async fn get_finding_import(&self, _: Request<GetFindingImportRequest>) -> Result<Response<FindingImport>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_finding_imports(
        &self,
        _: Request<ListFindingImportsRequest>,
    ) -> Result<Response<ListFindingImportsResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Imports a file of two and a half pieces; returns what came of it, what was kept, and the file.
async fn import(kept: Kept) -> (Result<FindingImport, ImportError>, Service, Vec<u8>) {
    let service = Service(Arc::new(Mutex::new(kept)));
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gateway = format!("http://{}", incoming.local_addr().unwrap());
    let (_end, ended) = mpsc::channel::<()>(1);
    let server = Server::builder().add_service(FindingImportServiceServer::new(service.clone()));
    tokio::spawn(server.serve_with_incoming_shutdown(incoming, async { drop(ended.collect::<Vec<_>>().await) }));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.json");
    let content: Vec<u8> = (0..PIECE * 5 / 2).map(|i| u8::try_from(i % 251).unwrap()).collect();
    fs::write(&path, &content).unwrap();
    let mut file = Findings::open(&path).unwrap();
    let transfer = Transfer {
        gateway,
        pem: None,
        token: "t".to_owned(),
        parent: "accounts/1000000000000001".to_owned(),
        request_id: "id".to_owned(),
        options: FindingImportOptions::default(),
    };
    let mut progress = Progress::new(file.size());
    let ended = transfer.run(&mut file, &mut progress).await;
    (ended, service, content)
}

#[tokio::test]
async fn an_import_goes_on_where_the_gateway_went_away() {
    let (ended, service, content) = import(Kept { breaks: 2, ..Kept::default() }).await;
    assert_eq!(ended.unwrap().state(), FindingImportState::Succeeded);
    let kept = service.0.lock().unwrap();
    assert!(kept.bytes == content, "{} of {} bytes", kept.bytes.len(), content.len());
    assert_eq!(kept.ids, ["id", "id", "id"]);
}

#[tokio::test]
async fn what_was_imported_before_is_not_sent_again() {
    let (ended, service, _) = import(Kept { finished: true, bytes: vec![1, 2, 3], ..Kept::default() }).await;
    assert_eq!(ended.unwrap().stored_bytes, 3);
    assert_eq!(service.0.lock().unwrap().bytes.len(), 3);
}

#[tokio::test]
async fn a_mistake_of_the_file_is_told_apart_from_other_refusals() {
    let wrong =
        Kept { refusal: Some(Status::invalid_argument("line 3: `severity_id` is no number")), ..Kept::default() };
    let error = import(wrong).await.0.unwrap_err();
    assert!(matches!(&error, ImportError::File(text) if text.contains("line 3")), "{error}");
    let hostile = Kept { refusal: Some(Status::invalid_argument("\u{1b}[2J\nline 3")), ..Kept::default() };
    let said = import(hostile).await.0.unwrap_err().to_string();
    assert!(!said.contains(char::is_control), "{said:?}");
    let denied = Kept { refusal: Some(Status::permission_denied("no")), ..Kept::default() };
    assert!(matches!(import(denied).await.0, Err(ImportError::Refused(_))));
}
