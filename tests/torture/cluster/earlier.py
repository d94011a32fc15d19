"""Charts of earlier commits, released as they were, and upgraded to today's under load."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import tarfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.torture.cluster import questions
from tests.torture.cluster.load import sending
from tests.torture.cluster.scenario import Run, Scenario
from tests.torture.cluster.stage import RELEASE, REPLICAS, ROOT
from tests.torture.cluster.watch import watching

from ekiben.clients import tools

CHART = "helm/model-server"
# One of each kind of change that followed: the first chart, with access and TLS, with the seal.
COMMITS = ("d045b33", "9ccd35d", "6437a0c")


def upgrade(run: Run) -> None:
    """`ekiben release` over a release that an earlier chart made."""
    commit = COMMITS[run.part]
    namespace = f"{run.stage.namespace}-earlier"
    rig = run.stage.rig
    rig.kubectl("delete", "namespace", namespace, "--ignore-not-found")
    rig.kubectl("create", "namespace", namespace)
    try:
        _upgraded(run, commit, namespace)
    finally:  # its pods would take the room of what comes next
        rig.kubectl("delete", "namespace", namespace, "--wait=false")


def _upgraded(run: Run, commit: str, namespace: str) -> None:
    rig = run.stage.rig
    project = dataclasses.replace(run.stage.first, namespace=namespace)
    chart = run.stage.folder / "charts" / commit
    _exported(run, commit, chart)
    helm = [
        str(tools.find("helm")),
        "--kubeconfig",
        str(rig.address.kubeconfig),
        "--kube-context",
        rig.address.context,
    ]
    subprocess.run(
        [*helm, "install", RELEASE, str(chart), "-n", namespace, "--wait", "-f", "-"],
        input=json.dumps(_values(project.ekiben("release", RELEASE, "--dry-run")["values"])),
        check=True, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    selectors = _selectors(run, namespace)
    spec = rig.get("service", RELEASE, "-n", namespace)["spec"]
    address = (str(spec["clusterIP"]), int(spec["ports"][0]["port"]))
    asked = questions.draw(run.stage.models, run.draw)
    with watching(rig, namespace) as seen, sending(address, asked, run.sizes["rate"]) as sent:
        sent.hold(3)
        done = project.run("release", RELEASE)
        seen.settled(REPLICAS)
        time.sleep(3)
    run.check(
        "the release was verified", done.returncode == 0, done.stderr[-500:] if done.returncode else "exit 0"
    )
    run.none_failed(sent.tally)
    run.check("selectors are the same", _selectors(run, namespace) == selectors, selectors)
    fewest = seen.fewest()
    run.check(f"never fewer than {REPLICAS} pods were ready", fewest >= REPLICAS, fewest)


def _selectors(run: Run, namespace: str) -> str:
    deployment = run.stage.rig.get("deployment", RELEASE, "-n", namespace)["spec"]["selector"]
    service = run.stage.rig.get("service", RELEASE, "-n", namespace)["spec"]["selector"]
    return json.dumps([deployment, service], sort_keys=True)


def _values(today: dict[str, Any]) -> dict[str, Any]:
    """What every chart so far knows."""
    return {name: today[name] for name in ("model", "image", "autoscaling", "resources")}


def _exported(run: Run, commit: str, folder: Path) -> None:
    done = subprocess.run(["git", "archive", commit, CHART], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        run.not_tested(f"the commit {commit} is not in this clone")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as tar:
        tar.extractall(folder.parent / f".{commit}", filter="data")
    if not folder.exists():
        (folder.parent / f".{commit}" / CHART).rename(folder)


EARLIER = Scenario(
    name="earlier-chart",
    action="`ekiben release` over releases that the charts of three earlier commits made",
    load="100 requests/s",
    passes="0 failed; selectors as they were; never fewer pods ready",
    sizes={"rate": 100},
    parts=len(COMMITS),
    minutes=5,
    act=upgrade,
)
