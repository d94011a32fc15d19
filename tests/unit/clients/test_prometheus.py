"""The Prometheus client against a server that speaks its HTTP API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from ekiben.clients.prometheus import Prometheus, PrometheusError, Series, Target, Value
from ekiben.errors import ConfigError, NoDataError


class Server:
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body: bytes = b""
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []
        self.url = ""

    def answers(self, kind: str, result: Any) -> None:
        data = {"resultType": kind, "result": result}
        self.body = json.dumps({"status": "success", "data": data}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on loopback."""
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.asked.append((self.path, parse_qs(body), self.headers.get("Authorization", "")))
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def do_GET(self) -> None:
            told.asked.append((self.path, {}, self.headers.get("Authorization", "")))
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        told.url = f"http://127.0.0.1:{found.server_address[1]}"
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield told
        found.shutdown()
        thread.join()


def test_a_vector_becomes_values(server: Server) -> None:
    """Labels and numbers as they came; the query and time as they were asked."""
    server.answers("vector", [{"metric": {"pod": "a"}, "value": [1.5, "2.25"]}])
    with Prometheus(server.url + "/", token="s3cret") as prometheus:  # noqa: S106
        assert prometheus.values("sum(x)", at=12.5) == (Value({"pod": "a"}, 2.25),)
    assert server.asked == [("/api/v1/query", {"query": ["sum(x)"], "time": ["12.500"]}, "Bearer s3cret")]


def test_a_scalar_is_one_value(server: Server) -> None:
    """A scalar has no labels."""
    server.answers("scalar", [1.5, "3"])
    with Prometheus(server.url) as prometheus:
        assert prometheus.value("3") == 3.0


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_no_data(server: Server, text: str) -> None:
    """NaN and infinities never come out as numbers."""
    server.answers("vector", [{"metric": {}, "value": [1.5, text]}])
    with Prometheus(server.url) as prometheus, pytest.raises(NoDataError):
        prometheus.value("x")


def test_an_empty_result_is_no_data(server: Server) -> None:
    """Absence is an error that names the query, never a zero."""
    server.answers("vector", [])
    with Prometheus(server.url) as prometheus, pytest.raises(NoDataError, match="my_query") as error:
        prometheus.value("my_query")
    assert not isinstance(error.value, PrometheusError)
    assert error.value.remedy


def test_more_than_one_series_is_not_one_value(server: Server) -> None:
    """Two series where one number is needed are ambiguous."""
    server.answers("vector", [{"metric": {"pod": p}, "value": [1.5, "1"]} for p in "ab"])
    with Prometheus(server.url) as prometheus, pytest.raises(NoDataError, match="found 2"):
        prometheus.value("x")


def test_a_range_becomes_series_without_gaps_filled(server: Server) -> None:
    """Times without a number are left out, a series of such alone too."""
    server.answers(
        "matrix",
        [
            {"metric": {"pod": "a"}, "values": [[10, "1"], [20, "NaN"], [30, "3"]]},
            {"metric": {"pod": "b"}, "values": [[10, "NaN"]]},
        ],
    )
    with Prometheus(server.url) as prometheus:
        found = prometheus.series("x", begin=10, end=30, step_seconds=10)
    assert found == (Series({"pod": "a"}, ((10.0, 1.0), (30.0, 3.0))),)
    assert server.asked[0][1] == {"query": ["x"], "start": ["10.000"], "end": ["30.000"], "step": ["10"]}


@pytest.mark.parametrize(("begin", "end", "step"), [(10, 5, 1), (0, 10, 0), (0, 20_000, 1)])
def test_ranges_are_bounded(begin: float, end: float, step: float) -> None:
    """Backwards, without a step, or with too many points: refused before anything is asked."""
    with Prometheus("http://127.0.0.1:9") as prometheus, pytest.raises(ConfigError):
        prometheus.series("x", begin=begin, end=end, step_seconds=step)


def test_a_refusal_gives_prometheus_own_words(server: Server) -> None:
    """A parse error is told with the query and the server's message."""
    server.status = 400
    server.body = b'{"status":"error","errorType":"bad_data","error":"unexpected end of input"}'
    with Prometheus(server.url) as prometheus, pytest.raises(PrometheusError, match=r"sum\(.*unexpected end"):
        prometheus.value("sum(")


def test_targets_are_found_by_the_pod_behind_them(server: Server) -> None:
    """By what was discovered; where that is not told, by the labels. Only active ones are asked for."""
    found = {"__meta_kubernetes_namespace": "m", "__meta_kubernetes_pod_name": "p"}
    rows = [
        {"discoveredLabels": found, "labels": {"release": "iris"}, "scrapeUrl": "http://a/m", "health": "up"},
        {"labels": {"namespace": "n", "pod": "q"}, "health": "down", "lastError": "refused"},
    ]
    server.body = json.dumps({"status": "success", "data": {"activeTargets": rows}}).encode()
    with Prometheus(server.url) as prometheus:
        assert prometheus.targets() == (
            Target("m", "p", "http://a/m", "up", "", {"release": "iris"}),
            Target("n", "q", "", "down", "refused", {"namespace": "n", "pod": "q"}),
        )
    assert server.asked[0][0] == "/api/v1/targets?state=active"


def test_a_refusal_of_targets_names_them(server: Server) -> None:
    """There is no query to name."""
    server.status, server.body = 503, b"starting"
    with (
        Prometheus(server.url) as prometheus,
        pytest.raises(PrometheusError, match="refused targets: status"),
    ):
        prometheus.targets()


@pytest.mark.parametrize("body", [b"", b"<html>gateway</html>", b"[]", b'{"status":"success"}', b"null"])
def test_another_server_is_not_prometheus(server: Server, body: bytes) -> None:
    """What is not Prometheus' JSON is an error, not a crash."""
    server.body = body
    with Prometheus(server.url) as prometheus, pytest.raises(PrometheusError):
        prometheus.value("x")


def test_nobody_there_is_said(server: Server) -> None:
    """A refused connection names the address and a remedy."""
    with (
        Prometheus("http://127.0.0.1:9") as prometheus,
        pytest.raises(PrometheusError, match=r"127\.0\.0\.1:9, not reached") as error,
    ):
        prometheus.value("x")
    assert "0x" not in str(error.value)
    assert error.value.exit_code == 5
    assert server.asked == []


@pytest.mark.parametrize("url", ["", "127.0.0.1:9090", "ftp://x", "http://"])
def test_a_wrong_address_is_a_configuration_error(url: str) -> None:
    """What is no URL is refused at once."""
    with pytest.raises(ConfigError):
        Prometheus(url)
