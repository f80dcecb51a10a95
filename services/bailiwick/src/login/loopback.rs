//! The authorization code flow with PKCE (RFC 7636), answered to on this machine (RFC 8252).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    Proof, ask,
    http::{Exchanged, Provider},
    random,
};

const PATH: &str = "/callback";
/// Most bytes of the request that brings the code.
const BYTES_MAX: usize = 16_384;
/// Most time that one connection may take to send it.
const READ_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Asks the person to open an address, and waits until the browser comes back with a code.
pub(super) async fn prove(provider: &Provider) -> Result<Proof, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| format!("cannot listen on 127.0.0.1: {e}"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let redirect = format!("http://{address}{PATH}");
    let (verifier, state, nonce) = (random(), random(), random());
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let mut url = provider.metadata.authorization_endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", &redirect)
        .append_pair("scope", &provider.scopes)
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    ask(&format!("open\n\n  {url}\n")).map_err(|error| error.to_string())?;
    let code = code(&listener, &state).await?;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", &*redirect),
        ("code_verifier", &*verifier),
    ];
    match provider.post(&provider.metadata.token_endpoint, &form).await? {
        Exchanged::Token { id_token } => Ok(Proof { id_token, nonce }),
        Exchanged::Refused(refusal) => Err(refusal.told()),
    }
}

/// The code that the browser brings. What else comes, such as a request for an icon or one of another page with a state
/// that is not ours, is sent away.
async fn code(listener: &TcpListener, state: &str) -> Result<String, String> {
    loop {
        let (mut stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
        let target = tokio::time::timeout(READ_WITHIN, target(&mut stream)).await.ok().flatten();
        let brought = target.and_then(|target| read(&target, state));
        let text = match &brought {
            Some(Ok(_)) => "You are signed in: this page can be closed.",
            Some(Err(_)) => "The sign-in was refused: the program says why.",
            None => "Nothing is here.",
        };
        let status = if brought.is_some() { "200 OK" } else { "404 Not Found" };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        if let Some(brought) = brought {
            return brought;
        }
    }
}

/// The target of a GET request.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut part = [0; 1_024];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0 && bytes.len() < BYTES_MAX)?;
        bytes.extend_from_slice(part.get(..read)?);
    }
    let text = String::from_utf8(bytes).ok()?;
    let mut words = text.lines().next()?.split(' ');
    (words.next() == Some("GET")).then(|| words.next().map(str::to_owned))?
}

/// What a target says; none if it is not the answer that is waited for.
fn read(target: &str, state: &str) -> Option<Result<String, String>> {
    let url = Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
    let of = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if url.path() != PATH || of("state")? != state {
        return None;
    }
    match (of("code"), of("error")) {
        (Some(code), None) => Some(Ok(code)),
        (_, error) => {
            let error = error.unwrap_or_else(|| "no code".to_owned());
            let why = of("error_description").unwrap_or_default();
            Some(Err(format!("the identity provider refused: {error} {why}").trim_end().to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_with_our_state_counts() {
        for (target, expected) in [
            ("/callback?code=c&state=s", Some(Ok("c".to_owned()))),
            ("/callback?code=c&state=other", None),
            ("/callback?code=c", None),
            ("/elsewhere?code=c&state=s", None),
            ("/favicon.ico", None),
            (
                "/callback?error=access_denied&error_description=no+way&state=s",
                Some(Err("the identity provider refused: access_denied no way".to_owned())),
            ),
            ("/callback?state=s", Some(Err("the identity provider refused: no code".to_owned()))),
        ] {
            assert_eq!(read(target, "s"), expected, "{target}");
        }
    }
}
