"""Nothing happens, for long: what must neither grow nor slow down."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from statistics import linear_regression, mean, median

from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.surroundings import loaded, process_of
from tests.torture.pod.results import Result

_MEMORY = "process_resident_memory_bytes"
# Memory may grow by 1 MiB an hour once a pod is warm; in ten minutes its pages come and go by more than the
# sixth of that, so that a part allows 1 MiB, and `overall` looks at all of them.
_BOUNDS = {
    _MEMORY: (float(1 << 20), "resident memory grew by at most 1 MiB"),
    "process_open_fds": (4.0, "descriptors stayed (at most 4 more)"),
    "series": (0.0, "no series was added"),
}
_SAME_PODS = "the same pods served all the time"
_WARM_HOURS = 0.5
_MOST_MIB_PER_HOUR, _MOST_DRIFT_RATIO = 1.0, 0.1
_FEWEST_PARTS = 6  # half an hour to be warm in, and as much to judge
_P99 = re.compile(r"p99 ([0-9.]+) ms")
# What they do in one slice is what they do in the next: what it takes them is the machine's speed.
_YARDSTICK = ("kube-apiserver", "kubelet")
_MACHINE = "CPU of API server and kubelet"  # thousandths of a core


def soak(run: Run) -> None:
    """Load, and nothing else."""
    if run.part == 0 or run.stage.serving() is None:
        run.stage.calm()
    before, used = _figures(run), _yardstick(run)
    with loaded(run) as (_, sent):
        sent.hold(run.sizes["seconds"])
    run.notes[_MACHINE] = f"{1000 * (_yardstick(run) - used) / run.sizes['seconds']:.1f}"
    after = _figures(run)
    same = before.keys() == after.keys()
    run.check(_SAME_PODS, same, ", ".join(after))
    for name, (most, text) in _BOUNDS.items():
        grown = max((after[pod][name] - before[pod][name] for pod in before if pod in after), default=0.0)
        run.check(text, grown <= most, f"{grown:+g}", figure=True)
        run.notes[name] = ", ".join(f"{found[name]:.0f}" for found in after.values())


def _figures(run: Run) -> dict[str, dict[str, float]]:
    """Of each pod, by name: what must not grow."""
    from tests.e2e.rig import counter

    base = run.stage.serving() or run.stage.first
    return {
        pod: {
            **{name: counter(text, name) for name in _BOUNDS if name != "series"},
            "series": sum(1.0 for line in text.splitlines() if line and not line.startswith("#")),
        }
        for pod, text in base.scrape().items()
    }


def _yardstick(run: Run) -> float:
    """CPU-seconds so far of this cluster's own programs; another one may be on the machine.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    cluster, ticks = run.stage.rig.address.context.removeprefix("ekiben-"), 0
    for program in _YARDSTICK:
        stat = Path("/proc", str(process_of(program, cluster)), "stat")
        rest = stat.read_text(encoding="utf-8", errors="replace").rpartition(") ")[2]
        ticks += sum(map(int, rest.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def overall(parts: Sequence[Result]) -> str:
    """What the parts say together: memory once warm, and p99 at the end against the beginning.

    Args:
        parts: Of the soak; the longest row of them on the same pods is judged, of equal ones the newest.

    Returns:
        Sentences; empty if no row is long enough.
    """
    rows = _rows(parts)
    if not rows:
        return ""
    longest = max(rows, key=lambda row: (len(row), row[0].started))
    hours, grown = _hours(longest)[-1], max(_slope(longest, pod) for pod in _pods(longest[0]))
    first, last, drift = _drift(longest)
    memory = _judged(f"{grown:+.2f} MiB an hour", grown <= _MOST_MIB_PER_HOUR)
    return (
        f"Soak, {hours:.1f} h on the same pods: after the first half hour memory changed by at most "
        f"{memory} (goal: {_MOST_MIB_PER_HOUR:g}); "
        f"p99 was {first:.1f} ms in the first three parts and {last:.1f} ms in the last three, "
        f"{_judged(f'{drift:+.0%}', drift <= _MOST_DRIFT_RATIO)} (goal: {_MOST_DRIFT_RATIO:.0%} more)."
        f"{_machine(longest)}{_others([row for row in rows if row is not longest])}"
    )


def _rows(parts: Sequence[Result]) -> list[list[Result]]:
    """Parts that followed each other on the same pods, where they are long enough to be judged."""
    ordered = sorted((each for each in parts if _pods(each)), key=lambda each: each.started)
    rows = [list(row) for _, row in groupby(ordered, key=lambda each: sorted(_pods(each)))]
    return [row for row in rows if len(row) >= _FEWEST_PARTS]


def _drift(parts: Sequence[Result]) -> tuple[float, float, float]:
    """Of p99: in the first three parts and in the last three, ms, and the growth from one to the other."""
    first, last = (median(map(_p99, some)) for some in (parts[:3], parts[-3:]))
    return first, last, last / first - 1


def _others(rows: Sequence[Sequence[Result]]) -> str:
    """What other soaks of this code came to."""
    told = [
        f"{row[0].started[:16]} {first:.1f} to {last:.1f} ms ({drift:+.0%})"
        for row in rows
        for first, last, drift in [_drift(row)]
    ]
    return f" Other soaks: {'; '.join(told)}." if told else ""


def _machine(parts: Sequence[Result]) -> str:
    """How much slower the machine was at the end, where the parts know."""
    found = [float(each.notes[_MACHINE]) for each in parts if _MACHINE in each.notes]
    if len(found) < len(parts):
        return ""
    slower = mean(found[-3:]) / mean(found[:3]) - 1
    return f" API server and kubelet, whose work was the same, took {slower:+.0%} CPU in the last three."


def _judged(text: str, met: bool) -> str:
    return text if met else f"**{text}, not met**"


def _pods(part: Result) -> list[str]:
    """Names, in the order of the figures; none if they were not the same all the time."""
    found = next((each for each in part.checks if each.what == _SAME_PODS and each.passed), None)
    return found.found.split(", ") if found else []


def _hours(parts: Sequence[Result]) -> list[float]:
    """When each ended, since the first began."""
    began = datetime.fromisoformat(parts[0].started)
    return [
        ((datetime.fromisoformat(each.started) - began).total_seconds() + each.seconds) / 3600
        for each in parts
    ]


def _slope(parts: Sequence[Result], pod: str) -> float:
    """Of a pod's resident memory once it is warm, MiB an hour, by least squares."""
    points = [
        (hours, float(each.notes[_MEMORY].split(", ")[_pods(each).index(pod)]) / (1 << 20))
        for hours, each in zip(_hours(parts), parts, strict=True)
        if hours >= _WARM_HOURS
    ]
    return linear_regression(*zip(*points, strict=True)).slope


def _p99(part: Result) -> float:
    found = _P99.search(part.notes["latency"])
    assert found, part.notes
    return float(found[1])


SOAK = Scenario(
    name="soak",
    action="nothing, for 2 hours in slices of 10 minutes; the others may run beside it, in another namespace",
    load="50 requests/s",
    passes="0 failed; memory, descriptors and series stay",
    sizes={"rate": 50, "seconds": 600},
    parts=12,
    minutes=122,
    act=soak,
)
