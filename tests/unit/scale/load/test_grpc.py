"""The load over gRPC against a real server on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.unit.scale import rpc
from tests.unit.scale.load.client_counts import ClientCounts
from tests.unit.scale.rpc import Service, answer

from ekiben.errors import ConfigError
from ekiben.scale.load import generator
from ekiben.scale.load.inference import PATH
from ekiben.scale.load.measurement import LoadMeasurement
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import Expected, LoadTarget

BODY = b"\x0a\x04iris"
RIGHT = Expected(("setosa",), ((0.9, 0.1),))


@pytest.fixture
def service() -> Iterator[Service]:
    """The server, up."""
    with rpc.running() as found:
        yield found


def _run(service: Service, rate: float, seconds: float, **fields: Any) -> LoadMeasurement:
    target = LoadTarget(service.url, (BODY,), (RIGHT,), protocol="grpc", **fields)
    return generator.run(target, Load((Segment(rate, seconds),), "constant"), seed=1)


def test_every_intended_request_arrives_once(service: Service) -> None:
    """The server sees exactly the scheduled messages as they are; OK counts as 200."""
    measured = _run(service, 100, 0.6)
    assert (len(service.bodies), set(service.bodies)) == (60, {BODY})
    assert (measured.sent, measured.ok, measured.failed, measured.statuses) == (60, 60, 0, {200: 60})
    assert ClientCounts.of(measured).bounds(200) == (60, 60)
    assert not [reason for reason in measured.reasons if "Little" in reason]


def test_requests_leave_whatever_the_others_do(service: Service) -> None:
    """With answers of 0.4 s, 20 requests sent within 0.2 s are all inside at once, on 2 connections."""
    service.delay_seconds = 0.4
    measured = _run(service, 100, 0.2, connections=2)
    assert (measured.ok, service.most_at_once, measured.connections) == (20, 20, 2)
    assert measured.latency is not None
    assert measured.latency.p50 >= 0.4


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.UNAVAILABLE, 503),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        (grpc.StatusCode.UNAUTHENTICATED, 401),
        (grpc.StatusCode.INVALID_ARGUMENT, 400),
        (grpc.StatusCode.CANCELLED, 499),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
        (grpc.StatusCode.DATA_LOSS, 500),
    ],
)
@pytest.mark.parametrize("trailers", [(), (("x-request-id", "1"),)])
def test_other_codes_are_failures_by_status(
    service: Service, code: grpc.StatusCode, status: int, trailers: tuple[tuple[str, str], ...]
) -> None:
    """A code is counted as the HTTP status that google.rpc.Code gives for it, with metadata or without."""
    service.code, service.trailers = code, trailers
    measured = _run(service, 50, 0.2)
    assert (measured.ok, measured.outcomes["http_status"], measured.statuses) == (0, 10, {status: 10})
    assert measured.connections == 10  # of 64 that it may open, each had its own


def test_every_code_has_a_status() -> None:
    """No code but OK is without one, and none of them is a success."""
    from ekiben.scale.load.channel import _STATUSES

    assert set(grpc.StatusCode) - _STATUSES.keys() == {grpc.StatusCode.OK}
    assert all(400 <= status <= 504 for status in _STATUSES.values())


@pytest.mark.parametrize(
    "wrong",
    [
        answer("setosa", probabilities=[0.900001, 0.1]).SerializeToString(),
        answer("virginica", probabilities=[0.9, 0.1]).SerializeToString(),
        answer("setosa").SerializeToString(),
        b"",
        b"\xff\xff",
    ],
)
def test_a_wrong_answer_is_a_failure(service: Service, wrong: bytes) -> None:
    """A probability off by 1e-6, another label, a missing output, no message: wrong, whatever the code."""
    service.answer = wrong
    measured = _run(service, 50, 0.2)
    assert (measured.ok, measured.outcomes["wrong_answer"], measured.statuses) == (0, 10, {200: 10})


def test_a_late_answer_is_a_timeout_at_its_time(service: Service) -> None:
    """An answer later than the time-out is lost at the time-out, and the server hears that nobody waits."""
    service.delay_seconds = 0.5
    measured = _run(service, 20, 0.1, timeout_seconds=0.15)
    assert measured.outcomes["timeout"] == 2
    assert measured.latency is not None
    assert measured.latency.max == pytest.approx(0.15, abs=0.1)
    assert ClientCounts.of(measured).bounds(200) == (0, 2)


def test_a_connection_whose_answer_is_overdue_gets_no_more(service: Service) -> None:
    """As over HTTP: a pod that went away without a word takes no request twice."""
    service.delay_seconds = 0.5
    measured = _run(service, 5, 0.6, timeout_seconds=0.1, connections=1, connection_seconds=60)
    assert measured.outcomes["timeout"] == 3
    assert len(set(service.connections)) == 3


def test_nobody_listening_is_a_failure(free_port: int) -> None:
    """A refused connection is a connection error without a status, not an answer UNAVAILABLE."""
    target = LoadTarget(f"http://127.0.0.1:{free_port}{PATH}", (BODY,), protocol="grpc")
    measured = generator.run(target, Load((Segment(50, 0.2),), "constant"), seed=1)
    assert (measured.outcomes["connection_error"], measured.latency, measured.statuses) == (10, None, {})
    assert measured.connections == 0


@pytest.mark.parametrize("how", ["at once", "after its request"])
def test_a_closed_connection_is_a_failure(how: str) -> None:
    """A peer that closes, before HTTP/2 begins or with a request under way, gives connection errors."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()

        def close_all() -> None:
            while not stop.is_set():
                connection, _ = listener.accept()
                with connection, contextlib.suppress(ConnectionError):  # the client may be quicker
                    if how != "at once":
                        connection.sendall(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")  # SETTINGS
                        while b"x-key" not in (read := connection.recv(65536)) and read:
                            pass

        thread = threading.Thread(target=close_all)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
        target = LoadTarget(url, (BODY,), protocol="grpc", headers={"X-Key": "k"}, connections=1)
        measured = generator.run(target, Load((Segment(50, 0.2),), "constant"), seed=1)
        stop.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()
    assert measured.outcomes["connection_error"] == 10


def test_connections_are_replaced_by_age(service: Service) -> None:
    """A lifetime of 0.2 s (ages of 0.12 to 0.2 s) opens at least five connections in 1 s, not one each."""
    measured = _run(service, 100, 1.0, connection_seconds=0.2, connections=1)
    assert measured.failed == 0
    assert 5 <= measured.connections <= 20
    assert len(set(service.connections)) <= measured.connections  # the kernel may give a port twice


def test_each_request_can_have_its_own_connection(service: Service) -> None:
    """A lifetime of 0 opens one connection per request, and closes it after the answer."""
    opened: list[int] = []
    service.on_request = lambda: opened.append(_established(service.port))
    measured = _run(service, 50, 0.4, connection_seconds=0)
    assert (measured.ok, measured.connections) == (20, 20)
    assert sorted(opened)[10] <= 4  # of 20 that were opened


def _established(port: int) -> int:
    """Connections to a port of the loopback, by the kernel's own table (proc_net_tcp: state 01)."""
    lines = Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return sum(line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01" for line in lines)


def test_connections_are_used_in_turn(service: Service) -> None:
    """Eight connections get equal shares of 80 requests."""
    measured = _run(service, 100, 0.8, connections=8, connection_seconds=60)
    shares = [service.connections.count(peer) for peer in set(service.connections)]
    assert (sorted(shares), measured.connections) == ([10] * 8, 8)


def test_keys_go_as_metadata_and_are_never_shown(service: Service) -> None:
    """A key reaches the server in lower case, as gRPC wants it; the pod is known by its metadata."""
    service.trailers = (("x-pod", "iris-1"),)
    target = LoadTarget(
        service.url, (BODY,), headers={"X-API-Key": "s3cret"}, pod_header="X-Pod", protocol="grpc"
    )
    measured = generator.run(target, Load((Segment(50, 0.1),), "constant"), seed=1)
    assert [each["x-api-key"] for each in service.metadata] == ["s3cret"] * 5
    assert measured.by_pod == {"iris-1": 5}
    assert "s3cret" not in repr(target)


@pytest.mark.parametrize("name", ["TE", "grpc-timeout", "Content-Type", "x-bin", ":path", "x y"])
def test_metadata_of_the_protocols_own_is_refused(name: str) -> None:
    """What gRPC sets itself, or takes as bytes, is no header that a load may set; over HTTP some are."""
    with pytest.raises(ConfigError, match="header that the load may set"):
        LoadTarget("http://127.0.0.1", (BODY,), headers={name: "x"}, protocol="grpc")


def test_a_proxy_of_the_environment_is_not_used(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load goes where it was allowed to go: core would follow `http_proxy`."""
    for name in ("http_proxy", "grpc_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert _run(service, 50, 0.1).ok == 5


def test_load_goes_to_no_other_address() -> None:
    """The guard of HTTP: a public address, or a private one that was not named, is refused."""
    for host in ("93.184.216.34", "10.1.2.3"):
        target = LoadTarget(f"http://{host}:3001{PATH}", (BODY,), protocol="grpc")
        with pytest.raises(ConfigError, match="load goes to loopback only"):
            generator.run(target, Load((Segment(1, 1),)), seed=1)


def test_several_senders_speak_it_too(service: Service) -> None:
    """Two processes send what one would."""
    target = LoadTarget(service.url, (BODY, b""), (RIGHT, Expected(("x",))), protocol="grpc")
    measured = generator.run(target, Load((Segment(50, 0.6),), "constant"), seed=1, senders=2)
    assert (measured.ok, measured.outcomes["wrong_answer"], len(service.bodies)) == (15, 15, 30)
