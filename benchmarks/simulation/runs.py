"""Autoscalers under synthetic traffic, cell by cell.

Each run is appended to the journal as it ends, with seed, commit and machine; what this code has a run of is
not done again.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.models import ROOT
from benchmarks.simulation.goals import Judging
from benchmarks.simulation.page import text
from ekiben.scale.simulation import capacity, comparison, families, planned
from ekiben.scale.simulation.engine import World
from ekiben.scale.simulation.service import Service, Start
from ekiben.scale.simulation.surge import surge_per_second

JOURNAL = ROOT / "docs" / "scaling" / "simulation.jsonl"
PAGE = ROOT / "docs" / "scaling" / "simulation.md"
_CODE = ("src/ekiben/scale/hpa", "src/ekiben/scale/plan", "src/ekiben/scale/simulation")
# What reads users' files, and tells what a plan says: nothing of a run comes from it.
_ASIDE = ("trace.py", "rows.py", "document.py", "sentence.py", "chart.py")
_ALLOWED_RATIO = 0.01
_LOW = 2  # replicas
_HEADROOMS = (0.0, 0.1, 0.25)
STARTS_SECONDS = (15.0, 5.0, 45.0)
# Requests/s of the busiest minute. The daily families are a day long: at 1,000 they are 40 million requests.
PEAKS = dict.fromkeys(families.FAMILIES, 1000.0) | {"diurnal": 400.0, "social": 400.0}
_SERVICE = Service(workers=1, mean_seconds=0.008, variation=0.5)
_OBJECTIVE_SECONDS = 0.05
# What a plan takes for granted where nothing is said: `--surge 2x/60s`.
STATED = planned.assumed("surge_per_second")
_SURGE_SECONDS = 60.0
DERIVED = "ekiben derived"


@dataclass(frozen=True, slots=True)
class Cell:
    """One run's place in the table."""

    start_seconds: float
    seed: int
    family: str
    policy: str
    workers: int = 1


def world(start_seconds: float, workers: int = 1) -> World:
    """Replicas, their start and the objective."""
    return World(replace(_SERVICE, workers=workers), Start(start_seconds), _OBJECTIVE_SECONDS)


@cache
def setting(workers: int = 1) -> comparison.Setting:
    """The capacity is found once: no start, and no traffic, is in it."""
    most = capacity.within_objective(world(15.0, workers), _ALLOWED_RATIO, seed=0)
    grid: dict[str, float | None] = {f"ekiben h={each:g}": most / (1 + each) for each in _HEADROOMS}
    return comparison.Setting(most, _LOW, {DERIVED: None, **grid})


def policies() -> list[str]:
    """Names of all that are compared."""
    traffic = families.traffic("sparse", 1.0, 0)
    return list(comparison.policies(traffic, world(15.0), setting()))


def code() -> str:
    """Hash of what is simulated and how."""
    digest = hashlib.sha256(repr((_SERVICE, _OBJECTIVE_SECONDS, PEAKS, _HEADROOMS)).encode())
    for folder in _CODE:
        for path in sorted(each for each in (ROOT / folder).glob("*.py") if each.name not in _ASIDE):
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def records() -> list[dict[str, Any]]:
    """All runs of the journal."""
    if not JOURNAL.exists():
        return []
    return [json.loads(line) for line in JOURNAL.read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the table to run."""

    seeds: int
    starts: Sequence[float]
    families: Sequence[str]
    policies: Sequence[str]
    workers: int = 1

    def cells(self) -> Iterator[Cell]:
        """Start by start, seed by seed, family by family."""
        for start in self.starts:
            for seed in range(self.seeds):
                for family in self.families:
                    for policy in self.policies:
                        yield Cell(start, seed, family, policy, self.workers)


def _todo(part: Part) -> Iterator[Cell]:
    own, names = code(), [each.name for each in fields(Cell)]
    done = {tuple(each[name] for name in names) for each in records() if each["code"] == own}
    return (each for each in part.cells() if astuple(each) not in done)


def run(part: Part, budget_seconds: float) -> int:
    """Run what is not recorded yet, until the budget is spent; gives how many runs are left."""
    began, cells = time.monotonic(), list(_todo(part))
    JOURNAL.parent.mkdir(parents=True, exist_ok=True)
    about = {"code": code(), "commit": machine.commit(), "machine": machine.facts()}
    traffic, drawn = None, ("", -1)
    for number, cell in enumerate(cells):
        if time.monotonic() - began > budget_seconds:
            return len(cells) - number
        if traffic is None or drawn != (cell.family, cell.seed):
            traffic, drawn = (
                families.traffic(cell.family, PEAKS[cell.family], cell.seed),
                (cell.family, cell.seed),
            )
        at = time.monotonic()
        (row,) = comparison.compared(
            traffic,
            world(cell.start_seconds, cell.workers),
            setting(cell.workers),
            cell.seed,
            [cell.policy],
        )
        found = asdict(row.outcome)
        del found["path"]
        met = surge_per_second(traffic.rates, traffic.step_seconds, _SURGE_SECONDS)
        found["surge_per_second"] = met if met < float("inf") else None  # JSON has no infinity
        found["capacity_rate"] = setting(cell.workers).capacity
        record = (
            asdict(cell) | found | {"cost_ratio": row.cost_ratio, "seconds": time.monotonic() - at} | about
        )
        with JOURNAL.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(record) + "\n")
        print(  # noqa: T201 - progress, where people look
            f"{number + 1} of {len(cells)}: start {cell.start_seconds:g} s, seed {cell.seed}, {cell.family}, "
            f"{cell.policy}: {row.outcome.violating_ratio:.2%} at {row.cost_ratio:.2f}",
            file=sys.stderr,
        )
    return 0


def _targets(runs: Sequence[dict[str, Any]]) -> list[str]:
    """What a plan derives for each start and number of workers that was run."""
    lines, peak = [], PEAKS["step"]
    # The first runs do not say it; it is the same for all of a code.
    known = {each["workers"]: each["capacity_rate"] for each in runs if "capacity_rate" in each}
    for workers, start in sorted({(each["workers"], each["start_seconds"]) for each in runs}):
        if workers not in known:
            continue
        found = planned.numbers(world(start, workers), known[workers], peak, _LOW)
        lines.append(
            f"| {workers} | {start:g} s | {known[workers]:.1f}/s | {found['lag_seconds'].value:g} s "
            f"| {found['target_rate'].value:.1f}/s | {found['headroom_ratio'].value:.3f} |"
        )
    return lines


def files() -> dict[Path, str]:
    """The page and its figure, from the newest code's runs in the journal."""
    every = records()
    newest = [each for each in every if each["code"] == every[-1]["code"]] if every else []
    page, figure = text(newest, Judging(STATED, DERIVED, _targets(newest)))
    return {PAGE: page, PAGE.with_suffix(".svg"): figure}
