"""Live against simulated: the differences, and whether they are within what was promised: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.live import journal, validity
from tests.live.journal import Record
from tests.live.running import each_second

P99_RATIO = 0.15
VIOLATING_RATIO, VIOLATING_POINTS = 0.20, 0.002  # the larger of the two counts
REPLICAS = 0.3  # mean over the seconds of the absolute difference
RUNS = 12
_DESIRED = 1  # column of a look


@dataclass(frozen=True, slots=True)
class Difference:
    """One run beside its replay.

    Attributes:
        policy: Of the run.
        shape: Of its load.
        p99_seconds: Live and simulated; None where nothing was answered.
        violating_ratio: Live and simulated, 0-1.
        replicas: Mean absolute difference of those asked for, over the seconds.
        p99_range: Least and largest of the replays, seconds.
        violating_range: The same, 0-1.
    """

    policy: str
    shape: str
    p99_seconds: tuple[float | None, float]
    violating_ratio: tuple[float, float]
    replicas: float
    p99_range: tuple[float, float]
    violating_range: tuple[float, float]

    @property
    def p99_ratio(self) -> float:
        """Simulated over live, less 1; infinity where live has none."""
        live, found = self.p99_seconds
        return found / live - 1 if live else float("inf")

    @property
    def p99_within(self) -> bool:
        """Within 15 %."""
        return abs(self.p99_ratio) <= P99_RATIO

    @property
    def violating_within(self) -> bool:
        """Within 0.2 points or a fifth."""
        live, found = self.violating_ratio
        return abs(found - live) <= max(VIOLATING_POINTS, VIOLATING_RATIO * live)

    @property
    def replicas_within(self) -> bool:
        """Within 0.3 of a pod."""
        return self.replicas <= REPLICAS

    @property
    def within(self) -> bool:
        """All three."""
        return self.p99_within and self.violating_within and self.replicas_within


def difference(run: Mapping[str, Any], replay: Mapping[str, Any]) -> Difference:
    """Lay a run beside its replay."""
    return Difference(
        run["policy"],
        run["shape"],
        (run["latency"]["0.99"], replay["p99_seconds"]),
        (run["bad"] / run["requests"], replay["violating_ratio"]),
        apart(each_second(run["looks"], _DESIRED, len(replay["replicas"])), replay["replicas"]),
        tuple(replay["p99_range"]),
        tuple(replay["violating_range"]),
    )


def apart(live: Sequence[float], found: Sequence[float]) -> float:
    """Mean absolute difference of two paths of one length; 0 of none."""
    return sum(abs(one - other) for one, other in zip(live, found, strict=True)) / max(1, len(live))


def differences(records: Sequence[Record]) -> list[Difference]:
    """Of each valid run that was replayed, with its newest replay."""
    replays = {each["of"]: each for each in journal.of(records, "replay")}
    return [difference(run, replays[journal.name(run)]) for run in compared(records)]


def compared(records: Sequence[Record]) -> Iterator[Record]:
    """Valid runs that were replayed."""
    replays = {each["of"] for each in journal.of(records, "replay")}
    yield from (run for run in valid_runs(records) if journal.name(run) in replays)


def valid_runs(records: Sequence[Record]) -> Iterator[Record]:
    """Runs that count, on the newest replicas that count, oldest first."""
    basis = journal.replica(records)
    if basis is not None:
        yield from (each for each in journal.under(records, "run", basis) if not validity.of_run(each))


def verdict(found: Sequence[Difference]) -> str:
    """What the runs say together, in one sentence; missed is said with the number."""
    if not found:
        return "No run was compared yet."
    within = sum(each.within for each in found)
    text = (
        f"**{within} of {len(found)} runs are within all three bounds** "
        f"(p99 {sum(each.p99_within for each in found)}, "
        f"violations {sum(each.violating_within for each in found)}, "
        f"replicas {sum(each.replicas_within for each in found)})"
    )
    if len(found) < RUNS:
        return f"{text}; {RUNS} are needed."
    return f"{text}: the goal is {'met' if within == len(found) else 'missed'}."
