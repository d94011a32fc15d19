"""Roll Deployments out again and again before a real kube-controller-manager, and see whether replicas drift.

python -m tests.oracles.ratchet run       about 6 minutes
python -m tests.oracles.ratchet report    what is recorded for the code as it is

The control plane is that of `make oracle-live`. Needs Go, Helm and Debian's packages, no root.
"""

from __future__ import annotations

import argparse
import sys

from tests.oracles.closed_loop import journal as loop
from tests.oracles.closed_loop import live
from tests.oracles.ratchet import drift, journal, traces
from tests.torture.pod import results


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # progress


def _run(seed: int) -> None:
    done = journal.valid(seed, loop.read(journal.FILE))
    left = [each for each in traces.traces() if each.name not in done]
    if not left:
        return
    origin = loop.Origin(journal.code(), results.commit(), results.machine())
    found = live.recorded(left, seed, traces.SECONDS, _say)
    journal.keep(found)
    for each in found:
        journal.append(each, drift.of(each), origin)


def _report(seed: int) -> int:
    """Print what is recorded; 1 where something is missing or the goal is missed."""
    found = journal.valid(seed, loop.read(journal.FILE))
    lines = list(found.values())
    print(journal.table(lines))  # noqa: T201
    complete = all(each.name in found for each in traces.traces())
    return int(not (complete and journal.met(lines)))


def main(arguments: list[str]) -> int:
    """Run a command; the exit code is 1 where a goal is missed or not all is played."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.oracles.ratchet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for each in (commands.add_parser("run"), commands.add_parser("report")):
        each.add_argument("--seed", type=int, default=journal.SEED)
    options = parser.parse_args(arguments)
    if options.command == "run":
        _run(options.seed)
    return _report(options.seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
