"""The station `bento` and a pod that runs: what answers otherwise is found, with its cause."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ekiben import config
from ekiben.artefact import store
from ekiben.artefact.forms.proof import Proven
from ekiben.artefact.write import write
from ekiben.bento import comparing, evidence, proof
from ekiben.config import ModelConfig
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader
from ekiben.serving import predictors
from ekiben.serving.schema import Input, Output, Schema
from ekiben.train import station

PROJECT = """
import numpy as np
import pandas as pd

def load():
    random = np.random.default_rng(7)
    size = random.normal(10, 3, 120).round(1).clip(5, 15)
    colour = random.choice(["red", "green"], 120)
    count = random.integers(0, 5, 120)
    label = np.where((colour == "red") & (size > 9), "large", "small")
    return pd.DataFrame({"size": size, "colour": colour, "count": count}), pd.Series(label)

def build():
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    encoded = make_column_transformer((OneHotEncoder(), [1]), remainder="passthrough")
    return make_pipeline(encoded, RandomForestClassifier(5, random_state=0))

def load_line():
    x = np.linspace(0, 10, 80).round(1)
    return pd.DataFrame({"x": x}), pd.Series(2 * x + 1)

def build_line():
    from sklearn.linear_model import LinearRegression
    return LinearRegression()
"""
ROWS = 2_000
# Runs in the pod before its own code: an answer to a row alone is not that of a batch.
ALONE = """
from ekiben.serving.predictors import linear
_predict = linear.LinearPredictor.predict
def predict(self, rows):
    answers = _predict(self, rows)
    tenths = rows[0, 0] * 10
    if len(rows) == 1 and abs(tenths - round(tenths)) > 1e-6:  # golden rows have one decimal
        answers.predictions = answers.predictions + 1e-6
    return answers
linear.LinearPredictor.predict = predict
"""


def configured(name: str, suffix: str = "", **bento: Any) -> ModelConfig:
    train = {
        "estimator": f"shop:build{suffix}",
        "data": f"shop:load{suffix}",
        "accept": {"min": 0.5} if not suffix else {"metric": "mae", "max": 1},
        "parity_rows": ROWS,
        "inputs": {} if suffix else {"size": {"range": [5, 15]}},
    }
    formats = {"formats": ["joblib"]} if suffix else {}
    document = {
        "model": name,
        "train": train,
        "bento": {"service": "s:S", **formats, **bento},
        "image": {"repository": "x"},
    }
    return config.parse(document, "test")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a forest over strings and a line, and the project that they are of."""
    root = tmp_path_factory.mktemp("parity")
    (root / "shop.py").write_text(PROJECT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(root / "home"))
        station.train(configured("shop"), root)
        station.train(configured("line", "_line"), root)
    return root


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, beside a copy of the store for one test."""
    shutil.copytree(home / "home", tmp_path / "home", symlinks=True)
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    # Pods of one run share their bytecode.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", os.environ.get("PYTHONPYCACHEPREFIX") or str(home / "bytecode"))
    return home


def tag_of(name: str) -> ModelTag:
    version = store.latest(name)
    assert version is not None
    return ModelTag(name, version)


def test_a_pod_of_each_form_answers_every_row(project: Path) -> None:
    """0 flips over strings, whole numbers and a bounded column, in blocks and alone."""
    told: list[tuple[int, int]] = []
    tag = tag_of("shop")
    found = proof.prove(configured("shop"), tag, project, lambda done, every: told.append((done, every)))
    assert {form: (each["flips"], each["kept"]) for form, each in found["forms"].items()} == {
        "onnx": (0, True),
        "scikit-learn": (0, True),
    }
    assert sum(found["rows"].values()) + found["refused"] == ROWS
    assert {each["rows"] + found["refused"] for each in found["forms"].values()} == {ROWS}
    assert found["rows"]["resolution"] == ROWS / 2
    assert found["rows"]["threshold"] > 100
    assert found["alone"] > 100
    assert told[-1] == (ROWS, ROWS)


def test_the_same_is_not_proven_twice(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is kept by model and serving code; other code, or fewer rows, ask again."""
    tag, wanted = tag_of("line"), configured("line", "_line")
    first = proof.prove(wanted, tag, project)
    monkeypatch.setattr("ekiben.clients.pod.started", None)  # nothing is started from here on
    assert proof.prove(wanted, tag, project) == first
    monkeypatch.setattr(evidence, "serving_hash", lambda: "another")
    with pytest.raises(TypeError):
        proof.prove(wanted, tag, project)
    monkeypatch.undo()


def test_evidence_is_no_part_of_the_artefact(project: Path) -> None:
    """The artefact's files are as before, and evidence of versions that have gone goes."""
    tag = tag_of("line")
    folder = store.folder_of(tag)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    gone = evidence.path_of(ModelTag("line", "0123456789abcdef"))
    gone.parent.mkdir(parents=True)
    gone.write_text("{}")
    proof.prove(configured("line", "_line"), tag, project)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in gone.parent.iterdir()] == [f"{tag.version}.json"]


def rewritten(tag: ModelTag, folder: Path, change: Callable[[bytes], bytes]) -> ModelTag:
    """The same model with another graph, sound in itself: its manifest says what is there."""
    found = reader.read(store.folder_of(tag))
    documents = {name: json.loads(found.content(name)) for name in found.files if name.endswith(".json")}
    estimator = getattr(predictors.load(reader.read(found.folder, "scikit-learn")), "estimator")  # noqa: B009
    folder.mkdir()
    write(
        folder,
        found.name,
        estimator,
        found.schema,
        golden=documents["golden.json"],
        reference=documents["reference.json"],
        card=documents["card.json"],
        proven=Proven({"onnx": change(found.content("estimator.onnx"))}, documents["parity.json"]),
    )
    return store.store(folder)[0]


def moved_thresholds(content: bytes) -> bytes:
    """A graph that golden rows do not betray: splits are off by a billionth."""
    model = onnx.load_from_string(content)
    [node] = [each for each in model.graph.node if each.op_type == "TreeEnsemble"]
    [splits] = [each for each in node.attribute if each.name == "nodes_splits"]
    values = numpy_helper.to_array(splits.t)
    splits.t.CopyFrom(numpy_helper.from_array(values * (1 + 1e-9)))
    return bytes(model.SerializeToString())


def test_a_broken_conversion_is_caught_with_its_cause(project: Path, tmp_path: Path) -> None:
    """A graph that sends rows beside splits elsewhere: form, operator and a row are named."""
    tag = rewritten(tag_of("shop"), tmp_path / "broken", moved_thresholds)
    with pytest.raises(AcceptanceError) as caught:
        proof.prove(configured("shop"), tag, project)
    said = str(caught.value)
    assert said.startswith("onnx answers otherwise in the running pod than the estimator")
    assert "TreeEnsemble of float64: tree " in said
    assert "the worst row, threshold" in said
    assert evidence.path_of(tag).exists() is False


def test_a_pod_that_answers_otherwise_is_caught(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the pod alone, and only where a row comes alone: the form's file is not blamed."""
    (tmp_path / "sitecustomize.py").write_text(ALONE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd() / 'src'}")
    with pytest.raises(AcceptanceError, match="the pod's way to it differs, not the form") as caught:
        proof.prove(configured("line", "_line"), tag_of("line"), project)
    assert "folded answers otherwise" in str(caught.value)


def test_a_pod_that_refuses_is_caught(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the schema lets in and the pod refuses is named with the pod's own words."""
    monkeypatch.setitem(proof._LIMITS, "EKIBEN_MOST_ROWS", "500")
    with pytest.raises(AcceptanceError, match=r"folded: the pod answered 4.*expected 1 to 500 instances"):
        proof.prove(configured("line", "_line"), tag_of("line"), project)


def test_a_pod_that_does_not_start_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last line is in the error."""
    monkeypatch.setitem(proof._LIMITS, "EKIBEN_DRAIN_SECONDS", "0")
    monkeypatch.setitem(proof._LIMITS, "EKIBEN_MOST_ROWS", "none")
    with pytest.raises(AcceptanceError, match=r"by folded does not become ready: .*EKIBEN_MOST_ROWS"):
        proof.prove(configured("line", "_line"), tag_of("line"), project)


def test_other_data_than_the_models_are_refused(project: Path, tmp_path: Path) -> None:
    """Rows are drawn from what the model was fitted on; other data are not it."""
    wanted = configured("line", "_line")
    other = wanted.model_copy(update={"train": wanted.train.model_copy(update={"seed": 5})})
    with pytest.raises(ConfigError, match=r"are not those that line:.* was trained on"):
        proof.prove(other, tag_of("line"), project)
    assert tmp_path.exists()


def test_the_rows_can_be_bounded(project: Path) -> None:
    """`bento.pod_rows` in place of `train.parity_rows`."""
    found = proof.prove(configured("line", "_line", pod_rows=1_000), tag_of("line"), project)
    assert found["forms"]["folded"]["flips"] == 0
    assert "allow_pickle" in found["forms"]["scikit-learn"]["reason"]  # nobody signed the joblib file
    assert sum(found["rows"].values()) + found["refused"] == 1_000


def test_time_is_bounded(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the longest time it says how far it came and how to ask for less."""
    monkeypatch.setattr(proof, "_LONGEST_SECONDS", 0.0)
    with pytest.raises(AcceptanceError, match="within 0 s, it answered 1,000") as caught:
        proof.prove(configured("line", "_line"), tag_of("line"), project)
    assert "bento.pod_rows" in caught.value.remedy


def test_what_a_schema_lets_in() -> None:
    """Ranges that refuse, whole numbers that float64 holds, NaN that a policy allows."""
    schema = Schema(
        (
            Input("a", "float64", minimum=0.0, maximum=1.0),
            Input("b", "int64", minimum=0, maximum=5, on_out_of_range="count"),
            Input("c", "float64", missing="nan"),
        ),
        Output("regression"),
    )
    coded = np.array([[0.5, 9, np.nan], [1.5, 0, 0], [1, 2.0**60, 0], [0, 0, 1e300]])
    assert comparing.admitted(schema, coded).tolist() == [True, False, False, True]
