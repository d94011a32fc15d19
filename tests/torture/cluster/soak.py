"""Nothing happens, for long: what must neither grow nor slow down."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from statistics import linear_regression, mean, median

from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.surroundings import loaded
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
_DAY_OF_WHY = "2026-12-01"
WHY = """During the two hours of 2026-12-01 the machine itself became slower, for every process alike.
Thousandths of a core in the first three and in the last three slices, as Prometheus had them: API server
40.5 and 47.6 (+17 %), kubelet 26.7 and 31.3 (+17 %), Prometheus 14.4 and 17.2 (+19 %), all of which did the
same as before; the three pods together 61.2 and 72.0 (+18 %), which is 1.51 of the API server's both times.
Slice by slice the API server took 38 43 41 39 41 39 40 43 44 45 48 50, and p99 was 3.0 2.8 3.2 3.0 7.1 16.1
11.8 4.2 3.4 3.1 4.0 4.2 ms; beside the fourth to ninth simulations ran, at idle priority. Where the machine
was as slow, in the second slice and the tenth, p99 was 2.8 and 3.1 ms. A drift of the pods' own is not
seen, and one of a few tenths of a millisecond cannot be told from the machine's; slices write down the
yardstick since. The soak before it, beside other scenarios, had +59 %.
"""


def soak(run: Run) -> None:
    """Load, and nothing else."""
    if run.part == 0 or run.stage.serving() is None:
        run.stage.calm()
    before, used = _figures(run), _yardstick()
    with loaded(run) as (_, sent):
        sent.hold(run.sizes["seconds"])
    run.notes[_MACHINE] = f"{1000 * (_yardstick() - used) / run.sizes['seconds']:.1f}"
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


def why(parts: Sequence[Result]) -> list[str]:
    """What was found out about p99, if these parts are those that it is about."""
    return [WHY] if parts and parts[-1].started.startswith(_DAY_OF_WHY) else []


def _yardstick() -> float:
    """CPU-seconds so far of the node's own programs.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            name, _, rest = path.read_text(encoding="utf-8", errors="replace").rpartition(") ")
            if name.partition("(")[2] in _YARDSTICK:
                ticks += sum(map(int, rest.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def overall(parts: Sequence[Result]) -> str:
    """What the parts say together: memory once warm, and p99 at the end against the beginning.

    Args:
        parts: Of the soak; the longest row of them on the same pods is judged.

    Returns:
        A sentence; empty if no row is long enough.
    """
    ordered = sorted((each for each in parts if _pods(each)), key=lambda each: each.started)
    rows = [list(row) for _, row in groupby(ordered, key=lambda each: sorted(_pods(each)))]
    longest = max(rows, key=len, default=[])
    if len(longest) < _FEWEST_PARTS:
        return ""
    hours, grown = _hours(longest)[-1], max(_slope(longest, pod) for pod in _pods(longest[0]))
    first, last = (median(map(_p99, some)) for some in (longest[:3], longest[-3:]))
    drift = last / first - 1
    memory = _judged(f"{grown:+.2f} MiB an hour", grown <= _MOST_MIB_PER_HOUR)
    return (
        f"Soak, {hours:.1f} h on the same pods: after the first half hour memory changed by at most "
        f"{memory} (goal: {_MOST_MIB_PER_HOUR:g}); "
        f"p99 was {first:.1f} ms in the first three parts and {last:.1f} ms in the last three, "
        f"{_judged(f'{drift:+.0%}', drift <= _MOST_DRIFT_RATIO)} (goal: {_MOST_DRIFT_RATIO:.0%} more)."
        f"{_machine(longest)}"
    )


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
