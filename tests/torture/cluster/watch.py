"""What the API says of the pods while something is done to them."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.rig import Rig

LABELS = "app.kubernetes.io/name=model-server,app.kubernetes.io/instance="
_APART = 0.4  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the API shows it.

    Attributes:
        name: Its name.
        address: Its IP; empty before it has one.
        version: Of the model.
        ready: Whether it is ready and not ending.
        ending: Whether it was told to end.
        restarts: Of its container.
        container: Id of its container; empty before it has one.
        last: Why its container ended the last time; empty if it did not.
        template: Hash of its template.
    """

    name: str
    address: str
    version: str
    ready: bool
    ending: bool
    restarts: int
    container: str
    last: str
    template: str


def pod(found: dict[str, Any]) -> Pod:
    """Read one object."""
    meta, status = found["metadata"], found["status"]
    labels = meta.get("labels", {})
    (container,) = status.get("containerStatuses") or [{}]
    ending = "deletionTimestamp" in meta
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))
    return Pod(
        name=meta["name"],
        address=status.get("podIP", ""),
        version=labels.get("app.kubernetes.io/version", ""),
        ready=ready and not ending,
        ending=ending,
        restarts=container.get("restartCount", 0),
        container=container.get("containerID", "").rpartition("/")[2],
        last=container.get("lastState", {}).get("terminated", {}).get("reason", ""),
        template=labels.get("pod-template-hash", ""),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: monotonic seconds, and all pods of the release."""

    at: float
    pods: tuple[Pod, ...]

    @property
    def ready(self) -> int:
        """Ready pods that are not ending."""
        return sum(each.ready for each in self.pods)

    @property
    def staying(self) -> list[Pod]:
        """Pods that are not ending."""
        return [each for each in self.pods if not each.ending]


@dataclass(slots=True)
class Watch:
    """Looks, oldest first; `blind` counts those that the API did not answer."""

    looks: list[Seen] = field(default_factory=list)
    blind: int = 0

    @property
    def now(self) -> Seen:
        """The last look."""
        return self.looks[-1]

    def fewest(self, since: float = 0.0) -> int:
        """Fewest ready pods of any look since a time."""
        return min((each.ready for each in self.looks if each.at >= since), default=0)

    def first(self, condition: Callable[[Seen], bool], since: float = 0.0) -> float | None:
        """Monotonic seconds of the first look since a time that meets a condition; None of none."""
        return next((each.at for each in self.looks if each.at >= since and condition(each)), None)

    def until(self, condition: Callable[[Seen], bool], seconds: float, what: str) -> float:
        """Wait for a condition from now on; gives seconds waited.

        Raises:
            TimeoutError: It was not met in time.
        """
        began = time.monotonic()
        while (met := self.first(condition, began)) is None:
            if time.monotonic() - began > seconds:
                shown = ", ".join(f"{each.name} ready={each.ready}" for each in self.now.pods)
                raise TimeoutError(f"expected {what} within {seconds:g} s, found {shown}")
            time.sleep(_APART / 2)
        return met - began

    def settled(self, replicas: int, version: str = "", seconds: float = 150) -> float:
        """Wait until so many pods (of a version) are ready and no other is there, ending ones included."""

        def condition(seen: Seen) -> bool:
            right = [each for each in seen.pods if each.ready and version in ("", each.version)]
            return len(right) == len(seen.pods) == replicas

        return self.until(condition, seconds, f"{replicas} ready pods of {version or 'any version'} alone")


@contextmanager
def watching(rig: Rig, namespace: str, release: str = "iris") -> Iterator[Watch]:
    """Look at the pods of a release again and again until the block ends."""
    labels = urllib.parse.quote(f"{LABELS}{release}")
    path = f"/api/v1/namespaces/{namespace}/pods?labelSelector={labels}"
    found, over = Watch(), threading.Event()
    with rig.reading() as read:

        def look() -> None:
            while not over.is_set():
                try:
                    items = read(path)["items"]
                except (OSError, urllib.error.URLError, ValueError):
                    found.blind += 1
                else:
                    found.looks.append(Seen(time.monotonic(), tuple(pod(each) for each in items)))
                over.wait(_APART)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            while not found.looks:
                time.sleep(0.05)
            yield found
        finally:
            over.set()
            thread.join()
