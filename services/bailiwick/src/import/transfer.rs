//! Sending a file, and going on where it was when the gateway comes back.

use std::time::Duration;

use bailiwick_api::securitycenter::v1::{
    FindingImport, FindingImportOptions, FindingImportState, ImportFindingsRequest, ImportFindingsResponse,
    finding_import_service_client::FindingImportServiceClient,
};
use futures::{SinkExt, channel::mpsc};
use tonic::{
    Code, Request, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_types::StatusExt;

use super::{
    ImportError,
    file::Findings,
    progress::{Progress, clean},
};
use crate::login::connect;

/// Times in a row that the gateway may go away without having stored anything more.
const TRIES: u32 = 10;
/// Pause before the second try; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Pieces that wait to be sent.
const AHEAD: usize = 2;

/// An import to be made.
pub(super) struct Transfer {
    pub(super) gateway: String,
    pub(super) pem: Option<Vec<u8>>,
    pub(super) token: String,
    pub(super) parent: String,
    pub(super) request_id: String,
    pub(super) options: FindingImportOptions,
}

/// What is known of the import.
#[derive(Default)]
struct Known {
    import: Option<FindingImport>,
}

/// Why a stream ended before the import did.
enum Broken {
    /// It may be tried again.
    Away(String),
    For(ImportError),
}

impl Transfer {
    /// Sends what is not stored yet, and returns what became of the import: it succeeded, or the file has a mistake.
    pub(super) async fn run(&self, file: &mut Findings, progress: &mut Progress) -> Result<FindingImport, ImportError> {
        let (mut known, mut tries, mut stored) = (Known::default(), 0, -1);
        loop {
            let why = match self.stream(file, progress, &mut known).await {
                Ok(import) => return Ok(import),
                Err(Broken::For(error)) => return Err(error),
                Err(Broken::Away(why)) => why,
            };
            let now = known.import.as_ref().map_or(-1, |import| import.stored_bytes);
            tries = if now > stored { 1 } else { tries + 1 };
            stored = now;
            // What was never reached is no interruption: the address may be wrong.
            if known.import.is_none() || file.size().is_none() || tries > TRIES {
                return Err(match known.import {
                    Some(_) if file.size().is_some() => ImportError::Interrupted(why),
                    _ => ImportError::Refused(why),
                });
            }
            progress.say(&format!("{why}: trying again"));
            tokio::time::sleep(PAUSE_MAX.min(PAUSE * 2_u32.pow(tries.min(8)))).await;
        }
    }

    async fn stream(
        &self,
        file: &mut Findings,
        progress: &mut Progress,
        known: &mut Known,
    ) -> Result<FindingImport, Broken> {
        let channel = connect(&self.gateway, self.pem.as_deref()).await.map_err(Broken::Away)?;
        let (mut pieces, requests) = mpsc::channel(AHEAD);
        let first = ImportFindingsRequest {
            parent: self.parent.clone(),
            request_id: self.request_id.clone(),
            options: Some(self.options.clone()),
            ..ImportFindingsRequest::default()
        };
        // The channel has room for it.
        let _ = pieces.send(first).await;
        let mut request = Request::new(requests);
        request.metadata_mut().insert("authorization", self.bearer()?);
        let mut client = FindingImportServiceClient::<Channel>::new(channel);
        let answers = client.import_findings(request).await.map_err(|status| broken(&status, known))?;
        let mut answers = answers.into_inner();
        // Where the import is: of one that ended already, nothing is sent.
        let begun = next(&mut answers, progress, known).await?;
        let at = u64::try_from(begun.stored_bytes).unwrap_or_default();
        if begun.state() != FindingImportState::Running {
            return Ok(begun);
        }
        let sending = send(file, pieces, at);
        let receiving = async {
            loop {
                let import = next(&mut answers, progress, known).await?;
                if import.state() != FindingImportState::Running {
                    return Ok(import);
                }
            }
        };
        tokio::pin!(sending, receiving);
        tokio::select! {
            // What is wrong with sending is told by the answers, unless it is the file.
            sent = &mut sending => match sent {
                Ok(()) => receiving.await,
                Err(error) => Err(Broken::For(ImportError::Refused(error))),
            },
            ended = &mut receiving => ended,
        }
    }

    fn bearer(&self) -> Result<MetadataValue<Ascii>, Broken> {
        let value = format!("Bearer {}", self.token).parse::<MetadataValue<Ascii>>();
        value.map_err(|_| Broken::For(ImportError::Refused("the token file has no token".to_owned())))
    }
}

/// Sends the file from an offset on, and then waits for the answers to end. Only the file can be wrong here.
async fn send(file: &mut Findings, mut to: mpsc::Sender<ImportFindingsRequest>, mut at: u64) -> Result<(), String> {
    loop {
        let (data, finish) = file.piece(at)?;
        let offset = i64::try_from(at).map_err(|_| "the file is too long".to_owned())?;
        at += u64::try_from(data.len()).unwrap_or_default();
        let piece = ImportFindingsRequest { offset, data, finish, ..ImportFindingsRequest::default() };
        if to.send(piece).await.is_err() || finish {
            return Ok(());
        }
    }
}

/// The next answer.
async fn next(
    answers: &mut Streaming<ImportFindingsResponse>,
    progress: &mut Progress,
    known: &mut Known,
) -> Result<FindingImport, Broken> {
    match answers.message().await {
        Ok(Some(ImportFindingsResponse { finding_import: Some(import) })) => {
            progress.at(&import);
            known.import = Some(import.clone());
            Ok(import)
        }
        Ok(Some(_)) => {
            Err(Broken::For(ImportError::Refused("the gateway sent an answer without an import".to_owned())))
        }
        Ok(None) => Err(Broken::Away("the gateway ended the import early".to_owned())),
        Err(status) => Err(broken(&status, known)),
    }
}

/// What a status means for the import. What breaks on the way here has no details, whatever its code.
fn broken(status: &Status, known: &Known) -> Broken {
    let on_the_way =
        status.details().is_empty() && matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled);
    // A stream has a longest time; an import has none.
    if on_the_way || matches!(status.code(), Code::Unavailable | Code::Aborted | Code::DeadlineExceeded) {
        return Broken::Away(clean(&format!("the gateway is away: {}", status.message())));
    }
    let mut text = format!("the gateway refused: {} ({:?})", status.message(), status.code());
    for violation in status.get_error_details().bad_request().map(|b| b.field_violations.clone()).unwrap_or_default() {
        if !text.contains(&violation.description) || !text.contains(&violation.field) {
            text.push_str(&format!("; {}: {}", violation.field, violation.description));
        }
    }
    let text = clean(&text);
    // Before it has begun, it is what was said of the file that is wrong.
    let wrong_file = status.code() == Code::InvalidArgument && known.import.is_some();
    Broken::For(if wrong_file { ImportError::File(text) } else { ImportError::Refused(text) })
}
