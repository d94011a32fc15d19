"""Estimators made smaller: what is done, what it costs, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from ekiben.artefact.compression import compress, rounded, smaller_of
from ekiben.artefact.forms.proof import prove
from ekiben.config import Compression
from ekiben.errors import ConfigError
from ekiben.serving.schema import Input, Output, Schema

ROWS, LABELS = load_breast_cancer(return_X_y=True)
SCHEMA = Schema(
    tuple(Input(f"x{number}", "float64") for number in range(30)),
    Output("classification", (0, 1), probabilities=True),
)
FOREST = RandomForestClassifier(20, random_state=0).fit(ROWS[:400], LABELS[:400])


def test_fewer_trees_are_the_first_ones() -> None:
    """The answers are the mean of the first trees' own; the given forest stays whole."""
    found = smaller_of(FOREST, Compression(trees=7))
    expected = np.mean([tree.predict_proba(ROWS) for tree in FOREST.estimators_[:7]], axis=0)
    assert found.predict_proba(ROWS) == pytest.approx(expected, rel=0, abs=1e-15)
    assert (len(FOREST.estimators_), found.get_params()["n_estimators"]) == (20, 7)


@pytest.mark.parametrize("boosting", [GradientBoostingClassifier, HistGradientBoostingClassifier])
def test_fewer_stages_are_the_first_ones(boosting: Any) -> None:
    """scikit-learn's own staged answers say what a boosting gives after so many stages."""
    model = boosting(random_state=0).set_params(
        **({"max_iter": 12} if boosting is HistGradientBoostingClassifier else {"n_estimators": 12})
    )
    model.fit(ROWS[:400], LABELS[:400])
    staged = list(model.staged_predict_proba(ROWS))
    found = smaller_of(model, Compression(trees=5))
    assert np.array_equal(found.predict_proba(ROWS), staged[4])


def test_pruning_is_scikit_learns_own() -> None:
    """A tree pruned afterwards is the tree that is fitted with that cost-complexity."""
    whole = DecisionTreeClassifier(random_state=0).fit(ROWS, LABELS)
    pruned = DecisionTreeClassifier(random_state=0, ccp_alpha=0.01).fit(ROWS, LABELS)
    found = smaller_of(make_pipeline(StandardScaler(), whole), Compression(ccp_alpha=0.01))[-1]
    assert found.tree_.node_count == pruned.tree_.node_count < whole.tree_.node_count
    assert np.array_equal(found.predict_proba(ROWS), pruned.predict_proba(ROWS))


@pytest.mark.parametrize("bits", [1, 8, 24, 53])
def test_rounding_to_bits(bits: int) -> None:
    """24 bits are float32's and 53 are all of them; a value moves by half of its last bit at most."""
    values = np.random.default_rng(0).normal(size=1_000) * 10.0 ** np.arange(-5, 5).repeat(100)
    found = rounded(values, bits)
    assert (np.abs(found - values) <= np.abs(values) * 2.0**-bits).all()
    if bits == 24:
        assert np.array_equal(found, values.astype(np.float32))
    if bits == 53:
        assert np.array_equal(found, values)


def test_quantised_leaves_have_few_values() -> None:
    """Every value of a leaf has so many bits, and the answers follow."""
    forest = RandomForestClassifier(5, max_depth=3, random_state=0).fit(ROWS, LABELS)
    found = smaller_of(forest, Compression(leaf_bits=3))
    for tree in found.estimators_:
        mantissa = np.frexp(tree.tree_.value)[0] * 8
        assert np.array_equal(mantissa, np.rint(mantissa))
    assert not np.array_equal(found.predict_proba(ROWS), forest.predict_proba(ROWS))


def test_a_linear_model_of_float32() -> None:
    """Coefficients are float32 numbers kept as float64."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, LABELS)
    found = smaller_of(model, Compression(float32=True))[-1]
    assert np.array_equal(found.coef_, model[-1].coef_.astype(np.float32))
    assert found.coef_.dtype == np.float64


def test_what_it_costs_is_measured() -> None:
    """Scores are the caller's, of both estimators; flips and sizes are those of the two."""
    rows, labels = ROWS[400:], LABELS[400:]

    def loss(before: Any, after: Any) -> dict[str, float]:
        return {"before": before.score(rows, labels), "after": after.score(rows, labels)}

    found = compress(FOREST, Compression(trees=1), SCHEMA, rows, loss)
    one, other = FOREST.predict(rows), FOREST.estimators_[0].predict(rows).astype(int)
    assert found.document["score"] == {"before": np.mean(one == labels), "after": np.mean(other == labels)}
    assert found.document["flips"] == int((one != other).sum()) > 0
    assert found.document["asked"] == {"trees": 1}
    sizes = found.document["bytes"]
    assert sizes["after"]["onnx"] < sizes["before"]["onnx"] / 5
    assert sizes["after"]["scikit-learn"] < sizes["before"]["scikit-learn"] / 5
    assert set(found.seconds) == {"before", "after"}


@pytest.mark.parametrize(
    "asked",
    [Compression(trees=4, leaf_bits=6), Compression(ccp_alpha=0.005)],
    ids=["trees and leaves", "pruned"],
)
def test_what_is_smaller_is_served_exactly(asked: Compression) -> None:
    """A smaller estimator has exact forms like any other: parity compares them with it."""
    found = prove(smaller_of(FOREST, asked), SCHEMA, ROWS[:400], ROWS[400:], count=2_000, seed=0)
    assert found.predictor == "onnx", found.document


@pytest.mark.parametrize(
    ("estimator", "asked", "named"),
    [
        (FOREST, Compression(trees=20), "trees"),
        (FOREST, Compression(float32=True), "float32"),
        (LogisticRegression(), Compression(leaf_bits=4), "leaf_bits"),
        (GradientBoostingClassifier(), Compression(ccp_alpha=0.1), "ccp_alpha"),
    ],
    ids=["as many", "coefficients", "leaves", "branches"],
)
def test_what_cannot_be_done_is_refused(estimator: Any, asked: Compression, named: str) -> None:
    """The field is named, with the estimator's class."""
    with pytest.raises(
        ConfigError, match=rf"bento\.compression\.{named}: expected .*{type(estimator).__name__}"
    ):
        smaller_of(estimator, asked)
