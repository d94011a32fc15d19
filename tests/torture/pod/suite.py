"""All scenarios, in the order in which they run, and how one part is run."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.pod import abuse, access, callers, cases, hostile, life, openapi, pressure, raw, results
from tests.torture.pod.results import Result, Verdict
from tests.torture.pod.scenario import Check, NotTestedError, Run, Scale, Scenario

if TYPE_CHECKING:
    from tests.torture.pod.oracle import Oracle
    from tests.torture.pod.target import Target

SCENARIOS: tuple[Scenario, ...] = (
    *life.SCENARIOS,
    *pressure.SCENARIOS,
    *callers.SCENARIOS,
    *abuse.SCENARIOS,
    *hostile.SCENARIOS,
    *access.SCENARIOS,
    *raw.SCENARIOS,
    *openapi.SCENARIOS,
    *cases.SCENARIOS,
)
BY_NAME = {each.name: each for each in SCENARIOS}


def run_part(
    scenario: Scenario, part: int, scale: Scale, seed: int, target: Target, oracle: Oracle
) -> Result:
    """Run one part; whatever it raises is a failed check, unless this machine cannot test it."""
    own = results.seed_of(seed, scenario.name, part)
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        run = Run(target, oracle, Path(folder), scenario.sizes(scale), random.Random(own))  # noqa: S311 - seeded
        started, began = datetime.now(UTC), time.monotonic()
        verdict: Verdict
        try:
            asyncio.run(scenario.act(run))
        except NotTestedError as error:
            verdict, run.checks = "not tested", [Check("can be tested here", passed=False, found=str(error))]
        except Exception as error:  # noqa: BLE001 - a harness that fails must not pass
            run.check("the scenario ran to its end", passed=False, found=f"{type(error).__name__}: {error}")
            verdict = "failed"
        else:
            judged = [each for each in run.checks if scale == "full" or not each.figure]
            verdict = "passed" if judged and all(each.passed for each in judged) else "failed"
    return Result(
        target=target.name,
        scenario=scenario.name,
        part=part,
        parts=scenario.parts if scale == "full" else 1,
        scale=scale,
        seed=own,
        code=results.code(target.name),
        commit=results.commit(),
        machine=results.machine(),
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 1),
        verdict=verdict,
        number=run.number,
        checks=tuple(run.checks),
        notes=dict(run.notes),
    )
