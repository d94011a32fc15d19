from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
import skops.io
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from tests.unit.serving.conftest import training_rows

from ekiben.errors import ConfigError
from ekiben.serving.predictors import estimator, trees

ROWS, LABELS = training_rows()


def renamed(content: bytes, old: str, new: tuple[str, str]) -> bytes:
    """A skops file in which a class has another name."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                text = json.dumps(json.loads(data))
                data = text.replace(f'"__class__": "{old}"', f'"__class__": "{new[1]}"').encode()
                data = data.replace(b'"sklearn.preprocessing._data"', json.dumps(new[0]).encode())
            archive.writestr(name, data)
    return target.getvalue()


@pytest.mark.parametrize(
    "built",
    [
        RandomForestClassifier(3, random_state=0),
        DecisionTreeClassifier(random_state=0),
        GradientBoostingClassifier(n_estimators=3, random_state=0),
        HistGradientBoostingClassifier(max_iter=3, random_state=0),
        LogisticRegression(),
        make_pipeline(StandardScaler(), RandomForestClassifier(2, random_state=0)),
        make_pipeline(SimpleImputer(missing_values=0, add_indicator=True), LogisticRegression()),
        make_pipeline(
            KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), LogisticRegression(max_iter=500)
        ),
        make_pipeline(
            FunctionTransformer(np.log1p), OneHotEncoder(handle_unknown="ignore"), LogisticRegression()
        ),
    ],
    ids=lambda built: type(built).__name__,
)
def test_ordinary_estimators_come_back_whole(built: Any) -> None:
    """What scikit-learn is used for loads and answers as before."""
    fitted = built.fit(np.abs(ROWS), LABELS)
    found = estimator.load(skops.io.dumps(fitted))
    assert np.array_equal(found.predict_proba(np.abs(ROWS)), fitted.predict_proba(np.abs(ROWS)))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins_", "eval"),
        ("sklearnx.evil", "Scaler"),
        ("subprocess", "Popen"),
        ("ekiben.errors", "ConfigError"),
    ],
)
def test_foreign_types_are_refused_by_name(module: str, name: str) -> None:
    """A file that names a type outside scikit-learn, numpy and the builtins is refused before it is built."""
    content = renamed(skops.io.dumps(StandardScaler().fit(ROWS)), "StandardScaler", (module, name))
    with pytest.raises(ConfigError, match=f"{module}.{name}"):
        estimator.load(content)


def test_types_of_these_packages_that_skops_does_not_trust_are_refused(tmp_path: Path) -> None:
    """A package's name alone opens no door: a function of numpy that writes files is refused."""
    canary = tmp_path / "canary"
    transformer = FunctionTransformer(np.save, kw_args={"file": str(canary)}, validate=False)
    with pytest.raises(ConfigError, match="not trusted"):
        estimator.load(skops.io.dumps(transformer))
    assert not canary.exists()


def test_types_that_skops_trusts_beyond_these_packages_are_refused() -> None:
    """The list is this project's: functions of scipy are on skops' own, and not on it."""
    content = skops.io.dumps(FunctionTransformer(scipy.special.expit))
    assert skops.io.get_untrusted_types(data=content) == []
    with pytest.raises(ConfigError, match=r"does not build: scipy\.special\.\S*expit"):
        estimator.load(content)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04K\x01.", b"0" * 100])
def test_what_is_no_skops_file(content: bytes) -> None:
    """A pickle, or rubbish, is refused as configuration."""
    with pytest.raises(ConfigError, match="expected an archive of arrays"):
        estimator.load(content)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", 10_000),
        ("right_child", -7),
        ("feature", 3),
        ("feature", -3),
        ("left_child", 0),
        ("right_child", -1),
    ],
)
def test_trees_that_point_outside_themselves_are_refused(field: str, value: int) -> None:
    """An index out of range, a cycle or half a leaf would crash scikit-learn: the reader looks first."""
    tree = DecisionTreeClassifier(random_state=0).fit(ROWS, LABELS)
    trees.check(tree)
    state = tree.tree_.__getstate__()
    nodes = state["nodes"].copy()
    nodes[field][0] = value
    tree.tree_.__setstate__({**state, "nodes": nodes})
    forest = RandomForestClassifier(1).fit(ROWS, LABELS)
    forest.estimators_ = [tree]
    with pytest.raises(ConfigError, match="points outside itself"):
        trees.check(make_pipeline(StandardScaler(), forest))
    with pytest.raises(ConfigError, match="points outside itself"):
        estimator.load(skops.io.dumps(forest))


@pytest.mark.parametrize(
    ("field", "value"), [("left", 10_000), ("right", 0), ("feature_idx", 3), ("is_categorical", 1)]
)
def test_boosted_trees_too(field: str, value: int) -> None:
    """The same for the trees of histogram gradient boosting."""
    model = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(ROWS, LABELS)
    trees.check(model)
    model._predictors[1][0].nodes[field][0] = value
    with pytest.raises(ConfigError, match="points outside itself"):
        trees.check(model)


def test_a_narrower_tree_is_refused() -> None:
    """A tree of another width than its estimator is refused: rows would be read beyond their end."""
    tree = DecisionTreeClassifier(random_state=0).fit(ROWS, LABELS)
    tree.n_features_in_ = 2
    with pytest.raises(ConfigError, match="points outside itself"):
        trees.check(tree)
