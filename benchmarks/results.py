"""Raw results: one JSON object per line, appended and never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]
IDENTITY = ("experiment", "arm", "model", "rows", "connections", "repeat")  # what one measurement is of


@dataclass(frozen=True, slots=True)
class Journal:
    """A file of results.

    Attributes:
        path: It need not exist.
    """

    path: Path

    def append(self, records: Iterable[Record]) -> None:
        """Add records: all of them, or none if the machine stops in the middle of a line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{json.dumps(record, sort_keys=True)}\n" for record in records)
        torn = self.path.is_file() and not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}" if torn and self.path.stat().st_size else text)
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Record]:
        """Read all records; a line that a killed run left half is not one."""
        return parse(self.path.read_text(encoding="utf-8")) if self.path.is_file() else []


def parse(text: str) -> list[Record]:
    """Read the records of a journal's text."""
    found = []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def series(records: Iterable[Record], name: str = "") -> list[Record]:
    """Choose the records of one series, the last one unless named; a later record of the same thing wins.

    A series is one setting on one machine: what may be compared.
    """
    kept = list(records)
    if not name and kept:
        name = kept[-1]["series"]
    return list({identity(record): record for record in kept if record["series"] == name}.values())


def identity(record: Record) -> tuple[Any, ...]:
    """What a record is of, within its series."""
    return tuple(record.get(name) for name in IDENTITY)


def done(records: Iterable[Record], name: str) -> set[tuple[Any, ...]]:
    """What was measured in a series; what failed is to be tried again."""
    return {identity(record) for record in series(records, name) if "failure" not in record}
