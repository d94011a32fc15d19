"""Every breakage on a real cluster: doctor must name each one's link, and nothing where nothing is broken.

Needs a cluster of its own that ekiben made (EKIBEN_CONTEXT): metrics-server and Prometheus are stopped in it.
`EKIBEN_TORTURE_FOLDER` keeps the model and the image between runs, `EKIBEN_TORTURE_ONLY` takes the breakages
whose names hold one of its words (with commas between them). Everything is undone after each breakage.
Takes about 20 minutes.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import breakages, load
from tests.e2e.breakages import Breakage
from tests.e2e.rig import Project, Rig, costly

from ekiben import config
from ekiben.diagnosis.doctor import walk as doctor
from ekiben.diagnosis.why import walk as why
from ekiben.errors import ClusterError
from ekiben.ground import cluster

ROOT = Path(__file__).resolve().parents[2]
NAMED_SECONDS, SOUND_SECONDS, QUIET_SECONDS = 240.0, 240.0, 90.0
ONLY = os.environ.get("EKIBEN_TORTURE_ONLY", "")
CHOSEN = [one for one in breakages.ALL if any(word in one.name for word in ONLY.split(","))]
RATE = 6.0  # requests/s: enough to make it scale, within its limits


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The flagship, released to a namespace of its own."""
    context = os.environ.get("EKIBEN_CONTEXT", "")
    if not context.startswith("ekiben-"):
        pytest.fail(
            f"expected EKIBEN_CONTEXT of a cluster that ekiben made, found {context!r}", pytrace=False
        )
    try:
        rig = Rig(cluster.current(context))
    except ClusterError as error:
        pytest.fail(f"{error} {error.remedy}", pytrace=False)
    folder = Path(os.environ.get("EKIBEN_TORTURE_FOLDER") or tmp_path_factory.mktemp("doctor"))
    home, root = folder / "home", folder / "project"
    home.mkdir(parents=True, exist_ok=True)
    namespace = f"doctor-{secrets.token_hex(3)}"
    kept, stations = (folder / "done").exists(), ("train", "bento", "image")
    if kept:
        found = Project(root, rig, namespace, costly(home))
    else:
        found = Project.copy(ROOT, root, rig, namespace, costly(home))
    for station in (*(() if kept else stations), "release"):
        began = time.monotonic()
        found.ekiben(station, "iris")
        _say(f"{station}: {time.monotonic() - began:.0f} s")
    (folder / "done").touch()
    yield found
    found.ekiben("uninstall", "iris", check=False)
    rig.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module", autouse=True)
def settled(project: Project) -> Iterator[None]:
    """The environment of the project's `ekiben`: here it runs in this process, hundreds of times."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in project.environment.items():
            patched.setenv(name, value)
        yield


def _examined(project: Project) -> dict[str, Any]:
    """What `ekiben doctor iris --json` prints."""
    found = config.load("iris", project.root)
    return doctor.doctor(found, project.rig.address, namespace=project.namespace).to_json()


def _asked(project: Project) -> dict[str, Any]:
    """What `ekiben why iris --json` prints."""
    found = config.load("iris", project.root)
    return why.why(found, project.rig.address, namespace=project.namespace).to_json()


def _until(project: Project, enough: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        found = _examined(project)
        if enough(found) or time.monotonic() > deadline:
            return found
        time.sleep(1)


def _sound(found: dict[str, Any]) -> bool:
    return bool(found["sound"]) and not found["warnings"]


@pytest.fixture(autouse=True)
def sound_before(project: Project, settled: None) -> None:
    """Each test begins with a release that is sound at every link."""
    assert settled is None
    found = _until(project, _sound, SOUND_SECONDS)
    assert _sound(found), found


@pytest.mark.parametrize("breakage", CHOSEN, ids=lambda one: one.name)
def test_each_breakage_is_named(project: Project, breakage: Breakage) -> None:
    """The first link that doctor calls broken (or warns of) is the one that was broken."""
    began = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(breakages.template_kept(project))
        if breakage.rate:
            stack.enter_context(_load(project, breakage.rate))
        stack.callback(breakage.undo, project)
        breakage.make(project)
        if breakage.warning:
            found = _until(project, lambda f: breakage.link in f["warnings"], NAMED_SECONDS)
            named = next((link for link in found["warnings"] if link == breakage.link), found["broken"])
        else:
            found = _until(project, lambda f: not f["sound"], NAMED_SECONDS)
            named = found["broken"]
        seconds = time.monotonic() - began
        cause = _cause(project, breakage.cause) if breakage.cause else ""
    told = next((f"{f['found']} | {f['remedy']}" for f in found["findings"] if f["link"] == named), "")
    _say(f"{breakage.name}: expected {breakage.link}, found {named}, {seconds:.0f} s: {told}")
    assert named == breakage.link, found
    assert cause == breakage.cause


def _cause(project: Project, expected: str) -> str:
    """What why names; the HPA looks at a change within seconds."""
    deadline = time.monotonic() + 60
    while True:
        found = _asked(project)
        if found["cause"] == expected or time.monotonic() > deadline:
            _say(f"  why: {found['sentence']}")
            return str(found["cause"])


@contextmanager
def _load(project: Project, rate: float) -> Iterator[None]:
    """Load beside a block, whatever becomes of it."""
    stop = threading.Event()
    home = Path(project.environment["BENTOML_HOME"])
    artefact = max(home.glob("models/iris/*/manifest.json"), key=lambda one: one.stat().st_mtime).parent
    where = load.target(project, artefact)
    with load.running(where, load.steady(rate, 600), stop):
        try:
            yield
        finally:
            stop.set()


def _quiet(project: Project, seconds: float) -> list[str]:
    """Look for so long; gives what was called broken, and prints what was warned of.

    Where a part of the cluster itself was started again meanwhile, what was called broken may have been: then
    it is looked at once more.
    """
    for _ in range(3):
        before = _restarts(project)
        wrong = _looked(project, seconds)
        if not wrong or _restarts(project) == before:
            return wrong
        _say(f"  invalid: a part of the cluster was started again: {before} -> {_restarts(project)}")
    pytest.fail("invalid run: the cluster itself is not sound", pytrace=False)


def _looked(project: Project, seconds: float) -> list[str]:
    deadline, wrong, warned, looks = time.monotonic() + seconds, list[str](), set[str](), 0
    while time.monotonic() < deadline:
        time.sleep(1)
        found = _examined(project)
        looks += 1
        warned |= set(found["warnings"])
        if found["broken"]:
            wrong.append(str(found["findings"][-1]))
            _say(f"  broken: {wrong[-1]}")
    _say(f"  {looks} looks, {len(wrong)} broken, warned of {sorted(warned) or 'nothing'}")
    assert looks
    return wrong


def _restarts(project: Project) -> dict[str, int]:
    """How often each pod of the cluster's own was started again."""
    return {
        pod["metadata"]["name"]: sum(
            one["restartCount"] for one in pod["status"].get("containerStatuses", ())
        )
        for pod in project.rig.get("pods", "-n", "kube-system")["items"]
    }


def test_nothing_is_broken_while_it_is_idle(project: Project) -> None:
    """No false alarm at rest."""
    assert _quiet(project, QUIET_SECONDS / 3) == []


def test_nothing_is_broken_under_load(project: Project) -> None:
    """No false alarm while it scales."""
    with _load(project, RATE):
        assert _quiet(project, QUIET_SECONDS) == []
        _say(f"  why: {_asked(project)['sentence']}")


def test_nothing_is_broken_while_and_after_a_rollout(project: Project) -> None:
    """No false alarm while pods are replaced, nor by pods that nobody knows yet."""
    breakages.kubectl(project, "rollout", "restart", "deployment/iris")
    assert _quiet(project, QUIET_SECONDS) == []
