"""Capacity of a replica on loopback: the steps, the search, what ends it."""

from __future__ import annotations

import time

import pytest
from tests.unit.scale.conftest import Service

from ekiben.errors import NoDataError
from ekiben.scale import replica
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.load.target import Expected, LoadTarget
from ekiben.scale.replica import Reading, Replica

BODY = b'{"instances":[[5.1,3.5,1.4,0.2]]}'
RIGHT = Expected(("setosa",), ((0.9, 0.1),))


class _Told:
    """What a replica would say: 2 ms of CPU time per request, a byte of memory for each."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.settled = 0

    def read(self) -> Reading:
        return Reading(0.002 * len(self.service.bodies), 1e8 + len(self.service.bodies))

    def settle(self) -> None:
        self.settled += 1


def _replica(service: Service) -> tuple[Replica, _Told]:
    own = _Told(service)
    target = LoadTarget(service.url, (BODY,), (RIGHT,), timeout_seconds=1.0)
    return Replica(target, own.read, own.settle, time.monotonic), own


def _hold(service: Service, rate: float, objective: Objective, seconds: float) -> tuple[Step, _Told]:
    found, own = _replica(service)
    step = replica.hold(
        found, rate, objective, seconds=seconds, alpha=0.05, seed=1, on_progress=lambda _progress: None
    )
    return step, own


def test_a_service_that_is_slower_than_the_objective_misses(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of 30 ms against 20 ms: all are bad; CPU time is read around the load, the queue awaited."""
    monkeypatch.setattr(replica, "_WARM_UP_SECONDS", 0.2)
    service.delay_seconds = 0.03
    objective = Objective(0.02, 0.01)
    # A machine that stands still meanwhile makes a step invalid, and it says so: then once more.
    tries = (_hold(service, 600, objective, 1.6) for _ in range(5))
    step, own = next(each for each in tries if each[0].verdict(objective, 0.05) != "invalid")
    assert (step.verdict(objective, 0.05), step.bad) == ("misses", step.requests)
    assert step.cpu_cores == pytest.approx(0.002 * step.answered_rate, rel=0.02)
    assert own.settled == 1


def test_a_rate_that_is_decided_is_not_held_longer(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load of 60 s at which every request is bad ends at the first look."""
    monkeypatch.setattr(replica, "_WARM_UP_SECONDS", 0.1)
    service.delay_seconds = 0.2
    objective = Objective(0.1, 0.01)  # a sender may be late by a share of it

    def held() -> tuple[str, float]:
        began = time.monotonic()
        step, _ = _hold(service, 300, objective, 60)
        return step.verdict(objective, 0.05), time.monotonic() - began

    verdict, took = next(each for each in (held() for _ in range(3)) if each[0] != "invalid")  # as above
    assert verdict == "misses"
    assert took < 20


@pytest.mark.parametrize(("others", "valid"), [(0.02, True), (0.2, False), (None, True)])
def test_a_core_that_others_use_makes_a_step_invalid(others: float | None, *, valid: bool) -> None:
    """In 10 s the replica used 3 s of CPU; its core was busy for 3.2 s, or for 5 s; or nobody says."""
    before = Reading(1.0, 1e8, None if others is None else 50.0)
    after = Reading(4.0, 1e8, None if others is None else 53.0 + 10 * others)
    found = replica._disturbed(before, after, 10.0, 1)
    assert (found == ()) == valid
    assert valid or "others used 20% of the replica's core, expected at most 5%" in found[0]


def test_what_others_may_use_is_a_share_of_all_cores() -> None:
    """0.8 s of 10 s are 8 % of one core and 4 % of two; 2 s are 10 % of them."""
    before = Reading(1.0, 1e8, 50.0)
    assert replica._disturbed(before, Reading(4.0, 1e8, 53.8), 10.0, 1) != ()
    assert replica._disturbed(before, Reading(4.0, 1e8, 53.8), 10.0, 2) == ()
    [told] = replica._disturbed(before, Reading(4.0, 1e8, 55.0), 10.0, 2)
    assert "others used 10% of the replica's 2 cores" in told


def test_a_service_that_fails_is_no_capacity(service: Service) -> None:
    """503 for every request: an error that counts them, before any step."""
    service.status = 503
    found, _ = _replica(service)
    with pytest.raises(NoDataError, match="http status"):
        replica.find(
            found, Objective(0.05, 0.01), seconds=3, alpha=0.05, seed=1,
            on_progress=lambda _progress: None, on_step=lambda _step: None,
        )  # fmt: skip
