"""`python -m tests.torture.alerts`: faults on a cluster, and whether the right alert fires, and no other.

[--only NAME,...] [--seed N] [--results FILE]

Needs a cluster of ekiben's (EKIBEN_CONTEXT) that nobody else uses: one fault stops its metrics-server. Each
result is appended as it ends; what this code passed is not done again.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

from tests.e2e.rig import Rig
from tests.torture.alerts import faults, suite
from tests.torture.pod import results

from ekiben.ground import cluster


def main(arguments: list[str] | None = None) -> int:
    """Run; gives 0 if every criterion was met, 1 if one was not, 2 for a cluster that is not ekiben's."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.alerts")
    parser.add_argument("--only", default="", help=f"of {', '.join(faults.BY_NAME)}; with commas between")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--results", type=Path, default=suite.FILE, help="JSON lines are appended here")
    given = parser.parse_args(arguments)
    rig = Rig(cluster.current(os.environ.get("EKIBEN_CONTEXT")))
    if not rig.address.context.startswith("ekiben-"):
        _say(f"expected a cluster of `ekiben cluster up`, found {rig.address.context}")
        return 2
    chosen = [faults.BY_NAME[name] for name in given.only.split(",") if name] or list(faults.FAULTS)
    todo = suite.left(chosen, given.results)
    random.Random(given.seed).shuffle(todo)  # noqa: S311  # neighbours change from run to run
    if not todo:
        _say("every fault has passed with this code")
        return 0
    bench = suite.bench(rig, results.ROOT / "out" / "torture-alerts" / rig.address.context)
    found = suite.run(bench, todo, given.seed, _say, given.results)
    return int(any(each.verdict != "passed" for each in found))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
