"""`python -m tests.torture.artefact`: kills, changed and hostile artefacts, and what the seal costs.

[--only NAME,...] [--short] [--seed N] [--results FILE]

Each part is appended to the results as it ends; what this code has a result of is not done again.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

from tests.torture.artefact import suite
from tests.torture.pod import results
from tests.torture.pod.results import Result
from tests.torture.pod.scenario import Scale


def main(arguments: list[str] | None = None) -> int:
    """Run; gives 0 if every criterion was met, 1 if one was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.artefact")
    parser.add_argument("--only", default="", help=f"of {', '.join(suite.BY_NAME)}; with commas between them")
    parser.add_argument("--short", action="store_true", help="little of each, figures not judged")
    seed = os.environ.get("EKIBEN_TORTURE_SEED")
    drawn = int(seed) if seed else random.SystemRandom().randrange(1 << 32)
    parser.add_argument("--seed", type=int, default=drawn)
    parser.add_argument("--results", type=Path, default=suite.FILE, help="JSON lines are appended here")
    given = parser.parse_args(arguments)
    chosen = [suite.BY_NAME[name] for name in given.only.split(",") if name] or list(suite.SCENARIOS)
    return run(chosen, "short" if given.short else "full", given.seed, given.results)


def run(chosen: list[suite.Scenario], scale: Scale, seed: int, path: Path) -> int:
    """Run what has no result yet; gives 1 if a part failed."""
    done = {each.key: each for each in results.read(path)}
    failed = False
    for scenario in chosen:
        parts = scenario.parts if scale == "full" else 1
        for part in range(parts):
            found = done.get(("ekiben", scenario.name, part, scale, suite.code(), parts))
            again = "" if found is None else " (before)"
            if found is None:
                found = suite.run_part(scenario, part, scale, seed)
                results.append(found, path)
            sys.stdout.write(f"{line(found)}{again}\n")
            sys.stdout.flush()
            failed = failed or found.verdict == "failed"
    return int(failed)


def line(found: Result) -> str:
    """One part, for people."""
    bad = "".join(f"\n    not met: {each.what}: {each.found}" for each in found.checks if not each.passed)
    return (
        f"{found.scenario} {found.part + 1}/{found.parts}: {found.verdict}, N = {found.number:,}, "
        f"seed {found.seed}, {found.seconds:.1f} s{bad}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
