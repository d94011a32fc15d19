"""Fitted parts that skops alone would not build: read back, and hostile ones refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, PairwiseKernel, WhiteKernel
from sklearn.linear_model import TweedieRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KDTree, KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from ekiben.artefact.form import estimator_bytes
from ekiben.errors import ConfigError
from ekiben.serving.predictors import estimator, neighbours, trees

ROWS, LABELS = load_iris(return_X_y=True)
ROWS, LABELS = ROWS[::2], LABELS[::2]


@pytest.mark.parametrize(
    "fitted",
    [
        KNeighborsClassifier(),
        KNeighborsClassifier(algorithm="ball_tree", p=1, leaf_size=4),
        RadiusNeighborsClassifier(3.0),
        MLPClassifier((3,), solver="sgd", max_iter=300, tol=1e-1),
        CalibratedClassifierCV(GaussianNB(), cv=2),
        VotingClassifier([("one", GaussianNB()), ("two", KNeighborsClassifier())]),
        GaussianProcessRegressor(RBF() + Matern() * WhiteKernel(), optimizer=None),
        TweedieRegressor(power=0, link="identity"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_skops_alone_would_not_build_is_read_back(fitted: Any) -> None:
    """The estimator that a pod builds answers as the one that was written."""
    fitted.fit(ROWS, LABELS)
    expected = fitted.predict(ROWS)
    found = estimator.load(estimator_bytes(fitted)).predict(ROWS)
    assert np.allclose(found, expected, rtol=0, atol=1e-9)


def test_a_kernel_that_may_call_what_it_names_is_not_built() -> None:
    """`PairwiseKernel` takes a function as its metric."""
    fitted = GaussianProcessRegressor(PairwiseKernel(), optimizer=None).fit(ROWS, LABELS)
    with pytest.raises(ConfigError, match="PairwiseKernel"):
        estimator.load(estimator_bytes(fitted))


def tree_with(change: Callable[[list[Any]], None]) -> KDTree:
    """A search tree whose state was changed, as a file could have it."""
    tree = KDTree(ROWS, leaf_size=5)
    state = [np.array(part) if isinstance(part, np.ndarray) else part for part in tree.__getstate__()]
    change(state)
    tree.__setstate__(tuple(state))
    return tree


def row_beyond(state: list[Any]) -> None:
    state[1][3] = len(ROWS)


def row_twice(state: list[Any]) -> None:
    state[1][3] = state[1][4]


def leaf_beyond(state: list[Any]) -> None:
    state[2]["idx_end"][-1] = 1 << 40


def rows_in_two_leaves(state: list[Any]) -> None:
    state[2]["idx_start"][-1] = 0


def no_leaf(state: list[Any]) -> None:
    state[2]["is_leaf"][:] = 0


def fewer_bounds(state: list[Any]) -> None:
    state[3] = state[3][:, :1].copy()


def more_nodes(state: list[Any]) -> None:
    state[6] += 1


def fewer_columns(state: list[Any]) -> None:
    state[0] = state[0][:, :2].copy()


@pytest.mark.parametrize(
    "change",
    [
        row_beyond,
        row_twice,
        leaf_beyond,
        rows_in_two_leaves,
        no_leaf,
        fewer_bounds,
        more_nodes,
        fewer_columns,
    ],
)
def test_a_tree_that_points_outside_itself_is_refused(change: Callable[[list[Any]], None]) -> None:
    """Before a query follows it; the sound one passes."""
    fitted = KNeighborsClassifier().fit(ROWS, LABELS)
    fitted._tree = tree_with(lambda _: None)
    trees.check(fitted)
    fitted._tree = tree_with(change)
    with pytest.raises(ConfigError, match="KDTree points outside itself"):
        trees.check(fitted)


def test_a_metric_with_weights_is_refused() -> None:
    """Compiled code reads as many weights as there are columns, however many were given."""
    with pytest.raises(ConfigError, match="metric"):
        neighbours.require(KDTree(ROWS, metric="minkowski", p=3))


@pytest.mark.parametrize("label", [-1, 3])
def test_a_vote_for_a_class_that_is_none_is_refused(label: int) -> None:
    """Votes are counted by label in compiled code."""
    fitted = KNeighborsClassifier(algorithm="brute").fit(ROWS, LABELS)
    trees.check(fitted)
    fitted._y[0] = label
    with pytest.raises(ConfigError, match="labels that are none of its classes"):
        trees.check(fitted)


def test_a_tree_without_its_state_is_refused() -> None:
    """A file may name the type and leave out all it should hold."""
    content = estimator_bytes(KNeighborsClassifier().fit(ROWS, LABELS))
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        files = {name: source.read(name) for name in source.namelist()}
    document = json.loads(files["schema.json"])
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.get("__class__") == "KDTree":
                part["content"] = None
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    files["schema.json"] = json.dumps(document).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, each in files.items():
            made.writestr(name, each)
    with pytest.raises(ConfigError, match="KDTree"):
        estimator.load(target.getvalue())
