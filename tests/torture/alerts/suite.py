"""All faults, side by side, each with a release of its own; what each came to is a result."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.rig import Project, Rig
from tests.torture.alerts import pace, trial
from tests.torture.alerts.calling import Callers
from tests.torture.alerts.faults import FAULTS, Fault
from tests.torture.alerts.release import Image, Release
from tests.torture.pod import results
from tests.torture.pod.results import Result
from tests.torture.pod.scenario import Check

from ekiben.release.values import laid_over

FILE = results.ROOT / "docs" / "alerts.jsonl"
SIDE_BY_SIDE = 3  # on two cores
Say = Callable[[str], None]
# An objective that a busy machine keeps; a replica wants little, so that its start alone makes nothing scale,
# and is not held back.
VALUES: Mapping[str, Any] = {
    "autoscaling": {
        "minReplicas": 1,
        "maxReplicas": 4,
        "targetCPUUtilizationPercentage": 100,
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    },
    "drainSeconds": 1,
    "resources": {
        "requests": {"cpu": "200m", "memory": "256Mi"},
        "limits": {"cpu": "2", "memory": "512Mi"},
    },
    "server": {"objectiveSeconds": [1.0], "recheckSeconds": 5},
    "prometheusRule": {"enabled": True, "intervalSeconds": pace.INTERVAL_SECONDS},
}


@dataclass(frozen=True)
class Bench:
    """What all faults share.

    Attributes:
        project: A copy of the project's models, with a BentoML home of its own.
        chart: At the faults' pace.
        image: What is released.
        other: Another version of it.
    """

    project: Project
    chart: Path
    image: Image
    other: Image


def bench(rig: Rig, folder: Path) -> Bench:
    """Train and pack two versions of the flagship, by the commands that people type; what is there is kept.

    Args:
        rig: The cluster.
        folder: Of this cluster's; stays for the next run.
    """
    environment = {
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "EKIBEN_OBSERVE__RECHECK": '{"seconds": 5}',
    }
    shutil.rmtree(folder / "chart", ignore_errors=True)
    projects = []
    for name, more in (("one", {}), ("two", {"EKIBEN_TRAIN__SEED": "43"})):
        root, given = folder / name, {**environment, **more}
        if not root.exists():
            Project.copy(results.ROOT, root, rig, "alerts", given)
        projects.append(Project(root, rig, "alerts", given))
    one, two = projects
    chart = pace.chart(folder / "chart")
    kept, code = folder / "images.json", results.code("ekiben")
    there = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if there.get("code") != code:
        images = [asdict(_packed(each)) for each in (one, two)]
        there = {"code": code, "images": images}
        kept.write_text(json.dumps(there), encoding="utf-8")
    return Bench(one, chart, *(Image(**each) for each in there["images"]))


def _packed(project: Project) -> Image:
    trained = project.ekiben("train", "iris")
    project.ekiben("bento", "iris")
    image = project.ekiben("image", "iris")
    return Image(image["image"], trained["tag"].partition(":")[2], trained["artefact_sha256"])


def code() -> str:
    """What is tried: rules, chart, and the faults themselves; not the page about them."""
    root = results.ROOT
    folders = ("src/ekiben/observe", "helm/model-server", "tests/torture/alerts")
    files = [
        path
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.suffix != ".pyc" and path.name not in ("report.py", "README.md")
    ]
    return f"alerts {results.digest(each for each in files if each.is_file())}"


def run_one(bench: Bench, fault: Fault, seed: int, say: Say) -> Result:
    """One fault, in a namespace of its own, which goes at the end."""
    started, began = datetime.now(UTC), time.monotonic()
    namespace = f"alerts-{fault.name}-{secrets.token_hex(2)}"
    project = Project(bench.project.root, bench.project.rig, namespace, bench.project.environment)
    release = Release(project, bench.chart, bench.image, bench.other)
    try:
        project.rig.kubectl("create", "namespace", namespace)
        project.rig.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
        if fault.keys:
            key = project.ekiben("key", "create", "iris", "web", "--expires", "90d")["key"]
            release = Release(project, bench.chart, bench.image, bench.other, Callers("", {"X-API-Key": key}))
        release.install(laid_over(VALUES, fault.values))
        found = trial.watch(fault, release, say)
        checks = trial.judged(fault, found)
        verdict = trial.verdict(found, checks)
        number, notes = found.requests, {**found.notes, "alerts": _course(found)}
    except (TimeoutError, AssertionError, OSError) as error:
        checks = (Check("the trial came to its end", False, " ".join(str(error).split())[-200:]),)
        number, notes, verdict = release.callers.stop(), {}, "failed"
    finally:
        fault.undo(release)
        release.remove()
    return Result(
        "ekiben", fault.name, 0, 1, "full", seed, code(), results.commit(), results.machine(),
        started.isoformat(timespec="seconds"), round(time.monotonic() - began, 1),
        verdict, number, checks, notes,
    )  # fmt: skip


def _course(found: trial.Watched) -> str:
    """What Alertmanager had, from when on, seconds since the injection."""
    return "; ".join(
        f"{look.seconds:.0f} s: {', '.join(sorted(f'{one.name} {one.severity}' for one in look.alerts))}"
        for look in found.looks
        if look.alerts
    )


def run(bench: Bench, chosen: Sequence[Fault], seed: int, say: Say, path: Path = FILE) -> list[Result]:
    """Run these faults, those that need the cluster to themselves at the end; append each result."""
    found: list[Result] = []
    turn = threading.Lock()

    def one(fault: Fault) -> None:
        result = run_one(bench, fault, results.seed_of(seed, fault.name, 0), say)
        with turn:
            results.append(result, path)
            found.append(result)
            say(line(result))

    beside = [each for each in chosen if not each.alone]
    width = int(os.environ.get("EKIBEN_ALERTS_SIDE_BY_SIDE", SIDE_BY_SIDE))
    with ThreadPoolExecutor(width) as pool:
        list(pool.map(one, beside))
    for each in chosen:
        if each.alone:
            one(each)
    return found


def left(chosen: Sequence[Fault] = FAULTS, path: Path = FILE) -> list[Fault]:
    """What this code has no passed result of."""
    done = {each.scenario for each in results.read(path) if each.code == code() and each.verdict == "passed"}
    return [each for each in chosen if each.name not in done]


def line(found: Result) -> str:
    """One result, for people."""
    bad = "".join(f"\n    not met: {each.what}: {each.found}" for each in found.checks if not each.passed)
    return f"{found.scenario}: {found.verdict}, {found.number:,} requests, {found.seconds:.0f} s{bad}"
