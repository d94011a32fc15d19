"""`python -m benchmarks run | report | install`: see docs/benchmarks.md."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import arms, counts, guarantees, matrix, memory, report, rows, starts
from benchmarks.environments import Environment
from benchmarks.models import ROOT, chosen
from benchmarks.results import Journal
from benchmarks.session import Session, Settings, opened
from ekiben.errors import EkibenError

QUICK = ROOT / "out" / "benchmarks" / "quick.jsonl"
_QUICK_SETTINGS = Settings(repeats=4, seconds=1, memory_minutes=0.0, quick=True)


def main(arguments: list[str]) -> int:
    """Run a command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _run_options(commands.add_parser("run", help="measure what is not measured yet"))
    shown = commands.add_parser("report", help="write docs/benchmarks.md and its figures")
    shown.add_argument("--results", type=Path, default=report.FULL.path)
    shown.add_argument("--text", action="store_true", help="to standard output, without figures")
    commands.add_parser("install", help="make all environments")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that servers are ended
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    try:
        return int({"run": _run, "report": _report, "install": _install}[options.command](options))
    except EkibenError as error:
        print(f"{error}; {error.remedy}" if error.remedy else error, file=sys.stderr)  # noqa: T201
        return error.exit_code


def _run_options(parser: argparse.ArgumentParser) -> None:
    defaults = Settings()
    parser.add_argument("--quick", action="store_true", help="the small set, in minutes")
    parser.add_argument("--results", type=Path, help="journal to append to")
    parser.add_argument("--source", type=Path, default=ROOT / "src", help="folder that holds the product")
    parser.add_argument("--arms", help="only these of the main matrix, by name, comma-separated")
    parser.add_argument("--models", help="only these of the main matrix, by name, comma-separated")
    parser.add_argument("--only", help="only these experiments, by name, comma-separated")
    for name in ("seed", "repeats", "seconds", "memory_minutes"):
        kind = type(getattr(defaults, name))
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)


def _run(options: argparse.Namespace) -> int:
    settings = _QUICK_SETTINGS if options.quick else Settings()
    given = {
        name: value
        for name in ("seed", "repeats", "seconds", "memory_minutes")
        if (value := getattr(options, name)) is not None
    }
    journal = Journal(options.results or (QUICK if options.quick else report.FULL.path))
    with opened(dataclasses.replace(settings, **given), journal, options.source) as session:
        _experiments(session, options)
        failures = session.failures
    return int(bool(failures))


def _experiments(session: Session, options: argparse.Namespace) -> None:
    quick, only = session.settings.quick, options.only.split(",") if options.only else None
    main_matrix = rows.SMALL if quick else rows.MAIN
    if options.arms:
        wanted = [arm for arm in arms.ALL if arm.name in options.arms.split(",")]
        main_matrix = dataclasses.replace(main_matrix, arms=wanted)
    if options.models:
        main_matrix = dataclasses.replace(main_matrix, models=chosen(options.models.split(",")))
    (cancer,) = chosen(("cancer",))
    matrices = [main_matrix] if quick else [main_matrix, *rows.FURTHER]
    steps: dict[str, Callable[[], None]] = {
        "guarantees": partial(guarantees.run, session, cancer),
        "counters": partial(counts.run, session, cancer),
        **{each.experiment: partial(matrix.run, session, each) for each in matrices},
    }
    if not quick:
        steps |= {"start": partial(starts.run, session), "memory": partial(memory.run, session)}
    for name, step in steps.items():
        if only is None or name in only:
            step()


def _report(options: argparse.Namespace) -> int:
    if options.text:
        print(report.text(Journal(options.results)), end="")  # noqa: T201 - a command line prints
    else:
        report.write(Journal(options.results))
    return 0


def _install(_: argparse.Namespace) -> int:
    for name in {arm.environment for arm in arms.ALL} | {report.FIGURES}:
        Environment(name).make()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
