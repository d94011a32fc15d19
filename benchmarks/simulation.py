"""Autoscalers under synthetic traffic: `python -m benchmarks.simulation run | report`.

Each run is appended to the journal as it ends, with seed, commit and machine; what this code has a run of is
not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.models import ROOT
from benchmarks.simulation_page import text
from ekiben.scale.simulation import capacity, comparison, families
from ekiben.scale.simulation.engine import World
from ekiben.scale.simulation.service import Service, Start

JOURNAL = ROOT / "docs" / "scaling" / "simulation.jsonl"
PAGE = ROOT / "docs" / "scaling" / "simulation.md"
_CODE = ("src/ekiben/scale/hpa", "src/ekiben/scale/simulation")
_ALLOWED_RATIO = 0.01
_HEADROOMS = (0.0, 0.1, 0.25)
_STARTS_SECONDS = (15.0, 5.0, 45.0)
# Requests/s of the busiest minute. The daily families are a day long: at 1,000 they are 40 million requests.
_PEAKS = dict.fromkeys(families.FAMILIES, 1000.0) | {"diurnal": 400.0, "social": 400.0}
_SERVICE = Service(workers=1, mean_seconds=0.008, variation=0.5)
_OBJECTIVE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Cell:
    """One run's place in the table."""

    start_seconds: float
    seed: int
    family: str
    policy: str


def _world(start_seconds: float) -> World:
    return World(_SERVICE, Start(start_seconds), _OBJECTIVE_SECONDS)


@cache
def _setting() -> comparison.Setting:
    """The capacity is found once: no start, and no traffic, is in it."""
    most = capacity.within_objective(_world(15.0), _ALLOWED_RATIO, seed=0)
    return comparison.Setting(most, 2, {f"ekiben h={each:g}": most / (1 + each) for each in _HEADROOMS})


def _policies() -> list[str]:
    traffic = families.traffic("sparse", 1.0, 0)
    return list(comparison.policies(traffic, _world(15.0), _setting()))


def code() -> str:
    """Hash of what is simulated and how."""
    digest = hashlib.sha256(repr((_SERVICE, _OBJECTIVE_SECONDS, _PEAKS, _HEADROOMS)).encode())
    for folder in _CODE:
        for path in sorted((ROOT / folder).glob("*.py")):
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def records() -> list[dict[str, Any]]:
    """All runs of the journal."""
    if not JOURNAL.exists():
        return []
    return [json.loads(line) for line in JOURNAL.read_text(encoding="utf-8").splitlines()]


def _todo(seeds: int, starts: Sequence[float], chosen: Sequence[str]) -> Iterator[Cell]:
    own = code()
    done = {
        (each["start_seconds"], each["seed"], each["family"], each["policy"])
        for each in records()
        if each["code"] == own
    }
    for start in starts:
        for seed in range(seeds):
            for family in chosen:
                for policy in _policies():
                    if (start, seed, family, policy) not in done:
                        yield Cell(start, seed, family, policy)


def run(seeds: int, starts: Sequence[float], chosen: Sequence[str], budget_seconds: float) -> int:
    """Run what is not recorded yet, until the budget is spent; gives how many runs are left."""
    began, cells = time.monotonic(), list(_todo(seeds, starts, chosen))
    JOURNAL.parent.mkdir(parents=True, exist_ok=True)
    about = {"code": code(), "commit": machine.commit(), "machine": machine.facts()}
    traffic, drawn = None, ("", -1)
    for number, cell in enumerate(cells):
        if time.monotonic() - began > budget_seconds:
            return len(cells) - number
        if traffic is None or drawn != (cell.family, cell.seed):
            traffic, drawn = (
                families.traffic(cell.family, _PEAKS[cell.family], cell.seed),
                (cell.family, cell.seed),
            )
        at = time.monotonic()
        (row,) = comparison.compared(
            traffic, _world(cell.start_seconds), _setting(), cell.seed, [cell.policy]
        )
        found = asdict(row.outcome)
        del found["path"]
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


def files() -> dict[Path, str]:
    """The page and its figure, from the newest code's runs in the journal."""
    every = records()
    newest = [each for each in every if each["code"] == every[-1]["code"]] if every else []
    page, figure = text(newest)
    return {PAGE: page, PAGE.with_suffix(".svg"): figure}


def main(arguments: list[str]) -> int:
    """Run a command; gives 1 if runs are left."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--seeds", type=int, default=10)
    runs.add_argument("--starts", type=float, nargs="+", default=_STARTS_SECONDS, help="seconds")
    runs.add_argument(
        "--families", nargs="+", default=list(families.FAMILIES), choices=list(families.FAMILIES)
    )
    runs.add_argument("--budget-seconds", type=float, default=float("inf"), help="begin no run after it")
    commands.add_parser("report")
    options = parser.parse_args(arguments)
    if options.command == "run":
        left = run(options.seeds, options.starts, options.families, options.budget_seconds)
        print(f"{left} runs left")  # noqa: T201 - a command line prints
        return int(left > 0)
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
