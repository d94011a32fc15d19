"""Other ways to roll out, measured as a release's own way is: by how much callers wait longer meanwhile.

A rolling update starts pods beside those that serve, and the command that releases runs on the same machine
here. What is tried has fewer or more of it at once, or lets the command's own work wait for all others'.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from tests.torture.cluster import rollouts, suite
from tests.torture.cluster.scenario import Run
from tests.torture.cluster.stage import Stage
from tests.torture.pod.results import Result

PREFIX = "update: "  # of a result's target
_RATIO = re.compile(r"([0-9.]+) ms, calm ([0-9.]+) ms")
_IDLE = 19


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way.

    Attributes:
        name: Short and fixed; results carry it.
        how: What is different.
        values: Chart values of it.
        nice: Of the command that releases, and all that it starts on this machine.
    """

    name: str
    how: str
    values: Mapping[str, Any]
    nice: int = 0


ATTEMPTS = (
    Attempt("as-released", "one pod more at a time, 5 s apart", {}),
    Attempt(
        "three-at-once",
        "`maxSurge: 3`: all new pods start together, and the rollout is short",
        {"maxSurge": 3},
    ),
    Attempt(
        "further-apart",
        "`minReadySeconds: 15`: a start is over long before the next",
        {"minReadySeconds": 15},
    ),
    Attempt(
        "quiet-command", "`ekiben release` waits for whatever else wants the machine's two cores", {}, _IDLE
    ),
)


def run(attempt: Attempt, part: int, seed: int, there: Stage) -> Result:
    """Update once, under load."""

    def act(found: Run) -> None:
        before = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, attempt.nice)  # what is started from here inherits it
        try:
            rollouts.rolling_update(found)
        finally:
            os.setpriority(os.PRIO_PROCESS, 0, before)

    scenario = replace(rollouts.ROLLING_UPDATE, act=act)
    return replace(suite.run_part(scenario, part, seed, there), target=f"{PREFIX}{attempt.name}")


def table(found: Sequence[Result]) -> Iterator[str]:
    """Each way, and what all updates of it with the newest code came to."""
    yield "| what was tried | how | updates | p99 against calm, each | median | requests failed |"
    yield "|---|---|---|---|---|---|"
    for each in ATTEMPTS:
        of_it = [one for one in found if one.target == f"{PREFIX}{each.name}" and _ratio(one)]
        of_it = [one for one in of_it if one.code == of_it[-1].code]
        yield f"| {each.name} | {each.how} | {_cells(of_it)} |"


def _cells(parts: Sequence[Result]) -> str:
    if not parts:
        return "not run | | |"
    ratios = [_ratio(one) for one in parts]
    failed = "; ".join(
        check.found
        for one in parts
        for check in one.checks
        if check.what == "no request failed" and not check.passed
    )
    number = sum(one.number for one in parts)
    told = " ".join(f"{each:.2f}" for each in ratios)
    return f"{len(parts)} | {told} | {median(ratios):.2f} | {failed or f'0 of {number:,}'}"


def _ratio(part: Result) -> float:
    """p99 while it rolls out against that before; 0 if it was not measured."""
    for check in part.checks:
        match = _RATIO.search(check.found) if check.what == rollouts.AS_CALM else None
        if match:
            return float(match[1]) / float(match[2])
    return 0.0
