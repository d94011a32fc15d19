"""A load test that is sent from inside the cluster: a Job of the released image, followed to its end.

Whatever happens here, the Job goes: removed by us, by its deadline, or some minutes after its end by the
cluster; what it owns goes with it.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ekiben.clients.cluster import Cluster
from ekiben.clients.objects import Event
from ekiben.errors import ClusterError, ConfigError
from ekiben.image.packages import SITE
from ekiben.image.python import MINOR
from ekiben.release.rollout import Patience
from ekiben.road import load_pod
from ekiben.scale.job import archive, lines, manifest, pod
from ekiben.scale.job.description import Description
from ekiben.scale.job.place import place_of
from ekiben.scale.load.aside import EverySecond
from ekiben.scale.load.progress import Progress

if TYPE_CHECKING:
    from ekiben.scale.load.measurement import LoadMeasurement

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_TAIL = 20  # lines that a broken connection goes back: what matters is said last
_AWAY_SECONDS = 60.0  # how long the API server may be away while the load runs
_ENDED_SECONDS = 10.0  # until a pod whose log ended is said to have ended, and why
_LAST_WORDS = 3  # lines of a pod that died that stand in the error
_FORBIDDEN = 403
_JOB_LABEL = "batch.kubernetes.io/job-name"


@dataclass(frozen=True, slots=True)
class Sending:
    """Where and how long one waits.

    Attributes:
        cluster: The cluster.
        namespace: Namespace of the release.
        release: Its name.
        clock: Monotonic seconds.
        sleep: Waits so many seconds.
        digits: Hexadecimal, what tells this load test from any other.
    """

    cluster: Cluster
    namespace: str
    release: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    digits: str = field(default_factory=lambda: secrets.token_hex(3))


def load(
    sending: Sending,
    told: Description,
    *,
    on_progress: Callable[[Progress], object],
    on_second: Callable[[float], None],
) -> LoadMeasurement:
    """Send a load from a Job beside the release.

    Args:
        sending: Where.
        told: The load.
        on_progress: Told about every half second.
        on_second: Called once a second with the seconds since the load's start, in a thread of its own.

    Returns:
        What the pod measured.

    Raises:
        ConfigError: The load may not be sent there, or is too large.
        ClusterError: The cluster refused, the pod did not start, or it ended without a measurement.
    """
    made = _objects(sending, told)
    _log.info("loadtest: job %s/%s", sending.namespace, made.name)
    try:
        sending.cluster.launch(sending.namespace, made.job, made.owned)
        name = _started(sending, made.name)
        return _followed(sending, made.name, name, on_progress, on_second)
    finally:
        _remove(sending, made.name)


def _objects(sending: Sending, told: Description) -> manifest.Objects:
    found = sending.cluster.raw_deployment(sending.namespace, sending.release)
    if found is None:
        raise ClusterError(
            f"expected a Deployment {sending.namespace}/{sending.release}, found none",
            remedy="is it released? `ekiben status` tells",
        )
    return manifest.objects(
        place_of(sending.namespace, sending.release, found),
        told,
        archive.build(),
        pod.Program(f"python{MINOR}", SITE),
        digits=sending.digits,
        authority=_authority(told.target.ca_file),
    )


def _authority(ca_file: str) -> str:
    try:
        return Path(ca_file).read_text(encoding="utf-8") if ca_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected certificates (PEM) in traffic.ca_file, found: {error}") from error


def _remove(sending: Sending, name: str) -> None:
    try:
        sending.cluster.remove_job(sending.namespace, name)
    except ClusterError as error:
        _log.warning(
            "job %s/%s is still there (%s); the cluster removes it %d s after its end",
            sending.namespace, name, error, manifest.KEPT_SECONDS,
        )  # fmt: skip


def _look(sending: Sending, name: str, *, events: bool = False) -> load_pod.Seen:
    pods = sending.cluster.replicas(sending.namespace, {_JOB_LABEL: name})
    return load_pod.Seen(pods[0] if pods else None, _events(sending) if events else ())


def _events(sending: Sending) -> tuple[Event, ...]:
    """What the cluster says of the pod's start; nothing where it is not ours to read."""
    try:
        return sending.cluster.events(sending.namespace)
    except ClusterError as error:
        if error.status == _FORBIDDEN:
            return ()
        raise


def _started(sending: Sending, name: str) -> str:
    """Wait until the pod runs, or has run; its name."""
    began, patience, there = sending.clock(), Patience(), False
    while True:
        seen = _look(sending, name, events=True)
        if seen.pod is not None and seen.started:
            return seen.pod.name
        there = there or seen.pod is not None
        if there and seen.ended:  # turned away by its node, or removed: the Job makes no second one
            raise load_pod.unfinished(seen, "")
        now = sending.clock()
        failure = patience.overdue(load_pod.suspicions(seen, name), now)
        if failure is not None:
            raise ClusterError(f"expected {failure.expected}, found {failure.found}", remedy=failure.remedy)
        if now - began > manifest.START_SECONDS:
            raise load_pod.overtime(seen, name, now - began)
        sending.sleep(_LOOK_SECONDS)


@dataclass
class _Elapsed:
    """The load's own clock, as its progress tells it."""

    clock: Callable[[], float]
    offset: float | None = None

    def take(self, progress: Progress) -> bool:
        """Set it; True the first time."""
        first = self.offset is None
        self.offset = self.clock() - progress.elapsed_seconds
        return first

    def now(self) -> float:
        return self.clock() - (self.offset or 0.0)


def _followed(
    sending: Sending,
    job: str,
    name: str,
    on_progress: Callable[[Progress], object],
    on_second: Callable[[float], None],
) -> LoadMeasurement:
    elapsed, last = _Elapsed(sending.clock), -1.0
    other: deque[str] = deque(maxlen=_LAST_WORDS)
    with ExitStack() as beside:
        for line in beside.enter_context(closing(_lines(sending, job, name))):
            try:
                found = lines.read(line)
            except ConfigError as error:  # cut: the whole one comes when the log is followed again, or never
                other.append(str(error))
                continue
            if isinstance(found, Progress):
                if found.elapsed_seconds <= last:
                    continue  # said before the connection broke
                last = found.elapsed_seconds
                if elapsed.take(found):
                    beside.enter_context(EverySecond(on_second, elapsed.now))
                on_progress(found)
            elif isinstance(found, lines.Refusal):
                raise load_pod.refused(found)
            elif found is not None:
                return found
            elif line.strip():
                other.append(line.strip())
                _log.debug("loadtest: %s", line)
    raise load_pod.unfinished(_ended(sending, job), " | ".join(other))


def _lines(sending: Sending, job: str, name: str) -> Generator[str, None, None]:
    """What the pod says; again from its last lines where the connection broke before the pod ended."""
    heard = sending.clock()
    while True:
        ended, broken = False, None
        try:
            ended = _look(sending, job).ended  # asked before: the log of one that has ended is whole
            for line in sending.cluster.log_lines(sending.namespace, name, tail=_TAIL):
                heard = sending.clock()
                yield line
        except ClusterError as error:
            broken = error
        if ended and (broken is None or broken.status is not None):
            return
        if broken is not None and sending.clock() - heard > _AWAY_SECONDS:
            raise broken
        sending.sleep(_LOOK_SECONDS)


def _ended(sending: Sending, name: str) -> load_pod.Seen:
    """Look until the pod is said to have ended: its log may end a moment before."""
    began = sending.clock()
    seen = _look(sending, name)
    while not seen.ended and sending.clock() - began < _ENDED_SECONDS:
        sending.sleep(_LOOK_SECONDS)
        seen = _look(sending, name)
    return seen
