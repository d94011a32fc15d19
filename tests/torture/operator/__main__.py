"""`python -m tests.torture.operator`: seed faults into the operator's side; its tests must see them.

[--only NAME,...] [--results FILE] [--table]

What this code and these tests have an outcome of is not tried again; `--table` prints what is known.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.torture.operator import seeded
from tests.torture.pod import faults, results
from tests.torture.pod.faults import Outcome

FILE = results.ROOT / "out" / "operator-faults.jsonl"


def main(arguments: list[str] | None = None) -> int:
    """Try, or tell; gives 1 if a fault survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.operator")
    parser.add_argument("--only", default="", help="names, with commas between them")
    parser.add_argument("--results", type=Path, default=FILE, help="JSON lines are appended here")
    parser.add_argument("--table", action="store_true", help="print the newest outcomes as Markdown")
    given = parser.parse_args(arguments)
    if given.table:
        sys.stdout.write("\n".join(table(faults.read(given.results))) + "\n")
        return 0
    given.results.parent.mkdir(parents=True, exist_ok=True)
    only = [name for name in given.only.split(",") if name]
    return faults.run(seeded.FAULTS, only, given.results, _say, code=code())


def code() -> str:
    """Hash of the operator's side: all of ekiben but the pod."""
    package = results.ROOT / "src" / "ekiben"
    pod = package / "serving"
    return f"operator {results.digest(path for path in package.rglob('*.py') if pod not in path.parents)}"


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Each fault with its guarantee, its change, and the test that turned red."""
    newest = {each.name: each for each in outcomes}
    yield "| fault | file | guarantee | change | caught by |"
    yield "|---|---|---|---|---|"
    for fault in seeded.FAULTS:
        found = newest.get(fault.name)
        by = "not run" if found is None else f"`{found.by}`" if found.caught else "**nothing**"
        change = f"`{_short(fault.old)}` -> `{_short(fault.new)}`"
        yield f"| {fault.name} | `{fault.path}` | {fault.guarantee} | {change} | {by} |"


def _short(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return line if len(line) <= 60 else f"{line[:57]}..."


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
