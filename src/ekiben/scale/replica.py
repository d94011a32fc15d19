"""Capacity of one running replica: steps of open-loop load, each held until it is decided."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ekiben.scale.capacity.judging import judged
from ekiben.scale.capacity.search import Capacity, Plan, search
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.load import generator, schedule
from ekiben.scale.load.progress import Progress
from ekiben.scale.load.target import LoadTarget

if TYPE_CHECKING:
    from ekiben.scale.load.records import Sent

_WARM_UP_SECONDS = 1.0
_CALLERS = 16  # of the closed loop: more than a replica works on at once, few enough not to be refused
_SATURATION_SHARE = 0.06  # of the time that there is
_STEP_SHARE = 0.12
_LEAST_STEP_SECONDS = 3.0
# Of its cores: kernel threads and ticks of 10 ms make some; queues feel more than this.
_OTHERS_RATIO = 0.05
_FIRST, _LEAST = 1 / 8, 1 / 64  # of the saturated rate: four steps of doubling reach it


@dataclass(frozen=True, slots=True)
class Reading:
    """What a replica says of itself.

    Attributes:
        cpu_seconds: CPU time so far.
        memory_bytes: Resident memory.
        core_seconds: CPU time so far of all processes on its cores, and time that a hypervisor took; None if
            it has no cores of its own, or the machine does not say.
    """

    cpu_seconds: float
    memory_bytes: float
    core_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Replica:
    """A running replica and the ways to ask it.

    Attributes:
        target: Where the load goes, with right answers.
        read: Reads its CPU time and memory.
        settle: Waits until it is done with what it has been sent.
        clock: Monotonic seconds.
        cores: That it has for itself.
    """

    target: LoadTarget
    read: Callable[[], Reading]
    settle: Callable[[], None]
    clock: Callable[[], float]
    cores: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a replica.

    Attributes:
        capacity: C* and the steps.
        saturation_rate: Right answers per second at most.
        memory_bytes: Largest resident memory that was read.
        most_rate: Highest rate that could have been held, requests/s.
    """

    capacity: Capacity
    saturation_rate: float
    memory_bytes: float
    most_rate: float


def find(
    replica: Replica,
    objective: Objective,
    *,
    seconds: float,
    alpha: float,
    seed: int,
    on_progress: Callable[[Progress], None],
    on_step: Callable[[Step], None],
) -> Found:
    """Find the capacity of a replica.

    Args:
        replica: It.
        objective: What is asked.
        seconds: Time for all of it, seconds.
        alpha: Probability that the decision about a rate is wrong, 0-1.
        seed: Of the send times.
        on_progress: Told about every half second of load.
        on_step: Told after each step.

    Raises:
        NoDataError: Failed answers at saturation, or fewer than two valid steps.
        AcceptanceError: No rate meets the objective.
    """
    until = replica.clock() + seconds
    most_seconds = max(_LEAST_STEP_SECONDS, _STEP_SHARE * seconds)
    share = max(1.0, _SATURATION_SHARE * seconds / 2)
    generator.saturate(replica.target, concurrency=_CALLERS, seconds=share, seed=seed)  # warm caches
    saturated = generator.saturate(replica.target, concurrency=_CALLERS, seconds=share, seed=seed)
    memory = [replica.read().memory_bytes]

    def measure(rate: float) -> Step:
        step = hold(
            replica, rate, objective, alpha=alpha, seed=seed, on_progress=on_progress,
            seconds=max(_LEAST_STEP_SECONDS, min(most_seconds, until - replica.clock())),
        )  # fmt: skip
        memory.append(replica.read().memory_bytes)
        on_step(step)
        return step

    first = min(max(1.0, saturated * _FIRST), schedule.MAX_RATE)
    plan = Plan(first, min(first, saturated * _LEAST), schedule.MAX_RATE, alpha)
    found = search(measure, objective, plan, lambda: replica.clock() < until - _LEAST_STEP_SECONDS)
    return Found(found, saturated, max(memory), plan.most_rate)


def hold(
    replica: Replica,
    rate: float,
    objective: Objective,
    *,
    seconds: float,
    alpha: float,
    seed: int,
    on_progress: Callable[[Progress], None],
) -> Step:
    """Hold a rate of Poisson arrivals until it is decided, or the time is over.

    Args:
        replica: It.
        rate: Requests per second.
        objective: What is asked.
        seconds: Longest time, seconds.
        alpha: Probability of a wrong decision, 0-1.
        seed: Of the send times.
        on_progress: Told about every half second.
    """
    stop = threading.Event()

    def look(now: float, sent: Sent) -> None:
        step = judged(sent, rate, objective, warm_up_seconds=_WARM_UP_SECONDS, now=now, cpu_cores=None)
        # What makes a step invalid may pass; its end judges it.
        if step.requests and step.decided(objective, alpha):
            stop.set()

    load = schedule.Load((schedule.Segment(rate, seconds),), "poisson")
    before, began = replica.read(), replica.clock()
    _, sent = generator.record(
        replica.target, load, seed=seed, on_progress=on_progress, on_second=look, stop=stop
    )
    after, wall = replica.read(), replica.clock() - began
    used = after.cpu_seconds - before.cpu_seconds
    replica.settle()
    now = sent.ended
    step = judged(
        sent, rate, objective, warm_up_seconds=_WARM_UP_SECONDS, now=now, cpu_cores=used / max(now, 1e-9)
    )
    return dataclasses.replace(step, faults=(*step.faults, *_disturbed(before, after, wall, replica.cores)))


def _disturbed(before: Reading, after: Reading, wall_seconds: float, cores: int) -> tuple[str, ...]:
    """Say that others used the replica's cores: then the step measured the machine, not the replica."""
    if before.core_seconds is None or after.core_seconds is None or wall_seconds <= 0:
        return ()
    used = after.cpu_seconds - before.cpu_seconds
    others = (after.core_seconds - before.core_seconds - used) / (wall_seconds * cores)
    if others <= _OTHERS_RATIO:
        return ()
    return (
        (
            f"others used {others:.0%} of the replica's {_cores(cores)}, "
            f"expected at most {_OTHERS_RATIO:.0%}; end what else runs on this machine"
        ),
    )


def _cores(count: int) -> str:
    return "core" if count == 1 else f"{count} cores"
