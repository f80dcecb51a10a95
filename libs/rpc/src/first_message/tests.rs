use futures::stream;
use http_body_util::StreamBody;

use super::*;

fn body(chunks: &[&[u8]]) -> Body {
    let frames = chunks.iter().map(|chunk| Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(chunk))));
    Body::new(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())))
}

#[tokio::test]
async fn the_first_message_is_read_and_the_body_stays_whole() {
    let whole: &[u8] = b"\0\0\0\0\x03abc\0\0\0\0\x02de";
    let splits: [&[&[u8]]; 4] = [
        &[whole],
        &[&whole[..2], &whole[2..6], &whole[6..]],
        &[&whole[..8], &whole[8..]],
        &[b"", &whole[..5], b"", &whole[5..]],
    ];
    for chunks in splits {
        let first = read_first_message(body(chunks)).await.unwrap();
        assert_eq!(first.message.as_ref(), b"abc");
        assert_eq!(first.body.collect().await.unwrap().to_bytes().as_ref(), whole);
    }
}

#[tokio::test]
async fn no_more_is_read_than_needed() {
    let frames = stream::iter([Ok::<_, Status>(Frame::data(Bytes::from_static(b"\0\0\0\0\0")))]);
    let endless = futures::StreamExt::chain(frames, stream::pending());
    let first = read_first_message(Body::new(StreamBody::new(endless))).await.unwrap();
    assert!(first.message.is_empty());
}

#[tokio::test]
async fn what_is_no_first_message_is_refused() {
    let cases: [(&[&[u8]], tonic::Code); 6] = [
        (&[], tonic::Code::InvalidArgument),
        (&[b"\0\0\0"], tonic::Code::InvalidArgument),
        (&[b"\0\0\0\0\x03ab"], tonic::Code::InvalidArgument),
        (&[b"\x01\0\0\0\x03abc"], tonic::Code::InvalidArgument),
        (&[b"\0\x00\x40\x00\x01"], tonic::Code::ResourceExhausted),
        (&[b"\0\xff\xff\xff\xff"], tonic::Code::ResourceExhausted),
    ];
    for (chunks, code) in cases {
        assert_eq!(read_first_message(body(chunks)).await.unwrap_err().code(), code, "{chunks:?}");
    }
}
