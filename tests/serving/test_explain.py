"""Explanations of a running pod: off, on, who may ask, and what becomes of predictions meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.serving.pod import Pod, count, free_port, running
from tests.unit.serving.access import made
from tests.unit.serving.explanation import shapley

from ekiben.serving.explanation.content import Content
from ekiben.serving.predictors import estimator as stored

ROW = [5.9, 3.0, 4.2, 1.5]
# What is imported at the moment when a pod becomes ready.
IMPORTED = """
import asyncio, json, os, sys
from ekiben.serving import server
from ekiben.serving.life import Life
from ekiben.serving.settings import Settings

def told(life):
    packages = {name.partition('.')[0] for name in sys.modules}
    print(json.dumps([*packages, *(name for name in sys.modules if '.explanation.' in name)]))
    sys.stdout.flush()
    os._exit(0)

Life.become_ready = told
asyncio.run(server.serve(Settings.read(os.environ)))
"""


def test_the_flagships_explanations_are_shapley_values(pod: Pod, artefact: Path) -> None:
    """Contributions are those of the definition, from the estimator's own trees; the rest is `/predict`'s."""
    forest = stored.load((artefact / "estimator.skops").read_bytes())
    reply = pod.request("POST", "/explain", {"instances": [ROW, ROW]})
    assert reply.status == 200
    found = reply.json
    parts = [shapley.of_tree(each.tree_, ROW) for each in forest.estimators_]
    names = [each["name"] for each in json.loads((artefact / "schema.json").read_bytes())["inputs"]]
    for each in found["explanations"]:
        contributions = np.array([each["contributions"][name] for name in names])
        assert contributions == pytest.approx(np.mean([part for _, part in parts], axis=0), abs=1e-9)
        assert each["base"] == pytest.approx(np.mean([base for base, _ in parts], axis=0), abs=1e-9)
        assert each["output"] == forest.predict_proba([ROW])[0].tolist()
    predicted = pod.predict({"instances": [ROW, ROW]}).json
    assert {**found, **predicted} == {**found, "id": predicted["id"]}
    kserve = pod.request("POST", "/v1/models/iris:explain", {"instances": [ROW, ROW]}).json
    assert kserve == {name: found[name] for name in ("predictions", "explanations")}


def test_metrics_and_log_know_the_route(pod: Pod) -> None:
    """By its template; the rows are counted apart from predictions, which are those that SLOs are about."""
    before = pod.scrape()
    pod.request("POST", "/explain", {"instances": [ROW] * 3})
    pod.request("POST", "/explain", b"{")

    def more(name: str, **labels: str) -> float:
        return count(pod.scrape(), name, **labels) - count(before, name, **labels)

    assert more("model_explanations_total") == 3
    assert more("model_predictions_total") == more("model_requests_total") == 0
    assert more("http_server_arrivals_total", http_route="/explain") == 2
    assert more("http_server_request_duration_seconds_count", http_route="/explain") == 2


def test_off_it_is_a_path_like_any_unknown_one(artefact: Path, tmp_path: Path) -> None:
    """404 with the same body, nothing in the document, nothing loaded."""
    with running(artefact, tmp_path, EKIBEN_EXPLAIN="false") as off:
        same = {"Content-Type": "application/json", "X-Request-Id": "same"}
        unknown = off.request("POST", "/nothing", [1], same)
        for path in ("/explain", "/v1/models/iris:explain"):
            found = off.request("POST", path, [1], same)
            assert found.status == 404
            if path == "/explain":
                assert found.body == unknown.body
        assert "explain" not in off.request("GET", "/openapi.json").body.decode()
        assert off.count("http_server_arrivals_total", http_route="/explain") == 0


@pytest.mark.parametrize("explain", ["true", "false"])
def test_a_pod_is_ready_before_it_loads_explanations(artefact: Path, explain: str) -> None:
    """On: no explainer, scikit-learn or LightGBM is imported until ready. Off: not even the queue."""
    port = free_port()
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        env={
            **os.environ,
            "EKIBEN_ARTEFACT": str(artefact),
            "EKIBEN_EXPLAIN": explain,
            "EKIBEN_HTTP_PORT": str(port),
            "EKIBEN_METRICS_PORT": str(port + 2),
            "EKIBEN_GRPC": "false",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = set(json.loads(done.stdout))
    assert not found & {"sklearn", "scipy", "lightgbm", "pandas"}
    explaining = {name.rpartition(".")[2] for name in found if name.startswith("ekiben.serving.explanation.")}
    assert explaining == ({"explained", "worker"} if explain == "true" else {"explained"})


def test_the_library_needs_nothing_of_its_python_package(artefact: Path, tmp_path: Path) -> None:
    """Rows are explained where scikit-learn, scipy, pandas and LightGBM's Python part cannot be imported."""
    program = (
        "import sys, pathlib\n"
        "for name in ('sklearn', 'scipy', 'pandas', 'narwhals', 'skops', 'joblib', 'bentoml'):\n"
        "    sys.modules[name] = None\n"
        "from ekiben.serving import artefact, predictors\n"
        "from ekiben.serving.explanation.loaded import load\n"
        "found = artefact.read(pathlib.Path(sys.argv[1]))\n"
        "load(found, predictors.load(found))\n"
        "assert 'lightgbm' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(artefact)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_leave_to_predict_is_no_leave_to_explain(artefact: Path, tmp_path: Path) -> None:
    """Two keys: one may predict, one may explain; neither may do the other's, nobody nothing."""
    folder = tmp_path / "access"
    folder.mkdir()
    leave = {"web": ["predict"], "why": ["explain"]}
    records = [made.key_record(made.key_text(name), groups, expires=None) for name, groups in leave.items()]
    made.write(folder, "keys.json", made.key_file(*records))
    with running(artefact, tmp_path, EKIBEN_ACCESS="required", EKIBEN_ACCESS_DIR=str(folder)) as pod:

        def status(path: str, name: str | None) -> int:
            key = {} if name is None else {"X-API-Key": made.key_text(name)}
            return pod.request("POST", path, [*ROW], {"Content-Type": "application/json", **key}).status

        assert [status("/predict", name) for name in ("web", "why", None)] == [200, 403, 401]
        assert [status("/explain", name) for name in ("web", "why", None)] == [403, 200, 401]


def test_an_explanation_of_another_model_closes_the_route_alone(artefact: Path, tmp_path: Path) -> None:
    """Well-formed, but of shifted trees: 503 on `/explain`, the reason in the log; `/predict` answers."""
    folder = tmp_path / "artefact"
    shutil.copytree(artefact, folder)
    found = Content.parse((folder / "explanation.zip").read_bytes())
    shifted = {**found.arrays, "base": found.arrays["base"] + 1e-6}
    content = Content(found.summary, shifted, found.steps).content()
    (folder / "explanation.zip").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["explanation.zip"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with running(folder, tmp_path) as pod:
        reply = pod.request("POST", "/explain", [*ROW])
        assert (reply.status, reply.json["reason"]) == (503, "not_ready")
        assert pod.predict([*ROW]).status == 200
        assert "golden rows are not explained as they were" in pod.log.read_text()


def test_predictions_are_answered_while_rows_are_explained(artefact: Path, tmp_path: Path) -> None:
    """The loop is free: predictions come back while many explanations are being computed."""
    with running(artefact, tmp_path, EKIBEN_MOST_EXPLAINED_ROWS="5000", EKIBEN_EXPLAIN_SECONDS="30") as pod:
        statuses: list[int] = []
        body: Any = {"instances": [ROW] * 5_000}
        asking = threading.Thread(
            target=lambda: statuses.append(pod.request("POST", "/explain", body).status)
        )
        asking.start()
        during = 0
        while asking.is_alive():
            assert pod.predict([*ROW]).status == 200
            during += asking.is_alive()
        asking.join()
        assert statuses == [200]
        assert during >= 3


@pytest.mark.parametrize("bento", ["iris", "housing"])
def test_the_card_says_how_much_each_column_contributes(bento: str, trained: Callable[[str], Path]) -> None:
    """The loss when a column is shuffled, and the mean size of its contributions over held-out rows."""
    card = json.loads((trained(bento) / "card.json").read_bytes())
    means = card["contributions"]["mean_absolute"]
    assert set(card["importance"]) == set(means) == set(card["columns"])
    assert card["contributions"]["rows"] == card["rows"]["test"]
    strongest = {"iris": {"petal length (cm)", "petal width (cm)"}, "housing": {"area_m2"}}[bento]
    assert max(means, key=lambda name: sum(means[name])) in strongest
