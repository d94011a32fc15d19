"""Pods that were loaded for hours, asked in turn with new ones of the same release.

A soak compares its end with its beginning, and the machine is not the same at both: neighbours come and go,
its clock is shared. What hours did to a pod is what it takes longer for than a new one, at one time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from tests.torture.cluster import questions
from tests.torture.cluster.load import Tally, quantile, sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import RELEASE, REPLICAS, Stage
from tests.torture.pod.results import Result

_BESIDE = "-new"  # namespace of the new ones: that of the others, and this
_LEAST_HOURS = 1.5
_MOST_RATIO = 1.1  # p99 of the pods that were loaded, against new ones at the same time
_WARM_SECONDS = 60.0
_BOTH = ("loaded", "new")
_JUDGED = "p99 is at most a tenth above that of new pods"


def aged(run: Run) -> None:
    """Both in turns, in an order that is drawn for each pair."""
    old = run.stage
    hours = _youngest_hours(old)
    if hours < _LEAST_HOURS:
        run.not_tested(f"the pods are {hours:.1f} h old: run the soak before, and release nothing after it")
    found: dict[str, list[Tally]] = {name: [] for name in _BOTH}
    with _beside(old) as new:
        stages = dict(zip(_BOTH, (old, new), strict=True))
        _ask(run, new, _WARM_SECONDS)
        for _ in range(run.size("pairs")):
            for name in run.draw.sample(_BOTH, 2):
                found[name].append(_ask(run, stages[name], run.sizes["seconds"]))
    whole = {
        name: Tally([call for each in tallies for call in each.calls]) for name, tallies in found.items()
    }
    p99 = {name: 1e3 * quantile(each.calls, 0.99) for name, each in whole.items()}
    run.none_failed(Tally([call for each in whole.values() for call in each.calls]))
    run.notes |= {
        "age": f"{hours:.1f} h",
        "p50": _both({name: 1e3 * quantile(each.calls, 0.5) for name, each in whole.items()}),
        "p99": _both(p99),
        "p99 of each turn": "; ".join(
            f"{name} " + " ".join(f"{1e3 * quantile(each.calls, 0.99):.1f}" for each in tallies)
            for name, tallies in found.items()
        ),
    }
    ratio = p99["loaded"] / p99["new"]
    run.check(_JUDGED, ratio <= _MOST_RATIO, f"{ratio:.3f}", figure=True)


def overall(parts: Sequence[Result]) -> str:
    """What the newest run says of p99; empty if there is none."""
    judged = [(each, check) for each in parts for check in each.checks if check.what == _JUDGED]
    if not judged:
        return ""
    part, check = judged[-1]
    ratio = check.found if check.passed else f"**{check.found}, not met**"
    return (
        f"Asked in {AGED.sizes['pairs']:g} turns each with new pods of the same release, once they were "
        f"{part.notes['age']} old: p99 {part.notes['p99']}, a ratio of {ratio} (goal: at most "
        f"{_MOST_RATIO:g}). This is what hours did to them; the drift within the soak has the machine's "
        "in it."
    )


def _both(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f} ms" for name, value in found.items())


def _ask(run: Run, of: Stage, seconds: float) -> Tally:
    """Send to one of them for a while."""
    asked = questions.draw(run.stage.models, run.draw)
    with sending(of.address(), asked, run.sizes["rate"]) as sent:
        sent.hold(seconds)
    return sent.tally


def _youngest_hours(of: Stage) -> float:
    """Age of the youngest of a release's pods; 0 where none serves."""
    pods = of.rig.kubectl(
        "get", "pods", "-n", of.namespace, "-l", f"app.kubernetes.io/instance={RELEASE}",
        "-o", "jsonpath={.items[*].status.startTime}",
    ).split()  # fmt: skip
    if len(pods) < REPLICAS:
        return 0.0
    youngest = max(map(datetime.fromisoformat, pods))
    return (datetime.now(UTC) - youngest).total_seconds() / 3600


@contextmanager
def _beside(old: Stage) -> Iterator[Stage]:
    """The version that serves, released anew in a namespace of its own, which goes afterwards."""
    new = replace(old, namespace=f"{old.namespace}{_BESIDE}")
    serving = old.serving()
    assert serving is not None
    try:
        new.calm(new.first if serving.root == new.first.root else new.second)
        time.sleep(2)
        yield new
    finally:
        old.rig.kubectl("delete", "namespace", new.namespace, "--ignore-not-found", "--wait=false")
        new.keep(None)


AGED = Scenario(
    name="aged",
    action="after the soak: its pods and new ones of the same release are asked in turns of 45 s",
    load="50 requests/s",
    passes="0 failed; p99 of its pods at most 10 % above that of new ones",
    sizes={"rate": 50, "seconds": 45, "pairs": 10},
    minutes=18,
    act=aged,
)
