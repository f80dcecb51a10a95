//! What a session can do besides running commands, by the channels of its protocol.

use std::{collections::BTreeSet, fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a session may be let do (R-BAS-30, E-BAS-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum SessionChannel {
    Shell,
    Exec,
    SftpRead,
    SftpWrite,
    SftpRename,
    SftpRemove,
    SftpMakeDirectory,
    SftpSetAttributes,
    SftpLink,
    ScpUpload,
    ScpDownload,
    RsyncUpload,
    RsyncDownload,
    LocalForward,
    DynamicForward,
    RemoteForward,
    AgentForward,
    X11Forward,
    Rdp,
    RdpClipboardUpload,
    RdpClipboardDownload,
    RdpDriveUpload,
    RdpDriveDownload,
    Database,
}

/// What a policy lets sessions do. What it does not name is disabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProtocolControl {
    pub(crate) channels: BTreeSet<SessionChannel>,
    /// Where [`SessionChannel::LocalForward`] may lead.
    pub(crate) forward_targets: BTreeSet<ForwardTarget>,
    /// Names of environment variables that clients may set; a `*` at the end stands for any characters.
    pub(crate) environment: BTreeSet<String>,
}

/// An address that may be forwarded to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ForwardTarget {
    host: String,
    /// Any, if there is none.
    port: Option<u16>,
}

impl SessionChannel {
    /// Those of SFTP.
    const SFTP: [Self; 7] = [
        Self::SftpRead,
        Self::SftpWrite,
        Self::SftpRename,
        Self::SftpRemove,
        Self::SftpMakeDirectory,
        Self::SftpSetAttributes,
        Self::SftpLink,
    ];

    /// What sessions can do where no policy says anything: what people do at work, and nothing that leads elsewhere.
    const USUAL: [Self; 6] =
        [Self::Shell, Self::Exec, Self::ScpUpload, Self::ScpDownload, Self::RsyncUpload, Self::RsyncDownload];
}

impl ProtocolControl {
    /// Where no policy says anything.
    pub(crate) fn usual() -> Self {
        Self {
            channels: SessionChannel::USUAL.into_iter().chain(SessionChannel::SFTP).collect(),
            forward_targets: BTreeSet::new(),
            environment: BTreeSet::from(["LANG".to_owned(), "LC_*".to_owned()]),
        }
    }

    /// What is wrong with it: the part, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let has = |channel: SessionChannel| self.channels.contains(&channel);
        let ssh = has(SessionChannel::Shell) || has(SessionChannel::Exec);
        if !ssh && !SessionChannel::SFTP.into_iter().any(has) {
            return Err(("channels", "must have a channel of SSH commands or of SFTP (E-BAS-11)"));
        }
        if has(SessionChannel::LocalForward) == self.forward_targets.is_empty() {
            return Err(("forward_targets", "must be there with SESSION_CHANNEL_LOCAL_FORWARD, and only with it"));
        }
        Ok(())
    }

    /// Whether a channel is open; one that forwards, to an address.
    pub(crate) fn opens(&self, channel: SessionChannel, to: Option<(&str, u16)>) -> bool {
        if channel == SessionChannel::LocalForward && self.channels.contains(&SessionChannel::DynamicForward) {
            return true;
        }
        let leads = |(host, port): (&str, u16)| self.forward_targets.iter().any(|target| target.is(host, port));
        self.channels.contains(&channel) && (channel != SessionChannel::LocalForward || to.is_some_and(leads))
    }
}

impl ForwardTarget {
    fn is(&self, host: &str, port: u16) -> bool {
        let plain = |host: &str| match host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().to_string(),
            Err(_) => host.trim_end_matches('.').to_ascii_lowercase(),
        };
        plain(host) == self.host && self.port.is_none_or(|own| own == port)
    }
}

impl FromStr for ForwardTarget {
    type Err = String;

    /// Reads `HOST:PORT`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; the port may be `*`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "must be `HOST:PORT`, with a host name or an address, and a port of 1 to 65535 or `*`".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = match port {
            "*" => None,
            port => Some(port.parse::<u16>().ok().filter(|p| *p > 0 && p.to_string() == port).ok_or_else(wrong)?),
        };
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bracketed.unwrap_or(host).parse::<IpAddr>() {
            Ok(address) if address.is_ipv6() == bracketed.is_some() => address.to_canonical().to_string(),
            Ok(_) => return Err(wrong()),
            Err(_) => {
                let label = |label: &str| {
                    let letters = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
                    (1..=63).contains(&label.len()) && letters && !label.starts_with('-')
                };
                let sound = host.len() <= 253 && host.split('.').all(label) && bracketed.is_none();
                // An address that is written oddly would be read as one by what connects to it.
                let number = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
                if !sound || number {
                    return Err(wrong());
                }
                host.to_ascii_lowercase()
            }
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for ForwardTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port.map_or("*".to_owned(), |port| port.to_string());
        if self.host.contains(':') { write!(f, "[{}]:{port}", self.host) } else { write!(f, "{}:{port}", self.host) }
    }
}

impl TryFrom<String> for ForwardTarget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ForwardTarget> for String {
    fn from(target: ForwardTarget) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(channels: &[SessionChannel], targets: &[&str]) -> ProtocolControl {
        ProtocolControl {
            channels: channels.iter().copied().collect(),
            forward_targets: targets.iter().map(|target| target.parse().unwrap()).collect(),
            environment: BTreeSet::new(),
        }
    }

    #[test]
    fn a_target_has_one_spelling() {
        for (text, read) in [
            ("DB.example:5432", "db.example:5432"),
            ("192.0.2.7:*", "192.0.2.7:*"),
            ("[2001:DB8::1]:22", "[2001:db8::1]:22"),
        ] {
            assert_eq!(text.parse::<ForwardTarget>().unwrap().to_string(), read);
        }
        for text in ["", "db", "db:", "db:0", "db:65536", "db:+1", ":1", "a b:1", "2001:db8::1:22", "[db]:1", "127.1:1"]
        {
            assert!(text.parse::<ForwardTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn forwards_lead_where_they_may() {
        use SessionChannel::{DynamicForward, Exec, LocalForward, Shell};
        let listed = control(&[Shell, LocalForward], &["db.example:5432", "192.0.2.7:*"]);
        for (host, port, open) in [
            ("db.example", 5432, true),
            ("DB.example.", 5432, true),
            ("db.example", 5433, false),
            ("192.0.2.7", 1, true),
            ("::ffff:192.0.2.7", 1, true),
            ("192.0.2.8", 1, false),
        ] {
            assert_eq!(listed.opens(LocalForward, Some((host, port))), open, "{host}:{port}");
        }
        assert!(!listed.opens(LocalForward, None) && !listed.opens(DynamicForward, None) && !listed.opens(Exec, None));
        let anywhere = control(&[Shell, DynamicForward], &[]);
        assert!(anywhere.opens(LocalForward, Some(("any", 1))));
    }

    #[test]
    fn a_way_in_must_be_left() {
        use SessionChannel::{Exec, LocalForward, ScpUpload, SftpRead, Shell};
        for (channels, targets, field) in [
            (&[Shell][..], &[][..], None),
            (&[SftpRead], &[], None),
            (&[Exec], &[], None),
            (&[], &[], Some("channels")),
            (&[ScpUpload], &[], Some("channels")),
            (&[Shell, LocalForward], &[], Some("forward_targets")),
            (&[Shell], &["db:1"], Some("forward_targets")),
            (&[Shell, LocalForward], &["db:1"], None),
        ] {
            assert_eq!(control(channels, targets).check().err().map(|(field, _)| field), field, "{channels:?}");
        }
        assert!(ProtocolControl::usual().check().is_ok());
    }
}
