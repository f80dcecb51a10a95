use opentelemetry::trace::{TraceContextExt, Tracer};
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn the_trace_is_carried_from_headers_to_metadata() {
    let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), PARENT.parse().unwrap())]);
    let context = TraceContextPropagator::new().extract(&Headers(&headers));
    assert_eq!(context.span().span_context().trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    let mut metadata = MetadataMap::new();
    inject_context(&context, &mut metadata);
    assert_eq!(metadata.get("traceparent").unwrap(), PARENT);
}

#[test]
fn a_malformed_trace_is_none() {
    let headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), "00-nonsense".parse().unwrap())]);
    let context = TraceContextPropagator::new().extract(&Headers(&headers));
    assert!(!context.span().span_context().is_valid());
    let mut metadata = MetadataMap::new();
    inject_context(&context, &mut metadata);
    assert!(metadata.get("traceparent").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_are_sent_to_the_endpoint() {
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", receiver.local_addr().unwrap());
    let (tracers, meters) = exporters("bailiwick-directory", &endpoint).unwrap();
    tracers.tracer("test").start("a span");
    let flushed = tracers.clone();
    let flush = tokio::task::spawn_blocking(move || flushed.force_flush());
    let (mut connection, _) = receiver.accept().await.unwrap();
    let mut preface = [0; 14];
    connection.read_exact(&mut preface).await.unwrap();
    assert_eq!(&preface, b"PRI * HTTP/2.0");
    // A receiver that goes away loses telemetry and nothing else.
    drop((connection, receiver));
    let telemetry = Telemetry { tracers: Some(tracers), meters: Some(meters) };
    assert!(flush.await.unwrap().is_err());
    tokio::task::spawn_blocking(|| telemetry.shutdown()).await.unwrap();
}
