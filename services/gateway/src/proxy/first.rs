//! The first message of a request, held until it is whole.
//!
//! What callers send slowly waits here: a role sees a unary request only when all of it is there, so that those who never
//! finish theirs take no place from others. What is held has bounds: a stranger's request is small, and large ones share
//! a budget.

use std::{sync::Arc, time::Duration};

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_rpc::{Kind, MAX_MESSAGE, Problem};
use bytes::{Bytes, BytesMut};
use futures::future::poll_fn;
use http_body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::{BoxError, Inbound};

/// Of each gRPC message: a flag and the length.
const PREFIX: usize = 5;
/// Longest message that is held without a place in the budget, in bytes; longest of a caller who is not known.
const SMALL: usize = 64 << 10;
/// Bytes of longer messages that are held at once.
const BUDGET: usize = 256 << 20;
const RETRY: Duration = Duration::from_millis(500);

/// The beginning of a request.
#[derive(Debug, Default)]
pub struct First {
    /// What was read: the message with its prefix, and what came along with it.
    pub read: Bytes,
    /// The message, without its prefix.
    pub message: Bytes,
    /// Its place in the budget, if it is long: to be kept for as long as the message is.
    pub place: Option<OwnedSemaphorePermit>,
}

/// Reads first messages.
#[derive(Debug)]
pub struct Reader {
    budget: Arc<Semaphore>,
}

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Anyone.
    Stranger,
    /// Somebody with a token.
    Known,
}

impl Default for Reader {
    fn default() -> Self {
        Self { budget: Arc::new(Semaphore::new(BUDGET)) }
    }
}

impl Reader {
    /// Reads a body until its first message is whole.
    ///
    /// # Errors
    /// INVALID_ARGUMENT if there is no message or it is compressed; RESOURCE_EXHAUSTED if it is over 4 MiB, or a
    /// stranger's over 64 KiB, by its own word: then it is not read; UNAVAILABLE if too many long ones are held.
    pub async fn first(&self, body: &mut Inbound, from: Sender) -> Result<First, Problem> {
        // Copied, so that a few bytes do not keep a whole buffer of the connection.
        let mut read = BytesMut::new();
        let mut place = None;
        loop {
            if let Some(length) = length(&read, from)? {
                if length > SMALL && place.is_none() {
                    place = Some(self.place(length)?);
                }
                if read.len() >= PREFIX + length {
                    let read = read.freeze();
                    let message = read.slice(PREFIX..PREFIX + length);
                    return Ok(First { read, message, place });
                }
            }
            let frame = next(body).await.and_then(Result::ok).ok_or_else(cut_off)?;
            read.extend_from_slice(&frame.into_data().map_err(|_| cut_off())?);
        }
    }

    /// Reads a body that has one message, to its end; it is empty then.
    ///
    /// # Errors
    /// As [`Reader::first`]; INVALID_ARGUMENT if there is more than the message.
    pub async fn only(&self, body: &mut Inbound, from: Sender) -> Result<First, Problem> {
        let first = self.first(body, from).await?;
        let mut rest = first.read.len() - PREFIX - first.message.len();
        while rest == 0 {
            let frame = next(body).await.transpose().map_err(|_| cut_off())?;
            match frame.and_then(|frame| frame.into_data().ok()) {
                Some(data) => rest = data.len(),
                None => {
                    // Nothing of it is to be asked for again.
                    *body = Inbound::Boxed(tonic::body::Body::empty());
                    return Ok(first);
                }
            }
        }
        Err(undecodable("a request that is no stream has one message"))
    }

    fn place(&self, length: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let bytes = u32::try_from(length).unwrap_or(u32::MAX);
        Arc::clone(&self.budget).try_acquire_many_owned(bytes).map_err(|_| {
            let message = "the gateway holds too many long requests at once";
            Problem::new(Kind::Unavailable, ErrorReason::BackendUnavailable, message)
                .with("role", "gateway")
                .retry_after(RETRY)
        })
    }
}

async fn next(body: &mut Inbound) -> Option<Result<Frame<Bytes>, BoxError>> {
    poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx)).await
}

/// The length of the first message, as far as it is known.
fn length(read: &[u8], from: Sender) -> Result<Option<usize>, Problem> {
    if read.first().is_some_and(|flag| *flag != 0) {
        return Err(undecodable("a compressed request cannot be authorized"));
    }
    let Some(([_, length @ ..], _)) = read.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let limit = match from {
        Sender::Stranger => SMALL,
        Sender::Known => MAX_MESSAGE,
    };
    if length > limit {
        let message = format!("the first message of the request is over {limit} bytes");
        return Err(Problem::new(Kind::ResourceExhausted, ErrorReason::RequestTooLarge, message)
            .with("limit_bytes", limit.to_string()));
    }
    Ok(Some(length))
}

fn cut_off() -> Problem {
    undecodable("the request ended within a message")
}

pub(super) fn undecodable(message: &str) -> Problem {
    Problem::new(Kind::InvalidArgument, ErrorReason::RequestUndecodable, message)
}

#[cfg(test)]
mod tests {
    use bailiwick_rpc::ApiError;
    use http_body_util::StreamBody;
    use proptest::prelude::*;

    use super::*;

    fn body(pieces: Vec<Vec<u8>>) -> Inbound {
        let frames = pieces.into_iter().map(|piece| Ok::<_, tonic::Status>(Frame::data(Bytes::from(piece))));
        Inbound::Boxed(tonic::body::Body::new(StreamBody::new(futures::stream::iter(frames))))
    }

    fn reason(bytes: &[u8]) -> ErrorReason {
        refused(bytes, Sender::Known)
    }

    fn refused(bytes: &[u8], from: Sender) -> ErrorReason {
        let mut body = body(vec![bytes.to_vec()]);
        futures::executor::block_on(Reader::default().first(&mut body, from)).unwrap_err().reason()
    }

    proptest! {
        #[test]
        fn a_message_is_found_however_it_is_cut(text in proptest::collection::vec(any::<u8>(), 0..64), rest in proptest::collection::vec(any::<u8>(), 0..16), cuts in proptest::collection::vec(0usize..90, 0..6)) {
            let mut bytes = vec![0, 0, 0, 0, u8::try_from(text.len()).unwrap()];
            bytes.extend(&text);
            bytes.extend(&rest);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| bytes[cut[0]..cut[1]].to_vec()).collect();
            let mut body = body(pieces);
            let first = futures::executor::block_on(Reader::default().first(&mut body, Sender::Known)).unwrap();
            prop_assert_eq!(&first.message[..], &text[..]);
            // Nothing is lost, and nothing changed.
            let mut all = first.read.to_vec();
            while let Some(Ok(frame)) = futures::executor::block_on(poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx))) {
                all.extend(frame.into_data().unwrap());
            }
            prop_assert_eq!(all, bytes);
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(reason(&[]), ErrorReason::RequestUndecodable);
        assert_eq!(reason(&[0, 0, 0]), ErrorReason::RequestUndecodable);
        assert_eq!(reason(&[0, 0, 0, 0, 2, b'a']), ErrorReason::RequestUndecodable);
        assert_eq!(reason(&[1, 0, 0, 0, 0]), ErrorReason::RequestUndecodable);
        assert_eq!(reason(&[0, 0, 0x40, 0, 1]), ErrorReason::RequestTooLarge);
        assert_eq!(reason(&[0, 0xff, 0xff, 0xff, 0xff]), ErrorReason::RequestTooLarge);
    }

    #[test]
    fn a_unary_request_is_one_message_to_its_end() {
        let only = |pieces| futures::executor::block_on(Reader::default().only(&mut body(pieces), Sender::Known));
        let first = only(vec![vec![0, 0, 0], vec![0, 1, 7], vec![]]).unwrap();
        assert_eq!((&first.read[..], &first.message[..]), (&[0, 0, 0, 0, 1, 7][..], &[7][..]));
        for more in [vec![vec![0, 0, 0, 0, 1, 7, 0]], vec![vec![0, 0, 0, 0, 1, 7], vec![], vec![0]]] {
            assert_eq!(only(more).unwrap_err().reason(), ErrorReason::RequestUndecodable);
        }
    }

    #[test]
    fn what_is_held_is_bounded() {
        // By its own word, before anything of it has come.
        let long = [0, 0, 1, 0, 1];
        assert_eq!(refused(&long, Sender::Stranger), ErrorReason::RequestTooLarge);
        assert_eq!(refused(&long, Sender::Known), ErrorReason::RequestUndecodable);
        let reader = Reader { budget: Arc::new(Semaphore::new(SMALL + 1)) };
        let whole = [&long[..], &vec![7; SMALL + 1]].concat();
        let read = || futures::executor::block_on(reader.first(&mut body(vec![whole.clone()]), Sender::Known));
        let held = read().unwrap();
        assert_eq!(read().unwrap_err().reason(), ErrorReason::BackendUnavailable);
        // Small ones need no place.
        let small = futures::executor::block_on(reader.first(&mut body(vec![vec![0; PREFIX]]), Sender::Known));
        assert!(small.unwrap().place.is_none());
        drop(held);
        assert!(read().is_ok());
    }
}
