"""Deployments rolled out again and again under a steady load: KEDA's defaults, and what ekiben renders.

With an external `AverageValue` within tolerance the controller answers with the pods that there are, and a
rollout makes one more (https://github.com/kubernetes/kubernetes/issues/138505).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tests.oracles.closed_loop.trace import Happening, Trace
from tests.oracles.metric_faults.autoscalers import NET, Subject, subjects

SECONDS = 280
_BEGIN_SECONDS, _POD_SECONDS, _PAUSE_SECONDS = 6.0, 2.4, 5.0  # of a rollout: first, for each pod, after it
_STRATEGY = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}  # the chart's, and many others'
_START_SECONDS = 1.0
# Loads of ekiben's HPA, replicas: on a whole number, just above, just below, and between.
_LOADS = (
    3.0,
    3.4,
    3.98,
    4.0,
    4.02,
    4.5,
    4.9,
    5.0,
    5.3,
    5.97,
    6.0,
    6.5,
    7.0,
    7.9,
    8.0,
    8.6,
    9.0,
    9.9,
    10.0,
    10.9,
)
# Loads and first replicas of the stock HPA; its tolerance leaves each alone.
_STOCK = ((9.9, 10), (10.0, 10), (10.6, 10), (10.9, 10), (11.0, 11), (11.9, 11))
_STOCK_HIGH = 14


@dataclass(frozen=True, slots=True)
class Steady(Trace):
    """A trace whose loads do not change.

    Attributes:
        loads: Of each metric, replicas; for `edges` in shares of the pods that are ready.
    """

    loads: tuple[float, ...] = ()

    def levels(self, _seed: int, metric: int, seconds: int = SECONDS) -> tuple[float, ...]:
        """The load of one metric, second by second."""
        return (self.loads[metric],) * seconds


def traces() -> list[Steady]:
    """All of them; names begin with the HPA's."""
    known = subjects()
    stock = replace(known["stock"], spec=known["stock"].spec | {"maxReplicas": _STOCK_HIGH})
    made = [
        _steady("demand", place, known["demand"], (load, load / NET)) for place, load in enumerate(_LOADS)
    ]
    made += [_steady("cpu", place, known["cpu"], (load,)) for place, load in enumerate((4.8, 8.9))]
    made += [_steady("stock", place, stock, (load,), start) for place, (load, start) in enumerate(_STOCK)]
    # What pods add to by being there (connections, work in progress) follows them, and nothing bounds it.
    return [*made, replace(_steady("follows", 0, stock, (1.0,), 10), shape="edges")]


def _steady(
    name: str, place: int, subject: Subject, loads: tuple[float, ...], start: int | None = None
) -> Steady:
    replicas = max(subject.low, math.ceil(loads[0])) if start is None else start
    return Steady(
        f"{name}-{place}", tuple(subject.spec["metrics"]), "steady", subject.low, subject.high,
        behavior=subject.spec.get("behavior"), start_seconds=_START_SECONDS, strategy=_STRATEGY,
        replicas=replicas, happenings=_rollouts(replicas), loads=loads,
    )  # fmt: skip


def _rollouts(replicas: int) -> tuple[Happening, ...]:
    period = _POD_SECONDS * (replicas + 1) + _PAUSE_SECONDS
    count = int((SECONDS - _BEGIN_SECONDS) // period)
    return tuple(
        Happening(
            (_BEGIN_SECONDS + number * period) / SECONDS,
            "deployment",
            {"spec": {"template": {"metadata": {"annotations": {"rollout": str(number)}}}}},
        )
        for number in range(count)
    )
