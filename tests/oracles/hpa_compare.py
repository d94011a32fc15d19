"""Compare ekiben's decisions with upstream's, on random cases; record some of them as vectors.

python -m tests.oracles.hpa_compare run       compare 1,000,000 cases; goes on where it stopped
python -m tests.oracles.hpa_compare record    write the vectors that `make test` compares
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.oracles import build, hpa_cases, hpa_ours
from tests.torture.pod import results

from ekiben.clients import recipes

JOURNAL = build.ROOT / "docs" / "scaling" / "oracle.jsonl"
VECTORS = build.ROOT / "tests" / "unit" / "scale" / "hpa" / "vectors.jsonl.gz"
_ROOM = build.ROOT / "src" / "ekiben" / "scale" / "hpa"
_BATCH = 2_000
_SHOWN = 3
_VECTORS = 2_000
_VECTORS_SEED = 20_260_730
Json = dict[str, Any]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # progress


def _theirs(program: Path, cases: list[Json]) -> list[list[Json]]:
    text = "\n".join(json.dumps(each, separators=(",", ":")) for each in cases)
    done = subprocess.run([str(program)], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the oracle ended with {done.returncode}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _compared(program: Path, seed: int, count: int) -> Iterator[tuple[Json, list[Json], list[Json]]]:
    """Cases with their two answers, which are of one length."""
    generator = random.Random(seed)  # noqa: S311  # cases, not secrets
    for begin in range(0, count, _BATCH):
        cases = [hpa_cases.case(generator) for _ in range(min(_BATCH, count - begin))]
        theirs = _theirs(program, cases)
        yield from zip(cases, (hpa_ours.decisions(each) for each in cases), theirs, strict=True)


def _part(program: Path, seed: int, count: int) -> Json:
    """Compare one part and say what differed."""
    began, syncs, scaled, differing = time.monotonic(), 0, 0, 0
    for case, ours, theirs in _compared(program, seed, count):
        syncs += len(ours)
        scaled += sum(each["a"] == "SucceededRescale" for each in theirs)
        if ours != theirs:
            differing += 1
            if differing <= _SHOWN:
                _say(json.dumps({"case": case, "ekiben": ours, "upstream": theirs}))
    seconds = round(time.monotonic() - began, 1)
    return {
        "seed": seed,
        "cases": count,
        "syncs": syncs,
        "rescales": scaled,
        "mismatches": differing,
        "seconds": seconds,
    }


def code() -> str:
    """Hash of what is compared and how: another one makes recorded parts void."""
    digest = hashlib.sha256()
    own = [Path(hpa_cases.__file__), Path(hpa_ours.__file__)]
    for path in [*sorted(_ROOM.glob("*.py")), *own, *sorted(build.SOURCES.rglob("*.go"))]:
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def _upstream() -> str:
    return recipes.requirements((build.LOCAL / "go.mod").read_text(encoding="utf-8"))["k8s.io/kubernetes"]


def recorded() -> list[Json]:
    """Parts in the journal that hold for the code as it is."""
    if not JOURNAL.exists():
        return []
    lines = (json.loads(line) for line in JOURNAL.read_text(encoding="utf-8").splitlines())
    return [each for each in lines if each["code"] == code() and each["kubernetes"] == _upstream()]


def figure() -> str:
    """What the journal shows for the code as it is, in a sentence."""
    parts = recorded()
    if not parts:
        return "Not compared since the code changed; next: `make oracle`."
    cases, syncs, scaled, differing = (
        sum(each[key] for each in parts) for key in ("cases", "syncs", "rescales", "mismatches")
    )
    seeds = sorted({each["seed"] for each in parts})
    return (
        f"**{differing} mismatches in {cases:,} cases** ({syncs:,} syncs, {scaled:,} of which rescaled; "
        f"seeds {seeds[0]} to {seeds[-1]}; Kubernetes {parts[-1]['kubernetes']}; code {parts[-1]['code']}). "
        "Raw results: `docs/scaling/oracle.jsonl`."
    )


def _run(cases: int, part: int, at_most: int | None) -> int:
    """Compare what is not recorded yet."""
    program = build.oracle(_say)
    JOURNAL.parent.mkdir(parents=True, exist_ok=True)
    known = {(each["seed"], each["cases"]) for each in recorded()}
    todo = [seed for seed in range(1, -(-cases // part) + 1) if (seed, part) not in known]
    for number, seed in enumerate(todo[:at_most], start=1):
        found = _part(program, seed, part)
        found |= {
            "code": code(),
            "kubernetes": _upstream(),
            "commit": results.commit(),
            "machine": results.machine(),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with JOURNAL.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps(found) + "\n")
        _say(f"seed {seed} ({number} of {len(todo)}): {found['mismatches']} mismatches in {part:,} cases")
    parts = [each for each in recorded() if each["cases"] == part and each["seed"] <= -(-cases // part)]
    total, differing = sum(each["cases"] for each in parts), sum(each["mismatches"] for each in parts)
    syncs = sum(each["syncs"] for each in parts)
    seeds = ", ".join(str(each["seed"]) for each in parts)
    print(f"{differing} mismatches in {total:,} of {cases:,} cases ({syncs:,} syncs), seeds {seeds}")  # noqa: T201
    return int(differing > 0 or total < cases)


def _record() -> int:
    """Write the vectors, one case a line with upstream's answer."""
    program = build.oracle(_say)
    lines = [
        json.dumps(case | {"upstream": theirs}, separators=(",", ":"))
        for case, _, theirs in _compared(program, _VECTORS_SEED, _VECTORS)
    ]
    VECTORS.parent.mkdir(parents=True, exist_ok=True)
    VECTORS.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
    return 0


def main(arguments: list[str]) -> int:
    """Run a command; the exit code is 1 where something differed or is not compared yet."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracles.hpa_compare", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--cases", type=int, default=1_000_000)
    run.add_argument(
        "--part", type=int, default=100_000, help="cases of one seed and one line of the journal"
    )
    run.add_argument("--at-most", type=int, help="end after so many parts")
    commands.add_parser("record")
    options = parser.parse_args(arguments)
    return _record() if options.command == "record" else _run(options.cases, options.part, options.at_most)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
