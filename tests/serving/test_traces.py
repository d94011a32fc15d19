"""A pod with an OTLP endpoint sends spans there; the collector here is the standard library's HTTP server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.serving.pod import HOST, JSON, running

ROW = [5.1, 3.5, 1.4, 0.2]
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_LONG = 20.0  # seconds; the pod shares a busy machine


class Collector(ThreadingHTTPServer):
    """Takes what is POSTed to `/v1/traces`, the path that OTLP/HTTP names."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def spans(self) -> dict[str, Any]:
        """All spans so far, by the id of the request they are of (or their name)."""
        found: dict[str, Any] = {}
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for span in (one for scope in resource.scope_spans for one in scope.spans):
                    said = {each.key: each.value for each in span.attributes}
                    said |= {each.key: each.value for each in resource.resource.attributes}
                    name = said["ekiben.request.id"].string_value if "ekiben.request.id" in said else ""
                    found[name or f"{span.name} {span.trace_id.hex()}"] = (span, said)
        return found

    def wait(self, request_id: str) -> tuple[Any, dict[str, Any]]:
        end = time.monotonic() + _LONG
        while request_id not in (found := self.spans()):
            assert time.monotonic() < end, sorted(found)
            time.sleep(0.02)
        span: tuple[Any, dict[str, Any]] = found[request_id]
        return span


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:  # http.server's name
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.add(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def test_spans_arrive_in_the_callers_trace(artefact: Path, tmp_path: Path, collector: Collector) -> None:
    """With their times and parts; callers that record nothing have none, callers without a trace do."""
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with running(artefact, tmp_path, **told) as pod:
        asked = {**JSON, "traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "asked"}
        unsampled = {**asked, "traceparent": f"00-{TRACE}-{PARENT}-00", "X-Request-Id": "unsampled"}
        assert pod.predict(ROW, unsampled).status == 200
        assert pod.predict({"instances": [ROW, ROW]}, asked).status == 200
        span, said = collector.wait("asked")
        assert pod.predict(ROW, {**JSON, "X-Request-Id": "alone"}).status == 200
        collector.wait("alone")
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.name) == (TRACE, PARENT, "POST /predict")
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < _LONG * 1e9
    assert (said["http.response.status_code"].int_value, said["ekiben.rows"].int_value) == (200, 2)
    assert said["service.name"].string_value == "iris"
    found = collector.spans()
    for part in ("queue", "predict"):
        assert found[f"{part} {TRACE}"][0].parent_span_id == span.span_id
    assert found["alone"][0].parent_span_id == b""
    assert "unsampled" not in found
    assert collector.paths == {"/v1/traces"}


def test_the_spans_of_the_last_moment_are_sent(artefact: Path, tmp_path: Path, collector: Collector) -> None:
    """A pod that is told to end does not keep what waits for the next minute."""
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    with running(artefact, tmp_path, **told) as pod:
        assert pod.predict(ROW, {**JSON, "X-Request-Id": "last"}).status == 200
        assert collector.spans() == {}
        pod.process.terminate()
        assert pod.process.wait(_LONG) == 0
    assert "last" in collector.spans()


def test_a_collector_that_is_away_costs_no_request(artefact: Path, tmp_path: Path) -> None:
    """The endpoint refuses connections: requests are answered, the pod ends in time and with 0."""
    told = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://{HOST}:1/v1/traces",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    with running(artefact, tmp_path, **told) as pod:
        for _ in range(20):
            assert pod.predict(ROW).status == 200
        began = time.monotonic()
        pod.process.terminate()
        assert pod.process.wait(_LONG) == 0
        assert time.monotonic() - began < 10
