"""Raw results: one JSON line each, only appended, with seed, code, commit and machine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tests.torture.pod import results

from ekiben.version import VERSION

ROOT = results.ROOT
FILE = ROOT / "docs" / "scaling" / "live.jsonl"
SHORT = ROOT / "out" / "live" / "short.jsonl"  # what is not judged is not kept beside what is
METHOD = 1  # raised when something else is measured, or in another way: older results then do not count
Record = dict[str, Any]
# replica: what one carries, and whether two carry nearly twice that; run: a policy under a load;
# steps: how soon replicas come; replay: a run by the simulator.
Kind = Literal["replica", "run", "steps", "replay"]

_RELEASED = ("src/ekiben/serving", "helm/model-server", "src/ekiben/scale/plan", "src/ekiben/scale/capacity")
_SIMULATED = ("src/ekiben/scale/simulation", "src/ekiben/scale/hpa")
_FILES = ("*.py", "*.yaml", "*.tpl", "values.schema.json")


def code() -> str:
    """What is measured: hash of what serves and of what derives the numbers, and the method."""
    files = {path for part in _RELEASED for kind in _FILES for path in (ROOT / part).rglob(kind)}
    return f"method {METHOD}, {results.digest(files)}"


def simulator() -> str:
    """Hash of the simulator and of how a record is replayed."""
    files = {path for part in _SIMULATED for path in (ROOT / part).rglob("*.py")}
    return results.digest({*files, Path(__file__).with_name("replay.py")})


def begun(kind: Kind, seed: int) -> Record:
    """The part of a record that says where it is from."""
    return {
        "kind": kind,
        "seed": seed,
        "code": code(),
        "commit": results.commit(),
        "machine": results.machine(),
        "ekiben": VERSION,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def read(path: Path = FILE) -> list[Record]:
    """All records of a file, oldest first; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def append(record: Record, path: Path) -> None:
    """Add one, whole or not at all, without this machine's folders and addresses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = results.placeless(json.dumps(record, ensure_ascii=False, sort_keys=True)) + "\n"
    with path.open("ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def name(record: Record) -> str:
    """What tells one run from all others: its policy, load, seed and start."""
    return f"{record['policy']}, {record['shape']}, seed {record['seed']}, {record['started']}"


def of(records: Sequence[Record], kind: Kind) -> list[Record]:
    """Those of a kind."""
    return [each for each in records if each["kind"] == kind]


def replica(records: Sequence[Record], own: str | None = None) -> Record | None:
    """The newest replica (of this code, where one is named) of which two carried nearly twice as much."""
    from tests.live import validity

    found = [each for each in of(records, "replica") if own in (None, each["code"])]
    return next((each for each in reversed(found) if not validity.of_replica(each)), None)


def under(records: Sequence[Record], kind: Kind, basis: Record) -> Iterator[Record]:
    """Records that were measured with the numbers of one replica."""
    return (each for each in of(records, kind) if each["basis"] == basis["plans"]["cpu"]["sha256"])
