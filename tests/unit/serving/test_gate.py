"""Admission: what is counted, who is let in, and what a refusal says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ekiben.serving.caller import Caller
from ekiben.serving.gate import Gate, Limits
from ekiben.serving.instruments import Instruments
from ekiben.serving.journal import Journal
from ekiben.serving.problem import RefusedError
from ekiben.serving.rate import Rate

EVERYTHING = frozenset({"predict", "metadata"})
MODEL = SimpleNamespace(name="small", version="1", sha256="sha256:0")


class Door:
    """Knows `ann`, and `bob` who may only read metadata; cannot tell about `new` yet."""

    def credential(self, headers: Any) -> bytes:
        return headers.get(b"name", b"")  # type: ignore[no-any-return]

    def leave(self, credential: bytes, group: Any, peer: str) -> Caller:
        del peer
        name = credential.decode()
        if name == "new":
            raise RefusedError(503, "not_ready", "your issuer's keys are on their way")
        if name not in ("ann", "bob"):
            raise RefusedError(401, "unauthenticated", "who are you")
        if name == "bob" and group != "metadata":
            raise RefusedError(403, "forbidden", "not you")
        return Caller(name, EVERYTHING)  # type: ignore[arg-type]


class Life:
    """A pod that is ready."""

    def __init__(self) -> None:
        self.ready, self.arrivals = True, 0

    def arrived(self, now: float) -> None:
        assert now <= time.monotonic()
        self.arrivals += 1


@pytest.fixture
def instruments() -> Instruments:
    """Counters from zero."""
    return Instruments(MODEL, "none")


@pytest.fixture
def journal(instruments: Instruments) -> Iterator[Journal]:
    """A journal that tells of everything, to nobody."""
    sink = os.open(os.devnull, os.O_WRONLY)
    found = Journal(1.0, instruments.log_dropped, output=sink)
    yield found
    found.close()
    os.close(sink)


@pytest.fixture
def life() -> Life:
    """A ready pod."""
    return Life()


@pytest.fixture
def gate(instruments: Instruments, journal: Journal, life: Life) -> Gate:
    """A gate with room for two, and two requests per second and caller."""
    limits = Limits(in_progress=2, seconds=5, rate=Rate(2, burst=3))
    return Gate(Door(), limits, instruments, journal, life)  # type: ignore[arg-type]


def admitted(gate: Gate, group: Any = "predict", name: bytes = b"ann") -> Any:
    visit = gate.arrive("/predict", "POST")
    visit.admit(group, {b"name": name}, "10.0.0.1")
    return visit


def refusal(gate: Gate, group: Any = "predict", name: bytes = b"ann") -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        admitted(gate, group, name)
    return caught.value


def test_strangers_and_the_unauthorised_are_refused(gate: Gate) -> None:
    """401 for whom nobody knows, 403 for who may not; neither takes room."""
    assert refusal(gate, name=b"eve").status == 401
    assert refusal(gate, name=b"bob").status == 403
    assert gate.in_progress == 0
    assert admitted(gate, "metadata", b"bob").caller.name == "bob"


def test_each_decision_is_counted_as_what_it_was(gate: Gate, instruments: Instruments) -> None:
    """One for each of: let in, unknown, not entitled, and nobody can tell yet."""
    admitted(gate)
    for name in (b"eve", b"bob", b"new"):
        refusal(gate, name=name)
    text = b"".join(instruments.parts("")).decode()
    for outcome in ("allowed", "unauthenticated", "forbidden", "undecided"):
        assert f'access_decisions_total{{outcome="{outcome}"}} 1' in text


def test_probes_are_never_asked(gate: Gate, life: Life) -> None:
    """They bring no name, take no room, and do not keep a draining pod awake."""
    admitted(gate, "probe", b"")
    assert (gate.in_progress, life.arrivals) == (0, 0)


def test_room_is_taken_and_given_back_once(gate: Gate) -> None:
    """The third prediction at once is refused; an end that is told twice frees one place."""
    first, _ = admitted(gate), admitted(gate)
    error = refusal(gate)
    assert (error.status, dict(error.headers)) == (503, {b"retry-after": b"1"})
    first.end(200)
    first.end(200)
    assert gate.in_progress == 1


def test_each_caller_has_its_own_rate(gate: Gate) -> None:
    """Three at once, then 429 with a time to come back."""
    for _ in range(3):
        admitted(gate).end(200)
    error = refusal(gate)
    assert (error.status, error.reason, dict(error.headers)) == (429, "rate", {b"retry-after": b"1"})


def test_what_cannot_be_done_in_time_is_refused_early(gate: Gate) -> None:
    """A wait that is longer than the deadline is told, not tried."""
    gate.watch(SimpleNamespace(backlog_seconds=lambda: 7.2))
    error = refusal(gate)
    assert (error.status, dict(error.headers)) == (503, {b"retry-after": b"8"})


def test_before_the_model_is_there(gate: Gate, life: Life) -> None:
    """Predictions wait for readiness, metadata does not."""
    life.ready = False
    assert refusal(gate).status == 503
    admitted(gate, "metadata")


def test_every_request_is_counted_once_each_way(gate: Gate, instruments: Instruments) -> None:
    """At receipt and at its end, with the status that was sent."""
    admitted(gate).end(200)
    refused = gate.arrive("/predict", "POST")
    refused.end(401)
    refused.end(200)
    visits = instruments.visits("/predict", "POST")
    assert (visits.arrivals, visits.in_progress) == (2, 0)
    assert {status: each.count for status, each in visits.by_status.items() if each.count} == {200: 1, 401: 1}


def test_rates_are_exact_over_time() -> None:
    """At 4 per second with a burst of 2: two at once, then one each quarter of a second."""
    rate = Rate(4, burst=2)
    assert [rate.take("a", 10.0) for _ in range(2)] == [0, 0]
    assert rate.take("a", 10.0) == pytest.approx(0.25)
    assert rate.take("a", 10.24) > 0
    assert rate.take("a", 10.25) == 0
    passed = sum(rate.take("a", 11 + step / 1000) == 0 for step in range(10_000))
    assert passed == 41  # one at once more than 40 in ten seconds, as the burst allows


def test_rates_forget_callers_and_stay_small() -> None:
    """As many callers are remembered as allowed; who was forgotten begins anew."""
    rate = Rate(0.001, burst=1, most_callers=100)
    for number in range(1_000):
        assert rate.take(str(number), 0.0) == 0
    assert rate.take("999", 0.0) > 0
    assert rate.take("0", 0.0) == 0


def test_deadlines_begin_at_the_receipt(gate: Gate) -> None:
    """An answer is of use for as long as a request may take."""
    visit = gate.arrive("/predict", "POST")
    assert visit.deadline - visit.started == 5
    assert abs(visit.started - time.monotonic()) < 1
