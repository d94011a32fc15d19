"""What runs on the cluster: a model made once, released anew for each policy, left until it is at rest."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e import load
from tests.e2e.rig import Project, Rig, wait
from tests.live.planned import TIMEOUT_SECONDS
from tests.live.policies import LIMIT_MILLICORES, ROWS, Asked
from tests.live.watch import RELEASE
from tests.torture.cluster.stage import built, kept, with_environment

from ekiben.scale.load.target import LoadTarget, golden

_QUIET_SECONDS = 20.0
# The longest stabilisation window, and what a start and a sync take: until a start's own CPU is forgotten.
_REST_SECONDS = 480.0
_LIMIT = "/spec/template/spec/containers/0/resources/limits/cpu"


@dataclass(frozen=True)
class Stage:
    """A namespace of a cluster, and the project that releases to it.

    Attributes:
        rig: The cluster.
        namespace: Where all is released.
        folder: Keeps model, image and plans between runs.
        project: Of the model.
        trained: What `ekiben train` said.
        serving: What was released last and may serve once more, in a word; empty if nothing may.
    """

    rig: Rig
    namespace: str
    folder: Path
    project: Project
    trained: Mapping[str, Any]
    serving: list[str] = field(default_factory=list)

    @classmethod
    def made(cls, rig: Rig, namespace: str, folder: Path) -> Stage:
        """Train, pack and push, unless that was done with this code."""
        folder.mkdir(parents=True, exist_ok=True)
        environment = {
            "BENTOML_HOME": str(folder / "home"),
            "BENTOML_DO_NOT_TRACK": "True",
            "EKIBEN_IMAGE__REVISION": "none",
        }
        project = kept(folder / "project", rig, namespace, environment)
        return cls(rig, namespace, folder, project, built(project))

    @property
    def artefact(self) -> Path:
        """Folder of the model."""
        return Path(self.trained["folder"])

    def keda(self) -> bool:
        """Whether KEDA answers here."""
        said = self.rig.kubectl("get", "--raw", "/apis/external.metrics.k8s.io/v1beta1", check=False)
        return "APIResourceList" in said

    def kubernetes(self) -> str:
        """Version of the API server."""
        return str(json.loads(self.rig.kubectl("get", "--raw", "/version"))["gitVersion"])

    def release(self, asked: Asked, plan: str = "") -> None:
        """Release anew, with the limit that all replicas have here.

        The release before is taken away first, and its HPA with it: the controller remembers what it
        recommended, for minutes.

        Args:
            asked: What the release is told.
            plan: Text of the `plan.json` that it takes; empty for none.
        """
        self.serving.clear()
        self.project.run("uninstall", RELEASE)
        wait(lambda: not self._every_pod(), 180, "no pod of the release before")
        choice = "never"
        if plan:
            path = self.folder / "plan.json"
            path.write_text(plan, encoding="utf-8")
            choice = str(path)
        with_environment(self.project, **asked.environment).ekiben("release", RELEASE, "--plan", choice)
        self._limited()

    def calm(self, replicas: int, rate: float) -> None:
        """Settle under a load that stays as it is: from nothing to it is a rise, which autoscalers follow.

        Args:
            replicas: As for `settle`.
            rate: Requests per second that the load after it begins with.
        """
        over = threading.Event()
        with load.running(self.target(), load.steady(rate, _REST_SECONDS + 60), over):
            try:
                self.settle(replicas)
            finally:
                over.set()

    def settle(self, replicas: int) -> None:
        """Wait until so many replicas are asked for, ready and alone for a while, and metrics are read."""
        since: list[float] = []

        def quiet() -> bool:
            wanted = self.rig.get("deployment", RELEASE, "-n", self.namespace)["spec"]["replicas"]
            calm = wanted == replicas == self.project.ready() == len(self._every_pod()) and self._reads()
            if not calm:
                since.clear()
            elif not since:
                since.append(time.monotonic())
            return calm and time.monotonic() - since[0] >= _QUIET_SECONDS

        wait(quiet, _REST_SECONDS, f"{replicas} replicas at rest")

    def hpa(self) -> dict[str, Any]:
        """The HPA of the release: the chart's, or the one that KEDA made."""
        found: list[dict[str, Any]] = self.rig.get("hpa", "-n", self.namespace)["items"]
        assert len(found) == 1, f"expected one HPA, found {[each['metadata']['name'] for each in found]}"
        return found[0]

    def down_at_once(self) -> None:
        """Let replicas go as soon as fewer are asked for: how soon more come does not depend on it."""
        rules = {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        }
        behavior: dict[str, Any] = {"behavior": {"scaleDown": rules}}
        found = self.hpa()["metadata"]
        if any(each["kind"] == "ScaledObject" for each in found.get("ownerReferences", ())):
            spec = {"advanced": {"horizontalPodAutoscalerConfig": behavior}}
            what = ("scaledobject", RELEASE)
        else:
            spec, what = behavior, ("hpa", found["name"])
        patch = json.dumps({"spec": spec})
        self.rig.kubectl("patch", *what, "-n", self.namespace, "--type=merge", "-p", patch)
        wait(lambda: self._down_seconds() == 0, 60, "the window for less at 0 s")

    def target(self, url: str = "") -> LoadTarget:
        """Requests of many rows with the artefact's own answers, a connection each: so requests are balanced.

        Args:
            url: Where to, instead of the Service.
        """
        document = json.loads((self.artefact / "golden.json").read_text(encoding="utf-8"))
        bodies, checks = golden(document, ROWS)
        return LoadTarget(
            url or self.project.url(),
            bodies,
            checks,
            timeout_seconds=TIMEOUT_SECONDS,
            connection_seconds=0.0,
            networks=load.SERVICES,
        )

    def _every_pod(self) -> list[dict[str, Any]]:
        """Those that are ending too."""
        labels = f"app.kubernetes.io/name=model-server,app.kubernetes.io/instance={RELEASE}"
        found: list[dict[str, Any]] = self.rig.get("pods", "-n", self.namespace, "-l", labels)["items"]
        return found

    def _limited(self) -> None:
        """Give each replica its part of a core; a plan's own limit is at least a whole one."""
        spec = self.rig.get("deployment", RELEASE, "-n", self.namespace)["spec"]["template"]["spec"]
        wanted = f"{LIMIT_MILLICORES}m"
        if spec["containers"][0]["resources"]["limits"]["cpu"] == wanted:
            return
        patch = json.dumps([{"op": "replace", "path": _LIMIT, "value": wanted}])
        where = ("-n", self.namespace)
        self.rig.kubectl("patch", "deployment", RELEASE, *where, "--type=json", "-p", patch)
        self.rig.kubectl("rollout", "status", f"deployment/{RELEASE}", *where, "--timeout=170s")

    def _reads(self) -> bool:
        conditions = self.hpa().get("status", {}).get("conditions", ())
        return any((each["type"], each["status"]) == ("ScalingActive", "True") for each in conditions)

    def _down_seconds(self) -> int | None:
        rules = self.hpa()["spec"].get("behavior", {}).get("scaleDown", {})
        found: int | None = rules.get("stabilizationWindowSeconds")
        return found
