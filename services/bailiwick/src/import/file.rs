//! The file that is imported. Reading a piece of it takes no longer than sending it: nothing waits for it meanwhile.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Stdin},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use bailiwick_api::securitycenter::v1::{FindingFormat, FindingImportOptions};
use bailiwick_core::{Entropy, SystemEntropy};
use prost::Message;
use sha2::{Digest, Sha256};

/// Bytes of a piece.
pub(super) const PIECE: usize = 256 << 10;

/// Members that the object of a SARIF file can begin with; no OCSF finding has one of them.
const SARIF_MEMBERS: [&str; 5] = ["$schema", "version", "runs", "inlineExternalProperties", "properties"];

/// A file, or standard input.
pub(super) struct Findings {
    path: PathBuf,
    source: Source,
    /// The beginning, which was looked at.
    head: Vec<u8>,
}

enum Source {
    File { file: File, size: u64, modified: Vec<u8> },
    Input { stdin: Stdin, read: u64 },
}

impl Findings {
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let wrong = |error: std::io::Error| format!("`{}`: {error}", path.display());
        let mut source = if path == Path::new("-") {
            Source::Input { stdin: std::io::stdin(), read: 0 }
        } else {
            let file = File::open(path).map_err(wrong)?;
            let about = file.metadata().map_err(wrong)?;
            // Where there is no time, what is in the file must do.
            let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let modified = modified.map(|since| since.as_nanos().to_be_bytes().to_vec()).unwrap_or_default();
            Source::File { file, size: about.len(), modified }
        };
        let head = match &mut source {
            Source::File { file, .. } => fill(file),
            Source::Input { stdin, .. } => fill(stdin),
        };
        Ok(Self { path: path.to_owned(), source, head: head.map_err(wrong)? })
    }

    /// Its name, for people.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if matches!(self.source, Source::Input { .. }) { String::new() } else { name.chars().take(256).collect() }
    }

    /// How many bytes it has; none if that is not known.
    pub(super) fn size(&self) -> Option<u64> {
        match &self.source {
            Source::File { size, .. } => Some(*size),
            Source::Input { .. } => None,
        }
    }

    /// What it looks like.
    pub(super) fn format(&self) -> Result<FindingFormat, String> {
        looks_like(&self.head).ok_or_else(|| {
            format!("`{}` looks neither like OCSF nor like SARIF: say which it is with --format", self.path.display())
        })
    }

    /// The id of an import of this very file: the same whenever it is tried again. A scanner that finds the same as
    /// before writes the same, but later, and that is another import.
    pub(super) fn request_id(&mut self, account: &str, options: &FindingImportOptions) -> Result<String, String> {
        let mut bytes = [0; 16];
        match &mut self.source {
            Source::Input { .. } => SystemEntropy.fill(&mut bytes),
            Source::File { file, modified, .. } => {
                let wrong = |error: std::io::Error| format!("`{}`: {error}", self.path.display());
                let mut hash = Sha256::new();
                for part in [account.as_bytes(), &options.encode_to_vec(), modified] {
                    hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                    hash.update(part);
                }
                file.seek(SeekFrom::Start(0)).map_err(wrong)?;
                loop {
                    let piece = fill(file).map_err(wrong)?;
                    if piece.is_empty() {
                        break;
                    }
                    hash.update(piece);
                }
                let digest: [u8; 32] = hash.finalize().into();
                bytes = *digest.first_chunk().unwrap_or(&bytes);
            }
        }
        Ok(uuid(bytes))
    }

    /// The piece at an offset, and whether it is the last one.
    pub(super) fn piece(&mut self, at: u64) -> Result<(Vec<u8>, bool), String> {
        let wrong = |error: std::io::Error| format!("`{}`: {error}", self.path.display());
        match &mut self.source {
            Source::File { file, size, .. } => {
                file.seek(SeekFrom::Start(at)).map_err(wrong)?;
                let piece = fill(file).map_err(wrong)?;
                let last = piece.len() < PIECE || at + bytes(&piece) >= *size;
                Ok((piece, last))
            }
            Source::Input { read, .. } if *read != at => Err("standard input cannot be read again".to_owned()),
            Source::Input { stdin, read } => {
                let piece = match at {
                    0 => std::mem::take(&mut self.head),
                    _ => fill(stdin).map_err(wrong)?,
                };
                *read += bytes(&piece);
                let last = piece.len() < PIECE;
                Ok((piece, last))
            }
        }
    }
}

/// A whole piece, unless the input ends before.
fn fill(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE);
    let most = u64::try_from(PIECE).unwrap_or(u64::MAX);
    from.take(most).read_to_end(&mut piece)?;
    Ok(piece)
}

fn bytes(piece: &[u8]) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

/// OCSF is a list of objects or one object in each line, SARIF one object.
fn looks_like(head: &[u8]) -> Option<FindingFormat> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('[') {
        return Some(FindingFormat::Ocsf);
    }
    let member = text.strip_prefix('{')?.trim_start().strip_prefix('"')?.split('"').next()?;
    Some(if SARIF_MEMBERS.contains(&member) { FindingFormat::Sarif } else { FindingFormat::Ocsf })
}

/// A UUID of version 8: its content is the writer's own matter (RFC 9562).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_how_a_file_begins() {
        for (head, format) in [
            ("[{\"message\": 1}]", Some(FindingFormat::Ocsf)),
            ("\u{feff} \n[", Some(FindingFormat::Ocsf)),
            ("{\"class_uid\":2004}\n{", Some(FindingFormat::Ocsf)),
            ("{\n  \"$schema\": \"https://example.com/sarif.json\"", Some(FindingFormat::Sarif)),
            ("{\"runs\": []}", Some(FindingFormat::Sarif)),
            ("", None),
            ("<xml/>", None),
            ("{}", None),
        ] {
            assert_eq!(looks_like(head.as_bytes()), format, "{head}");
        }
    }

    #[test]
    fn an_id_is_of_the_file_its_time_and_what_is_said_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scan.sarif");
        let id = |options: &FindingImportOptions| {
            Findings::open(&path).unwrap().request_id("accounts/1000000000000001", options).unwrap()
        };
        let plain = FindingImportOptions::default();
        std::fs::write(&path, "{\"runs\": []}").unwrap();
        let first = id(&plain);
        assert_eq!((first.len(), first.get(14..15)), (36, Some("8")));
        assert_eq!(id(&plain), first);
        assert_ne!(id(&FindingImportOptions { full: true, ..plain.clone() }), first);
        let later = std::fs::metadata(&path).unwrap().modified().unwrap() + std::time::Duration::from_secs(5);
        File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        assert_ne!(id(&plain), first, "the same content, written later");
    }

    #[test]
    fn pieces_are_read_from_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scan.json");
        let content: Vec<u8> = (0..PIECE * 2 + 5).map(|i| u8::try_from(i % 251).unwrap()).collect();
        std::fs::write(&path, &content).unwrap();
        let mut file = Findings::open(&path).unwrap();
        let at = u64::try_from(PIECE).unwrap() + 5;
        assert_eq!(file.piece(at).unwrap(), (content[PIECE + 5..].to_vec(), true));
        assert_eq!(file.piece(0).unwrap(), (content[..PIECE].to_vec(), false));
        assert_eq!(file.piece(u64::try_from(content.len()).unwrap()).unwrap(), (Vec::new(), true));
    }
}
