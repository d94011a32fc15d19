"""What happened on one walk down the road: the input of its page, and the story it tells."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ekiben.diagnosis.table import milliseconds
from ekiben.scale.load.measurement import LoadMeasurement, SecondSample, counted
from ekiben.scale.load.replicas import ReplicaSample

_MOST_POINTS = 160  # of one line: more only blur


@dataclass(frozen=True, slots=True)
class StationTime:
    """One station, or another thing that took time.

    Attributes:
        name: Of the station.
        seconds: How long it took, seconds.
        made: What came out, in a few words; empty if that is told elsewhere.
        kept: It was found finished from an earlier walk.
    """

    name: str
    seconds: float
    made: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True)
class NextCommand:
    """What to type next.

    Attributes:
        command: As it is typed.
        purpose: What for, in a few words.
    """

    command: str
    purpose: str


@dataclass(frozen=True, slots=True)
class RoadRun:
    """One walk down the road.

    Attributes:
        model: Model tag.
        image: Image by digest, `repository@sha256:...`.
        url: Where predictions are answered.
        revision: Of the Helm release, in words.
        context: Context of the cluster.
        finished_at: ISO 8601.
        stations: In the order of the road.
        request: Body of the prediction that is shown.
        answer: Its answer.
        samples: Replicas during the load; empty if there was none.
        load: What the load measured; None if there was none.
        next_commands: What to type next.
        notes: Anything else that must be said.
    """

    model: str
    image: str
    url: str
    revision: str
    context: str
    finished_at: str
    stations: tuple[StationTime, ...]
    request: Any
    answer: Mapping[str, Any]
    samples: tuple[ReplicaSample, ...] = ()
    load: LoadMeasurement | None = None
    next_commands: tuple[NextCommand, ...] = ()
    notes: tuple[str, ...] = field(default=())


def story(run: RoadRun) -> tuple[str, ...]:
    """Tell what the load did and how the replicas followed, in sentences with numbers."""
    load = run.load
    if load is None:
        return ("No load was sent on this walk.",)
    lost = "none failed" if not load.failed else f"{load.failed} failed ({_failures(load)})"
    sent = f"{load.sent:,} requests were sent in {load.seconds:.0f} s, at times drawn beforehand"
    told = [f"{sent}; {load.ok:,} got the right answer, {lost}."]
    if load.latency is not None:
        half, most = milliseconds(load.latency.p50), milliseconds(load.latency.p99)
        told.append(
            f"Half of the answers came within {half}, 99 % within {most}, both from the intended time."
        )
    told += _followed(run.samples)
    told += [f"This measurement is not valid: {reason}." for reason in load.reasons]
    return tuple(told)


def _failures(load: LoadMeasurement) -> str:
    return counted({name: n for name, n in load.outcomes.items() if name not in ("ok", "pending")})


def _followed(samples: Sequence[ReplicaSample]) -> list[str]:
    """How ready replicas followed wanted ones."""
    if not samples:
        return []
    first, most = samples[0].ready, max(sample.ready for sample in samples)
    if most <= first:
        verb = "was" if first == 1 else "were"
        return [f"{first} {verb} ready all the time; the load did not need more."]
    asked = next(sample.time for sample in samples if sample.desired > first or sample.ready > first)
    reached = next(sample.time for sample in samples if sample.ready == most)
    start = f"{first} replica was" if first == 1 else f"{first} replicas were"
    then = f"more were wanted after {asked:.0f} s, {most} were ready after {reached:.0f} s"
    return [f"{start} ready at the start, {then}."]


@dataclass(frozen=True, slots=True)
class Bin:
    """Some seconds of a load, summed up for a plot.

    Attributes:
        time: Its middle, seconds since the start of the load.
        offered: Requests per second meant to be sent.
        ok: Of these, answered rightly, per second.
        failed: Of these, lost, per second.
        p50_seconds: Median of the seconds' medians; None without answers.
        p99_seconds: The worst second's 99th percentile.
    """

    time: float
    offered: float
    ok: float
    failed: float
    p50_seconds: float | None
    p99_seconds: float | None


def bins(load: LoadMeasurement, *, most: int = _MOST_POINTS) -> tuple[int, tuple[Bin, ...]]:
    """Join seconds so that a plot stays readable.

    Args:
        load: The measurement.
        most: Most bins.

    Returns:
        Seconds per bin, and the bins.
    """
    width = max(1, math.ceil(len(load.series) / most))
    parts = [load.series[at : at + width] for at in range(0, len(load.series), width)]
    return width, tuple(_bin(part, load.seconds) for part in parts)


def _bin(part: Sequence[SecondSample], end: float) -> Bin:
    # The load's last second may be a piece of one; its rate is over that piece.
    begin, finish = part[0].time, min(part[-1].time + 1.0, end)
    seconds = max(finish - begin, 1e-9)
    medians = [sample.p50_seconds for sample in part if sample.p50_seconds is not None]
    tails = [sample.p99_seconds for sample in part if sample.p99_seconds is not None]
    return Bin(
        time=(begin + finish) / 2,
        offered=sum(sample.offered for sample in part) / seconds,
        ok=sum(sample.ok for sample in part) / seconds,
        failed=sum(sample.failed for sample in part) / seconds,
        p50_seconds=statistics.median(medians) if medians else None,
        p99_seconds=max(tails) if tails else None,
    )
