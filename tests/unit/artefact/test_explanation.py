"""What explains an estimator, as it is written into an artefact."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from ekiben.artefact import explanation
from ekiben.artefact.forms.ensembles import ensemble_of
from ekiben.artefact.write import write
from ekiben.errors import AcceptanceError, ConfigError
from ekiben.serving import artefact as reader
from ekiben.serving.explanation.content import Content
from ekiben.serving.explanation.explained import Explained
from ekiben.serving.explanation.loaded import explainer_of
from ekiben.serving.schema import Input, Output, Schema

ROWS = np.random.default_rng(2).normal(size=(60, 2))
LABELS = (ROWS[:, 0] > 0).astype(int)
TWO = Output("classification", (0, 1), probabilities=True)
SCHEMA = Schema((Input("a", "float64"), Input("b", "float64")), TWO)
GOLDEN = {
    "format": 1,
    "instances": [{"a": 0.0, "b": 1.0}],
    "predictions": [0],
    "probabilities": None,
    "relative_tolerance": 1e-9,
}


@pytest.mark.parametrize(
    ("estimator", "schema", "says"),
    [
        (GaussianNB(), SCHEMA, "GaussianNB"),
        (make_pipeline(PolynomialFeatures(), RandomForestClassifier(2)), SCHEMA, "is no scaler"),
        (GradientBoostingClassifier(loss="exponential", n_estimators=2), SCHEMA, "exponential"),
        (RandomForestClassifier(2), Schema((Input("a", "string"), Input("b", "float64")), TWO), "string"),
    ],
)
def test_what_cannot_be_explained_exactly_is_refused(estimator: Any, schema: Schema, says: str) -> None:
    """With the reason, and what to do: nothing is approximated."""
    estimator.fit(ROWS, LABELS)
    with pytest.raises(ConfigError, match=says) as found:
        explanation.explained_by(estimator, schema, ROWS, ROWS[:1])
    assert "bento.explain" in str(found.value)
    assert found.value.remedy


def test_the_same_estimator_gives_the_same_bytes() -> None:
    """The artefact's hash must not depend on when or where."""
    made = [
        explanation.explained_by(
            RandomForestClassifier(3, random_state=0).fit(ROWS, LABELS), SCHEMA, ROWS, ROWS[:2]
        ).content()
        for _ in range(2)
    ]
    assert made[0] == made[1] == Content.parse(made[0]).content()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"not an archive", b"\0" * 100],
)
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    """With the name of the file."""
    with pytest.raises(ConfigError, match=r"explanation\.zip"):
        Content.parse(content)


@pytest.mark.parametrize("damage", ["absent", "shape", "type", "infinite"])
def test_an_array_that_is_not_what_it_should_be_is_refused(damage: str) -> None:
    """Each array has one type and one shape, and holds finite numbers."""
    made = explanation.explained_by(
        LinearRegression().fit(ROWS, LABELS),
        dataclasses.replace(SCHEMA, output=Output("regression")),
        ROWS,
        ROWS[:2],
    )
    arrays = dict(made.arrays)
    wrong: dict[str, Any] = {
        "shape": np.zeros(3),
        "type": np.zeros(2, dtype=np.float32),
        "infinite": np.array([0.0, np.inf]),
    }
    if damage == "absent":
        del arrays["background"]
    else:
        arrays["background"] = wrong[damage]
    with pytest.raises(ConfigError, match="background"):
        explainer_of(Content(made.summary, arrays), 2)


def test_weights_become_whole_numbers() -> None:
    """Drawn rows are counted; broken weights keep their ratios to 1e-8, and no node has none."""
    plain = RandomForestClassifier(1, random_state=0).fit(ROWS, LABELS)
    tree = ensemble_of(plain).trees[0]
    assert explanation.counts(tree).tolist() == plain.estimators_[0].tree_.weighted_n_node_samples.tolist()
    weights = np.random.default_rng(0).uniform(0.1, 3, size=60)
    weights[0] = 0.0
    broken = RandomForestClassifier(1, random_state=0, bootstrap=False).fit(ROWS, LABELS, weights)
    tree = ensemble_of(broken).trees[0]
    found = explanation.counts(tree)
    assert found.min() >= 1
    assert found / found[0] == pytest.approx(tree.weights / tree.weights[0], abs=1e-8)


def test_an_explainer_that_does_not_add_up_fails_the_training() -> None:
    """Nothing is stored whose held-out rows are not explained."""
    forest = RandomForestClassifier(3, random_state=0).fit(ROWS, LABELS)
    made = explanation.explained_by(forest, SCHEMA, ROWS, ROWS[:2])
    explainer = explainer_of(made, 2)

    class Wrong:
        base = explainer.base

        def explain(self, rows: Any) -> Explained:
            found = explainer.explain(rows)
            found.contributions[3, 0] += 1e-6
            return found

    assert explanation.require(explainer, made, forest, SCHEMA, ROWS).shape == (2, 2)
    with pytest.raises(AcceptanceError, match="of 1 of 60 held-out rows do not add up"):
        explanation.require(Wrong(), made, forest, SCHEMA, ROWS)


def written(folder: Path, *, explain: bool) -> Path:
    folder.mkdir()
    forest = RandomForestClassifier(2, random_state=0).fit(ROWS, LABELS)
    made = explanation.explained_by(forest, SCHEMA, ROWS, ROWS[:1]) if explain else None
    write(folder, "small", forest, SCHEMA, golden=GOLDEN, reference={}, card={}, explanation=made)
    return folder


def test_an_artefact_says_that_it_explains(tmp_path: Path) -> None:
    """The manifest lists the file and what it is; without explanations there is neither."""
    found = reader.read(written(tmp_path / "with", explain=True), "scikit-learn")
    assert found.explanation is not None
    assert (found.explanation.kind, found.explanation.link, found.explanation.scores) == ("trees", "share", 2)
    assert Content.parse(found.content("explanation.zip")).summary == found.explanation
    plain = reader.read(written(tmp_path / "without", explain=False), "scikit-learn")
    assert plain.explanation is None
    assert "explanation.zip" not in plain.files


@pytest.mark.parametrize(
    "said",
    [
        "trees", {}, {"kind": "trees"}, {"kind": "magic", "link": "share", "scores": 2}, [],
        {"kind": "trees", "link": "share", "scores": 0}, {"kind": "trees", "link": "share", "scores": True},
        {"kind": "trees", "link": "share", "scores": 2, "more": 1},
    ],
)  # fmt: skip
def test_a_manifest_that_says_something_else_is_refused(said: Any, tmp_path: Path) -> None:
    """Before the file is opened."""
    folder = written(tmp_path / "a", explain=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "explanation": said}))
    with pytest.raises(ConfigError, match="expected an explanation of kind"):
        reader.read(folder)


def test_a_flipped_bit_in_an_explanation_is_refused(tmp_path: Path) -> None:
    """When the artefact is read, although nobody asked for an explanation yet."""
    folder = written(tmp_path / "a", explain=True)
    content = bytearray((folder / "explanation.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "explanation.zip").write_bytes(content)
    with pytest.raises(ConfigError, match=r"explanation\.zip was changed"):
        reader.read(folder)
