"""The road as fixtures, on a real cluster: each station by the command that people type.

Fails without a cluster (a skip is not a pass), and refuses one whose context
ekiben did not make, unless EKIBEN_E2E_CONTEXT names exactly it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.rig import Project, Rig, settings

ROOT = Path(__file__).resolve().parents[2]
FIGURE = "figure"
# What is started in the background has Ctrl-C ignored, and would hand that on to every `ekiben`.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def rig() -> Rig:
    """The cluster under test."""
    context = os.environ.get("EKIBEN_CONTEXT")
    from ekiben.errors import ClusterError
    from ekiben.ground import cluster

    try:
        address = cluster.current(context)
    except ClusterError as error:
        pytest.fail(f"e2e needs a cluster: {error} {error.remedy}", pytrace=False)
    if not address.context.startswith("ekiben-") and os.environ.get("EKIBEN_E2E_CONTEXT") != address.context:
        pytest.fail(f"e2e refuses the context {address.context!r}: ekiben did not make it", pytrace=False)
    return Rig(address)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty BentoML home, so that every run trains and packs."""
    return tmp_path_factory.mktemp("bentoml")


@pytest.fixture(scope="session")
def project(rig: Rig, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy of the project's models, with a namespace of its own."""
    namespace = f"e2e-{secrets.token_hex(3)}"
    found = Project.copy(ROOT, tmp_path_factory.mktemp("project"), rig, namespace, settings(home))
    yield found
    if not os.environ.get("EKIBEN_E2E_KEEP"):
        found.ekiben("uninstall", "iris", check=False)
        rig.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="session")
def model(project: Project) -> dict[str, Any]:
    """Station 1."""
    found: dict[str, Any] = project.ekiben("train", "iris")
    return found


@pytest.fixture(scope="session")
def bento(project: Project, model: dict[str, Any]) -> dict[str, Any]:
    """Station 2."""
    found: dict[str, Any] = project.ekiben("bento", "iris")
    assert found["model"] == model["tag"]
    return found


@pytest.fixture(scope="session")
def image(project: Project, bento: dict[str, Any]) -> dict[str, Any]:
    """Station 3."""
    assert bento["tag"]
    found: dict[str, Any] = project.ekiben("image", "iris")
    return found


@pytest.fixture(scope="session")
def revision(project: Project, image: dict[str, Any]) -> dict[str, Any]:
    """Station 4."""
    found: dict[str, Any] = project.ekiben("release", "iris")
    assert found["image"] == image["image"]
    return found


@pytest.fixture
def faulty(project: Project, tmp_path: Path) -> Callable[[str], Project]:
    """Make a project whose iris is faulty in one named way; its service is in `faulty/<name>.py`."""

    def make(name: str) -> Project:
        copy = project.beside(tmp_path / name)
        shutil.copy(Path(__file__).parent / "faulty" / f"{name}.py", copy.root / "bentos/iris/service.py")
        return copy

    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Give the report the figures of the test; on failure, events, pods and the HPA of the namespace too."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's result, untyped in pytest's hook
    # The summary is printed by another process than the test's own: a report is all that goes there.
    report.user_properties += [(FIGURE, json.dumps(one)) for one in Rig.figures]
    Rig.figures.clear()
    project = getattr(item, "funcargs", {}).get("project")
    if report.failed and isinstance(project, Project):
        report.sections.append(("cluster", project.rig.describe(project.namespace)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures that the tests measured."""
    for report in (one for many in terminalreporter.stats.values() for one in many):
        for name, figure in getattr(report, "user_properties", ()):
            if name == FIGURE:
                terminalreporter.write_line(f"figure: {figure}")
