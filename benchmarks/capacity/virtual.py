"""The product's search against a virtual replica: a queue on a virtual clock, with recorded service times.

Runs of consecutive requests are drawn, not single ones: a replica that was slow for a moment was slow for all
requests of it. Requests are served one after the other, first come, first served; a real pod takes those that
wait as one batch, so a virtual C* is another one than the pod's, with a truth of its own.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.capacity.live import ALPHA, Times
from ekiben.errors import AcceptanceError, NoDataError
from ekiben.scale import replica
from ekiben.scale.capacity.step import Objective
from ekiben.scale.load import schedule
from ekiben.scale.load.records import Outcome, Records, Sent
from ekiben.scale.load.target import LoadTarget
from ekiben.scale.simulation.queueing import Queue

_TICK_SECONDS = 0.02  # a sender asks so often whether it is to stop
_MOST_IN_PROGRESS = 512  # a pod refuses more
_CHUNK, _LONGEST = 500_000, 6_000_000  # requests of the long run
_BATCHES = 50  # of a chunk, for the error of its share
_SURE = 3.3  # standard errors: wrong once in a thousand
_HALVINGS = 9


class Virtual:
    """A replica that answers on a clock of its own; stands for `ekiben.scale.load.generator`.

    Args:
        services: Seconds, shape (runs, requests of a run); runs are drawn.
        seed: Draws them.
    """

    def __init__(self, services: Times, seed: int) -> None:
        self._services = services
        self._generator = np.random.default_rng([seed, 1])
        self._now = self._busy = 0.0

    def replica(self) -> replica.Replica:
        """It, as the search is given one."""
        nobody = LoadTarget("http://127.0.0.1:9/predict", (b"",))
        return replica.Replica(
            nobody, lambda: replica.Reading(self._busy, 1.0), lambda: None, lambda: self._now
        )

    def draw(self, count: int) -> Times:
        """Service times of so many requests."""
        runs, length = self._services.shape
        drawn: Times = self._services[self._generator.integers(runs, size=count // length + 1)].ravel()[
            :count
        ]
        return drawn

    def saturate(self, _target: LoadTarget, *, seconds: float, **_: Any) -> float:
        """Answer as fast as it can."""
        self._now += seconds
        self._busy += seconds
        return 1 / float(self.draw(max(1, int(seconds / self._services.mean()))).mean())

    def record(
        self,
        _target: LoadTarget,
        load: schedule.Load,
        *,
        seed: int,
        on_second: Callable[[float, Sent], None],
        stop: threading.Event,
        **_: Any,
    ) -> tuple[int, Sent]:
        """Play a load, with a look every second."""
        times = np.frombuffer(schedule.intended_times(load, seed), np.float64)
        queue, services = Queue(1), self.draw(len(times))
        patience = _MOST_IN_PROGRESS * float(self._services.mean())
        ends = np.asarray(queue.take(times.tolist(), services.tolist(), patience))
        refused = np.isinf(ends)
        ends = np.where(refused, times, ends)
        last = max(load.seconds, float(ends.max(initial=0.0)))
        now = 0.0
        while now < last and not stop.is_set():
            on_second(now, _seen(times, ends, refused, now))
            now += 1.0
        ended = last if not stop.is_set() else min(last, now - 1.0 + _TICK_SECONDS)
        self._now += ended
        self._busy += queue.busy_seconds(ended) if ended < last else queue.work
        sent = _seen(times, ends, refused, ended)
        sent.seconds, sent.interrupted = min(load.seconds, ended), stop.is_set()
        return len(times), sent


def _seen(times: Times, ends: Times, refused: np.ndarray[Any, np.dtype[np.bool_]], now: float) -> Sent:
    """What a sender's books say at a time."""
    count = int(np.searchsorted(times, now, side="right"))
    times, ends, refused = times[:count], ends[:count], refused[:count]
    done = ends <= now
    outcome = np.where(done, np.where(refused, Outcome.HTTP_STATUS, Outcome.OK), Outcome.PENDING)
    records = Records(
        _column("d", times), _column("d", times), _column("d", np.where(done, ends - times, 0.0)),
        _column("B", outcome.astype(np.uint8)), array("H", bytes(2 * count)), array("H", bytes(2 * count)),
    )  # fmt: skip
    under_way = float((np.minimum(ends, now) - times).sum())
    return Sent(records, seconds=0.0, ended=now, outstanding_seconds=under_way)


def _column(kind: str, values: np.ndarray[Any, np.dtype[Any]]) -> array[Any]:
    return array(kind, values.tobytes())


def searched(services: Times, objective: Objective, seconds: float, seed: int) -> dict[str, Any]:
    """Search for C* of a virtual replica by `replica.find`, and find the bad share there.

    Returns:
        C*, or why there is none; the share from a very long run.
    """
    virtual = Virtual(services, seed)
    # The search knows one way to send; here it gets another one, and nothing else of it is replaced.
    with mock.patch.object(replica, "generator", virtual):
        try:
            found = replica.find(
                virtual.replica(), objective, seconds=seconds, alpha=ALPHA, seed=seed,
                on_progress=lambda _progress: None, on_step=lambda _step: None,
            )  # fmt: skip
        except (NoDataError, AcceptanceError) as error:
            return {"rate": None, "why": str(error).splitlines()[0]}
    share, requests = share_at(services, found.capacity.rate, objective, seed)
    return {
        "rate": found.capacity.rate, "estimate": found.capacity.estimate,
        "steps": len(found.capacity.steps), "seconds": virtual.replica().clock(),
        "bad_ratio": share, "requests": requests,
    }  # fmt: skip


def share_at(
    services: Times, rate: float, objective: Objective, seed: int, longest: int = _LONGEST
) -> tuple[float, int]:
    """The share of bad requests at a rate: run until it is told from what is allowed, or very long.

    Not by the queue of the search but by D. Lindley's recursion, "The theory of queues with a single server",
    Proceedings of the Cambridge Philosophical Society 48(2), 1952: another way, and twenty times as fast.

    Returns:
        The share, 0-1, and of how many requests.
    """
    virtual, generator = Virtual(services, seed + 1_000_000), np.random.default_rng([seed, 2])
    length, batches = _CHUNK // _BATCHES, np.zeros(0)
    waited, served = 0.0, 0.0  # by the request before
    while len(batches) * length < longest:
        drawn = virtual.draw(_CHUNK)
        before = np.concatenate([[served], drawn[:-1]])
        left = waited + np.cumsum(before - generator.exponential(1 / rate, _CHUNK))
        waits = left - np.minimum(np.minimum.accumulate(left), 0.0)
        waited, served = float(waits[-1]), float(drawn[-1])
        late = (waits + drawn > objective.latency_seconds).reshape(_BATCHES, -1).mean(axis=1)
        batches = np.append(batches, late)
        error = float(batches.std(ddof=1)) / len(batches) ** 0.5
        if abs(float(batches.mean()) - objective.bad_ratio) > _SURE * error:
            break
    return float(batches.mean()), len(batches) * length


def capacity(services: Times, objective: Objective) -> float:
    """The rate at which the share of bad requests of a virtual replica is what is allowed, requests/s."""
    low, high = 0.0, 1 / float(services.mean())
    for number in range(_HALVINGS):
        middle = (low + high) / 2
        share, _ = share_at(services, middle, objective, number)
        low, high = (middle, high) if share <= objective.bad_ratio else (low, middle)
    return (low + high) / 2
