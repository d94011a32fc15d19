"""Health of the `grpc` port, and how it goes: nothing that was sent is lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.serving.rpc import (
    FOREST,
    HEALTH,
    ROWS,
    SERVICE,
    Port,
    call,
    infer,
    refused,
    running,
    table,
)  # fmt: skip

from ekiben.serving.rpc import health
from ekiben.serving.rpc.generated import health_pb2 as pb
from ekiben.serving.rpc.server import age
from ekiben.serving.settings import Settings

SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3  # Source: grpc/health/v1/health.proto
OURS = "inference.GRPCInferenceService"


@pytest.fixture
def port() -> Iterator[Port]:
    """A port of the test's own."""
    with running() as found:
        yield found


def check(channel: grpc.Channel, service: str = "") -> int:
    """Status of a service."""
    body = pb.HealthCheckRequest(service=service).SerializeToString()
    return int(pb.HealthCheckResponse.FromString(call(channel, HEALTH + "Check", body)).status)


def watch(channel: grpc.Channel, service: str = "") -> Any:
    """Statuses of a service as they change."""
    body = pb.HealthCheckRequest(service=service).SerializeToString()
    stream = channel.unary_stream(HEALTH + "Watch")(body, timeout=10)
    return (int(pb.HealthCheckResponse.FromString(each).status) for each in stream)


@pytest.mark.parametrize("service", ["", OURS])
def test_health_is_readiness(port: Port, service: str) -> None:
    """The server and its service are served when the pod is ready and not draining."""
    with port.channel() as channel:
        assert check(channel, service) == SERVING
        port.life.ready = False
        assert check(channel, service) == NOT_SERVING
        port.life.ready = port.life.draining = True
        assert check(channel, service) == NOT_SERVING


def test_a_service_that_is_not_here_is_not_found(port: Port) -> None:
    """The text: "If the requested service is unknown, the call will fail with status NOT_FOUND"."""
    with port.channel() as channel:
        body = pb.HealthCheckRequest(service="other").SerializeToString()
        assert refused(channel, HEALTH + "Check", body).code() is grpc.StatusCode.NOT_FOUND
        assert port.gate.last().ended == [404]


def test_all_services_are_listed(port: Port) -> None:
    """List names the server as a whole, and its service."""
    with port.channel() as channel:
        found = pb.HealthListResponse.FromString(call(channel, HEALTH + "List"))
    assert {name: int(each.status) for name, each in found.statuses.items()} == {"": SERVING, OURS: SERVING}


def test_a_watcher_hears_every_change(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text: "immediately send back ... the current serving status", then whenever it changes."""
    monkeypatch.setattr(health, "_LOOK_SECONDS", 0.02)
    with port.channel() as channel:
        statuses = watch(channel)
        assert next(statuses) == SERVING
        port.life.ready = False
        assert next(statuses) == NOT_SERVING
        port.life.ready = True
        assert next(statuses) == SERVING


def test_a_watcher_of_an_unknown_service_is_told_so_and_stays(port: Port) -> None:
    """The text: "SERVICE_UNKNOWN but will *not* terminate the call"; the drain does."""
    with port.channel() as channel:
        statuses = watch(channel, "other")
        assert next(statuses) == UNKNOWN
        port.loop.call_soon_threadsafe(port.server.drain)
        assert list(statuses) == []


def test_watchers_are_told_of_the_drain_and_let_go(port: Port) -> None:
    """A stream that stays open would keep a drain from ending."""
    with port.channel() as channel:
        statuses = watch(channel)
        assert next(statuses) == SERVING
        port.loop.call_soon_threadsafe(port.server.drain)
        assert list(statuses) == [NOT_SERVING]
        assert port.gate.last().ended == [200]


def test_the_number_of_watchers_is_bounded(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the limit is RESOURCE_EXHAUSTED; who leaves makes room."""
    monkeypatch.setattr(health, "MOST_WATCHERS", 1)
    with port.channel() as channel:
        statuses = watch(channel)
        assert next(statuses) == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            next(watch(channel))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    with port.channel() as channel:
        end = time.monotonic() + 5
        while [each.ended for each in port.gate.visits].count([499]) == 0 and time.monotonic() < end:
            time.sleep(0.01)
        assert next(watch(channel)) == SERVING


class Road:
    """What a Service is to a pod's clients: new connections go where it says now, old ones stay."""

    def __init__(self, to: int) -> None:
        self.to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                pod = socket.create_connection(("127.0.0.1", self.to))
                for pair in ((client, pod), (pod, client)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with source, contextlib.suppress(OSError):
            while chunk := source.recv(65_536):
                sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)  # the thread of the other way closes it

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


def test_no_call_is_lost_when_a_pod_goes() -> None:
    """Connections of a drain's first half and before end in its second: each call is answered once."""
    expected = FOREST.predict(ROWS).tolist()
    stop, answers, wrong = threading.Event(), [], []

    def client(road: Road, opened: float) -> None:
        time.sleep(opened)
        own = ("grpc.use_local_subchannel_pool", 1)
        with grpc.insecure_channel(f"127.0.0.1:{road.port}", [own]) as channel:
            while not stop.is_set():
                try:
                    found = infer(channel, table(ROWS)).outputs[0].contents.int64_contents
                    answers.append(list(found) == expected)
                except grpc.RpcError as error:
                    wrong.append(f"{error.code()} {error.details()}")

    with running(drain_seconds=4) as old, running() as new:
        road = Road(old.port)
        clients = [threading.Thread(target=client, args=(road, each / 4)) for each in range(4)]
        for each in clients:
            each.start()
        time.sleep(0.2)
        old.loop.call_soon_threadsafe(old.server.drain)
        time.sleep(1)
        road.to = new.port
        time.sleep(3)  # what is left of the drain
        before = len(new.gate.visits)
        old.run(old.server.stop(1))
        time.sleep(0.1)
        stop.set()
        for each in clients:
            each.join(10)
        road.close()
        assert wrong == []
        assert all(answers)
        assert before > 0
        ended = [each.ended for port in (old, new) for each in port.gate.visits]
        assert ended == [[200]] * len(answers)


@pytest.mark.parametrize(
    ("drain", "connection", "expected"), [(11, 300, 5), (11, 4, 4), (0, 300, 1), (66, 300, 30)]
)
def test_a_connection_of_a_drains_first_half_ends_in_its_second(
    drain: float, connection: float, expected: float
) -> None:
    """All have gone when the pod ends, whatever the age is set to; core adds a tenth to what it is told."""
    settings = Settings(Path(), drain_seconds=drain, connection_seconds=connection)
    assert age(settings) == pytest.approx(expected)


def test_calls_in_flight_are_answered_before_the_port_ends(port: Port) -> None:
    """Stopping waits for what was accepted."""
    port.lane.seconds = 0.5
    with port.channel() as channel:
        future = channel.unary_unary(SERVICE + "ModelInfer").future(table(ROWS[:1]).SerializeToString())
        _until(lambda: bool(port.lane.tickets))
        port.run(port.server.stop(5))
        assert future.result(5)
    assert port.gate.last().ended == [200]


def test_calls_that_take_too_long_are_cut_and_counted_as_cut(port: Port) -> None:
    """After the time for it a call in flight ends; it is not counted as the client's own going."""
    port.lane.seconds = 20
    with port.channel() as channel:
        future = channel.unary_unary(SERVICE + "ModelInfer").future(table(ROWS[:1]).SerializeToString())
        _until(lambda: bool(port.lane.tickets))
        started = time.monotonic()
        port.run(port.server.stop(0.2))
        assert time.monotonic() - started < 3
        assert future.exception(5) is not None
    assert port.gate.last().ended == [503]
    assert port.lane.tickets[-1].cancelled


def test_stopping_twice_and_after_a_drain_is_fine(port: Port) -> None:
    """The order of the end does not matter."""
    port.server.drain()
    port.run(port.server.stop(1))
    port.run(port.server.stop(1))
    with pytest.raises(ConnectionRefusedError):
        port.connect()


def test_a_server_that_ends_by_itself_is_noticed(port: Port) -> None:
    """Whoever waits for the server hears of a broken loop, so that the process can end."""
    waiting = asyncio.run_coroutine_threadsafe(port.server.ended(), port.loop)
    inner = port.server._server._server
    port.loop.call_soon_threadsafe(inner._serving_task_crash_handler, _Broken())
    with pytest.raises(ZeroDivisionError):
        waiting.result(5)


class _Broken:
    """A task that failed."""

    def cancelled(self) -> bool:
        return False

    def exception(self) -> Exception:
        return ZeroDivisionError("broken")


def _until(condition: Any) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
