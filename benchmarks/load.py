"""The load generator: wrk, closed loop, one thread, on a core of its own.

wrk, because one of its threads sends more than any server here answers (about 150,000 requests/s on the
machine of the first report), keeps every latency, and is a Debian package. It is a closed loop:
a connection sends its next request when the answer is there, so latency at full load is
connections divided by throughput, and p99 is not that of an open system.

Source: https://github.com/wg/wrk/blob/4.1.0/SCRIPTING
"""

from __future__ import annotations

import json
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.forms import Request
from ekiben.clients import command, debian

CPU = 1  # of the generator; servers have CPU 0
_SCRIPT = Path(__file__).with_name("request.lua")
_ANSWER_SECONDS = 60  # longest wait for one answer: a time-out would hide the slowest servers' latency


@dataclass(frozen=True, slots=True)
class Measured:
    """What wrk saw in one run.

    Attributes:
        requests: Answers that came whole within the time.
        seconds: Wall time.
        p50_seconds: Median latency.
        p99_seconds: 99th percentile of latency.
        failed: Answers of status 400 and up, broken connections and time-outs.
        generator_ratio: CPU time of the generator per wall time; near 1 it measured itself.
    """

    requests: int
    seconds: float
    p50_seconds: float
    p99_seconds: float
    failed: int
    generator_ratio: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Load:
    """Requests to one address, written to a folder that wrk reads.

    Attributes:
        url: Where to.
        folder: Holds headers and bodies.
        count: How many bodies.
    """

    url: str
    folder: Path
    count: int

    def send(self, connections: int, seconds: float) -> Measured:
        """Send for a while.

        Raises:
            ToolError: wrk failed.
        """
        before = _children_seconds()
        done = command.run(
            [
                "taskset", "--cpu-list", str(CPU),
                "wrk", "--threads", "1", "--connections", str(connections),
                "--duration", f"{max(1, round(seconds))}s", "--timeout", f"{_ANSWER_SECONDS}s",
                "--script", str(_SCRIPT), self.url,
            ],
            env={"BENCH_FOLDER": str(self.folder), "BENCH_COUNT": str(self.count)},
            show=False,
        )  # fmt: skip
        return parse(done.stdout, (_children_seconds() - before) / done.seconds)


def install() -> None:
    """Install wrk.

    Raises:
        ToolError: It is not there and cannot be installed.
    """
    debian.install(["wrk"])


def write(folder: Path, url: str, requests: Sequence[Request], headers: Mapping[str, str]) -> Load:
    """Write requests for wrk.

    Args:
        folder: Is made.
        url: Where to.
        requests: Sent in turn; all have the headers of the first.
        headers: Added to each.
    """
    folder.mkdir(parents=True)
    lines = {**requests[0].headers, **headers}
    (folder / "headers").write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
    for number, request in enumerate(requests, 1):
        (folder / str(number)).write_bytes(request.body)
    return Load(url, folder, len(requests))


def parse(printed: str, generator_ratio: float) -> Measured:
    """Read what `request.lua` printed last."""
    found = json.loads(printed.strip().splitlines()[-1])
    return Measured(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50_seconds=found["p50"] / 1e6,
        p99_seconds=found["p99"] / 1e6,
        failed=sum(found[kind] for kind in ("connect", "read", "write", "status", "timeout")),
        generator_ratio=round(generator_ratio, 3),
    )


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
