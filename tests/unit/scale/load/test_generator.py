"""The load test against a real server on loopback."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

import pytest
from tests.unit.scale.conftest import Service
from tests.unit.scale.load.client_counts import ClientCounts

from ekiben.errors import ClusterError, ConfigError, NoDataError
from ekiben.scale.load import generator
from ekiben.scale.load.measurement import LoadMeasurement
from ekiben.scale.load.progress import Progress
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import Expected, LoadTarget

BODY = b'{"instances":[[5.1,3.5,1.4,0.2]]}'
RIGHT = Expected(("setosa",), ((0.9, 0.1),))


def _run(service: Service, rate: float, seconds: float, **fields: Any) -> LoadMeasurement:
    target = LoadTarget(service.url, (BODY,), (RIGHT,), **fields)
    return generator.run(target, Load((Segment(rate, seconds),), "constant"), seed=1)


def test_every_intended_request_arrives_once(service: Service) -> None:
    """The server counts exactly the scheduled requests, the client the same answers."""
    measured = _run(service, 100, 0.6)
    assert (len(service.bodies), set(service.bodies)) == (60, {BODY})
    assert (measured.sent, measured.ok, measured.failed) == (60, 60, 0)
    assert measured.statuses == {200: 60}
    assert measured.offered_rate == measured.achieved_rate == 100
    assert ClientCounts.of(measured).bounds(200) == (60, 60)
    assert [sample.offered for sample in measured.series] == [60]


def test_a_stall_is_met_by_the_requests_that_would_have_come(service: Service) -> None:
    """A server that stalls for 0.3 s shows in the upper quantiles; one waiting caller would see it once."""
    service.stall = (0.3, 0.6)

    def seen() -> tuple[bool, bool, bool]:
        service.begin_again()
        latency = _run(service, 100, 0.9).latency
        assert latency is not None
        # 30 of 90 requests fall into the stall and wait 0.3 s down to 0 s: the third longest of them 0.28 s.
        return latency.p95 >= 0.2, latency.p50 < 0.15, service.most_at_once >= 20

    # Where the machine itself stands still, the stall is another one: then once more.
    assert (True, True, True) in (seen() for _ in range(5))


def test_requests_leave_whatever_the_others_do(service: Service) -> None:
    """With answers that take 0.4 s, 20 requests sent within 0.2 s are all inside at once."""
    service.delay_seconds = 0.4
    assert _run(service, 100, 0.2).ok == 20
    assert service.most_at_once == 20


def test_the_books_balance(service: Service) -> None:
    """Rate times time equals what was counted as under way: 40/s of 0.1 s each for 0.5 s, so 2 s in all."""
    service.delay_seconds = 0.1
    measured = _run(service, 40, 0.5)
    assert not [reason for reason in measured.reasons if "Little" in reason]


def test_an_idle_connection_past_its_age_is_not_used(service: Service) -> None:
    """Requests every 0.25 s with a lifetime of 0.1 s each get a connection of their own."""
    measured = _run(service, 4, 1.0, connection_seconds=0.1, connections=1)
    assert measured.connections == 4


def test_other_statuses_are_failures_by_status(service: Service) -> None:
    """An answer 503 is failed and counted under its status."""
    service.status = 503
    measured = _run(service, 50, 0.2)
    assert (measured.ok, measured.failed, measured.outcomes["http_status"]) == (0, 10, 10)
    assert measured.statuses == {503: 10}


def test_a_wrong_answer_is_a_failure(service: Service) -> None:
    """A probability that is off by 1e-6 is a wrong answer, although the status is 200."""
    service.answer["probabilities"] = [[0.900001, 0.1]]
    measured = _run(service, 50, 0.2)
    assert (measured.ok, measured.outcomes["wrong_answer"], measured.statuses) == (0, 10, {200: 10})


def test_a_late_answer_is_a_timeout_at_its_time(service: Service) -> None:
    """An answer later than the time-out is lost, its latency the time-out itself."""
    service.delay_seconds = 0.5
    measured = _run(service, 20, 0.1, timeout_seconds=0.15)
    assert measured.outcomes["timeout"] == 2
    assert measured.latency is not None
    assert measured.latency.max == pytest.approx(0.15, abs=0.1)
    assert ClientCounts.of(measured).bounds(200) == (0, 2)


def test_a_closed_connection_is_a_failure(service: Service) -> None:
    """A server that closes instead of answering gives connection errors, without a second try."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stop = threading.Event()
        accepted = []

        def close_all() -> None:
            while not stop.is_set():
                connection, _ = listener.accept()
                accepted.append(connection)
                connection.close()

        thread = threading.Thread(target=close_all)
        thread.start()
        service.url = f"http://127.0.0.1:{listener.getsockname()[1]}/predict"
        measured = _run(service, 50, 0.2)
        stop.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()
    assert measured.outcomes["connection_error"] == 10
    assert len(accepted) == 10 + 1  # the last one ends the thread


def test_nobody_listening_is_a_failure(free_port: int) -> None:
    """A refused connection is a connection error; no latency is reported, as a refusal is quick."""
    target = LoadTarget(f"http://127.0.0.1:{free_port}/predict", (BODY,))
    measured = generator.run(target, Load((Segment(50, 0.2),), "constant"), seed=1)
    assert (measured.outcomes["connection_error"], measured.latency) == (10, None)


def test_more_under_way_than_allowed_is_not_sent_and_invalid(service: Service) -> None:
    """Above the bound a request is recorded as not sent, and the measurement calls itself invalid."""
    service.delay_seconds = 0.4
    target = LoadTarget(service.url, (BODY,), (RIGHT,))
    measured = generator.run(target, Load((Segment(100, 0.2),), "constant"), seed=1, most_outstanding=5)
    assert (measured.outcomes["not_sent"], measured.ok, len(service.bodies)) == (15, 5, 5)
    assert not measured.valid
    assert "15 requests were not sent" in "".join(measured.reasons)


def test_connections_are_replaced_by_age(service: Service) -> None:
    """A lifetime of 0.2 s (ages of 0.12 to 0.2 s) opens at least five connections in 1 s, not one each."""
    measured = _run(service, 100, 1.0, connection_seconds=0.2, connections=1)
    assert measured.failed == 0
    assert len(set(service.connections)) <= measured.connections  # the kernel may give a port twice
    assert 5 <= measured.connections <= 50


def test_each_request_can_have_its_own_connection(service: Service) -> None:
    """A lifetime of 0 opens one connection per request and says so to the server."""
    measured = _run(service, 100, 0.3, connection_seconds=0)
    assert measured.connections == 30
    assert {headers["connection"] for headers in service.headers} == {"close"}


def test_connections_are_used_in_turn(service: Service) -> None:
    """Eight connections get equal shares of 80 requests, not the first one all."""
    _run(service, 100, 0.8, connections=8)
    shares = [service.connections.count(port) for port in set(service.connections)]
    assert len(shares) >= 8  # one more opens whenever all are busy
    assert max(shares) <= 14


def test_the_pod_is_known_by_a_header(service: Service) -> None:
    """Answers are counted by the header that names their pod."""
    assert _run(service, 50, 0.2, pod_header="X-Pod").by_pod == {"iris-1": 10}


def test_headers_are_sent_and_never_shown(service: Service) -> None:
    """A bearer token reaches the server, and is not in the target's repr."""
    target = LoadTarget(service.url, (BODY,), headers={"Authorization": "Bearer s3cret"})
    generator.run(target, Load((Segment(50, 0.1),), "constant"), seed=1)
    assert service.headers[0]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(target)


def test_bodies_are_sent_in_turn_and_checked_each_by_its_own(service: Service) -> None:
    """Two bodies alternate; the check of the second fails where the answer is the first's."""
    target = LoadTarget(service.url, (BODY, b"[]"), (RIGHT, Expected(("virginica",))))
    measured = generator.run(target, Load((Segment(50, 0.2),), "constant"), seed=1)
    assert (measured.ok, measured.outcomes["wrong_answer"]) == (5, 5)
    assert service.bodies.count(b"[]") == 5


def test_stopping_returns_what_was_measured(service: Service) -> None:
    """An event set at the 20th request ends a load of 300 s; its rate is of the time that passed."""
    stop = threading.Event()
    service.on_request = lambda: stop.set() if len(service.bodies) == 20 else None
    began = time.monotonic()
    measured = generator.run(LoadTarget(service.url, (BODY,)), Load((Segment(100, 300),)), seed=1, stop=stop)
    assert time.monotonic() - began < 30
    assert measured.interrupted
    assert 20 <= measured.sent < measured.planned / 2
    assert measured.offered_rate == pytest.approx(measured.sent / measured.seconds)
    assert measured.failed == 0


def test_ctrl_c_returns_what_was_measured(service: Service) -> None:
    """SIGINT ends the load in order, and the handler from before is back afterwards."""
    before = signal.getsignal(signal.SIGINT)
    service.on_request = lambda: os.kill(os.getpid(), signal.SIGINT) if len(service.bodies) == 20 else None
    measured = generator.run(LoadTarget(service.url, (BODY,)), Load((Segment(100, 300),)), seed=1)
    assert (measured.interrupted, measured.failed) == (True, 0)
    assert signal.getsignal(signal.SIGINT) is before


def test_progress_and_samples_are_told_beside_the_load(service: Service) -> None:
    """Progress ends with all sent; a sampler whose cluster fails does not end the load."""
    told: list[Progress] = []
    seconds: list[float] = []

    def sample(at: float) -> None:
        seconds.append(at)
        if len(seconds) == 1:
            raise ClusterError("gone for a moment")

    target = LoadTarget(service.url, (BODY,), (RIGHT,))
    load = Load((Segment(50, 1.2),), "constant")
    measured = generator.run(target, load, seed=1, on_progress=told.append, on_second=sample)
    assert measured.ok == told[-1].ok == told[-1].planned == 60
    assert [progress.sent for progress in told] == sorted(progress.sent for progress in told)
    assert len(seconds) == 2


def test_the_process_is_as_before(service: Service) -> None:
    """Priority, turns of threads and the collector are restored; the load ran first in line where it may."""
    during: list[int] = []
    before = (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
    turn, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    target = LoadTarget(service.url, (BODY,))
    load = Load((Segment(50, 0.2),), "constant")
    generator.run(target, load, seed=1, on_progress=lambda _progress: during.append(os.sched_getscheduler(0)))
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before
    assert (sys.getswitchinterval(), gc.get_freeze_count()) == (turn, frozen)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, before[0], os.sched_param(before[1]))
        allowed = os.SCHED_RR
    except PermissionError:
        allowed = before[0]
    assert set(during) == {allowed}


def test_a_bug_in_a_callback_is_not_swallowed(service: Service) -> None:
    """An unexpected error of the progress display ends the load and is raised."""

    def broken(_progress: Progress) -> None:
        raise ZeroDivisionError

    target = LoadTarget(service.url, (BODY,))
    with pytest.raises(ZeroDivisionError):
        generator.run(target, Load((Segment(10, 20),)), seed=1, on_progress=broken)


def test_saturation_is_bounded_by_what_the_server_can_do(service: Service) -> None:
    """Four callers of a server that takes 50 ms get at most 80 answers per second, and nearly that."""
    service.delay_seconds = 0.05
    rate = generator.saturate(LoadTarget(service.url, (BODY,), (RIGHT,)), concurrency=4, seconds=0.6)
    assert service.most_at_once == 4
    assert 40 <= rate <= 80 + 4 / 0.6


def test_saturation_with_failures_is_no_rate(service: Service) -> None:
    """Answers 500 give an error that counts them, not a rate."""
    service.status = 500
    with pytest.raises(NoDataError, match="http status"):
        generator.saturate(LoadTarget(service.url, (BODY,)), concurrency=2, seconds=0.2)


@pytest.mark.parametrize(("concurrency", "seconds"), [(0, 1.0), (2001, 1.0), (1, 0.0), (1, 601.0)])
def test_saturation_is_bounded(concurrency: int, seconds: float) -> None:
    """Arguments out of bounds are refused before anything is sent."""
    with pytest.raises(ConfigError):
        generator.saturate(
            LoadTarget("http://127.0.0.1:9/", (BODY,)), concurrency=concurrency, seconds=seconds
        )


def test_the_load_goes_nowhere_else() -> None:
    """An address that is neither loopback nor named is refused before a packet leaves."""
    target = LoadTarget("http://192.0.2.1/predict", (BODY,))
    with pytest.raises(ConfigError, match=r"loopback only.*192\.0\.2\.1"):
        generator.run(target, Load((Segment(1, 1),)), seed=1)


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    """`Connection: close` in an answer, as a draining pod says it, ends the connection's use at once."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_once_and_stay_open() -> None:
            for _ in range(5):
                connection, _ = listener.accept()
                accepted.append(connection)
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once_and_stay_open, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/predict"
        target = LoadTarget(url, (BODY,), connections=1, timeout_seconds=0.3)
        measured = generator.run(target, Load((Segment(10, 0.5),), "constant"), seed=1)
        for connection in accepted:
            connection.close()
    assert (measured.ok, measured.connections) == (5, 5)
