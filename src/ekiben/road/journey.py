"""Where a model has been on the road: what each station left, so that the next run carries on there.

One file per project and model. A station's record holds the fingerprint of all
that went into it; another fingerprint, and the station runs again. The file is
replaced whole, so an interrupt leaves the old one or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ekiben.clients import places
from ekiben.jsonable import jsonable

STATIONS = ("train", "bento", "image", "release", "traffic", "scale", "observe")


@dataclass(frozen=True, slots=True)
class Stop:
    """What one station left.

    Attributes:
        station: One of `STATIONS`.
        fingerprint: Hash of all that went in.
        output: What came out, as JSON.
        seconds: How long it took.
        finished_at: When, seconds since the epoch.
        kept: True if it was found finished and not run again.
    """

    station: str
    fingerprint: str
    output: dict[str, Any]
    seconds: float
    finished_at: float
    kept: bool = False


class Journey:
    """The stops of one model, on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stops = _read(path)

    @classmethod
    def of(cls, project: Path, model: str) -> Self:
        """The journey of `model` in `project`; empty if it never left."""
        return cls(places.state() / "road" / f"{model}-{place(project)}.json")

    def last(self, station: str) -> Stop | None:
        """What the station left last, whatever went in."""
        return self._stops.get(station)

    def finished(self, station: str, fingerprint: str) -> Stop | None:
        """What the station left for exactly this input."""
        stop = self._stops.get(station)
        return stop if stop is not None and stop.fingerprint == fingerprint else None

    def record(self, station: str, fingerprint: str, output: object, seconds: float) -> Stop:
        """Write down what a station left; later stops that hang on another output are forgotten."""
        found = jsonable(output)
        before = self._stops.get(station)
        stop = Stop(station, fingerprint, found, seconds, time.time())
        if before is None or before.fingerprint != fingerprint or before.output != found:
            for later in STATIONS[STATIONS.index(station) + 1 :]:
                self._stops.pop(later, None)
        self._stops[station] = stop
        self._save()
        return stop

    def forget(self, station: str) -> None:
        """Drop a station and all after it."""
        for later in STATIONS[STATIONS.index(station) :]:
            self._stops.pop(later, None)
        self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(f".{os.getpid()}.new")
        new.write_text(
            json.dumps({k: jsonable(v) for k, v in self._stops.items()}, indent=1), encoding="utf-8"
        )
        new.replace(self._path)


def place(project: Path) -> str:
    """Tells the models of one project from those of another: a part of file names."""
    return hashlib.sha256(str(project).encode()).hexdigest()[:8]


def _read(path: Path) -> dict[str, Stop]:
    """An unreadable file costs time, not correctness: every station can be run again."""
    try:
        return {k: Stop(**v) for k, v in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def fingerprint(*parts: object, files: Iterable[Path] = ()) -> str:
    """Hash what goes into a station: values by their JSON, files by name and content."""
    digest = hashlib.sha256(json.dumps(jsonable(list(parts)), sort_keys=True, default=str).encode())
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
