"""Guarantees taken out of a release by its values: a scenario that sees no loss then has proved nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.torture.cluster import suite
from tests.torture.cluster.scenario import Scenario
from tests.torture.cluster.stage import Stage
from tests.torture.pod.results import Result
from tests.torture.pod.scenario import Check

PREFIX = "fault: "  # of a result's target
_START = "runpy.run_module('ekiben.serving', run_name='__main__')"


def _with_setting(name: str, value: str) -> dict[str, Any]:
    """Values of pods whose server is told something else than the chart tells it."""
    program = f"import os, runpy; os.environ['{name}'] = '{value}'; {_START}"
    return {"command": ["/usr/bin/python3", "-c", program]}


@dataclass(frozen=True, slots=True)
class Fault:
    """One guarantee less.

    Attributes:
        name: Short and fixed; results carry it.
        guarantee: What does not hold any more.
        scenario: What must see it.
        values: Chart values that take it away.
        unmet: How the check begins that must not be met.
        part: Of the scenario.
    """

    name: str
    guarantee: str
    scenario: str
    values: Mapping[str, Any]
    unmet: str
    part: int = 0

    def caught(self, found: Result) -> Check | None:
        """The unmet check that shows it; None if nothing did."""
        return next((c for c in found.checks if not c.passed and c.what.startswith(self.unmet)), None)


FAULTS: tuple[Fault, ...] = (
    Fault(
        "no-drain",
        "a pod that ends goes on answering until traffic has moved away",
        "rolling-update",
        _with_setting("EKIBEN_DRAIN_SECONDS", "0"),
        "no request failed",
    ),
    Fault(
        "no-drain-evicted",
        "the same, for pods that are evicted",
        "evict",
        _with_setting("EKIBEN_DRAIN_SECONDS", "0"),
        "no request failed",
    ),
    Fault(
        "no-budget",
        "evictions leave all but one replica",
        "evict",
        {"podDisruptionBudget": {"enabled": False}},
        "the budget kept",
    ),
    Fault(
        "no-readiness",
        "a pod gets requests once it answers them, not before",
        "rolling-update",
        {"readinessProbe": None, "startupProbe": None},
        "no request failed",
    ),
    Fault(
        "no-age",
        "kept connections end, so that new pods get their share",
        "scale-cycle",
        {"server": {"connectionSeconds": 86400}},
        "30 s later",
    ),
)


def run(fault: Fault, seed: int, stage: Stage) -> Result:
    """Run the scenario that must see it."""
    scenario: Scenario = suite.BY_NAME[fault.scenario]
    found = suite.run_part(scenario, fault.part, seed, stage)
    return replace(found, target=f"{PREFIX}{fault.name}")


def table(found: Sequence[Result]) -> list[str]:
    """Each fault, and what the newest run of it showed."""
    newest = {each.target: each for each in found}
    lines = ["| guarantee that was taken out | by | scenario | what it showed |", "|---|---|---|---|"]
    for each in FAULTS:
        result = newest.get(f"{PREFIX}{each.name}")
        if result is None:
            seen = "not run"
        else:
            check = each.caught(result)
            seen = f"{check.what}: {check.found}; {result.number:,} requests" if check else "**nothing**"
            if check is None and not result.number:
                seen = "not run: the scenario did not come to its load"
        lines.append(f"| {each.guarantee} | {each.name} | {each.scenario} | {seen} |")
    return lines
