"""Formats of the estimator's file: what is written, and when a pod reads a pickle."""

from __future__ import annotations

import importlib
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ekiben.artefact import formats, hdf5
from ekiben.artefact.forms.proof import Proven, prove
from ekiben.artefact.seal import keys, sign
from ekiben.artefact.write import write
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.predictors.linear import Linear
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.seal.policy import Policy

SCHEMA = Schema(
    tuple(Input(name, "float64") for name in "ab"), Output("classification", (0, 1), probabilities=True)
)
ROWS = np.random.default_rng(0).uniform(-1, 1, size=(60, 2))
LABELS = (ROWS.sum(axis=1) > 0).astype(int)


def written(folder: Path, *formats: str, estimator: Any = None) -> Path:
    folder.mkdir()
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    fitted = (linear if estimator is None else estimator).fit(ROWS, LABELS)
    golden = {
        "instances": [dict(zip("ab", ROWS[0].tolist(), strict=True))],
        "predictions": fitted.predict(ROWS[:1]).tolist(),
        "probabilities": fitted.predict_proba(ROWS[:1]).tolist(),
        "relative_tolerance": 1e-9,
    }
    proven = prove(fitted, SCHEMA, ROWS, ROWS[:10], count=1_000, seed=0)
    write(
        folder, "small", fitted, SCHEMA, golden=golden, reference={}, card={}, proven=proven, formats=formats
    )
    return folder


@pytest.mark.parametrize(("name", "read"), [("pickle", pickle.loads), ("joblib", None)])
def test_a_pickle_is_read_if_seal_and_policy_allow(tmp_path: Path, name: str, read: Any) -> None:
    """Neither alone is enough; with both, the answers are those of the estimator."""
    folder = written(tmp_path / "m", name)
    assert reader.read(folder).predictor == "folded"  # which needs no unpickling
    signer = keys.create_pair(tmp_path / "key")
    content = sign.bundle_for(folder, tmp_path / "key", [signer])
    assert content is not None
    (folder / "signature.json").write_bytes(content)
    for policy in (Policy(), Policy((signer,)), Policy(pickle=True)):
        with pytest.raises(ConfigError, match="runs what its writer wants"):
            predictors.load(reader.read(folder, "scikit-learn", policy))
    answers = predictors.load(reader.read(folder, "scikit-learn", Policy((signer,), pickle=True))).predict(
        ROWS
    )
    path = folder / f"estimator.{name}"
    own = read(path.read_bytes()) if read else joblib.load(path)
    assert np.array_equal(answers.predictions, own.predict(ROWS))
    expected = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    assert np.array_equal(answers.probabilities, expected.predict_proba(ROWS))  # type: ignore[arg-type]


def test_hdf5_holds_the_arrays(tmp_path: Path) -> None:
    """h5py alone gives scores whose sign and sigmoid are scikit-learn's answers; ours reads the same."""
    folder = written(tmp_path / "m", "skops", "hdf5")
    with h5py.File(folder / "estimator.h5") as file:
        scores = ROWS @ file["coefficients"][()].T + file["intercepts"][()]
        assert json.loads(file.attrs["inputs"]) == ["a", "b"]
        assert json.loads(file.attrs["classes"]) == [0, 1]
    own = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    assert 1 / (1 + np.exp(-scores[:, 0])) == pytest.approx(own.predict_proba(ROWS)[:, 1], rel=1e-12)
    found, linear = (
        hdf5.read((folder / "estimator.h5").read_bytes()),
        Linear.parse((folder / "linear.json").read_bytes()),
    )
    assert np.array_equal(found.coefficients, linear.coefficients)
    assert (found.intercepts.tolist(), found.link) == (linear.intercepts.tolist(), linear.link)
    assert json.loads((folder / "manifest.json").read_text())["formats"] == ["skops", "hdf5"]


@pytest.mark.parametrize(
    ("formats", "error", "message"),
    [
        (("skops", "hdf5"), ConfigError, "linear models only"),
        (("hdf5",), ConfigError, "expected one of skops, joblib, pickle"),
    ],
)
def test_a_format_that_cannot_hold_the_estimator(
    tmp_path: Path, formats: tuple[str, ...], error: type[Exception], message: str
) -> None:
    """The reason is said, and nothing is written."""
    with pytest.raises(error, match=message):
        written(tmp_path / "m", *formats, estimator=RandomForestClassifier(2, random_state=0))
    assert list((tmp_path / "m").iterdir()) == []


def test_onnx_on_request_is_exact_or_refused(tmp_path: Path) -> None:
    """A forest has an exact graph; a pipeline of a linear model has none yet."""
    folder = written(tmp_path / "m", "skops", "onnx", estimator=RandomForestClassifier(2, random_state=0))
    assert (folder / "estimator.onnx").is_file()
    with pytest.raises(AcceptanceError, match="asks for onnx"):
        written(tmp_path / "n", "skops", "onnx")


class Own(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator of the user's, whose module is gone once it was built."""


def test_a_class_of_the_projects_own_files_is_not_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod could not import it; the error says so, whatever the pickler raises."""
    monkeypatch.setattr(Own, "__module__", "bentos.gone.estimator")
    fitted = Own().fit(ROWS, LABELS)
    for each in ("pickle", "joblib"):
        with pytest.raises(ConfigError, match="cannot be pickled") as caught:
            formats.contents((each,), fitted, SCHEMA, Proven({}, {}))
        assert "own files" in caught.value.remedy


MINE = """
from sklearn.linear_model import LogisticRegression
class Mine(LogisticRegression):
    pass
def double(rows):
    return rows * 2
"""


def test_what_can_be_imported_here_alone_is_not_pickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that ekiben was started in is on Python's path, but on no pod's: classes and functions."""
    (tmp_path / "mine_alone.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    mine = importlib.import_module("mine_alone")
    for each in (mine.Mine(), make_pipeline(FunctionTransformer(mine.double), LogisticRegression())):
        for name in ("pickle", "joblib"):
            with pytest.raises(ConfigError, match="the project's own mine_alone"):
                formats.contents((name,), each.fit(ROWS, LABELS), SCHEMA, Proven({}, {}))


def test_a_type_that_no_pod_builds_is_refused_with_what_to_take_instead() -> None:
    """What skops writes and a pod would not read back is found here: functions but numpy's."""
    estimator = make_pipeline(FunctionTransformer(str.split), LogisticRegression())
    with pytest.raises(ConfigError, match="not trusted") as caught:
        formats.reloaded(("skops",), estimator)
    assert "scikit-learn itself" in caught.value.remedy


AGAIN = """
import sys, hashlib
from sklearn.ensemble import RandomForestClassifier
from tests.unit.artefact.test_formats import LABELS, ROWS, SCHEMA
from ekiben.artefact.formats import contents
from ekiben.artefact.forms.proof import Proven
fitted = RandomForestClassifier(3, random_state=0).fit(ROWS, LABELS)
files, _ = contents(("skops", "joblib", "pickle"), fitted, SCHEMA, Proven({}, {}))
print({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
"""


@pytest.mark.timeout(120)
def test_pickles_are_reproducible() -> None:
    """Two processes with another order of sets and memory full of other bytes write the same files."""
    import os

    found = [
        subprocess.run(
            [sys.executable, "-c", AGAIN],
            env={**os.environ, "PYTHONHASHSEED": seed, "MALLOC_PERTURB_": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "201")
    ]
    assert found[0] == found[1]
    assert "estimator.pickle" in found[0]
