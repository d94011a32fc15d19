"""A running pod scores itself on the labelled rows of its artefact."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.serving.pod import Pod, running, starting
from tests.serving.test_metrics import check_contract
from tests.serving.test_start import WATCHER, changed, signed_again

from ekiben import config
from ekiben.train import station

ROOT = Path(__file__).parents[2]
ROW = [5.1, 3.5, 1.4, 0.2]
# Once the file is there, the predictor in this process answers as if each length were another one.
DAMAGE = """
import os, threading, time
def _wait():
    while not os.path.exists({flag!r}):
        time.sleep(0.02)
    from ekiben.serving.predictors.onnx import OnnxPredictor
    predict = OnnxPredictor.predict
    OnnxPredictor.predict = lambda self, rows: predict(self, rows[:, ::-1])
threading.Thread(target=_wait, daemon=True).start()
"""


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flagship, asked to be checked again in its pods."""
    found = config.load("iris", ROOT, {"EKIBEN_OBSERVE__RECHECK": "{rows: 20}"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("bentoml-home")))
        return station.train(found, ROOT).folder


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_predictor_that_goes_wrong_shows_in_the_metrics(labelled: Path, tmp_path: Path) -> None:
    """The score is the trained estimator's until memory is damaged; then it is that of the damaged one."""
    damaged = tmp_path / "damaged"
    (tmp_path / "sitecustomize.py").write_text(DAMAGE.format(flag=str(damaged)))
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    scores = json.loads((labelled / "labelled.json").read_text())["scores"]
    with running(labelled, tmp_path, PYTHONPATH=path, EKIBEN_RECHECK_SECONDS="0.1") as pod:
        until(lambda: pod.count("model_rechecks_total", outcome="ok") >= 2)
        text = pod.scrape()
        check_contract(text, recheck=True)
        for name in ("model_recheck_score", "model_recheck_expected_score"):
            assert pod.count(name, metric="accuracy") == scores["accuracy"] > 0.8
        assert pod.count("model_recheck_rows") == 20
        assert abs(time.time() - pod.count("model_last_recheck_timestamp_seconds")) < 5
        assert pod.count("model_predictions_total") == 0
        damaged.touch()
        until(lambda: pod.count("model_recheck_score", metric="accuracy") < 0.5)
        assert pod.predict(ROW).json["prediction"] != 0
        assert pod.count("model_recheck_expected_score", metric="accuracy") == scores["accuracy"]
        assert "recheck: 20 labelled rows score accuracy" in pod.log.read_text()


def shown(pod: Pod) -> bool:
    """Whether the scrape knows of checks."""
    return "model_recheck" in pod.scrape()


def test_nothing_is_loaded_where_nothing_is_checked(artefact: Path, labelled: Path, tmp_path: Path) -> None:
    """Without labelled rows, or told never to check, a pod imports none of it and shows none of it."""
    watched = tmp_path / "watched"
    (tmp_path / "sitecustomize.py").write_text(WATCHER.format(log=str(watched)))
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    for folder, seconds, expected in (
        (artefact, "60", False),
        (labelled, "0", False),
        (labelled, "60", True),
    ):
        with running(folder, tmp_path, PYTHONPATH=path, EKIBEN_RECHECK_SECONDS=seconds) as pod:
            assert shown(pod) is expected
            pod.process.terminate()
            assert pod.process.wait(timeout=10) == 0
        loaded = set(watched.read_text().splitlines()[-1].split())
        assert ({"ekiben.serving.recheck", "ekiben.serving.labelled"} <= loaded) is expected


def test_labelled_rows_that_are_not_of_the_model_end_the_pod(labelled: Path, tmp_path: Path) -> None:
    """Exit 2 before it is ready, and the file is named; a file that the list leaves out is named, too."""
    wrong = signed_again(
        changed(labelled, tmp_path / "wrong", "labelled.json", lambda each: each["rows"][0].pop())
    )
    with starting(wrong, tmp_path) as pod:
        assert pod.process.wait(timeout=20) == 2
        assert "labelled.json: expected" in pod.log.read_text()
    extra = tmp_path / "extra"
    shutil.copytree(labelled, extra)
    manifest = json.loads((extra / "manifest.json").read_text())
    del manifest["files"]["labelled.json"]
    (extra / "manifest.json").write_text(json.dumps(manifest))
    with starting(extra, tmp_path) as pod:
        assert pod.process.wait(timeout=20) == 2
        assert "'labelled.json'" in pod.log.read_text()
