"""Waits on a rollout: looks once a second, gives up early and by name."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ekiben.clients.objects import Pod
from ekiben.errors import ClusterError
from ekiben.release import rollout
from ekiben.release.rollout import Failure, Patience, Snapshot
from ekiben.release.site import Site

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
_BLIP_SECONDS = 20.0  # an API server that restarts answers again by then
_SERVER_ERROR = 500


def look(site: Site) -> Snapshot:
    """Take one snapshot.

    Raises:
        ClusterError: Not reached, or refused.
    """
    found = site.cluster.rollout(site.namespace, site.release)
    pods = site.cluster.pods(site.namespace, site.release)
    events = site.cluster.events(site.namespace) if any(not p.ready and not p.ending for p in pods) else ()
    return Snapshot(found, pods, events)


class _Blips:
    """Lets the API server be away for a moment, not for long."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._since: float | None = None

    def look(self) -> Snapshot | None:
        """Take a snapshot; None while the API server is away for a moment."""
        try:
            found = look(self._site)
        except ClusterError as error:
            if error.status is not None and error.status < _SERVER_ERROR:
                raise
            now = self._site.clock()
            self._since = self._since or now
            if now - self._since > _BLIP_SECONDS:
                raise
            return None
        self._since = None
        return found


class _Inspection:
    """Looks into each new replica once, as soon as it is ready: a wrong one must not serve until the end."""

    def __init__(self, inspect: Callable[[Pod], Failure | None]) -> None:
        self._inspect = inspect
        self._seen: set[str] = set()

    def failure(self, snapshot: Snapshot) -> Failure | None:
        """Return what the first wrong replica shows; None if all are right so far."""
        for pod in snapshot.newest:
            if pod.ready and pod.name not in self._seen:
                self._seen.add(pod.name)
                found = self._inspect(pod)
                if found is not None:
                    return found
        return None


def until_ready(
    site: Site, replicas: int, inspect: Callable[[Pod], Failure | None] = lambda _: None
) -> Failure | None:
    """Wait until the rollout is complete.

    Args:
        site: Where.
        replicas: Fewest replicas that must be available.
        inspect: Looks into one new replica that is ready; asked once for each.

    Returns:
        Why it failed; None when it is complete.

    Raises:
        ClusterError: The API server refused, or stayed away.
    """
    began, patience, blips, said = site.clock(), Patience(), _Blips(site), ""
    inspection = _Inspection(inspect)
    restarts: dict[str, int] | None = None
    snapshot: Snapshot | None = None
    while True:
        seen = blips.look()
        if seen is not None:
            snapshot = seen
            restarts = {p.name: p.restarts for p in seen.pods} if restarts is None else restarts
            failure = inspection.failure(seen)
            if failure is None and rollout.done(seen, replicas):
                return None
            failure = failure or patience.overdue(rollout.suspicions(seen, restarts), site.clock())
            if failure is not None:
                return failure
            text = rollout.progress(seen, replicas)
            if text != said:
                _log.info("%s: %.0f s: %s", site, site.clock() - began, text)
                said = text
        if site.clock() - began > site.timeout_seconds:
            return rollout.overtime(snapshot or Snapshot(None), site.timeout_seconds, replicas)
        site.sleep(_LOOK_SECONDS)


def until_unscaled(site: Site, seconds: float) -> None:
    """Wait until no HPA scales the release, and one that was looking has ended; at most so many seconds."""
    began = site.clock()
    while True:
        site.sleep(_LOOK_SECONDS)
        gone = site.cluster.autoscaler(site.namespace, site.release) is None
        if gone or site.clock() - began > seconds:
            return


def until_gone(site: Site, seconds: float) -> None:
    """Wait until no pod of the release is left.

    Raises:
        ClusterError: Some are, after so many seconds.
    """
    began = site.clock()
    while True:
        left = site.cluster.pods(site.namespace, site.release)
        if not left:
            return
        if site.clock() - began > seconds:
            names = ", ".join(pod.name for pod in left)
            raise ClusterError(
                f"{site}: expected no pod after {seconds:g} s, found {names}",
                remedy=f"kubectl -n {site.namespace} describe pod {left[0].name}",
            )
        site.sleep(_LOOK_SECONDS)


def last_lines(site: Site, pod: str, lines: int = 15) -> str:
    """Return what a pod wrote last, or its container before the restart; empty if nothing."""
    if not pod:
        return ""
    try:
        now = site.cluster.log_tail(site.namespace, pod, lines=lines)
        return now or site.cluster.log_tail(site.namespace, pod, lines=lines, previous=True)
    except ClusterError:
        return ""  # it explains a failure that is reported anyway
