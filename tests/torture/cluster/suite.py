"""All scenarios, in the order in which they run, and how one part is run."""

from __future__ import annotations

import dataclasses
import random
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.cluster import (
    access,
    aged,
    disk,
    earlier,
    ends,
    rollouts,
    scaling,
    seals,
    soak,
    strikes,
    surroundings,
)
from tests.torture.cluster.scenario import Check, NotTestedError, Run, Scenario
from tests.torture.pod import results
from tests.torture.pod.results import ROOT, Result, Verdict

if TYPE_CHECKING:
    from tests.torture.cluster.stage import Stage

FILE = ROOT / "docs" / "reliability-cluster.jsonl"
TARGET = "cluster"
SCENARIOS: tuple[Scenario, ...] = (
    rollouts.ROLLING_UPDATE,
    rollouts.ROLLBACK,
    ends.EVICT,
    scaling.CYCLE,
    strikes.KILL,
    strikes.OOM,
    ends.DELETE,
    rollouts.SLOW_START,
    scaling.OWNER,
    earlier.EARLIER,
    access.KEYS,
    seals.ROTATION,
    access.RIGHTS,
    *surroundings.SCENARIOS,
    disk.FULL,
    soak.SOAK,
    aged.AGED,
)
BY_NAME = {each.name: each for each in SCENARIOS}
_PARTS_OF_CODE = ("src/ekiben/serving", "src/ekiben/release", "src/ekiben/traffic", "helm/model-server")


# One tree's two names: until 2026-11-30 the hash counted values.schema.json too, which refuses values and
# is no part of what is released.
_NAMED_BEFORE = {"release 226de11faa3f0e55": "release 47504c1a3c8cf8ce"}


def read(path: Path = FILE) -> list[Result]:
    """All results, oldest first; one tree has one name."""
    return [
        dataclasses.replace(each, code=_NAMED_BEFORE.get(each.code, each.code)) for each in results.read(path)
    ]


def code() -> str:
    """What is tortured: the hash of what is released and of what releases it."""
    kinds = ("*.py", "*.yaml", "*.tpl")
    files = {path for part in _PARTS_OF_CODE for kind in kinds for path in (ROOT / part).rglob(kind)}
    return f"release {results.digest(files)}"


def run_part(scenario: Scenario, part: int, seed: int, stage: Stage) -> Result:
    """Run one part; whatever it raises is a failed check, unless it says that this cannot be tested here."""
    own = results.seed_of(seed, scenario.name, part)
    run = Run(stage, part, scenario.sizes, random.Random(own))  # noqa: S311 - seeded
    started, began = datetime.now(UTC), time.monotonic()
    verdict: Verdict
    try:
        scenario.act(run)
    except NotTestedError as error:
        verdict, run.checks = "not tested", [Check("can be tested here", passed=False, found=str(error))]
    except Exception as error:  # noqa: BLE001 - a harness that fails must not pass
        run.check(
            "the scenario ran to its end", passed=False, found=f"{type(error).__name__}: {error}"[:1000]
        )
        verdict = "failed"
    else:
        verdict = "passed" if run.checks and all(each.passed for each in run.checks) else "failed"
    return Result(
        target=TARGET,
        scenario=scenario.name,
        part=part,
        parts=scenario.parts,
        scale="full",
        seed=own,
        code=code(),
        commit=results.commit(),
        machine=results.machine(),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 1),
        verdict=verdict,
        number=run.number,
        checks=tuple(run.checks),
        notes=dict(run.notes),
    )
