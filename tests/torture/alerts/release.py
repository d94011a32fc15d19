"""One release on the cluster, in a namespace of its own, and what Alertmanager says about it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.rig import Project, Rig, counter, ready_of
from tests.torture.alerts.calling import Callers

from ekiben.clients import tools
from ekiben.clients.helm import Helm, is_server_side
from ekiben.ground.addresses import ALERTMANAGER_PORT

NAME = "iris"
_CGROUPS = Path("/sys/fs/cgroup")  # of this machine, which is the node
_POLL_SECONDS = 1.0
_START_SECONDS = 240.0  # of a pod on a busy machine


@dataclass(frozen=True, slots=True)
class Image:
    """A packed model.

    Attributes:
        reference: By digest.
        version: Of the model in it.
        artefact: Its hash.
    """

    reference: str
    version: str
    artefact: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert that Alertmanager has.

    Attributes:
        name: Of the alert.
        severity: Of it.
    """

    name: str
    severity: str


@dataclass(frozen=True)
class Release:
    """One release.

    Attributes:
        project: Its namespace and its cluster.
        chart: The chart's folder.
        image: What it runs at first.
        other: Another version of the model.
        callers: Who calls it.
    """

    project: Project
    chart: Path
    image: Image
    other: Image
    callers: Callers = field(default_factory=lambda: Callers(""))

    @property
    def rig(self) -> Rig:
        """The cluster."""
        return self.project.rig

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.project.namespace

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in its namespace."""
        return self.rig.kubectl("-n", self.namespace, *arguments)

    def install(self, values: Mapping[str, Any]) -> None:
        """Install it with the chart's values, and wait until a pod is ready."""
        address, program = self.rig.address, tools.find("helm")
        repository, _, digest = self.image.reference.partition("@")
        model = {"name": NAME, "version": self.image.version, "artefact": self.image.artefact}
        given = {**values, "model": model, "image": {"repository": repository, "digest": digest}}
        helm = Helm(program, address.context, address.kubeconfig, is_server_side(program))
        helm.upgrade(NAME, self.chart, self.namespace, given)
        self.until(lambda: self.project.ready() >= 1, _START_SECONDS, "a ready pod")
        self.callers.host = urllib.parse.urlsplit(self.project.url()).netloc

    def touch(self, name: str, most: int = 0) -> None:
        """Make the sick model of each pod, or of so many, go wrong in this way."""
        for pod in self.project.pods()[: most or None]:
            where = pod["metadata"]["name"]
            self.kubectl("exec", where, "--", "/usr/bin/python3", "-c", f"open('/tmp/{name}', 'w')")

    def hpa(self) -> dict[str, Any]:
        """Status of its autoscaler."""
        found: dict[str, Any] = self.rig.get("hpa", NAME, "-n", self.namespace).get("status", {})
        return found

    def scaling_active(self) -> str:
        """The autoscaler's own condition: `True`, `False`, or empty before it has one."""
        conditions = self.hpa().get("conditions") or ()
        return next((str(each["status"]) for each in conditions if each["type"] == "ScalingActive"), "")

    def images(self) -> list[str]:
        """What its ready pods run."""
        return [
            str(pod["spec"]["containers"][0]["image"]) for pod in self.project.pods() if ready_of([pod]) == 1
        ]

    def restarts(self) -> int:
        """Most restarts of one of its pods."""
        found = [
            int(state["restartCount"])
            for pod in self.project.pods()
            for state in pod["status"].get("containerStatuses", ())
        ]
        return max(found, default=0)

    def scraped(self, name: str, **labels: str) -> float:
        """A metric of its ready pods, from their raw text; 0 if there is none."""
        total = 0.0
        for pod in self.project.pods():
            if ready_of([pod]) == 1:
                url = f"http://{pod['status']['podIP']}:3002/metrics"
                with urllib.request.urlopen(url, timeout=10) as response:
                    total += counter(response.read().decode(), name, **labels)
        return total

    def throttled_ratio(self, seconds: float = 3) -> float:
        """Share of its pods' CPU periods in which they were held back, by the kernel's own count, 0-1."""
        periods, throttled = self._periods()
        time.sleep(seconds)
        after, held = self._periods()
        return (held - throttled) / max(1, after - periods)

    def _periods(self) -> tuple[int, int]:
        """CPU periods of its pods' containers and how many of them were throttled, since their starts."""
        found = [0, 0]
        for pod in self.project.pods():
            for group in _CGROUPS.glob(f"**/*{pod['metadata']['uid']}*/*/cpu.stat"):
                counts = dict(line.split() for line in group.read_text().splitlines())
                found[0] += int(counts.get("nr_periods", 0))
                found[1] += int(counts.get("nr_throttled", 0))
        return found[0], found[1]

    def alerts(self) -> frozenset[Seen]:
        """What Alertmanager has about this release."""
        where = f"http://{self.rig.address.node_address}:{ALERTMANAGER_PORT}/api/v2/alerts"
        matcher = urllib.parse.quote(f'namespace="{self.namespace}"')
        with urllib.request.urlopen(f"{where}?active=true&filter={matcher}", timeout=10) as response:
            found = json.load(response)
        labels = [each["labels"] for each in found if each["labels"].get("release") == NAME]
        return frozenset(Seen(each["alertname"], each["severity"]) for each in labels)

    def targets(self) -> int:
        """How many of its pods Prometheus reaches."""
        query = f'count(up{{namespace="{self.namespace}"}} == 1) or vector(0)'
        return int(self.rig.query(query))

    def watched_ratio(self, seconds: float) -> float:
        """Share of scrapes of the node's own programs that came in time, the worst of them, 0-1."""
        ours = 'up{job=~"kubelet|cadvisor|kube-controller-manager"}'
        return self.rig.query(f"min(avg_over_time({ours}[{seconds:.0f}s]))")

    @staticmethod
    def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait on a condition, whatever fails while it is asked.

        Raises:
            TimeoutError: It did not come true in time.
        """
        began, last = time.monotonic(), ""
        while True:
            try:
                if condition():
                    return
            except (AssertionError, OSError, KeyError, urllib.error.URLError) as error:
                last = f"; {error}"
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"expected {what} within {seconds:g} s{last}")
            time.sleep(_POLL_SECONDS)

    def remove(self) -> None:
        """Take it away with its namespace."""
        self.rig.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")
