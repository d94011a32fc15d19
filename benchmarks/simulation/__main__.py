"""`python -m benchmarks.simulation run | report`: see docs/scaling/simulation.md."""

from __future__ import annotations

import argparse
import sys

from benchmarks.simulation.runs import STARTS_SECONDS, Part, files, policies, run
from ekiben.scale.simulation import families


def main(arguments: list[str]) -> int:
    """Run a command; gives 1 if runs are left."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("--seeds", type=int, default=10)
    runs.add_argument("--starts", type=float, nargs="+", default=STARTS_SECONDS, help="seconds")
    runs.add_argument(
        "--families", nargs="+", default=list(families.FAMILIES), choices=list(families.FAMILIES)
    )
    runs.add_argument("--policies", nargs="+", default=policies(), choices=policies())
    runs.add_argument("--workers", type=int, default=1, help="of a replica")
    runs.add_argument("--budget-seconds", type=float, default=float("inf"), help="begin no run after it")
    commands.add_parser("report")
    options = parser.parse_args(arguments)
    if options.command == "run":
        part = Part(
            options.seeds, options.starts, options.families, options.policies, workers=options.workers
        )
        left = run(part, options.budget_seconds)
        print(f"{left} runs left")  # noqa: T201 - a command line prints
        return int(left > 0)
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
