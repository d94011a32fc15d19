"""What the end-to-end tests hold in their hands: kubectl, the CLI, raw scrapes.

Everything here goes another way than the product: kubectl instead of the
Python client, raw text of /metrics instead of PromQL, the estimator loaded by
skops instead of the pod's reader.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ekiben.clients import tools
from ekiben.identifiers import ClusterAddress

# A replica is a small, steady machine: the shorter its share of each period (here 1.5 of 5 ms), the
# less two of them meet on cores that may be two halves of one. The request is large enough that what
# a replica uses at rest is little of its target. Four times its target rate (0.6 * 120m * 4 = 288m)
# is below its limit: one replica alone carries the step until others are ready.
CPU_REQUEST, CPU_LIMIT, TARGET_PERCENT = 0.120, 0.300, 60
_PODS = "app.kubernetes.io/name=model-server,app.kubernetes.io/instance="
SELECTOR = f"{_PODS}iris"


def small(home: Path, most_replicas: int) -> dict[str, str]:
    """Environment of an `ekiben` that releases one small replica and at most so many."""
    return {
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "EKIBEN_RELEASE__RESOURCES__CPU_REQUEST": f"{CPU_REQUEST * 1000:.0f}m",
        "EKIBEN_RELEASE__RESOURCES__CPU_LIMIT": f"{CPU_LIMIT * 1000:.0f}m",
        "EKIBEN_SCALE__MIN_REPLICAS": "1",
        "EKIBEN_SCALE__MAX_REPLICAS": str(most_replicas),
        "EKIBEN_SCALE__TARGET_CPU_PERCENT": str(TARGET_PERCENT),
        "EKIBEN_SCALE__SCALE_DOWN_WINDOW_SECONDS": "60",
    }


def settings(home: Path) -> dict[str, str]:
    """Environment of every `ekiben` that runs on the flagship."""
    # An HPA with the default tolerance of 10 % takes 3.3 replicas for 3, and near it goes by chance (seen:
    # four target rates came to 3.3 to 3.5 targets, and the fourth replica after 37 to 91 s).
    eager = '{"behavior": {"scaleUp": {"tolerance": "0"}}}'
    return {
        **small(home, 6),
        "EKIBEN_RELEASE__VALUES__AUTOSCALING": eager,
        "EKIBEN_IMAGE__BUDGET_MEGABYTES": "150",  # the faulty ones carry BentoML, the costly one scikit-learn
    }


def costly(home: Path) -> dict[str, str]:
    """The same with the form in which a single row costs most: scikit-learn, each request for itself."""
    return {
        **settings(home),
        "EKIBEN_RELEASE__VALUES__SERVER__PREDICTOR": "scikit-learn",
        "EKIBEN_RELEASE__VALUES__ENV": '{"EKIBEN_INLINE_ROWS": "0"}',
    }


@dataclass(frozen=True)
class Rig:
    """The cluster, through kubectl."""

    address: ClusterAddress
    figures: ClassVar[list[dict[str, Any]]] = []

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl on this cluster, and no other."""
        place = ["--kubeconfig", str(self.address.kubeconfig)] if self.address.kubeconfig else []
        argv = [str(tools.find("kubectl")), *place, "--context", self.address.context, *arguments]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=180, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}: {done.stderr}")
        return done.stdout + ("" if check else done.stderr)

    def get(self, *arguments: str) -> Any:
        """`kubectl get ... -o json`."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def values(self, release: str, namespace: str) -> dict[str, Any]:
        """What Helm was given for a release."""
        place = ["--kubeconfig", str(self.address.kubeconfig)] if self.address.kubeconfig else []
        argv = [str(tools.find("helm")), *place, "--kube-context", self.address.context]
        argv += ["get", "values", release, "-n", namespace, "-o", "json"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @contextmanager
    def reading(self) -> Iterator[Callable[[str], Any]]:
        """Read the API's paths over one `kubectl proxy`.

        A kubectl of its own for each look takes a tenth of a second of CPU: beside pods that are being
        measured, two of them in each second are a load.
        """
        place = ["--kubeconfig", str(self.address.kubeconfig)] if self.address.kubeconfig else []
        argv = [str(tools.find("kubectl")), *place, "--context", self.address.context, "proxy", "--port=0"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = process.stdout.readline()  # Starting to serve on 127.0.0.1:41567

            def read(path: str) -> Any:
                with urllib.request.urlopen(f"http://{said.split()[-1]}{path}", timeout=10) as response:
                    return json.load(response)

            try:
                yield read
            finally:
                process.terminate()

    def describe(self, namespace: str) -> str:
        """What one looks at first after a failure."""
        return "\n".join(
            self.kubectl(*words, "-n", namespace, check=False)
            for words in (
                ("get", "pods,hpa,deploy", "-o", "wide"),
                ("get", "events", "--sort-by=.lastTimestamp"),
                ("logs", "-l", "app.kubernetes.io/name=model-server", "--tail=30", "--prefix"),
            )
        )

    def query(self, promql: str) -> float:
        """One number from Prometheus."""
        url = f"{self.address.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': promql})}"
        with urllib.request.urlopen(url, timeout=10) as response:
            result = json.load(response)["data"]["result"]
        assert len(result) == 1, f"{promql}: expected one sample, found {result}"
        return float(result[0]["value"][1])


@dataclass(frozen=True)
class Project:
    """A copy of the project's models, released to a namespace of its own."""

    root: Path
    rig: Rig
    namespace: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def copy(
        cls, source: Path, root: Path, rig: Rig, namespace: str, environment: Mapping[str, str]
    ) -> Project:
        """Copy `bentos/` and the flagship's bentofile."""
        shutil.copytree(source / "bentos", root / "bentos", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(source / "bentofile.yaml", root)
        return cls(root, rig, namespace, environment)

    def beside(self, root: Path, **environment: str) -> Project:
        """Another copy, released to the same namespace."""
        return Project.copy(self.root, root, self.rig, self.namespace, {**self.environment, **environment})

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `ekiben ...` on this project and this cluster."""
        verb = arguments[0]
        place = [] if verb in ("train", "bento") else ["--context", self.rig.address.context]
        if verb not in ("train", "bento", "image"):
            place += ["-n", self.namespace]
        argv = [sys.executable, "-m", "ekiben", "--project", str(self.root), *arguments, *place]
        return subprocess.Popen(
            argv,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.environment},
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `ekiben ...` to its end."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def ekiben(self, *arguments: str, check: bool = True) -> Any:
        """Run `ekiben ... --json` and decode what it prints."""
        done = self.run(*arguments, "--json")
        if check:
            assert done.returncode == 0, f"ekiben {arguments} ended with {done.returncode}:\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def url(self, release: str = "iris") -> str:
        """The Service, by its cluster address."""
        spec = self.rig.get("service", release, "-n", self.namespace)["spec"]
        return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}/predict"

    def pods(self, release: str = "iris") -> list[dict[str, Any]]:
        """Pods of the release that are not ending."""
        found = self.rig.get("pods", "-n", self.namespace, "-l", f"{_PODS}{release}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self) -> int:
        """Number of ready pods that are not ending."""
        return ready_of(self.pods())

    def scrape(self, release: str = "iris") -> dict[str, str]:
        """Raw /metrics of each pod."""
        found = {}
        for pod in self.pods(release):
            with urllib.request.urlopen(
                f"http://{pod['status']['podIP']}:3002/metrics", timeout=10
            ) as response:
                found[pod["metadata"]["name"]] = response.read().decode()
        return found


def own_cluster() -> Rig:
    """The cluster of EKIBEN_CONTEXT, or the local one.

    Raises:
        SystemExit: ekiben did not make it, and what breaks clusters must leave it alone.
    """
    from ekiben.ground import cluster

    address = cluster.current(os.environ.get("EKIBEN_CONTEXT"))
    if not address.context.startswith("ekiben-"):
        raise SystemExit(f"expected a cluster that ekiben made, found {address.context!r}")
    return Rig(address)


def ready_of(pods: list[dict[str, Any]]) -> int:
    """Number of these pods that are ready and not ending."""
    return sum(
        condition["type"] == "Ready" and condition["status"] == "True"
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        for condition in pod["status"].get("conditions", ())
    )


def counter(text: str, name: str, **labels: str) -> float:
    """Sum of a metric's samples that carry the labels, read by regular expression."""
    total = 0.0
    for line in text.splitlines():
        match = re.match(rf"{re.escape(name)}(?:\{{(.*)\}})? (\S+)", line)
        if match and all(f'{key}="{value}"' in (match[1] or "") for key, value in labels.items()):
            total += float(match[2])
    return total


def wait(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait on a condition with a deadline; returns the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"expected {what} within {seconds:g} s"
        time.sleep(0.5)
    return time.monotonic() - began


@contextmanager
def node_busy() -> Iterator[Callable[[], float]]:
    """Share of this machine's CPU time that was used in the block, 0-1 (from /proc/stat)."""

    def read() -> tuple[int, int]:
        fields = [
            int(x) for x in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
        ]
        idle = fields[3] + fields[4]
        return sum(fields) - idle, sum(fields)

    busy0, all0 = read()
    share = [0.0]
    yield lambda: share[0]
    busy1, all1 = read()
    share[0] = (busy1 - busy0) / (all1 - all0)
