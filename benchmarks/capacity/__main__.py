"""`python -m benchmarks.capacity run | report`: see docs/scaling/capacity.md."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.capacity import models
from benchmarks.capacity.runs import JOURNAL, PARTS, Measuring, Settings, files, run
from benchmarks.results import Journal
from ekiben.errors import ConfigError


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--models", nargs="+", default=[], choices=[spec.name for spec in models.SPECS])
    runs.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    for name, default in asdict(Settings()).items():
        runs.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    runs.add_argument("--budget-seconds", type=float, default=float("inf"), help="begin nothing after it")
    scratch = Path(tempfile.gettempdir()) / "ekiben-capacity"  # kept: training ten models takes minutes
    runs.add_argument("--scratch", type=Path, default=scratch, help="of trained models")
    report = commands.add_parser("report")
    report.add_argument("--text", action="store_true", help="print the page, do not write it")
    for each in (runs, report):
        each.add_argument("--journal", type=Path, default=JOURNAL)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run a command; gives 1 if measurements are left."""
    options = _options(arguments)
    journal = Journal(options.journal)
    if options.command == "report":
        for path, content in files(journal).items():
            if options.text:
                print(content)  # noqa: T201 - asked for
            else:
                path.write_text(content, encoding="utf-8")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = Settings(**{name: getattr(options, name) for name in asdict(Settings())})
    if settings != Settings() and options.journal.resolve() == JOURNAL.resolve():
        raise ConfigError(
            f"expected the usual settings for {JOURNAL.name}, found {json.dumps(asdict(settings))}",
            remedy="give trials a journal of their own: --journal FILE",
        )
    measuring = Measuring(journal, settings, time.monotonic() + options.budget_seconds)
    left = run(measuring, models.chosen(options.models), options.parts, options.scratch)
    print(f"{left} measurements left")  # noqa: T201 - a command line prints
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
