"""A small cluster that behaves: Helm's history, a Deployment that rolls, pods with known faults.

It stands in for the doors of `clients/` only; time passes when somebody sleeps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ekiben.clients.cluster import Cluster
from ekiben.clients.connection import Answer
from ekiben.clients.helm import Helm, HelmRevision
from ekiben.clients.objects import Autoscaler, Event, Pod, Rollout
from ekiben.errors import ClusterError, ToolError
from ekiben.identifiers import ImageReference, ModelTag
from ekiben.release import station
from ekiben.release.checks import Wanted
from ekiben.release.golden import Expected, Golden
from ekiben.release.site import Site

READY_SECONDS, COMPLETE_SECONDS = 2.0, 4.0
GOLDEN = Golden(([0.0], [1.0]), (0, 1), None, 1e-9)
MORNING = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


def digest(name: str) -> str:
    """Digest of an image, by its name."""
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def _runs(name: str) -> str:
    return digest(name if name != "moved" else "other")


def image(name: str) -> ImageReference:
    """Reference of an image; its name is its tag and its fault."""
    return ImageReference("r.example/iris", digest(name), name)


@dataclass
class Applied:
    """What one Helm revision applied."""

    name: str
    replicas: int
    at: float


@dataclass
class World:
    """All of it: `site` is what the rooms get.

    Faults are in the image's name: `crash`, `stuck`, `golden`, `lies`, `pull`, `moved` (the runtime says
    another digest), `swapped` (the pod computes another hash); any other name is good.
    """

    context: str = "mine"
    now_seconds: float = 1000.0
    namespaces: set[str] = field(default_factory=set)
    history: list[HelmRevision] = field(default_factory=list)
    applied: dict[int, Applied] = field(default_factory=dict)
    serving: Applied | None = None  # what is available
    asked_for: Applied | None = None  # what was applied last
    config_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asks_for_keys: bool = False  # the pods let nobody predict whose key is not in the Secret
    keys_arrive_after: float = 0.0  # seconds until running pods know a key that was written
    keys_written_at: float = 0.0
    credential: str = field(default="", repr=False)  # the operator's own
    keys_secret: str = "iris-keys"  # noqa: S105 - a name
    verify_secret: str = "iris-verify"  # noqa: S105 - same
    refusals: list[str] = field(default_factory=list)  # of Helm's next commands, empty: it works
    away_until: float = 0.0
    scaled_until: float = float("inf")  # when the HPA goes
    on_sleep: Callable[[], None] = lambda: None
    service_lies_for: str = ""  # an image whose pods are right and whose Service answers wrong
    calls: list[str] = field(default_factory=list)

    def site(self, timeout_seconds: float = 60.0) -> Site:
        return Site(
            cast("Cluster", self),
            cast("Helm", FakeHelm(self)),
            "iris",
            "models",
            timeout_seconds,
            clock=lambda: self.now_seconds,
            sleep=self._sleep,
            now=lambda: MORNING + timedelta(seconds=self.now_seconds),
            credential=self.credential,
            keys_secret=self.keys_secret,
            verify_secret=self.verify_secret,
        )

    def _sleep(self, seconds: float) -> None:
        self.now_seconds += seconds
        self.on_sleep()

    def apply(self, name: str, replicas: int, number: int) -> None:
        self.applied[number] = self.asked_for = Applied(name, replicas, self.now_seconds)

    # The Deployment's controller

    def _age(self) -> float:
        assert self.asked_for is not None
        return self.now_seconds - self.asked_for.at

    def _good(self) -> bool:
        return self.asked_for is not None and self.asked_for.name not in {"crash", "stuck", "golden", "pull"}

    def _settle(self) -> None:
        if self._good() and (self._same() or self._age() >= COMPLETE_SECONDS):
            self.serving = self.asked_for

    def _same(self) -> bool:
        return (
            self.serving is not None
            and self.asked_for is not None
            and self.serving.name == self.asked_for.name
        )

    def rollout(self, namespace: str, name: str) -> Rollout | None:
        assert (namespace, name) == ("models", "iris")
        self._reachable()
        self._settle()
        if self.asked_for is None:
            return None
        wanted = self.asked_for.replicas
        if self.serving is self.asked_for:
            return Rollout(1, 1, wanted, wanted, wanted, wanted, wanted, self.asked_for.name)
        old = self.serving.replicas if self.serving else 0
        new = int(self._good() and self._age() >= READY_SECONDS)
        return Rollout(1, 1, wanted, 1, old + 1, old + new, old + new, self.asked_for.name)

    def pods(self, namespace: str, release: str) -> tuple[Pod, ...]:
        assert (namespace, release) == ("models", "iris")
        self._reachable()
        self._settle()
        found = (
            [self._pod(self.serving, place) for place in range(self.serving.replicas)] if self.serving else []
        )
        if self.asked_for is not None and self.asked_for is not self.serving and not self._same():
            found.append(self._new_pod(self.asked_for))
        return tuple(found)

    def _pod(self, applied: Applied, place: int) -> Pod:
        return Pod(
            f"{applied.name}-{place}",
            "Running",
            applied.name,
            ready=True,
            image_id=f"r@{_runs(applied.name)}",
        )

    def _new_pod(self, applied: Applied) -> Pod:
        name, fault = f"{applied.name}-0", applied.name
        if fault == "crash":
            return Pod(name, template_hash=fault, waiting_reason="CrashLoopBackOff", exit_code=1, restarts=1)
        if fault == "golden":
            return Pod(name, template_hash=fault, exit_code=6, exit_message="row 1: expected 1, found 0")
        if fault == "pull":
            return Pod(
                name, template_hash=fault, waiting_reason="ImagePullBackOff", waiting_message="not found"
            )
        ready = self._good() and self._age() >= READY_SECONDS
        return Pod(name, template_hash=fault, ready=ready, image_id=f"r@{_runs(fault)}")

    def autoscaler(self, _namespace: str, name: str) -> Autoscaler | None:
        if self.now_seconds >= self.scaled_until:
            return None
        return Autoscaler("Deployment", name, 1, 9, 1, 1, None, ())

    def hold_replicas(self, _namespace: str, _name: str) -> None:
        self.calls.append("hold replicas")

    def own_replicas(self, _namespace: str, _name: str, replicas: int) -> None:
        self.calls.append(f"own {replicas} replicas")

    def events(self, _namespace: str, _name: str = "") -> tuple[Event, ...]:
        return (Event("Pod", "stuck-0", "Unhealthy", "Startup probe failed: 503", warning=True, at=None),)

    def log_tail(self, _namespace: str, pod: str, *, lines: int, previous: bool = False) -> str:
        assert lines > 0
        return f"boom from {pod}" if not previous else ""

    # Requests

    def _answer(self, name: str, path: str) -> Answer:
        if path == "/readyz":
            return Answer(
                200,
                "application/json",
                json.dumps({"artefact": artefact(name if name != "swapped" else "other")}).encode(),
            )
        right = [0, 1] if name != "lies" else [1, 0]
        return Answer(200, "application/json", json.dumps({"predictions": right}).encode())

    def _refusal(self, headers: Mapping[str, str]) -> Answer | None:
        if not self.asks_for_keys:
            return None
        known = [
            each["sha256"]
            for each in json.loads(self.secrets.get("iris-keys", {}).get("keys.json", b'{"keys": []}'))[
                "keys"
            ]
            if self.now_seconds >= self.keys_written_at + self.keys_arrive_after
        ]
        given = hashlib.sha256(headers.get("X-API-Key", "").encode()).hexdigest()
        return None if given in known else Answer(401, "application/problem+json", b'{"status":401}')

    def service_request(
        self,
        _namespace: str,
        _service: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str],
    ) -> Answer:
        assert self.serving is not None
        if refused := self._refusal(headers):
            return refused
        assert body == {"instances": [[0.0], [1.0]]}
        lies = self.serving.name == self.service_lies_for
        return self._answer("lies" if lies else self.serving.name, path)

    def pod_request(
        self,
        _namespace: str,
        pod: str,
        path: str,
        body: Any = None,
        *,
        port: int,
        tls: bool,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        assert (port, tls) == (3000, False)
        if body is not None and (refused := self._refusal(headers or {})):
            return refused
        return self._answer(pod.rpartition("-")[0], path)

    # Namespaces and config maps

    def _reachable(self) -> None:
        if self.now_seconds < self.away_until:
            raise ClusterError("no connection")

    def ensure_namespace(self, name: str) -> bool:
        made = name not in self.namespaces
        self.namespaces.add(name)
        return made

    def remove_namespace_if_ours(self, name: str) -> bool:
        self.calls.append("remove namespace")
        self.namespaces.discard(name)
        return True

    def config_map(self, _namespace: str, name: str) -> Mapping[str, str] | None:
        return self.config_maps.get(name)

    def change_config_map(
        self,
        _namespace: str,
        name: str,
        change: Callable[[Mapping[str, str]], dict[str, str]],
        _labels: Mapping[str, str],
    ) -> None:
        self.config_maps[name] = change(self.config_maps.get(name, {}))

    def remove_config_map(self, _namespace: str, name: str) -> None:
        self.config_maps.pop(name, None)

    def secret(self, _namespace: str, name: str) -> Mapping[str, bytes] | None:
        return self.secrets.get(name)

    def change_secret(
        self,
        _namespace: str,
        name: str,
        change: Callable[[Mapping[str, bytes]], dict[str, bytes]],
        _labels: Mapping[str, str],
    ) -> None:
        self.secrets[name] = change(self.secrets.get(name, {}))
        self.keys_written_at = self.now_seconds

    def remove_secret(self, _namespace: str, name: str) -> None:
        self.secrets.pop(name, None)

    def refresh_pods(self, _namespace: str, _release: str, _moment: str) -> None:
        self.calls.append("refresh pods")

    def remove_pod(self, _namespace: str, name: str) -> None:
        self.calls.append(f"remove pod {name}")


class FakeHelm:
    """Helm's history over the world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _add(self, status: str = "deployed") -> int:
        world, number = self.world, (self.world.history[-1].number + 1 if self.world.history else 1)
        if status == "deployed":
            world.history = [
                HelmRevision(one.number, "superseded" if one.status == "deployed" else one.status)
                for one in world.history
            ]
        world.history.append(HelmRevision(number, status))
        return number

    def _refused(self) -> None:
        if self.world.refusals and (said := self.world.refusals.pop(0)):
            raise ToolError("helm ended with 1", argv=("helm",), status=1, last_lines=said)

    def upgrade(
        self, _release: str, _chart: Path, _namespace: str, values: Mapping[str, Any]
    ) -> HelmRevision:
        self.world.calls.append("upgrade")
        try:
            self._refused()
        except ToolError:
            self._add("failed")
            raise
        number = self._add()
        self.world.apply(values["image"]["tag"], values["autoscaling"]["minReplicas"], number)
        return self.world.history[-1]

    def rollback(self, _release: str, _namespace: str, revision: int) -> None:
        self.world.calls.append(f"rollback {revision}")
        self._refused()
        goal = self.world.applied[revision]
        self.world.apply(goal.name, goal.replicas, self._add())

    def uninstall(self, _release: str, _namespace: str) -> bool:
        self.world.calls.append("uninstall")
        self.world.history, self.world.asked_for, self.world.serving = [], None, None
        return True

    def history(self, _release: str, _namespace: str) -> tuple[HelmRevision, ...]:
        return tuple(self.world.history)

    def status(self, _release: str, _namespace: str) -> HelmRevision | None:
        return self.world.history[-1] if self.world.history else None


def artefact(name: str) -> str:
    """Hash of the artefact in an image."""
    return digest("artefact of " + name)


def task(name: str, replicas: int = 2) -> station._Task:
    """What `release` knows before it touches the cluster."""
    expected = Expected(ModelTag("iris", artefact(name)[7:23]), artefact(name), GOLDEN)
    values = {"image": {"tag": name}, "autoscaling": {"minReplicas": replicas}}
    wanted = Wanted(image(name), expected, replicas, autoscaled=True)
    return station._Task(Path("/chart"), values, digest(f"{name} {replicas}"), wanted)
