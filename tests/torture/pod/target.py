"""What is tortured: the pod's process, or stock `bentoml serve`, started and watched in the same way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.serving import pod
from tests.torture.pod import processes, wire

START_SECONDS = 60.0
_MARK = "TORTURE_SERVER"  # in the environment of all processes of one server, whoever their parents are
_STOCK = Path(__file__).parent / "stock"


class Target(Protocol):
    """A kind of server."""

    @property
    def name(self) -> str:
        """As results carry it."""
        ...

    @property
    def gauge(self) -> str:
        """Name of its gauge of requests in progress."""
        ...

    @property
    def scrape_offset(self) -> int:
        """Its metrics are on this port, counted from that of predictions."""
        ...

    def command(self, port: int) -> list[str]:
        """Program and arguments."""
        ...

    def environment(self, port: int, folder: Path, more: Mapping[str, str]) -> dict[str, str]:
        """Its whole environment; `more` are settings of the pod or of Python."""
        ...


@dataclass(frozen=True)
class Ekiben:
    """Our pod, with the settings that it has in the chart."""

    artefact: Path
    name: str = "ekiben"
    gauge: str = "http_server_active_requests"
    scrape_offset: int = 2

    def command(self, port: int) -> list[str]:
        """`python -m ekiben.serving`."""
        del port
        return [sys.executable, "-m", "ekiben.serving"]

    def environment(self, port: int, folder: Path, more: Mapping[str, str]) -> dict[str, str]:
        """The pod's."""
        return {
            **pod.environment(self.artefact, port, folder),
            "EKIBEN_GRPC_PORT": str(port + 1),
            "EKIBEN_DRAIN_SECONDS": "10",
            **more,
        }


@dataclass(frozen=True)
class Stock:
    """`bentoml serve` of a quickstart service, as BentoML's own image starts it."""

    model: Path
    name: str = "bentoml"
    gauge: str = "bentoml_service_request_in_progress"
    scrape_offset: int = 0

    def command(self, port: int) -> list[str]:
        """`bentoml serve`, all defaults."""
        serve = [sys.executable, "-m", "bentoml", "serve", "service:Iris"]
        return [*serve, "--host", wire.HOST, "--port", str(port), "--working-dir", str(_STOCK)]

    def environment(self, port: int, folder: Path, more: Mapping[str, str]) -> dict[str, str]:
        """As in its image: there, `BENTOML_CONTAINERIZED` is set and a dead worker is not replaced."""
        del port
        home = folder / "bentoml-home"
        home.mkdir(exist_ok=True)
        return {
            **os.environ,
            "BENTOML_HOME": str(home),
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_CONTAINERIZED": "true",
            "STOCK_MODEL": str(self.model),
            **{name: value for name, value in more.items() if not name.startswith("EKIBEN_")},
        }


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    target: Target
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    started: float
    mark: str

    @property
    def pid(self) -> int:
        """Id of its first process."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether its first process runs."""
        return self.process.poll() is None

    async def get(self, path: str, seconds: float = 5) -> wire.Reply:
        """GET on a connection of its own."""
        return await wire.once(self.port, wire.request("GET", path), seconds)

    async def scrape(self, seconds: float = 30) -> str:
        """Text of its metrics."""
        port = self.port + self.target.scrape_offset
        return (await wire.once(port, wire.request("GET", "/metrics"), seconds)).body.decode()

    async def in_progress(self) -> float:
        """Its own gauge of requests in progress, probes and scrapes included."""
        return pod.count(await self.scrape(), self.target.gauge)

    async def ready(self, seconds: float = START_SECONDS) -> float:
        """Wait until it is ready; gives seconds since its start.

        Raises:
            TimeoutError: It is not, with the end of its log.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.alive:
            with contextlib.suppress(OSError, wire.WireError, TimeoutError):
                if (await self.get("/readyz", 1)).status == 200:
                    return time.monotonic() - self.started
            await asyncio.sleep(0.02)
        raise TimeoutError(f"{self.target.name} is not ready: {self.log.read_text()[-2_000:]}")

    async def exit_status(self, seconds: float) -> int | None:
        """Wait for its end; None if it does not come."""
        end = time.monotonic() + seconds
        while self.alive and time.monotonic() < end:  # noqa: ASYNC110 - another process tells nobody of it
            await asyncio.sleep(0.02)
        return self.process.poll()

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to its first process, as a container's runtime does."""
        self.process.send_signal(number)

    def end(self) -> None:
        """Kill what is left of it, orphans too: a container's end takes all its processes along."""
        while left := processes.marked(_MARK, self.mark):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.005)
        self.process.wait()


def start(target: Target, folder: Path, more: Mapping[str, str], port: int | None = None) -> Served:
    """Start a server, in a process group of its own."""
    port = port or pod.free_port()
    log, mark = folder / f"{target.name}-{port}.log", uuid.uuid4().hex
    with log.open("ab") as sink:
        process = subprocess.Popen(
            target.command(port),
            env={**target.environment(port, folder, more), _MARK: mark},
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    return Served(target, process, port, log, time.monotonic(), mark)


@contextlib.asynccontextmanager
async def serving(target: Target, folder: Path, **more: str) -> AsyncIterator[Served]:
    """Run a ready server until the block ends."""
    served = start(target, folder, more)
    try:
        await served.ready()
        yield served
    finally:
        served.end()


def make(name: str, folder: Path) -> Target:
    """Make a target by name, with a model trained for it in this folder."""
    if name == "bentoml":
        import joblib
        from tests.torture.pod.oracle import Oracle

        path = folder / "forest.joblib"
        joblib.dump(Oracle().forest, path)
        return Stock(path)
    root = Path(__file__).parents[3]
    home = folder / "ekiben-home"
    before = os.environ.get("BENTOML_HOME")
    os.environ["BENTOML_HOME"] = str(home)
    try:
        from ekiben import config
        from ekiben.train import station

        trained = station.train(config.load("iris", root, {}), root).folder
    finally:
        if before is None:
            del os.environ["BENTOML_HOME"]
        else:
            os.environ["BENTOML_HOME"] = before
    return Ekiben(Path(shutil.copytree(trained, folder / "artefact")))
