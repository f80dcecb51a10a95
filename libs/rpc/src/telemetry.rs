//! Logs, traces and metrics of a process, and the trace that calls carry from role to role (W3C).

use std::{io::IsTerminal, time::Duration};

use bailiwick_core::Role;
use http::{HeaderMap, Request};
use opentelemetry::{
    Context, KeyValue, global,
    metrics::Histogram,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TracerProvider,
};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use tokio::time::Instant;
use tonic::{
    Code,
    metadata::{MetadataKey, MetadataMap},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// What is told, and where to.
#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// `service.name`: `bailiwick` for the whole suite in one process, `bailiwick-{role}` for one role.
    pub service_name: String,
    /// Which events are logged: `info`, `info,bailiwick_db=debug`.
    pub filter: String,
    /// Log lines as JSON instead of text.
    pub json: bool,
    /// Where traces and metrics go: the URL of an OTLP receiver over gRPC; nowhere if none.
    pub otlp_endpoint: Option<String>,
}

/// Telemetry that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is malformed.
    #[error("the log filter is malformed: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter cannot be made.
    #[error("cannot export telemetry: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The process has its telemetry already.
    #[error("telemetry is set up already: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// The telemetry of the process.
#[derive(Debug)]
pub struct Telemetry {
    tracers: Option<SdkTracerProvider>,
    meters: Option<SdkMeterProvider>,
}

/// Sets up the telemetry of the process, once, inside a Tokio runtime. Logs go to standard error.
///
/// # Errors
/// See [`TelemetryError`]. An endpoint that cannot be reached is none: exports are lost then, and that is logged.
pub fn init(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::builder().parse(&config.filter)?;
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = if config.json { lines.json().flatten_event(true).boxed() } else { lines.boxed() };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    let Some(endpoint) = &config.otlp_endpoint else {
        subscriber.try_init()?;
        return Ok(Telemetry { tracers: None, meters: None });
    };
    let (tracers, meters) = exporters(&config.service_name, endpoint)?;
    global::set_meter_provider(meters.clone());
    // Of our own crates only: the exporter's own calls would be exported in turn.
    let ours = EnvFilter::new("off,bailiwick=info");
    let traces = tracing_opentelemetry::layer().with_tracer(tracers.tracer("bailiwick")).with_filter(ours);
    subscriber.with(traces).try_init()?;
    Ok(Telemetry { tracers: Some(tracers), meters: Some(meters) })
}

/// What sends spans each few seconds and metrics each minute. Queues are bounded; what does not fit is dropped.
fn exporters(name: &str, endpoint: &str) -> Result<(SdkTracerProvider, SdkMeterProvider), ExporterBuildError> {
    let resource = Resource::builder().with_service_name(name.to_owned()).build();
    let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT).build()?;
    let metrics =
        MetricExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT).build()?;
    let tracers = SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics).with_resource(resource).build();
    Ok((tracers, meters))
}

impl Telemetry {
    /// Sends what has not been sent. Takes 10 seconds at most, and blocks the thread for them.
    pub fn shutdown(self) {
        let failed = |error: &dyn std::fmt::Display| tracing::warn!(%error, "the last telemetry was not sent");
        if let Some(Err(error)) = self.tracers.map(|tracers| tracers.shutdown_with_timeout(SHUTDOWN_TIMEOUT)) {
            failed(&error);
        }
        if let Some(Err(error)) = self.meters.map(|meters| meters.shutdown_with_timeout(SHUTDOWN_TIMEOUT)) {
            failed(&error);
        }
    }
}

/// The span of a call that `role` serves to `peer`, a child of the caller's. Whoever serves calls otherwise than by
/// [`crate::serve`] enters it around its work.
pub fn span<B>(request: &Request<B>, peer: &str, role: Role, call_id: &str) -> Span {
    let path = request.uri().path();
    let method = path.strip_prefix('/').unwrap_or(path);
    let method = method.get(..method.floor_char_boundary(128)).unwrap_or_default();
    let span = tracing::info_span!(
        "call",
        otel.name = method,
        otel.kind = "server",
        rpc.method = method,
        role = role.as_str(),
        peer,
        call.id = call_id
    );
    // Without a layer for traces there is nothing to set.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(request.headers())));
    span
}

/// Puts the trace of the present span into the metadata of a call.
pub fn inject(metadata: &mut MetadataMap) {
    inject_context(&Span::current().context(), metadata);
}

/// Puts the trace of the present span into the headers of a request, in place of the one that came.
pub fn inject_into_headers(headers: &mut HeaderMap) {
    let mut metadata = MetadataMap::from_headers(std::mem::take(headers));
    inject(&mut metadata);
    *headers = metadata.into_headers();
}

fn inject_context(context: &Context, metadata: &mut MetadataMap) {
    TraceContextPropagator::new().inject_context(context, &mut Metadata(metadata));
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Metadata<'a>(&'a mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

/// Counts a piece of work that a role does of itself and that failed: `background.failures`, by role and task.
pub fn background_failed(role: Role, task: &'static str) {
    let failures = global::meter("bailiwick").u64_counter("background.failures").build();
    failures.add(1, &[KeyValue::new("role", role.as_str()), KeyValue::new("task", task)]);
}

/// How long the calls of a role take, in seconds, by role, peer, method and code: `rpc.server.call.duration`.
#[derive(Clone, Debug)]
pub struct CallDurations {
    histogram: Histogram<f64>,
    role: Role,
}

impl CallDurations {
    /// Those of a role.
    pub fn new(role: Role) -> Self {
        let histogram = global::meter("bailiwick").f64_histogram("rpc.server.call.duration").with_unit("s").build();
        Self { histogram, role }
    }

    /// Begins to measure a call. `method` is of the contract, or `unknown`: whatever strangers send is no label.
    pub fn start(&self, peer: &'static str, method: &'static str) -> Measurement {
        let Self { histogram, role } = self.clone();
        Measurement { histogram, start: Instant::now(), role, peer, method, code: Code::Cancelled }
    }
}

/// The measurement of one call: recorded when it is dropped, so that calls which nobody waits for any more count too.
#[derive(Debug)]
pub struct Measurement {
    histogram: Histogram<f64>,
    start: Instant,
    role: Role,
    peer: &'static str,
    method: &'static str,
    /// How it ended; cancelled until something else is known.
    pub code: Code,
}

impl Drop for Measurement {
    fn drop(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        let attributes = [
            KeyValue::new("role", self.role.as_str()),
            KeyValue::new("peer", self.peer),
            KeyValue::new("rpc.method", self.method),
            KeyValue::new("rpc.code", i64::from(i32::from(self.code))),
        ];
        self.histogram.record(seconds, &attributes);
        let (method, role, peer) = (self.method, self.role.as_str(), self.peer);
        tracing::debug!(rpc.method = method, role, peer, rpc.code = ?self.code, seconds, "a call ended");
    }
}

#[cfg(test)]
mod tests;
