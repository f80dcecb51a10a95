//! Risks as files: CSV, JSON lines and OCSF.

use std::collections::VecDeque;

use bailiwick_api::{
    errors::v1::ErrorReason,
    securitycenter::v1::{ExportFormat, ExportRisksResponse, Risk},
    to_json,
};
use bailiwick_rpc::{Kind, Problem};
use futures::{Stream, stream};
use tonic::Status;

use super::{ocsf, risk};
use crate::posture::app::{Export, RiskView};

/// Largest piece of a file, in bytes.
const PIECE: usize = 64 << 10;
/// The columns of CSV: fields of a risk, without those that are lists and messages.
const COLUMNS: [&str; 24] = [
    "name",
    "account",
    "folder",
    "category",
    "severity",
    "state",
    "title",
    "detail",
    "source",
    "rule",
    "finding_uid",
    "scope",
    "resource",
    "resource_type",
    "region",
    "first_seen_time",
    "last_seen_time",
    "open_time",
    "fix_time",
    "reopen_count",
    "acknowledged_until",
    "suppression_rule",
    "description",
    "remediation",
];

/// A file that is being made: no more of it is held than one page of risks.
struct File {
    export: Export,
    format: ExportFormat,
    buffer: Vec<u8>,
    /// How much of the file was sent.
    sent: usize,
    /// Where in the file each risk ends that was not sent whole.
    ends: VecDeque<usize>,
    risks: i64,
    /// Whether the last risk was written.
    written: bool,
    begun: bool,
}

/// The pieces of the file, made as they are taken. Even an empty file is one piece, so that its end is an answer.
pub(super) fn pieces(
    export: Export,
    format: ExportFormat,
) -> impl Stream<Item = Result<ExportRisksResponse, Status>> + Send + 'static {
    let mut file = File {
        export,
        format,
        buffer: Vec::new(),
        sent: 0,
        ends: VecDeque::new(),
        risks: 0,
        written: false,
        begun: false,
    };
    if format == ExportFormat::Csv {
        write_row(&mut file.buffer, COLUMNS.map(str::to_owned));
    }
    stream::try_unfold(file, |mut file| async move { Ok(file.next().await?.map(|piece| (piece, file))) })
}

impl File {
    async fn next(&mut self) -> Result<Option<ExportRisksResponse>, Status> {
        while self.buffer.len() < PIECE && !self.written {
            match self.export.next().await? {
                Some(page) => page.into_iter().try_for_each(|risk| self.write(risk))?,
                None => self.written = true,
            }
        }
        if self.buffer.is_empty() && std::mem::replace(&mut self.begun, true) {
            return Ok(None);
        }
        self.begun = true;
        let rest = self.buffer.split_off(self.buffer.len().min(PIECE));
        let data = std::mem::replace(&mut self.buffer, rest);
        self.sent += data.len();
        while self.ends.pop_front_if(|end| *end <= self.sent).is_some() {
            self.risks += 1;
        }
        Ok(Some(ExportRisksResponse { data, risks: self.risks }))
    }

    fn write(&mut self, view: RiskView) -> Result<(), Status> {
        match self.format {
            ExportFormat::Csv => write_row(&mut self.buffer, row(risk::risk(view))),
            ExportFormat::JsonLines => {
                let json = to_json("bailiwick.securitycenter.v1.Risk", &risk::risk(view)).map_err(|_| broken())?;
                self.line(&json)?;
            }
            ExportFormat::Ocsf | ExportFormat::Unspecified => self.line(&ocsf::finding(&view))?,
        }
        self.ends.push_back(self.sent + self.buffer.len());
        Ok(())
    }

    fn line(&mut self, json: &serde_json::Value) -> Result<(), Status> {
        serde_json::to_writer(&mut self.buffer, json).map_err(|_| broken())?;
        self.buffer.push(b'\n');
        Ok(())
    }
}

fn broken() -> Status {
    Problem::new(Kind::Internal, ErrorReason::Internal, "a risk cannot be written").into()
}

/// A row of CSV. Writing into memory does not fail.
fn write_row<const N: usize>(to: &mut Vec<u8>, cells: [String; N]) {
    let terminator = csv::Terminator::CRLF;
    let mut writer = csv::WriterBuilder::new().terminator(terminator).buffer_capacity(1 << 10).from_writer(to);
    drop(writer.write_record(cells.map(harmless)).and_then(|()| Ok(writer.flush()?)));
}

/// A cell that a spreadsheet takes for a text: what begins as a formula does is put behind an apostrophe, as OWASP advises
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn row(risk: Risk) -> [String; COLUMNS.len()] {
    let names = [risk.category().as_str_name(), risk.severity().as_str_name(), risk.state().as_str_name()];
    let [category, severity, state] = names.map(str::to_owned);
    let time = |time: Option<prost_types::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    [
        risk.name,
        risk.account,
        risk.folder,
        category,
        severity,
        state,
        risk.title,
        risk.detail,
        risk.source,
        risk.rule,
        risk.finding_uid,
        risk.scope,
        risk.resource,
        risk.resource_type,
        risk.region,
        time(risk.first_seen_time),
        time(risk.last_seen_time),
        time(risk.open_time),
        time(risk.fix_time),
        risk.reopen_count.to_string(),
        time(risk.acknowledgement.and_then(|known| known.expire_time)),
        risk.suppression_rule,
        risk.description,
        risk.remediation,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::domain::{Category, Severity, testing};

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, written) in [
            ("=1+1", "'=1+1\r\n"),
            ("+1", "'+1\r\n"),
            ("-1", "'-1\r\n"),
            ("@SUM(A1)", "'@SUM(A1)\r\n"),
            ("\t=1", "'\t=1\r\n"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0\r\n"),
            ("a=1", "a=1\r\n"),
            ("a,b", "\"a,b\"\r\n"),
            ("say \"=1\"", "\"say \"\"=1\"\"\"\r\n"),
            ("two\nlines", "\"two\nlines\"\r\n"),
        ] {
            let mut to = Vec::new();
            write_row(&mut to, [cell.to_owned()]);
            assert_eq!(String::from_utf8(to).unwrap(), written);
        }
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let risk = testing::risk(11, "=uid", Category::Baseline, Severity::High);
        let message = risk::risk(RiskView { risk, folder: String::new() });
        let mut to = Vec::new();
        write_row(&mut to, COLUMNS.map(str::to_owned));
        write_row(&mut to, row(message.clone()));
        let mut reader = csv::Reader::from_reader(to.as_slice());
        let cells = reader.records().next().unwrap().unwrap();
        let headers = reader.headers().unwrap().clone();
        let cell = |name: &str| cells.get(headers.iter().position(|header| header == name).unwrap()).unwrap();
        assert_eq!((cell("severity"), cell("finding_uid"), cell("name")), ("SEVERITY_HIGH", "'=uid", &*message.name));
        assert_eq!(cell("first_seen_time"), "1970-01-01T00:00:01Z");
    }
}
