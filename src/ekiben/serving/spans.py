"""Spans for OpenTelemetry, if somebody wants them: else nothing of it is imported.

A span is made from the numbers of a request that has ended, on the journal's
thread; OpenTelemetry's own batch processor sends it from a thread of its own.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ekiben.serving.ended import Ended
from ekiben.serving.tracing import Sampler, Trace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter

_LOG = logging.getLogger(__name__)
_EXPORTERS = {
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
}
_DEFAULT_PROTOCOL = "http/protobuf"
# Asked every second or two of each replica: their spans would bury the others.
PROBES = frozenset(
    {
        "/livez",
        "/readyz",
        "/ping",
        "/v2/health/live",
        "/v2/health/ready",
        "/inference.GRPCInferenceService/ServerLive",
        "/inference.GRPCInferenceService/ServerReady",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/List",
        "/grpc.health.v1.Health/Watch",
    }
)
_SERVER_ERROR = 500
_NANOSECONDS = 1_000_000_000


def configured(environment: Mapping[str, str], model: str, version: str) -> Spans | None:
    """Give what makes spans, if an OTLP endpoint is set and the image has an exporter.

    Args:
        environment: OpenTelemetry's variables are in it.
        model: Name of the model, the service's name unless the environment has one.
        version: Of the model.

    Raises:
        ConfigError: A sampler that is none.
    """
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or environment.get("OTEL_TRACES_EXPORTER") == "none" or not any(map(environment.get, endpoints)):
        return None
    protocol = (
        environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or _DEFAULT_PROTOCOL
    )
    sampler = Sampler.read(environment)
    try:
        exporter = importlib.import_module(_EXPORTERS[protocol]).OTLPSpanExporter()
    except (ImportError, KeyError):
        _LOG.warning(
            "expected an exporter for OTLP over %s, found none in this image: no traces; set "
            "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, whose exporter is part of the image, or add the "
            "other's to the requirements of the bento",
            protocol if protocol in _EXPORTERS else "one of " + ", ".join(_EXPORTERS),
        )
        return None
    named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    return Spans(exporter, sampler, {} if named else {"service.name": model, "service.version": version})


class Spans:
    """Makes one span per request, with its time in the queue and in the predictor as children.

    Args:
        exporter: Where they go.
        sampler: Which requests get one.
        resource: Attributes of the pod.
    """

    def __init__(self, exporter: SpanExporter, sampler: Sampler, resource: Mapping[str, str]) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON

        self._sampler = sampler
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create(dict(resource)), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("ekiben.serving")

    def wants(self, trace: Trace | None) -> bool:
        """Whether a request gets a span."""
        return self._sampler.wants(trace)

    def make(self, ended: Ended) -> None:
        """Make the spans of a request that has ended; probes have none."""
        if ended.route in PROBES:
            return
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        start = int(ended.time * _NANOSECONDS)
        attributes: dict[str, Any] = {
            "http.request.method": ended.method,
            "http.route": ended.route,
            "http.response.status_code": ended.status,
            "http.request.body.size": ended.request_bytes,
            "http.response.body.size": ended.response_bytes,
            "ekiben.request.id": ended.request_id,
            "ekiben.rows": ended.rows,
        }
        name = f"{ended.method} {ended.route}"
        span = self._tracer.start_span(
            name, _parent(ended.trace), SpanKind.SERVER, attributes, start_time=start
        )
        if ended.status >= _SERVER_ERROR:
            span.set_attribute("error.type", str(ended.status))
            span.set_status(StatusCode.ERROR)
        at = start + int(ended.asked_seconds * _NANOSECONDS)
        for part, seconds in (("queue", ended.queue_seconds), ("predict", ended.predict_seconds)):
            if seconds is not None:
                child = self._tracer.start_span(part, set_span_in_context(span), start_time=at)
                at += int(seconds * _NANOSECONDS)
                child.end(at)
        span.end(start + int(ended.seconds * _NANOSECONDS))

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def _parent(trace: Trace | None) -> Context | None:
    if trace is None:
        return None
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    flags = TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT)
    caller = SpanContext(int(trace.trace_id, 16), int(trace.parent_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(caller))
