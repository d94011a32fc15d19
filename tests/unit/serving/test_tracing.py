"""Trace context, against the standard's examples and what it forbids; spans as OpenTelemetry gets them."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Mapping

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from ekiben.errors import ConfigError
from ekiben.serving import spans
from ekiben.serving.ended import Ended
from ekiben.serving.tracing import Sampler, Trace, parse

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"  # of the standard, section 3.2.4
GIVEN = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (GIVEN, True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-ff", True),
        (f"00-{TRACE}-{PARENT}-02", False),
        (f"cc-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", True),
    ],
)
def test_what_the_standard_allows(header: str, sampled: bool) -> None:
    """Both examples of the standard, other flags, and later versions with more behind."""
    assert parse(header.encode()) == Trace(TRACE, PARENT, sampled)


@pytest.mark.parametrize(
    "header",
    [
        "", "00", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01",
        GIVEN.upper(), GIVEN + "-", GIVEN + "-more", GIVEN + " ", " " + GIVEN, GIVEN + "\n", GIVEN[:-1],
        f"00-{TRACE[:-1]}-{PARENT}-01", f"00-{TRACE}0-{PARENT}-01", f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE}-{PARENT}-0g", f"cc-{TRACE}-{PARENT}-01.more", f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE[:-1]}\u0661-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01-\x00",
    ],
)  # fmt: skip
def test_what_the_standard_forbids(header: str) -> None:
    """Anything else is no trace."""
    assert parse(header.encode()) is None


def test_no_header_is_no_trace() -> None:
    """Most requests have none."""
    assert parse(None) is None


@pytest.mark.parametrize(
    ("environment", "sampled", "unsampled", "none"),
    [
        ({}, True, False, True),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, True, True, True),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, False, False, False),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, True, False, False),
        (
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
            True, False, False,
        ),
    ],
)  # fmt: skip
def test_samplers_decide_as_opentelemetry_says(
    environment: Mapping[str, str], sampled: bool, unsampled: bool, none: bool
) -> None:
    """With a caller that records, one that does not, and none at all."""
    sampler = Sampler.read(environment)
    traces = [Trace(TRACE, PARENT, sampled=True), Trace(TRACE, PARENT, sampled=False), None]
    assert [sampler.wants(trace) for trace in traces] == [sampled, unsampled, none]


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.9, 1.0])
def test_ratios_agree_with_opentelemetrys_own(ratio: float) -> None:
    """The same traces are sampled as by the SDK, so that a trace is whole."""
    from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

    referee = TraceIdRatioBased(ratio)
    sampler = Sampler(of_parent=False, ratio=ratio)
    for number in range(1, 200):
        trace_id = number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128
        expected = referee.should_sample(None, trace_id, "").decision is Decision.RECORD_AND_SAMPLE
        assert sampler.wants(Trace(f"{trace_id:032x}", PARENT, sampled=False)) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_TRACES_SAMPLER", "some"), ("OTEL_TRACES_SAMPLER_ARG", "2"), ("OTEL_TRACES_SAMPLER_ARG", "x")],
)
def test_wrong_samplers_are_refused(name: str, value: str) -> None:
    """The error names the variable."""
    with pytest.raises(ConfigError, match=name):
        Sampler.read({"OTEL_TRACES_SAMPLER": "traceidratio", name: value})


def made(ended: Ended) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    found = spans.Spans(exporter, Sampler(), {"service.name": "iris"})
    found.make(ended)
    found.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_request_is_a_span_with_its_waits_as_children() -> None:
    """Ids, times, attributes: the caller's trace goes on, and the children lie within."""
    trace = Trace(TRACE, PARENT, sampled=True)
    ended = Ended(
        1_000.0, "/predict", "POST", 200, 0.010, "id", trace, rows=3, asked_seconds=0.001,
        queue_seconds=0.002, predict_seconds=0.004,
    )  # fmt: skip
    found = made(ended)
    assert set(found) == {"POST /predict", "queue", "predict"}
    request = found["POST /predict"]
    assert request.parent is not None
    assert (f"{request.context.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, PARENT)
    assert request.kind is SpanKind.SERVER
    assert (request.start_time, request.end_time) == (1_000_000_000_000, 1_000_010_000_000)
    assert request.attributes is not None
    assert request.attributes["http.route"] == "/predict"
    assert request.attributes["http.response.status_code"] == 200
    assert request.resource.attributes["service.name"] == "iris"
    times = {name: (found[name].start_time, found[name].end_time) for name in ("queue", "predict")}
    assert times == {
        "queue": (1_000_001_000_000, 1_000_003_000_000),
        "predict": (1_000_003_000_000, 1_000_007_000_000),
    }
    for name in times:
        assert found[name].parent == request.context


@pytest.mark.parametrize(("status", "code"), [(422, StatusCode.UNSET), (503, StatusCode.ERROR)])
def test_only_the_servers_errors_are_errors(status: int, code: StatusCode) -> None:
    """A refusal is no error of a server's span, as the conventions say; without a caller it is a root."""
    span = made(Ended(1.0, "/predict", "POST", status, 0.01, "id"))["POST /predict"]
    assert span.status.status_code is code
    assert span.parent is None


def test_probes_have_no_spans() -> None:
    """Whether they succeed or fail: the kubelet asks too often."""
    for route, status in (("/livez", 200), ("/readyz", 503), ("/grpc.health.v1.Health/Check", 200)):
        assert made(Ended(1.0, route, "GET", status, 0.01, "id")) == {}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "TRUE"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nobody_wants_spans(environment: dict[str, str]) -> None:
    """Without an endpoint, or when it is switched off, nothing of OpenTelemetry is imported."""
    code = (
        "import sys; from ekiben.serving import spans\n"
        f"assert spans.configured({environment!r}, 'iris', '1') is None\n"
        "print(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_an_image_without_exporter_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """The pod serves all the same."""
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
    }
    with caplog.at_level(logging.WARNING):
        assert spans.configured(environment, "iris", "1") is None
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in caplog.text
