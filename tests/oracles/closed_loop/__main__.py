"""Compare ekiben's HPA with a real kube-controller-manager, in front of which traces are played.

python -m tests.oracles.closed_loop run       play and compare what is not recorded yet, about 8 minutes
python -m tests.oracles.closed_loop report    what is recorded for the code as it is

The control plane (etcd, API server, controller-manager) is that of `ekiben cluster up`, without nodes; it is
built first if it must be (about 3 minutes). Needs Go and Debian's packages, no root.
"""

from __future__ import annotations

import argparse
import json
import sys

from tests.oracles.closed_loop import journal, live, replay
from tests.oracles.closed_loop.trace import SECONDS, SEED
from tests.oracles.closed_loop.traces import TRACES


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # progress


def _run(options: argparse.Namespace) -> None:
    origin = journal.Origin.now()
    done = journal.valid(options.seed, options.seconds, journal.read())
    todo = [each for each in TRACES if each.name not in done]
    if options.only:
        todo = [each for each in todo if each.name in options.only]
    for begin in range(0, len(todo), options.at_once):
        chosen = todo[begin : begin + options.at_once]
        found = live.recorded(chosen, options.seed, options.seconds, _say)
        if (options.seed, options.seconds) == (SEED, SECONDS):  # what `make test` compares again
            journal.keep(found)
        for each in found:
            compared = replay.comparison(each)
            journal.append(each, compared, origin)
            _say(f"{each['trace']}: {compared['identical']} of {compared['syncs']} decisions identical")


def _report(options: argparse.Namespace) -> int:
    """Print what is recorded; 1 where something is missing or the goal is missed."""
    found = journal.valid(options.seed, options.seconds, journal.read())
    lines = [found[each.name] for each in TRACES if each.name in found]
    sums = journal.totals(lines)
    complete = len(lines) == len(TRACES)
    if options.json:
        print(json.dumps({"totals": sums, "complete": complete, "traces": lines}))  # noqa: T201
    else:
        print(journal.table(lines))  # noqa: T201
        print(json.dumps(sums))  # noqa: T201
    return int(not (complete and sums["met"]))


def main(arguments: list[str]) -> int:
    """Run a command; the exit code is 1 where the goal is missed or not all is compared."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracles.closed_loop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run, report = commands.add_parser("run"), commands.add_parser("report")
    run.add_argument("--at-once", type=int, default=16, help="traces side by side, the unit of going on")
    run.add_argument("--only", action="append", help="this trace alone; may be repeated")
    for each in (run, report):
        each.add_argument("--seed", type=int, default=SEED)
        each.add_argument("--seconds", type=int, default=SECONDS, help="length of each trace")
        each.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args(arguments)
    if options.command == "run":
        _run(options)
    return _report(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
