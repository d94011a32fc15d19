"""What is measured on a running replica: the search, a round of the truth, service times."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.capacity.models import Spec
from ekiben.road.pinned import Pinned
from ekiben.scale import replica
from ekiben.scale.capacity import judging
from ekiben.scale.capacity.step import Objective
from ekiben.scale.load import generator, schedule, sender, target, undisturbed
from ekiben.scale.load.records import Outcome, Sent

LEFT_OUT_SECONDS = 5.0  # at the begin of each rate: the queue is still that of the one before
ALPHA = 0.05  # that of `ekiben plan`
_OTHERS_RATIO = 0.05  # of the core: what makes a step of the product's search invalid
_COUNT_SECONDS = 5.0
_RUN, _RUNS = 100, 100  # consecutive requests that are kept together, and how often
Times = npt.NDArray[np.float64]


def searched(here: Pinned, spec: Spec, seconds: float, seed: int) -> dict[str, Any]:
    """Search for C* as `ekiben plan` does.

    Raises:
        NoDataError: Too few valid steps.
        AcceptanceError: No rate meets the objective.
    """
    clock = here.replica.clock
    began = clock()
    found = replica.find(
        here.replica, spec.objective, seconds=seconds, alpha=ALPHA, seed=seed,
        on_progress=lambda _progress: None, on_step=lambda _step: None,
    )  # fmt: skip
    capacity = found.capacity
    return {
        "rate": capacity.rate, "failing_rate": capacity.failing_rate, "estimate": capacity.estimate,
        "limited": capacity.limited, "saturation_rate": found.saturation_rate, "form": here.form,
        "seconds": clock() - began + here.start_seconds,
        "steps": [asdict(step) | {"verdict": step.verdict(spec.objective, ALPHA)} for step in capacity.steps],
    }  # fmt: skip


def saturated(here: Pinned, seed: int) -> float:
    """Right answers per second at most, when nothing was searched; also warms the replica up."""
    return generator.saturate(here.replica.target, concurrency=16, seconds=5.0, seed=seed)


def held(
    here: Pinned, spec: Spec, rates: Sequence[float], seconds: float, left_out: float, seed: int
) -> dict[str, Any]:
    """Hold some rates, one after the other.

    Args:
        here: The replica.
        spec: Its model.
        rates: Requests per second.
        seconds: Of each, seconds.
        left_out: At the begin of each, seconds.
        seed: Of the send times.

    Returns:
        Counts of each rate, the sender's lag, and why it is invalid, if it is.
    """
    load = schedule.Load(tuple(schedule.Segment(rate, seconds) for rate in rates), "poisson")
    own = here.replica
    before, began = own.read(), own.clock()
    planned, sent = generator.record(own.target, load, seed=seed)
    after, wall = own.read(), own.clock() - began
    own.settle()
    used = after.cpu_seconds - before.cpu_seconds
    step = judging.judged(
        sent, load.requests / load.seconds, spec.objective,
        warm_up_seconds=left_out, now=sent.ended, cpu_cores=used / max(sent.ended, 1e-9),
    )  # fmt: skip
    others = _others(before, after, wall)
    faults = [*step.reasons(spec.objective), *_disturbed(others)]
    if sent.interrupted:
        faults.append("it was interrupted")
    return {
        "planned": planned, "sent": len(sent.records), "seconds": load.seconds, "faults": faults,
        "lag_p99_seconds": step.lag_p99_seconds, "others_ratio": others, "cpu_cores": step.cpu_cores,
        "blocks": counted(sent, rates, seconds, left_out, spec.objective),
    }  # fmt: skip


def _others(before: replica.Reading, after: replica.Reading, wall_seconds: float) -> float | None:
    """Share of the replica's core that others used, 0-1; None where that is not known."""
    if before.core_seconds is None or after.core_seconds is None:
        return None
    used = after.cpu_seconds - before.cpu_seconds
    return (after.core_seconds - before.core_seconds - used) / wall_seconds


def _disturbed(others: float | None) -> list[str]:
    if others is None or others <= _OTHERS_RATIO:
        return []
    return [f"others used {others:.0%} of the replica's core"]


def counted(
    sent: Sent, rates: Sequence[float], seconds: float, left_out: float, objective: Objective
) -> list[dict[str, Any]]:
    """Count the bad requests of each rate, by intended time: in all, and every five seconds."""
    records = sent.records
    intended, latency = (np.frombuffer(column, np.float64) for column in (records.intended, records.latency))
    outcome = np.frombuffer(records.outcome, np.uint8)
    bad = (latency > objective.latency_seconds) | (outcome != Outcome.OK)
    found = []
    for number, rate in enumerate(rates):
        begin, end = number * seconds + left_out, (number + 1) * seconds
        edges = np.append(np.arange(begin, end - 1e-9, _COUNT_SECONDS), end)
        here = (intended >= begin) & (intended < end)
        counts = [np.histogram(intended[which], edges)[0].tolist() for which in (here, here & bad)]
        found.append(
            {"rate": rate, "requests": int(here.sum()), "bad": int((here & bad).sum()), "counts": counts}
        )
    return found


def served(here: Pinned, seconds: float, seed: int) -> dict[str, Any]:
    """Time requests that come one after the other, and what CPU time the replica used for them.

    Returns:
        Runs of consecutive round trips, in microseconds, evenly over the time; and CPU-seconds per request.
    """
    own = here.replica
    found = target.endpoint(own.target.url, own.target.networks)

    async def main() -> Sent:
        caller = sender.Sender(own.target, found, seed=seed, most_outstanding=1)
        return await sender.saturate(caller, concurrency=1, seconds=seconds, stopped=lambda: False)

    generator.saturate(own.target, concurrency=1, seconds=min(2.0, seconds), seed=seed)  # warm caches
    before, began = own.read(), own.clock()
    sent = undisturbed.looped(main, threading.Event())
    after, wall = own.read(), own.clock() - began
    used, others = after.cpu_seconds - before.cpu_seconds, _others(before, after, wall)
    right = np.frombuffer(sent.records.outcome, np.uint8) == Outcome.OK
    trips = np.frombuffer(sent.records.latency, np.float64)[right]
    runs = len(trips) // _RUN
    kept = np.unique(np.linspace(0, max(0, runs - 1), min(runs, _RUNS)).astype(int))
    return {
        "others_ratio": others, "faults": _disturbed(others),
        "requests": len(trips), "cpu_seconds": used / max(1, len(trips)),
        "mean_seconds": float(trips.mean()) if len(trips) else 0.0,
        "trips_microseconds": [
            np.round(trips[run * _RUN : (run + 1) * _RUN] * 1e6).astype(int).tolist() for run in kept
        ],
    }  # fmt: skip


def services(record: dict[str, Any]) -> Times:
    """Service times of what `served` recorded, seconds, shape (runs, requests of a run).

    A round trip holds, besides what the replica does, the sender, the wire and the waking up of two idle
    processes. That is taken as constant: as much as the mean exceeds the CPU time of a request. Its variation
    stays in the service times, which makes the queue a little worse than it is.
    """
    trips = np.asarray(record["trips_microseconds"], np.float64) * 1e-6
    floor = max(0.0, float(record["mean_seconds"]) - float(record["cpu_seconds"]))
    found: Times = np.maximum(trips - floor, 0.1 * float(record["cpu_seconds"]))
    return found
