"""The pod's process on cores of its own, beside the sender that measures it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ekiben.clients import pod
from ekiben.errors import ConfigError, NoDataError, ToolError
from ekiben.scale.load import target
from ekiben.scale.replica import Reading, Replica

_log = logging.getLogger(__name__)
_SAMPLES = {
    name: re.compile(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", re.MULTILINE)
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "http_server_active_requests")
}
_FORM = re.compile(r'^model_info\{[^}]*predictor="([^"]*)"', re.MULTILINE)
_METRICS_PORT = 2  # above that of HTTP
_SETTLE_SECONDS = 15.0
_BUSY = (0, 1, 2, 7)  # user, nice, system, steal; interrupts are those of the load itself
_WORKERS = "EKIBEN_WORKERS"


@dataclass(frozen=True, slots=True)
class Pinned:
    """The pod's process on cores of its own.

    Attributes:
        replica: It.
        start_seconds: From its start to ready, seconds.
        form: Form of the estimator that answers.
    """

    replica: Replica
    start_seconds: float
    form: str


@contextlib.contextmanager
def pinned(
    environment: Mapping[str, str],
    folder: Path,
    timeout_seconds: float,
    rows_per_request: int = 1,
    *,
    cores: int = 1,
) -> Iterator[Pinned]:
    """Run the pod's process on so many cores and this process on another, until the block ends.

    Args:
        environment: Of the pod, address and ports included; the number of its workers is added.
        folder: Of its artefact, whose golden rows it is asked.
        timeout_seconds: The callers', seconds.
        rows_per_request: Golden rows in each request.
        cores: That the pod may use, each with a worker.

    Yields:
        It, ready.

    Raises:
        ConfigError: This machine has not as many cores.
        ToolError: It did not become ready.
    """
    with _apart(cores) as mine:
        began = time.monotonic()
        with pod.started({**environment, _WORKERS: str(cores)}) as ready:
            own = mine()
            url = ready()
            start = time.monotonic() - began
            _log.info("measuring on %d core%s: ready after %.1f s", cores, "s" * (cores > 1), start)
            found = _replica(url, folder, timeout_seconds, own, rows_per_request, cores)
            yield Pinned(found, start, _form(url))


@contextlib.contextmanager
def _apart(count: int = 1) -> Iterator[Callable[[], Sequence[int]]]:
    """Begin on the first cores; what is yielded moves this process to the last one, away from its children.

    Args:
        count: Cores for the children.

    Yields:
        Moves, and gives the numbers of the children's cores; none where they cannot be told.

    Raises:
        ConfigError: There are not as many.

    Where no core is left for the sender it shares the last one; then steps say themselves where it was late,
    or took too much of it.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS
        if count > (os.cpu_count() or 1):
            raise _too_few(count, os.cpu_count() or 1)
        yield lambda: ()
        return
    before = os.sched_getaffinity(0)
    cores = sorted(before)
    if count > len(cores):
        raise _too_few(count, len(cores))
    if len(cores) == count:
        _log.warning("no core is left for the sender: it and the server disturb each other")
    os.sched_setaffinity(0, set(cores[:count]))

    def move() -> Sequence[int]:
        os.sched_setaffinity(0, {cores[-1]})
        # Of one core that both have nothing can be told apart.
        return cores[:count] if len(cores) > 1 else ()

    try:
        yield move
    finally:
        os.sched_setaffinity(0, before)


def _too_few(wanted: int, found: int) -> ConfigError:
    return ConfigError(
        f"expected {wanted} cores to measure a replica of {wanted} on, found {found}",
        remedy="plan on a larger machine, or for fewer cores (--cores)",
    )


def _replica(
    url: str, folder: Path, timeout_seconds: float, own: Sequence[int], rows_per_request: int, cores: int
) -> Replica:
    document = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    bodies, checks = target.golden(document, rows_per_request)
    return Replica(
        target=target.LoadTarget(f"{url}/predict", bodies, checks, timeout_seconds=timeout_seconds),
        read=lambda: _reading(url, own),
        settle=lambda: _settle(url),
        clock=time.monotonic,
        cores=cores,
    )


def _scrape(url: str) -> str:
    parts = urlsplit(url)
    address = f"http://{parts.hostname}:{(parts.port or 0) + _METRICS_PORT}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # our own loopback address
            text: str = answer.read().decode(errors="replace")
    except OSError as error:
        raise ToolError(f"expected metrics of the pod's process at {address}, found none: {error}") from error
    return text


def _sum(text: str, name: str) -> float:
    found = _SAMPLES[name].findall(text)
    if not found:
        raise NoDataError(f"expected {name} among the metrics of the pod's process, found none")
    return sum(map(float, found))


def _reading(url: str, own: Sequence[int]) -> Reading:
    text = _scrape(url)
    return Reading(
        _sum(text, "process_cpu_seconds_total"), _sum(text, "process_resident_memory_bytes"), _used(own)
    )


def _used(cores: Sequence[int]) -> float | None:
    """CPU time of all processes on some cores: user, nice, system, and what a hypervisor took.

    Returns:
        Seconds; None if there are no such cores, or the machine does not say.

    Source: https://man7.org/linux/man-pages/man5/proc_stat.5.html
    """
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = {name: ticks for name, *ticks in map(str.split, lines)}
    named = [found[name] for name in (f"cpu{number}" for number in cores) if name in found]
    if not named or len(named) < len(cores):
        return None
    return sum(int(ticks[place]) for ticks in named for place in _BUSY) / os.sysconf("SC_CLK_TCK")


def _settle(url: str) -> None:
    """Wait until no request is being handled: a queue that one step left would be the next one's."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while _sum(_scrape(url), "http_server_active_requests") > 0 and time.monotonic() < deadline:
        time.sleep(0.1)


def _form(url: str) -> str:
    found = _FORM.search(_scrape(url))
    return found[1] if found else ""
