"""A load from several processes against a real server on loopback."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing import resource_tracker
from typing import Any

import pytest
from tests.unit.scale.conftest import Service

from ekiben.errors import ConfigError
from ekiben.scale.load import generator
from ekiben.scale.load.measurement import LoadMeasurement
from ekiben.scale.load.progress import Progress
from ekiben.scale.load.schedule import Load, Segment, intended_times
from ekiben.scale.load.target import Expected, LoadTarget

RIGHT = Expected(("setosa",), ((0.9, 0.1),))


def _run(service: Service, load: Load, senders: int, **more: Any) -> LoadMeasurement:
    return generator.run(LoadTarget(service.url, (b"[]",), (RIGHT,)), load, seed=3, senders=senders, **more)


def test_senders_send_the_schedule_of_one(service: Service) -> None:
    """Each request has the body and the check of its place in the whole schedule; progress is of all."""
    load = Load((Segment(90, 0.5),), "poisson")
    planned = len(intended_times(load, 3))
    bodies = [b"[%d]" % number for number in range(planned)]
    checks = [RIGHT] * (planned - 2) + [Expected(("virginica",))] * 2
    told: list[Progress] = []
    target = LoadTarget(service.url, tuple(bodies), tuple(checks), pod_header="x-pod")
    measured = generator.run(target, load, seed=3, senders=2, on_progress=told.append)
    assert (measured.planned, measured.sent) == (planned, planned)
    assert sorted(service.bodies) == sorted(bodies)
    assert (measured.ok, measured.outcomes["wrong_answer"]) == (planned - 2, 2)
    assert measured.by_pod == {"iris-1": planned}
    assert not [reason for reason in measured.reasons if "Little" in reason]
    assert (told[-1].sent, told[-1].planned, told[-1].ok) == (planned, planned, measured.ok)
    assert multiprocessing.active_children() == []


def test_senders_begin_together(service: Service) -> None:
    """The least delay of any request, by the server's own clock, is the same for all senders."""
    load = Load((Segment(80, 0.6),), "constant")
    times = intended_times(load, 3)
    bodies = [b"[%d]" % number for number in range(len(times))]
    arrived: list[float] = []
    service.on_request = lambda: arrived.append(time.perf_counter())
    generator.run(LoadTarget(service.url, tuple(bodies)), load, seed=3, senders=2)
    delays: dict[int, float] = {}
    for body, at in zip(service.bodies, arrived, strict=True):
        place = bodies.index(body)
        delays[place % 2] = min(at - times[place], delays.get(place % 2, math.inf))
    assert max(delays.values()) - min(delays.values()) < 0.25  # of 24 requests each, one is soon on its way


def test_connections_are_shared_out(service: Service) -> None:
    """Eight connections for two senders are four each, however many requests there are."""
    target = LoadTarget(service.url, (b"[]",), connections=8, connection_seconds=60)
    measured = generator.run(target, Load((Segment(50, 0.6),), "constant"), seed=1, senders=2)
    assert measured.ok == 30
    assert 8 <= measured.connections <= 13  # one more opens whenever all are busy


def test_stopping_ends_all_senders(service: Service) -> None:
    """An event set at the 20th request ends a load of 300 s in all processes; what was sent is measured."""
    stop = threading.Event()
    service.on_request = lambda: stop.set() if len(service.bodies) == 20 else None
    began = time.monotonic()
    measured = _run(service, Load((Segment(100, 300),)), 2, stop=stop)
    assert time.monotonic() - began < 60
    assert (measured.interrupted, measured.outcomes["connection_error"]) == (True, 0)
    assert 20 <= measured.sent < measured.planned / 2
    assert multiprocessing.active_children() == []


def test_ctrl_c_ends_all_senders(service: Service) -> None:
    """SIGINT to every process, as a terminal sends it, ends the load in order."""

    def interrupt() -> None:
        if len(service.bodies) == 20:
            for each in multiprocessing.active_children():
                os.kill(each.pid or 0, signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    service.on_request = interrupt
    measured = _run(service, Load((Segment(100, 300),)), 2)
    assert measured.interrupted
    assert measured.sent >= 20
    assert not [reason for reason in measured.reasons if "sender" in reason]


def test_ctrl_c_reaches_the_senders_through_us_only(service: Service) -> None:
    """One while their Python starts, and more later, end none of them: the whole schedule is sent.

    They are its first ones: multiprocessing's tracker starts with the first, and lets SIGINT through.
    """
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # it is started anew where needed
    over = threading.Event()

    def interrupt() -> None:
        while not over.wait(0.02):
            for each in multiprocessing.active_children():
                os.kill(each.pid or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        measured = _run(service, Load((Segment(40, 0.5),), "constant"), 2)
    finally:
        over.set()
        thread.join()
    assert (measured.sent, measured.interrupted) == (20, False)


def test_a_sender_that_dies_leaves_a_reason_and_no_figures(service: Service) -> None:
    """One of two is killed at the 20th request: the load ends, is invalid, and claims nothing."""

    def kill() -> None:
        if len(service.bodies) == 20:
            os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)

    service.on_request = kill
    measured = _run(service, Load((Segment(100, 300),)), 2)
    assert not measured.valid
    assert measured.reasons[0].startswith("sender ")
    assert "ended with -9" in measured.reasons[0]
    assert (measured.sent, measured.ok, measured.latency, measured.interrupted) == (0, 0, None, True)
    assert multiprocessing.active_children() == []


def test_a_sender_that_cannot_go_on_says_why(service: Service) -> None:
    """A file of certificates that is none is every sender's error; the measurement repeats it."""
    target = LoadTarget(service.url.replace("http:", "https:"), (b"[]",), ca_file=__file__)
    measured = generator.run(target, Load((Segment(20, 60),)), seed=1, senders=2)
    assert "SSLError" in measured.reasons[0]
    assert measured.latency is None


@pytest.mark.parametrize(("senders", "most"), [(0, 2000), (17, 2000), (-1, 2000), (4, 3)])
def test_impossible_senders_are_refused(service: Service, senders: int, most: int) -> None:
    """Fewer than one, more than 16, or more than there may be requests under way."""
    with pytest.raises(ConfigError, match="expected"):
        _run(service, Load((Segment(10, 1),)), senders, most_outstanding=most)
