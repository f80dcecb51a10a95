//! The first message of a request, held until it is whole; what was read of the body is kept as it came.

use std::collections::VecDeque;

use bailiwick_api::errors::v1::ErrorReason;
use bailiwick_rpc::{Kind, MAX_MESSAGE, Problem};
use bytes::{Bytes, BytesMut};
use futures::future::poll_fn;
use http_body::Body;

use super::body::Inbound;

/// Of each gRPC message: a flag and the length.
const PREFIX: usize = 5;

/// The beginning of a request.
#[derive(Debug, Default)]
pub struct First {
    /// What was read, in the pieces that it came in.
    pub pieces: VecDeque<Bytes>,
    /// The message, without its prefix.
    pub message: Bytes,
}

/// Reads a body until its first message is whole.
///
/// # Errors
/// INVALID_ARGUMENT if there is no message or it is compressed; RESOURCE_EXHAUSTED if it is over 4 MiB, by its own word:
/// then it is not read.
pub async fn read(body: &mut Inbound) -> Result<First, Problem> {
    let mut pieces = VecDeque::new();
    let mut read = 0;
    loop {
        if let Some(length) = length(&pieces)?
            && read >= PREFIX + length
        {
            let message = message(&pieces, length);
            return Ok(First { pieces, message });
        }
        let frame = poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx)).await;
        let frame = frame.and_then(Result::ok).ok_or_else(|| undecodable("the request ended within a message"))?;
        let data = frame.into_data().map_err(|_| undecodable("the request ended within a message"))?;
        // Empty frames cost nothing to send: they must not be kept.
        if !data.is_empty() {
            read += data.len();
            pieces.push_back(data);
        }
    }
}

/// The length of the first message, as far as it is known.
fn length(pieces: &VecDeque<Bytes>) -> Result<Option<usize>, Problem> {
    let mut bytes = pieces.iter().flat_map(|piece| piece.iter().copied());
    let Some(flag) = bytes.next() else { return Ok(None) };
    if flag != 0 {
        return Err(undecodable("a compressed request cannot be authorized"));
    }
    let (Some(a), Some(b), Some(c), Some(d)) = (bytes.next(), bytes.next(), bytes.next(), bytes.next()) else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        let message = format!("the first message of the request is over {MAX_MESSAGE} bytes");
        return Err(Problem::new(Kind::ResourceExhausted, ErrorReason::RequestTooLarge, message)
            .with("limit_bytes", MAX_MESSAGE.to_string()));
    }
    Ok(Some(length))
}

/// The message: a part of the first piece, as it mostly is, or copied together.
fn message(pieces: &VecDeque<Bytes>, length: usize) -> Bytes {
    match pieces.front() {
        Some(only) if only.len() >= PREFIX + length => only.slice(PREFIX..PREFIX + length),
        _ => {
            let mut whole = BytesMut::with_capacity(PREFIX + length);
            for piece in pieces {
                let wanted = (PREFIX + length).saturating_sub(whole.len()).min(piece.len());
                whole.extend_from_slice(&piece.slice(..wanted));
            }
            whole.freeze().slice(PREFIX..)
        }
    }
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
        let frames = pieces.into_iter().map(|piece| Ok::<_, tonic::Status>(http_body::Frame::data(Bytes::from(piece))));
        Inbound::Boxed(tonic::body::Body::new(StreamBody::new(futures::stream::iter(frames))))
    }

    fn reason(bytes: &[u8]) -> ErrorReason {
        let read = futures::executor::block_on(read(&mut body(vec![bytes.to_vec()])));
        read.unwrap_err().reason()
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
            let first = futures::executor::block_on(read(&mut body)).unwrap();
            prop_assert_eq!(&first.message[..], &text[..]);
            // Nothing is lost, and nothing changed.
            let mut all = first.pieces.iter().flat_map(|piece| piece.to_vec()).collect::<Vec<_>>();
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
}
