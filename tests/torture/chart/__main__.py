"""`python -m tests.torture.chart score | sets | faults`: judges, random value sets, seeded faults.

Results are appended to docs/chart.jsonl and docs/chart-faults.jsonl; the last two go on where they stopped.
"""

from __future__ import annotations

import argparse
import sys

from tests.torture.chart import judges, seeded, sets
from tests.torture.chart.outcomes import chart_code
from tests.torture.pod import faults


def main(arguments: list[str] | None = None) -> int:
    """Run one of the three; gives 1 if there was a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.chart")
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("score", help="helm lint, kube-score, checkov, schemas")
    drawn = parts.add_parser("sets", help="random value sets")
    drawn.add_argument("--number", type=int, default=2_000)
    drawn.add_argument("--seed", type=int, default=1)
    drawn.add_argument("--seconds", type=float, default=3_600.0, help="end after so long, at a batch's end")
    seeding = parts.add_parser("faults", help="seeded faults")
    seeding.add_argument("--only", default="", help="names, with commas between them")
    given = parser.parse_args(arguments)
    if given.part == "score":
        return judges.score(_say)
    if given.part == "sets":
        return sets.run(given.number, given.seed, given.seconds, _say)
    only = [name for name in given.only.split(",") if name]
    return faults.run(seeded.FAULTS, only, seeded.FILE, _say, code=f"chart {chart_code()}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
