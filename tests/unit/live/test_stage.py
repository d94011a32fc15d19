"""A release on the cluster, step by step: against a kubectl and an `ekiben` that only write down."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.e2e import load
from tests.live import policies, stage
from tests.live.stage import Stage

CPU = {"stabilizationWindowSeconds": 120}


class Cluster:
    """Deployment, HPA and pods, and all that was done."""

    def __init__(self, limit: str, owner: str = "") -> None:
        self.done: list[str] = []
        self.pods = 2
        containers = [{"resources": {"limits": {"cpu": limit}}}]
        self.deployment = {"spec": {"replicas": 2, "template": {"spec": {"containers": containers}}}}
        meta: dict[str, Any] = {"name": "keda-hpa-iris" if owner else "iris"}
        if owner:
            meta["ownerReferences"] = [{"kind": owner}]
        condition = {"type": "ScalingActive", "status": "True"}
        self.hpa = {
            "metadata": meta,
            "spec": {"behavior": {"scaleDown": dict(CPU)}},
            "status": {"conditions": [condition]},
        }

    def kubectl(self, *words: str, check: bool = True) -> str:
        self.done.append(" ".join(words))
        if "patch" in words:
            self.hpa["spec"] = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
        return '{"kind":"APIResourceList"}' if check is False else ""

    def get(self, kind: str, *_: str) -> Any:
        if kind == "deployment":
            return self.deployment
        return {"items": [self.hpa] if kind == "hpa" else [{}] * self.pods}


class Project:
    """The project whose commands are written down."""

    def __init__(self, cluster: Cluster, environment: dict[str, str] | None = None) -> None:
        self.cluster, self.environment = cluster, environment or {}

    def run(self, *words: str) -> None:
        self.cluster.done.append("ekiben " + " ".join(words))
        self.cluster.pods = 0

    def ekiben(self, *words: str) -> None:
        self.cluster.done.append("ekiben " + " ".join(words))

    def ready(self) -> int:
        return 2


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def make(cluster: Cluster) -> Stage:
        monkeypatch.setattr(stage, "with_environment", lambda project, **_more: project)
        return Stage(cluster, "live", tmp_path, Project(cluster), {"folder": str(tmp_path)})  # type: ignore[arg-type]  # what is used of them

    return make


def test_a_release_takes_the_one_before_away_and_gets_its_limit(made: Any, tmp_path: Path) -> None:
    """The HPA's memory goes with it; the plan is a file; the limit is patched and rolled out."""
    cluster = Cluster("1000m")
    made(cluster).release(policies.pinned(2), "{}")
    first, second, *rest = cluster.done
    assert first == "ekiben uninstall iris"
    assert second == f"ekiben release iris --plan {tmp_path / 'plan.json'}"
    assert (tmp_path / "plan.json").read_text() == "{}"
    patch = json.loads(rest[0].rpartition(" -p ")[2])
    assert patch == [
        {"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/cpu", "value": "200m"}
    ]
    assert rest[1].startswith("rollout status deployment/iris")


def test_a_release_that_has_its_limit_is_left_alone(made: Any) -> None:
    """Without a plan it says so."""
    cluster = Cluster("200m")
    made(cluster).release(policies.pinned(2))
    assert cluster.done == ["ekiben uninstall iris", "ekiben release iris --plan never"]


@pytest.mark.parametrize(("owner", "what"), [("", "hpa iris"), ("ScaledObject", "scaledobject iris")])
def test_replicas_may_go_at_once(made: Any, owner: str, what: str) -> None:
    """By the HPA, or by KEDA's object that it is made of."""
    cluster = Cluster("200m", owner)
    made(cluster).down_at_once()
    (patched,) = cluster.done
    assert patched.startswith(f"patch {what} ")
    assert '"stabilizationWindowSeconds": 0' in patched


def test_rest_is_when_as_many_as_wanted_are_there_for_a_while(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while a pod is ending, and not before 20 s of it."""
    cluster, looks, now = Cluster("200m"), [], [0.0]
    monkeypatch.setattr(stage, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def wait(condition: Any, _seconds: float, _what: str) -> None:
        for second in range(60):
            now[0] = float(second)
            cluster.pods = 3 if second < 10 or second == 25 else 2
            looks.append(condition())
            if looks[-1]:
                return

    monkeypatch.setattr(stage, "wait", wait)
    made(cluster).settle(2)
    assert len(looks) - 1 == 26 + 20


def test_calm_is_under_load_and_ends_it(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load is stopped, also where rest does not come."""
    stopped: list[bool] = []

    @contextlib.contextmanager
    def running(_target: object, shape: Any, over: Any) -> Iterator[None]:
        assert shape.segments[0].rate == 30.0
        try:
            yield
        finally:
            stopped.append(over.is_set())

    monkeypatch.setattr(load, "running", running)
    monkeypatch.setattr(Stage, "target", lambda _self: None)
    found = made(Cluster("200m"))
    monkeypatch.setattr(Stage, "settle", lambda _self, _replicas: None)
    found.calm(2, 30.0)

    def never(_self: Stage, _replicas: int) -> None:
        raise AssertionError("no rest")

    monkeypatch.setattr(Stage, "settle", never)
    with pytest.raises(AssertionError, match="no rest"):
        found.calm(2, 30.0)
    assert stopped == [True, True]


def test_keda_is_seen_by_its_api(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the aggregated API answers with a list of resources."""
    cluster = Cluster("200m")
    assert made(cluster).keda()
    monkeypatch.setattr(cluster, "kubectl", lambda *_words, **_given: "Error from server (NotFound)")
    assert not made(cluster).keda()
