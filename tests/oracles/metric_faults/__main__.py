"""Inject metric faults before a real kube-controller-manager, and hold its decisions against the true demand.

python -m tests.oracles.metric_faults run       play the batches that are not recorded yet, about 13 minutes
python -m tests.oracles.metric_faults report    what is recorded for the code as it is

The control plane is that of `make oracle-live`. Needs Go, Helm and Debian's packages, no root.
"""

from __future__ import annotations

import argparse
import json
import sys

from tests.oracles.closed_loop.journal import Origin
from tests.oracles.metric_faults import journal, live, verdict
from tests.oracles.metric_faults.autoscalers import subjects
from tests.torture.pod import results


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # progress


def _run(seed: int, only: list[int] | None) -> None:
    known = subjects()
    left = journal.missing(seed, journal.read())
    for batch in live.BATCHES:
        if batch.number not in (only or left):
            continue
        origin = Origin(journal.code(), results.commit(), results.machine())
        lives = live.lives(seed, batch, known)
        recordings = live.recorded(seed, batch, _say)
        for each in recordings:
            found = verdict.faults(each, *lives[each["lane"]])
            journal.append(each, found, verdict.comparison(each), origin)
        journal.keep(recordings)


def _report(seed: int) -> int:
    """Print what is recorded; 1 where something is missing or a goal is missed."""
    lines = journal.read()
    found = list(journal.valid(seed, lines).values())
    sums = journal.totals(found)
    print(journal.table(found))  # noqa: T201
    print(json.dumps(sums))  # noqa: T201
    return int(bool(journal.missing(seed, lines)) or not sums["met"])


def main(arguments: list[str]) -> int:
    """Run a command; the exit code is 1 where a goal is missed or not all is played."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracles.metric_faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run, report = commands.add_parser("run"), commands.add_parser("report")
    run.add_argument("--batch", type=int, action="append", help="this one alone; may be repeated")
    for each in (run, report):
        each.add_argument("--seed", type=int, default=journal.SEED)
    options = parser.parse_args(arguments)
    if options.command == "run":
        _run(options.seed, options.batch)
    return _report(options.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
