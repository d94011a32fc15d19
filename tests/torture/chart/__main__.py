"""`python -m tests.torture.chart score | sets | server | faults`: judges, random value sets, seeded faults.

`server` gives the sets to the API server of a cluster that ekiben made for it, the one of EKIBEN_CONTEXT.
Results are appended to docs/chart.jsonl and docs/chart-faults.jsonl; all but `score` go on where
they stopped.
"""

from __future__ import annotations

import argparse
import sys

from tests.e2e.rig import own_cluster
from tests.torture.chart import batches, judges, seeded
from tests.torture.chart.apiserver import ApiServer
from tests.torture.chart.outcomes import chart_code
from tests.torture.pod import faults


def main(arguments: list[str] | None = None) -> int:
    """Run one of the four; gives 1 if there was a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.chart")
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("score", help="helm lint, kube-score, checkov, schemas")
    drawn = argparse.ArgumentParser(add_help=False)
    drawn.add_argument("--number", type=int, default=2_000)
    drawn.add_argument("--seed", type=int, default=1)
    drawn.add_argument("--seconds", type=float, default=3_600.0, help="end after so long, at a batch's end")
    parts.add_parser("sets", parents=[drawn], help="random value sets before lint and schemas")
    parts.add_parser("server", parents=[drawn], help="random value sets before an API server")
    seeding = parts.add_parser("faults", help="seeded faults")
    seeding.add_argument("--only", default="", help="names, with commas between them")
    given = parser.parse_args(arguments)
    if given.part == "score":
        return judges.score(_say)
    if given.part in ("sets", "server"):
        judge = batches.Schemas() if given.part == "sets" else ApiServer(own_cluster())
        return batches.run(judge, given.number, given.seed, given.seconds, _say)
    only = [name for name in given.only.split(",") if name]
    return faults.run(seeded.FAULTS, only, seeded.FILE, _say, code=f"chart {chart_code()}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
