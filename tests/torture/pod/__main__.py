"""`python -m tests.torture.pod`: run scenarios, resume them, list them, or seed faults.

run [--target ekiben|bentoml] [--only NAME,...] [--short] [--seed N] [--results FILE]
plan
faults [--only NAME,...] [--results FILE]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

from tests.torture.pod import faults, results, seeded, suite, target
from tests.torture.pod.oracle import Oracle
from tests.torture.pod.scenario import Scale, Scenario


def main(arguments: list[str] | None = None) -> int:
    """Run; gives 0 if nothing failed, 1 if something did."""
    given = _arguments(arguments)
    if given.what == "plan":
        return plan()
    if given.what == "faults":
        path, code = given.results or faults.FILE, results.code("ekiben")
        return faults.run(seeded.FAULTS, _names(given.only), path, _say, code=code)
    chosen = [suite.BY_NAME[name] for name in _names(given.only)] or list(suite.SCENARIOS)
    path = given.results or results.FILE
    return run(given.target, chosen, "short" if given.short else "full", given.seed, path)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.pod")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("plan", help="list the scenarios and how long they take")
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("--only", default="", help="names, with commas between them")
    both.add_argument("--results", type=Path, help="JSON lines are appended here")
    running = what.add_parser("run", parents=[both], help="run scenarios that this code has no results of")
    running.add_argument("--target", choices=("ekiben", "bentoml"), default="ekiben")
    running.add_argument("--short", action="store_true", help="small sizes, figures not judged")
    seed = os.environ.get("EKIBEN_TORTURE_SEED")
    drawn = int(seed) if seed else random.SystemRandom().randrange(1 << 32)
    running.add_argument("--seed", type=int, default=drawn)
    what.add_parser("faults", parents=[both], help="seed faults into a copy of the tree")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def run(name: str, chosen: list[Scenario], scale: Scale, seed: int, path: Path) -> int:
    """Run what has no result yet, appending each part as it ends.

    Returns:
        1 if a part of our pod failed; what the baseline fails is a finding.
    """
    done = {each.key: each for each in results.read(path)}
    failed = False
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        kind, oracle = target.make(name, Path(folder)), Oracle()
        for scenario in chosen:
            parts = scenario.parts if scale == "full" else 1
            for part in range(parts):
                found = done.get((name, scenario.name, part, scale, results.code(name), parts))
                if found is None:
                    found = suite.run_part(scenario, part, scale, seed, kind, oracle)
                    results.append(found, path)
                    _say(results.told(found))
                else:
                    _say(f"{results.told(found)} (before)")
                failed = failed or found.verdict == "failed"
    return int(failed and name == "ekiben")


def plan() -> int:
    """List the scenarios."""
    for each in suite.SCENARIOS:
        _say(f"{each.name:14} {each.minutes:5.1f} min  {each.action}")
    _say(f"{'together':14} {sum(each.minutes for each in suite.SCENARIOS):5.1f} min")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
