"""One run of the benchmarks: what every experiment needs, and where its results go."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import credentials, load, machine, models, servers
from benchmarks.arms import Arm
from benchmarks.environments import Environment
from benchmarks.load import Load, Measured
from benchmarks.models import Model, Prepared, Rows
from benchmarks.place import Place, free_port
from benchmarks.results import Journal, Record, done, identity
from benchmarks.servers import Server
from ekiben.errors import EkibenError, ToolError

_log = logging.getLogger("benchmarks")
_CORES = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How it is measured.

    Attributes:
        seed: Of orders and rows.
        repeats: Of every cell.
        seconds: Of load per measurement.
        warm_seconds: Of load before each, not counted.
        memory_minutes: Of load for the growth of memory.
        quick: The small set.
    """

    seed: int = 1
    repeats: int = 4
    seconds: int = 1
    warm_seconds: int = 1
    memory_minutes: float = 10.0
    quick: bool = False


class Session:
    """What experiments share.

    Args:
        settings: How it is measured.
        journal: Where results go.
        source: Folder that holds the product's package.
        folder: Scratch.
    """

    def __init__(self, settings: Settings, journal: Journal, source: Path, folder: Path) -> None:
        self.settings, self.journal = settings, journal
        self._source, self._folder = source, folder
        self._credentials = credentials.make(folder / "access")
        self._prepared: dict[str, Prepared] = {}
        self._numbers = iter(range(1_000_000))
        facts = machine.facts()
        about = {"settings": dataclasses.asdict(settings), "machine": facts, "method": machine.method()}
        self.series = machine.fingerprint({**about, "product": machine.sources(source)})
        self._common = {"series": self.series, "seed": settings.seed, "commit": machine.commit()}
        self._done = done(journal.read(), self.series)
        self.failures = 0
        self.record("series", **about, product=machine.sources(source))

    def prepared(self, model: Model) -> Prepared:
        """Train a model, once per run."""
        if model.name not in self._prepared:
            folder = self._folder / model.name
            folder.mkdir()
            _log.info("training %s", model.title)
            self._prepared[model.name] = models.prepare(model, folder)
        return self._prepared[model.name]

    @contextlib.contextmanager
    def server(self, arm: Arm, model: Model) -> Iterator[Server]:
        """Start a server in a folder of its own; it may not be ready yet."""
        environment = Environment(arm.environment)
        environment.make()
        scratch = self._folder / f"s{next(self._numbers)}"
        scratch.mkdir()
        place = Place(
            environment.python, free_port(), self.prepared(model), scratch, self._source, self._credentials
        )
        try:
            with servers.running(arm, place) as server:
                yield server
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def batches(self, model: Model, rows: int) -> list[Rows]:
        """Draw the rows of each body that is sent."""
        return self.prepared(model).batches(rows, self.settings.seed)

    def loaded(self, server: Server, batches: list[Rows]) -> Load:
        """Write what a server will be sent."""
        requests = [server.arm.form.write(rows) for rows in batches]
        folder = self._folder / f"b{next(self._numbers)}"
        return load.write(folder, server.url, requests, server.credentials)

    def measure(self, server: Server, sent: Load, connections: int) -> dict[str, Any]:
        """Warm up, then measure.

        Raises:
            ToolError: A request failed, or none was answered: such a figure is none.
        """
        sent.send(connections, self.settings.warm_seconds)
        server.tree.settle()
        before, began = server.tree.cpu_seconds(), time.monotonic()
        found = sent.send(connections, self.settings.seconds)
        server_ratio = (server.tree.cpu_seconds() - before) / (time.monotonic() - began)
        if found.failed or not found.requests:
            raise ToolError(
                f"{server.arm.name}: {found.failed} requests failed and {found.requests} were answered "
                f"within {self.settings.seconds} s at {connections} connections"
            )
        return {**_figures(found), "server_cpu_ratio": round(server_ratio, 3)}

    def is_done(self, **of: Any) -> bool:
        """Whether this series has a result already."""
        return identity(of) in self._done

    def record(self, experiment: str, **found: Any) -> Record:
        """Append one result."""
        record = self.about(experiment, **found)
        self.journal.append([record])
        return record

    def about(self, experiment: str, **found: Any) -> Record:
        """Make a record without appending it."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        busy = round(os.getloadavg()[0], 2)
        return {**self._common, "experiment": experiment, "at": at, "load_average": busy, **found}

    def failed(self, error: EkibenError) -> Mapping[str, Any]:
        """Count and describe a failure."""
        self.failures += 1
        last = getattr(error, "last_lines", "")
        _log.error("%s\n%s", error, last)
        return {"failure": str(error).splitlines()[0][:300]}


@contextlib.contextmanager
def opened(settings: Settings, journal: Journal, source: Path) -> Iterator[Session]:
    """Prepare a run: programs, folders, core.

    Raises:
        ToolError: Too few cores, or wrk cannot be had.
    """
    if len(os.sched_getaffinity(0)) < _CORES:
        raise ToolError(
            "expected two cores, one for servers and one for the load, found one",
            remedy="run it on a machine with two cores or more",
        )
    load.install()
    before = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory(prefix="ekb-", ignore_cleanup_errors=True) as name:
        os.sched_setaffinity(0, {load.CPU})
        try:
            yield Session(settings, journal, source.resolve(), Path(name))
        finally:
            os.sched_setaffinity(0, before)


def _figures(found: Measured) -> dict[str, Any]:
    return {
        "requests": found.requests,
        "seconds": round(found.seconds, 3),
        "requests_per_second": round(found.rate, 2),
        "p50_seconds": found.p50_seconds,
        "p99_seconds": found.p99_seconds,
        "generator_cpu_ratio": found.generator_ratio,
    }
