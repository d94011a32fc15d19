"""C* of the same model on one core and on several, in turns, and what is not measured again.

Each search is appended to the journal as it ends, with seed, commit and machine; what this code has of a
model, a number of cores and a round on this machine is not done again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.capacity import live, models
from benchmarks.capacity.models import Spec
from benchmarks.capacity.runs import code
from benchmarks.models import ROOT
from benchmarks.results import Journal, Record
from benchmarks.shapes import page
from ekiben.errors import EkibenError

JOURNAL = ROOT / "docs" / "scaling" / "shapes.jsonl"
PAGE = ROOT / "docs" / "scaling" / "shapes.md"
# Those of which a request takes milliseconds: on a machine without a core for the sender, of no others a step
# is valid.
MODELS = ("iris-unconverted", "digits-kernel", "tickets", "wine-boosting", "iris-forest")
_log = logging.getLogger("benchmarks")


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is measured.

    Attributes:
        seconds: Of each search.
        rounds: Of all shapes of all models.
        cores: The largest replica; all from one core on are measured.
        seed: Of the send times.
    """

    seconds: float = 60.0
    rounds: int = 3
    cores: int = min(2, os.cpu_count() or 1)
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """One search.

    Attributes:
        spec: The model.
        cores: Of its replica.
        number: Of the round, from 0.
    """

    spec: Spec
    cores: int
    number: int

    @property
    def name(self) -> tuple[str, int, int]:
        """What tells it from others."""
        return self.spec.name, self.cores, self.number


def turns(settings: Settings) -> Iterator[Turn]:
    """All of them: shapes of one model follow each other, in turns from the smallest and from the largest."""
    for number in range(settings.rounds):
        for spec in models.chosen(list(MODELS)):
            cores = range(1, settings.cores + 1)
            yield from (Turn(spec, each, number) for each in (reversed(cores) if number % 2 else cores))


def run(journal: Journal, settings: Settings, scratch: Path, deadline: float) -> int:
    """Measure what is missing until a time, as `time.monotonic` gives it; gives how many turns are left."""
    about = {"machine": machine.facts(), "code": code("search"), "settings": asdict(settings)}
    series = machine.fingerprint(about)
    done = {_name(each) for each in journal.read() if each["series"] == series}
    missing = [turn for turn in turns(settings) if turn.name not in done]
    while missing and time.monotonic() < deadline:
        turn = missing.pop(0)
        found = _measured(turn, settings, scratch)
        record = {
            **found, "model": turn.spec.name, "cores": turn.cores, "number": turn.number,
            "spec": asdict(turn.spec), "seed": settings.seed + turn.number, "series": series,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": machine.commit(), **about,
        }  # fmt: skip
        journal.append([record])
        told = found.get("failure") or f"C* {found['rate']:.1f}, saturated {found['saturation_rate']:.1f}"
        _log.info("%s on %d, round %d: %s", *turn.name, told)
    return len(missing)


def _measured(turn: Turn, settings: Settings, scratch: Path) -> dict[str, Any]:
    models.artefact(turn.spec, scratch)
    try:
        with models.replica(turn.spec, scratch, turn.cores) as here:
            return live.searched(here, turn.spec, settings.seconds, settings.seed + turn.number)
    except EkibenError as error:
        return {"failure": str(error).splitlines()[0]}


def _name(record: Record) -> tuple[str, int, int]:
    return record["model"], record["cores"], record["number"]


def newest(records: Sequence[Record]) -> list[Record]:
    """Keep the last series."""
    return [each for each in records if each["series"] == records[-1]["series"]]


def files(journal: Journal | None = None) -> dict[Path, str]:
    """The page, from the journal."""
    return {PAGE: page.text(newest((journal or Journal(JOURNAL)).read()))}
