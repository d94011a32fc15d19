"""A capacity plan, measured on the pod's own process on this machine."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from ekiben.clients import pod
from ekiben.errors import NoDataError, ToolError
from ekiben.page import html
from ekiben.release import golden
from ekiben.road import plans, process
from ekiben.road.stations import Traveller
from ekiben.scale import replica
from ekiben.scale.capacity.cost import cost
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.load import target
from ekiben.scale.load.progress import Progress
from ekiben.scale.plan.derive import Measured, Wishes, derive
from ekiben.scale.plan.document import CapacityPlan, Subject
from ekiben.scale.plan.formulas import Headroom, Signal
from ekiben.scale.replica import Reading, Replica

_log = logging.getLogger(__name__)
_SAMPLES = {
    name: re.compile(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", re.MULTILINE)
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "http_server_active_requests")
}
_FORM = re.compile(r'^model_info\{[^}]*predictor="([^"]*)"', re.MULTILINE)
_METRICS_PORT = 2  # above that of HTTP
_SETTLE_SECONDS = 15.0
_TWO = 2
_BUSY = (0, 1, 2, 7)  # user, nice, system, steal; interrupts are those of the load itself


@dataclass(frozen=True, slots=True)
class Pinned:
    """The pod's process on a core of its own.

    Attributes:
        replica: It.
        start_seconds: From its start to ready, seconds.
        form: Form of the estimator that answers.
    """

    replica: Replica
    start_seconds: float
    form: str


def plan(
    traveller: Traveller,
    wishes: Wishes,
    on_progress: Callable[[Progress], None],
    *,
    headroom: Headroom,
    signal: Signal,
    seconds: float,
    alpha: float,
    seed: int,
) -> CapacityPlan:
    """Measure the pod's process on one core, derive the plan and keep it.

    Args:
        traveller: The model, trained.
        wishes: What is asked.
        on_progress: Told about every half second of load.
        headroom: What the headroom is for.
        signal: What the autoscaler will read.
        seconds: Time for the measurement, seconds.
        alpha: Probability that the decision about a rate is wrong, 0-1.
        seed: Of the send times.

    Raises:
        ConfigError: The model is not trained, or the peak is beyond the quota.
        ToolError: The pod's process did not become ready.
        NoDataError: Fewer than two valid steps, or requests that fail.
        AcceptanceError: No rate meets the objective.
    """
    folder = Path(traveller.left("train")["folder"])
    expected = golden.read(folder)
    objective = Objective(wishes.objective_seconds, wishes.bad_ratio)
    environment = process.settings(traveller, host=pod.HOST, port=pod.free_port())
    timeout = wishes.timeout_seconds or traveller.config.traffic.timeout_seconds
    with pinned(environment, folder, timeout) as here:
        found = replica.find(
            here.replica, objective, seconds=seconds, alpha=alpha, seed=seed,
            on_progress=on_progress, on_step=lambda step: _tell(step, objective, alpha),
        )  # fmt: skip
    subject = Subject(
        model=expected.model.name, version=expected.model.version, artefact_sha256=expected.artefact_sha256,
        form=here.form, made_at=datetime.now(UTC).isoformat(timespec="seconds"), machine=_machine(),
        seed=seed,
    )  # fmt: skip
    valid = [step for step in found.capacity.steps if not step.reasons(objective)]
    measured = Measured(
        found.capacity, cost(valid), found.saturation_rate, here.start_seconds, found.memory_bytes
    )
    made = derive(subject, wishes, measured, headroom=headroom, signal=signal, most=found.most_rate)
    html.write(made.text(), plans.path_of(traveller))
    return made


def _tell(step: Step, objective: Objective, alpha: float) -> None:
    _log.info(
        "%8.1f requests/s for %3.0f s: %d of %d bad, p99 %.1f ms, design effect %.1f: %s",
        step.rate, step.seconds, step.bad, step.requests, step.p99_seconds * 1e3, step.effect,
        "; ".join(step.reasons(objective)) or step.verdict(objective, alpha),
    )  # fmt: skip


@contextlib.contextmanager
def pinned(
    environment: Mapping[str, str], folder: Path, timeout_seconds: float, rows_per_request: int = 1
) -> Iterator[Pinned]:
    """Run the pod's process on one core and this process on another, until the block ends.

    Args:
        environment: Of the pod, address and ports included.
        folder: Of its artefact, whose golden rows it is asked.
        timeout_seconds: The callers', seconds.
        rows_per_request: Golden rows in each request.

    Yields:
        It, ready.

    Raises:
        ToolError: It did not become ready.
    """
    with _apart() as mine:
        began = time.monotonic()
        with pod.started(environment) as ready:
            core = mine()
            url = ready()
            start = time.monotonic() - began
            _log.info("measuring on one core: ready after %.1f s", start)
            yield Pinned(_replica(url, folder, timeout_seconds, core, rows_per_request), start, _form(url))


@contextlib.contextmanager
def _apart() -> Iterator[Callable[[], int | None]]:
    """Begin on the first core; what is yielded moves this process to the last one, away from its children.

    Yields:
        Moves, and gives the number of the core that the children have for themselves; None if none.

    A machine of one core has nothing to keep apart; then steps say themselves where the sender was late.
    """
    if not hasattr(os, "sched_setaffinity"):  # macOS
        yield lambda: None
        return
    before = os.sched_getaffinity(0)
    cores = sorted(before)
    if len(cores) < _TWO:
        _log.warning("one core only: the sender and the server disturb each other")
    os.sched_setaffinity(0, {cores[0]})

    def move() -> int | None:
        os.sched_setaffinity(0, {cores[-1]})
        return cores[0] if len(cores) >= _TWO else None

    try:
        yield move
    finally:
        os.sched_setaffinity(0, before)


def _replica(
    url: str, folder: Path, timeout_seconds: float, core: int | None, rows_per_request: int
) -> Replica:
    document = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    bodies, checks = target.golden(document, rows_per_request)
    return Replica(
        target=target.LoadTarget(f"{url}/predict", bodies, checks, timeout_seconds=timeout_seconds),
        read=lambda: _reading(url, core),
        settle=lambda: _settle(url),
        clock=time.monotonic,
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


def _reading(url: str, core: int | None) -> Reading:
    text = _scrape(url)
    return Reading(
        _sum(text, "process_cpu_seconds_total"), _sum(text, "process_resident_memory_bytes"), _core(core)
    )


def _core(number: int | None) -> float | None:
    """CPU time of all processes on a core: user, nice, system, and what a hypervisor took.

    Source: https://man7.org/linux/man-pages/man5/proc_stat.5.html
    """
    if number is None:
        return None
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        name, *ticks = line.split()
        if name == f"cpu{number}":
            return sum(int(ticks[place]) for place in _BUSY) / os.sysconf("SC_CLK_TCK")
    return None


def _settle(url: str) -> None:
    """Wait until no request is being handled: a queue that one step left would be the next one's."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while _sum(_scrape(url), "http_server_active_requests") > 0 and time.monotonic() < deadline:
        time.sleep(0.1)


def _form(url: str) -> str:
    found = _FORM.search(_scrape(url))
    return found[1] if found else ""


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
