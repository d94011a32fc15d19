"""A bento as a folder: exported for real, and asked for its golden rows, for each kind of predictor.

Needs what `ekiben image` needs (mmdebstrap, the locked packages), neither registry nor cluster.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

READY_SECONDS = 60
ESTIMATOR = """
from sklearn.datasets import load_iris
from {module} import {name}
def load_data(): return load_iris(return_X_y=True, as_frame=True)
def build_estimator(): return {name}({arguments})
"""
SERVICE = """
import bentoml
@bentoml.service
class Made:
    model = bentoml.models.BentoModel("{model}:latest")
    @bentoml.api
    def {route}(self, name: str = "x") -> str:
        return "hello " + name
"""
SETTINGS = """
model: {model}
train:
  estimator: bentos.{model}.estimator:build_estimator
  data: bentos.{model}.estimator:load_data
  accept: {{metric: accuracy, min: 0.8}}
bento:
  service: bentos.{model}.service:Made
  routes: {routes}
image: {{repository: ekiben/{model}}}
"""


@dataclass(frozen=True)
class Case:
    """A model, and what its folder must hold and must not."""

    model: str
    module: str
    name: str
    arguments: str
    there: frozenset[str]
    absent: frozenset[str]
    custom: bool = False


CASES = [
    Case(
        "folded", "sklearn.linear_model", "LogisticRegression", "max_iter=1000",
        frozenset({"numpy"}), frozenset({"sklearn", "scipy", "onnxruntime", "bentoml"}),
    ),
    Case(
        "trees", "sklearn.ensemble", "RandomForestClassifier", "n_estimators=20, random_state=0",
        frozenset({"onnxruntime"}), frozenset({"sklearn", "scipy", "bentoml"}),
    ),
    Case(
        "plain", "sklearn.discriminant_analysis", "QuadraticDiscriminantAnalysis", "",
        frozenset({"sklearn", "scipy"}), frozenset({"onnxruntime", "bentoml"}),
    ),
    Case(
        "greeting", "sklearn.linear_model", "LogisticRegression", "max_iter=1000",
        frozenset({"sklearn", "bentoml"}), frozenset({"onnxruntime"}), custom=True,
    ),
]  # fmt: skip


def ekiben(project: Path, *arguments: str) -> dict[str, Any]:
    """A command of the product."""
    done = subprocess.run(
        [sys.executable, "-m", "ekiben", "--project", str(project), *arguments, "--json"],
        env={
            **os.environ,
            "BENTOML_HOME": str(project / "store"),
            "EKIBEN_STATE": str(project / "state"),
            "EKIBEN_TRAIN__PARITY_ROWS": "1000",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def written(case: Case, project: Path) -> None:
    """The three files of a model."""
    folder = project / "bentos" / case.model
    folder.mkdir(parents=True)
    (folder / "estimator.py").write_text(
        ESTIMATOR.format(module=case.module, name=case.name, arguments=case.arguments)
    )
    route, routes = ("hello", "{}") if case.custom else ("predict", "{/predict: lane}")
    (folder / "service.py").write_text(SERVICE.format(model=case.model, route=route))
    (folder / "ekiben.yaml").write_text(SETTINGS.format(model=case.model, routes=routes))


@contextmanager
def served(folder: Path, log: Path) -> Iterator[str]:
    """The folder's own script, run by a Python that has no packages."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHON": str(Path(sys.base_prefix) / "bin/python3.11"),
        "EKIBEN_HOST": "127.0.0.1",
        "EKIBEN_GRPC": "false",
        "EKIBEN_HTTP_PORT": str(port),
        "EKIBEN_METRICS_PORT": str(port + 1 if port < 65_535 else port - 1),
        "EKIBEN_DRAIN_SECONDS": "0",
    }
    with log.open("w") as out, subprocess.Popen(
        [folder / "serve"], env=environment, stdout=out, stderr=out
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + READY_SECONDS
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                except OSError:
                    time.sleep(0.1)
                else:
                    yield f"http://127.0.0.1:{port}"
                    break
            else:
                pytest.fail(f"not ready: {log.read_text()[-3000:]}")
        finally:
            process.terminate()
    assert process.returncode == 0, log.read_text()[-3000:]


def post(url: str, body: object) -> Any:
    """Ask; the answer is JSON or text."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith(("{", "[", '"')) else text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model)
def test_an_exported_folder_answers_its_golden_rows_with_what_it_needs_and_no_more(
    case: Case, tmp_path: Path
) -> None:
    """Labels as scikit-learn gave them when it was trained; a route of the service's own answers too."""
    written(case, tmp_path)
    trained = ekiben(tmp_path, "train", case.model)
    ekiben(tmp_path, "bento", case.model)
    left = ekiben(tmp_path, "bento", "export", case.model, "--to", str(tmp_path / "edge"))
    folder = Path(left["folder"])
    golden = json.loads((Path(trained["folder"]) / "golden.json").read_text())
    packages = {path.name for path in (folder / "site").iterdir()}
    assert case.there <= packages
    assert not case.absent & packages
    with served(folder, tmp_path / "log") as url:
        assert (
            post(f"{url}/predict", {"instances": golden["instances"]})["predictions"] == golden["predictions"]
        )
        if case.custom:
            assert post(f"{url}/hello", {"name": "you"}) == "hello you"
