"""`python -m benchmarks.shapes run | report`: see docs/scaling/shapes.md."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.results import Journal
from benchmarks.shapes.runs import JOURNAL, Settings, files, run


def main(arguments: list[str]) -> int:
    """Run a command; gives 1 if measurements are left."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shapes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--budget-seconds", type=float, default=float("inf"), help="begin nothing after it")
    scratch = Path(tempfile.gettempdir()) / "ekiben-capacity"  # kept: training takes minutes
    runs.add_argument("--scratch", type=Path, default=scratch, help="of trained models")
    for each in (runs, commands.add_parser("report")):
        each.add_argument("--journal", type=Path, default=JOURNAL)
    options = parser.parse_args(arguments)
    journal = Journal(options.journal)
    if options.command == "report":
        for path, content in files(journal).items():
            path.write_text(content, encoding="utf-8")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    left = run(journal, Settings(), options.scratch, time.monotonic() + options.budget_seconds)
    print(f"{left} measurements left")  # noqa: T201 - a command line prints
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
