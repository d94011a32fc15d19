"""`python -m tests.torture.cluster`: run scenarios on a cluster, resume them, or list them.

run [--only NAME,...] [--parts N] [--again] [--seed N] [--namespace NAME] [--results FILE]
faults [--only NAME,...] [--seed N] [--namespace NAME] [--results FILE]
attempts [--only NAME,...] [--seed N] [--namespace NAME] [--results FILE]
updates [--only NAME,...] [--parts N] [--seed N] [--namespace NAME] [--results FILE]
plan

The cluster is the one of EKIBEN_CONTEXT, or the local one; it must be one that ekiben made.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.rig import own_cluster
from tests.torture.cluster import attempts, processes, seeded, suite, updates
from tests.torture.cluster.stage import ROOT, Stage
from tests.torture.pod import results
from tests.torture.pod.results import Result


def main(arguments: list[str] | None = None) -> int:
    """Run; gives 0 if nothing failed, 1 if something did."""
    given = _arguments(arguments)
    if given.what == "plan":
        return plan()
    if given.what == "faults":
        return faults(given)
    if given.what == "attempts":
        return tried(given)
    if given.what == "updates":
        return rolled(given)
    chosen = [suite.BY_NAME[name] for name in given.only.split(",") if name] or list(suite.SCENARIOS)
    before = [] if given.again else suite.read(given.results)
    done = {(each.scenario, each.part, each.code, each.parts): each for each in before if _counts(each)}
    failed, found = False, _stage(given.namespace)
    for scenario in chosen:
        for part in range(min(scenario.parts, given.parts or scenario.parts)):
            key = (scenario.name, part, suite.code(), scenario.parts)
            if (result := done.get(key)) is None:
                result = suite.run_part(scenario, part, given.seed, found)
                results.append(result, given.results)
            _say(results.told(result))
            failed = failed or result.verdict == "failed"
    return int(failed)


def _counts(result: Result) -> bool:
    """A part whose sender was late is run again, or that failed before its load; its failure stays on record.

    One that failed under load has failed, until the code changes.
    """
    return bool(result.number) == (result.verdict != "not tested")


def faults(given: argparse.Namespace) -> int:
    """Take guarantees out, one after the other; gives 1 if one was not missed."""
    names = [name for name in given.only.split(",") if name]
    unseen = 0
    for fault in seeded.FAULTS:
        if names and fault.name not in names:
            continue
        found = seeded.run(fault, given.seed, _stage(given.namespace, fault.values))
        results.append(found, given.results)
        seen = fault.caught(found)
        _say(f"{fault.name}: {'seen' if seen else 'NOT SEEN'}\n{results.told(found)}")
        unseen += seen is None
    return int(unseen > 0)


def tried(given: argparse.Namespace) -> int:
    """Kill servers that come back in other ways; gives 1 if one could not be tried."""
    names = [name for name in given.only.split(",") if name]
    untried = 0
    for attempt in attempts.ATTEMPTS:
        if not names or attempt.name in names:
            found = attempts.run(attempt, given.seed, _stage(given.namespace, attempt.values))
            results.append(found, given.results)
            _say(f"{attempt.name}: {found.notes}\n{results.told(found)}")
            untried += "kills" not in found.notes
    return int(untried > 0)


def rolled(given: argparse.Namespace) -> int:
    """Update in other ways, in turns; gives 1 if a request failed or one could not be tried."""
    names = [name for name in given.only.split(",") if name]
    bad = 0
    for part in range(given.parts or 2):
        for attempt in updates.ATTEMPTS:
            if not names or attempt.name in names:
                found = updates.run(attempt, part, given.seed, _stage(given.namespace, attempt.values))
                results.append(found, given.results)
                _say(f"{attempt.name}\n{results.told(found)}")
                bad += any(not each.passed and not each.figure for each in found.checks)
    return int(bad > 0)


def _stage(namespace: str, values: Mapping[str, Any] | None = None) -> Stage:
    rig = own_cluster()
    address = rig.address
    processes.favour(address.context.removeprefix("ekiben-"))
    return Stage(rig, namespace, ROOT / "out" / "torture-cluster" / address.context, values or {})


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.cluster")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("plan", help="list the scenarios and how long they take")
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("--only", default="", help="names, with commas between them")
    seed = os.environ.get("EKIBEN_TORTURE_SEED")
    drawn = int(seed) if seed else random.SystemRandom().randrange(1 << 32)
    both.add_argument("--seed", type=int, default=drawn)
    both.add_argument("--namespace", default="torture")
    both.add_argument("--results", type=Path, default=suite.FILE, help="JSON lines are appended here")
    what.add_parser(
        "faults", parents=[both], help="take guarantees out of the release; scenarios must see it"
    )
    what.add_parser("attempts", parents=[both], help="kill servers that come back in other ways")
    ways = what.add_parser("updates", parents=[both], help="roll out in other ways, in turns")
    ways.add_argument("--parts", type=int, default=0, help="so many of each; default: 2")
    running = what.add_parser("run", parents=[both], help="run the parts that this code has no results of")
    running.add_argument("--parts", type=int, default=0, help="so many parts of each, at most")
    running.add_argument("--again", action="store_true", help="also those that it has results of")
    return parser.parse_args(arguments)


def plan() -> int:
    """List the scenarios."""
    for each in suite.SCENARIOS:
        _say(f"{each.name:20} {each.minutes:5.1f} min  {each.parts:3} x {each.action}")
    _say(f"{'together':20} {sum(each.minutes for each in suite.SCENARIOS):5.1f} min")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
