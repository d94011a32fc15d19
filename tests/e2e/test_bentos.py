"""Every bento but the flagship walks the whole road; the flagship has the other files.

Each in a namespace of its own, with one replica to begin with and two at most, so that little load scales it.
"""

from __future__ import annotations

import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.rig import Project, Rig, counter, small, wait
from tests.serving import documented
from tests.serving.documented import BENTOS, ROOT, Documented, differences

from ekiben import config

FLAGSHIP = "iris"
MOST_REPLICAS = 2
WALKED = ["train", "bento", "image", "release", "traffic", "scale"]  # `status` is the seventh


@pytest.fixture(params=[bento for bento in BENTOS if bento != FLAGSHIP])
def bento(request: pytest.FixtureRequest) -> str:
    """Name of a bento."""
    return str(request.param)


@pytest.fixture
def project(bento: str, rig: Rig, home: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy of the project's models, for one walk of this bento to a namespace of its own."""
    namespace = f"e2e-{secrets.token_hex(3)}"
    found = Project.copy(ROOT, tmp_path / "project", rig, namespace, small(home, MOST_REPLICAS))
    yield found
    if not os.environ.get("EKIBEN_E2E_KEEP"):
        found.ekiben("uninstall", bento, check=False)
        rig.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def release_of(bento: str) -> str:
    """Name of a bento's release."""
    return config.load(bento, ROOT, {}).release_name


def asked(base: str, each: Documented) -> tuple[int, Any]:
    """Status and decoded answer of a documented request, sent to the Service."""
    body = json.dumps(each.body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(base + each.path, body, headers, method=each.method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def answers_as_documented(project: Project, bento: str, model: str) -> None:
    """Send every request of the README to the Service's cluster address, and compare."""
    base = project.url(release_of(bento)).removesuffix("/predict")
    for each in documented.of(bento):
        status, answer = asked(base, each)
        assert status == each.status, answer
        assert differences(each.answer, answer, each.tolerance) == []
        if "model" in answer:
            assert f"{answer['model']['name']}:{answer['model']['version']}" == model


def test_a_bento_walks_the_road(bento: str, project: Project, rig: Rig, tmp_path: Path) -> None:
    """`ekiben road` trains, packs, releases and scales it, no answer was wrong or lost, the Service gives the
    README's answers by the form that the table names, and `uninstall` leaves no pod.
    """
    page, release = tmp_path / "road.html", release_of(bento)
    walk = project.ekiben("road", bento, "--page", str(page))
    assert list(walk["stations"]) == WALKED
    assert not any(station["kept"] for station in walk["stations"].values())
    assert walk["load"]["failed"] == 0, walk["load"]["outcomes"]
    assert walk["load"]["ok"] > 0
    assert max(ready for _, _, ready, _ in walk["samples"]) == MOST_REPLICAS
    assert walk["model"] in page.read_text(encoding="utf-8")
    Rig.figures.append(
        {"bento": bento, "seconds": {name: round(s, 1) for name, s in walk["seconds"].items()}}
    )

    found = project.ekiben("status", bento)
    assert (found["image"], found["model"]) == (walk["image"], walk["model"])
    assert found["replicas"]["ready"] >= 1

    answers_as_documented(project, bento, walk["model"])
    _, _, form, _, _ = documented.table()[bento]
    scraped = project.scrape(release)
    assert scraped
    for pod, text in scraped.items():
        assert counter(text, "model_info", predictor=form) == 1, pod

    removed = project.ekiben("uninstall", bento)
    assert removed["removed"] == f"{project.namespace}/{release}"
    wait(lambda: not project.pods(release), 30, "no pod")
    secret = rig.get("secrets", "-n", project.namespace, "-l", f"owner=helm,name={release}")["items"]
    assert secret == []
