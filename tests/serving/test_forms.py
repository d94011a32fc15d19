"""Pods by the form that answers: what each imports, says of itself, and refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.serving.pod import Pod, running, starting

from ekiben import config
from ekiben.train import station

PROJECT = """
import pandas as pd
from sklearn.datasets import load_breast_cancer

def load():
    return load_breast_cancer(return_X_y=True, as_frame=True)

def build():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    return make_pipeline(StandardScaler(), LogisticRegression())

def build_support_vectors():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    return make_pipeline(StandardScaler(), SVC())
"""
# Builds the predictor of an artefact and asks it, as a pod does, then says what that imported.
IMPORTED = """
import pathlib, sys
import numpy as np
from ekiben.serving import artefact, predictors, threads
threads.limit({})
found = artefact.read(pathlib.Path(sys.argv[1]))
predictor = predictors.load(found)
predictor.predict(np.ones((1, len(found.schema.inputs))))
import ekiben.serving.lane, ekiben.serving.server
print(predictor.name, *sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = {"sklearn", "scipy", "skops", "joblib", "pandas", "onnx", "skl2onnx", "bentoml"}


@pytest.fixture(scope="session")
def folders(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One artefact of each form."""
    project = tmp_path_factory.mktemp("cancer")
    (project / "cancer.py").write_text(PROJECT)
    found = {"onnx": artefact}
    for form, function in (("folded", "build"), ("scikit-learn", "build_support_vectors")):
        document = {
            "model": "cancer",
            "train": {
                "estimator": f"cancer:{function}",
                "data": "cancer:load",
                "accept": {"min": 0.8},
                "parity_rows": 2_000,
            },
            "bento": {"service": "s:S"},
            "image": {"repository": "cancer"},
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BENTOML_HOME", str(project / "home"))
            found[form] = station.train(config.parse(document, "test"), project).folder
    return found


@pytest.mark.parametrize("form", ["onnx", "folded", "scikit-learn"])
def test_a_form_imports_what_it_needs(folders: dict[str, Path], form: str) -> None:
    """Exact forms load no scikit-learn, scipy or skops; a folded one no ONNX Runtime either."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, str(folders[form])],
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    name, *loaded = done.stdout.split()
    allowed = {
        "onnx": {"onnxruntime"},
        "folded": set(),
        "scikit-learn": {"sklearn", "scipy", "skops", "joblib"},
    }[form]
    assert name == form
    optional = {"pandas"} if form == "scikit-learn" else set()  # it looks for data frames; the image has none
    assert (set(loaded) & (HEAVY | {"onnxruntime"})) - optional == allowed


@pytest.mark.parametrize("form", ["onnx", "folded", "scikit-learn"])
def test_golden_rows_are_answered(folders: dict[str, Path], form: str, tmp_path: Path) -> None:
    """A pod of each form is ready, names it in `model_info`, and answers as was written at training."""
    golden = json.loads((folders[form] / "golden.json").read_text())
    with running(folders[form], tmp_path) as pod:
        found = pod.predict({"instances": golden["instances"]}).json
        assert pod.count("model_info", predictor=form) == 1
        assert pod.count("model_info") == 1
    assert found["predictions"] == golden["predictions"]
    if golden["probabilities"] is not None:
        for row, expected in zip(found["probabilities"], golden["probabilities"], strict=True):
            assert row == pytest.approx(expected, rel=0, abs=1e-12)


def test_another_form_can_be_demanded(pod: Pod, artefact: Path, tmp_path: Path) -> None:
    """EKIBEN_PREDICTOR overrides the manifest; both forms give the same bytes but for the request's id."""
    rows = {"instances": [[5.1, 3.5, 1.4, 0.2], [6.0, 2.7, 5.1, 1.6], [4.9, 2.5, 4.5, 1.7]]}
    headers = {"Content-Type": "application/json", "X-Request-Id": "same"}
    with running(artefact, tmp_path, EKIBEN_PREDICTOR="scikit-learn") as other:
        assert other.count("model_info", predictor="scikit-learn") == 1
        assert other.predict(rows, headers).body == pod.predict(rows, headers).body
    assert pod.count("model_info", predictor="onnx") == 1


def test_a_form_that_is_not_there_is_refused(artefact: Path, tmp_path: Path) -> None:
    """Exit 2, the forms that are there, and what to do."""
    with starting(artefact, tmp_path, EKIBEN_PREDICTOR="folded") as pod:
        assert pod.process.wait(timeout=20) == 2
        log = pod.log.read_text()
    assert "onnx, scikit-learn, found a demand for 'folded'" in log
    assert "EKIBEN_PREDICTOR" in log
