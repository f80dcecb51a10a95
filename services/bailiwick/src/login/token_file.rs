//! Where the token is kept.

use std::{
    env,
    error::Error,
    fs,
    io::{ErrorKind, Write},
    path::PathBuf,
};

use bailiwick_api::directory::v1::RoleSession;
use clap::Args;
use serde::Serialize;

/// The file that `bailiwick login` keeps the token in.
#[derive(Debug, Args)]
pub struct TokenFile {
    /// The file with the token; `bailiwick/token.json` in the folder of configurations otherwise.
    #[arg(long = "token-file")]
    path: Option<PathBuf>,
}

#[derive(Serialize)]
struct Kept<'a> {
    access_token: &'a str,
    principal: &'a str,
    session_name: &'a str,
    expire_time: String,
}

/// What is kept of a session.
pub(super) fn json(session: &RoleSession) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Kept {
        access_token: &session.access_token,
        principal: &session.principal,
        session_name: &session.session_name,
        expire_time: session.expire_time.map(|time| time.to_string()).unwrap_or_default(),
    })
}

impl TokenFile {
    /// Removes the file, if it is there.
    ///
    /// # Errors
    /// If it is there and stays.
    pub fn remove(&self) -> Result<(), Box<dyn Error>> {
        let path = self.path()?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(format!("`{}`: {error}", path.display()).into()),
            _ => Ok(()),
        }
    }

    /// The token in the file.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn read(&self) -> Result<String, Box<dyn Error>> {
        #[derive(serde::Deserialize)]
        struct Read {
            access_token: String,
        }
        let path = self.path()?;
        let wrong = |error: &dyn Error| format!("`{}`: {error}; sign in with `bailiwick login`", path.display());
        let text = fs::read_to_string(&path).map_err(|error| wrong(&error))?;
        let read: Read = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        Ok(read.access_token)
    }

    /// Writes the file anew, readable by its owner alone, in one step.
    pub(super) fn write(&self, text: &str) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.path()?;
        let wrong = |error: std::io::Error| format!("`{}`: {error}", path.display());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(wrong)?;
        }
        let new = path.with_extension("new");
        let _ = fs::remove_file(&new);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new).map_err(wrong)?;
        writeln!(file, "{text}").map_err(wrong)?;
        fs::rename(&new, &path).map_err(wrong)?;
        Ok(path)
    }

    fn path(&self) -> Result<PathBuf, &'static str> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
        let folder = folder.ok_or("neither XDG_CONFIG_HOME nor HOME is set: name a --token-file")?;
        Ok(folder.join("bailiwick/token.json"))
    }
}
