"""The models: trained by station 1, as what the product serves is; peers get the same estimator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ekiben import config

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
ESTIMATOR = "estimator.joblib"
ONNX = "model.onnx"
_ROWS = {1: 64, 256: 8}  # bodies that are sent in turn, by rows in each
Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the benchmark.

    Attributes:
        name: Also of the functions below that give its data and its estimator.
        title: As the report says it.
        accept: Score that the trained estimator must reach.
    """

    name: str
    title: str
    accept: dict[str, Any]


MODELS = (
    Model("iris", "RandomForestClassifier(100), iris, 4 features", {"metric": "accuracy", "min": 0.9}),
    Model(
        "cancer",
        "StandardScaler + LogisticRegression, breast cancer, 30 features",
        {"metric": "accuracy", "min": 0.9},
    ),
    Model("diabetes", "LinearRegression, diabetes, 10 features", {"metric": "r2", "min": 0.15}),
)


def iris() -> tuple[pd.DataFrame, pd.Series]:
    """Give 150 flowers."""
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True, as_frame=True)  # type: ignore[no-any-return]


def iris_estimator() -> Any:
    """Build a forest of 100 trees."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=100, random_state=0)


def cancer() -> tuple[pd.DataFrame, pd.Series]:
    """Give 569 tumours."""
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(return_X_y=True, as_frame=True)  # type: ignore[no-any-return]


def cancer_estimator() -> Any:
    """Build a scaled logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression())


def diabetes() -> tuple[pd.DataFrame, pd.Series]:
    """Give 442 patients."""
    from sklearn.datasets import load_diabetes

    return load_diabetes(return_X_y=True, as_frame=True)  # type: ignore[no-any-return]


def diabetes_estimator() -> Any:
    """Build a linear regression."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A trained model as files.

    Attributes:
        name: Of the model.
        folder: Holds `estimator.joblib` and `model.onnx`.
        artefact: Folder that the product serves.
        features: Rows of the data set, shape (rows, inputs).
        estimator: What every answer is compared with.
    """

    name: str
    folder: Path
    artefact: Path
    features: Rows
    estimator: Any

    def batches(self, rows: int, seed: int) -> list[Rows]:
        """Draw the rows of each body that is sent, from the data set.

        Args:
            rows: In each body.
            seed: The same seed draws the same rows.
        """
        generator = np.random.default_rng([seed, rows])
        number = _ROWS.get(rows, 8)
        return [self.features[generator.integers(len(self.features), size=rows)] for _ in range(number)]


def prepare(model: Model, folder: Path) -> Prepared:
    """Train a model and write it in every form that a server reads.

    Args:
        model: Which.
        folder: Existing and empty.
    """
    import joblib
    from skl2onnx import to_onnx
    from skops import io

    from ekiben.train import station

    features, _ = globals()[model.name]()
    with _store(folder / "bentoml"):
        trained = station.train(_config(model), ROOT)
    stored = (trained.folder / "estimator.skops").read_bytes()
    fitted = io.loads(stored, trusted=io.get_untrusted_types(data=stored))  # written a moment ago
    rows = np.ascontiguousarray(features, dtype=np.float64)
    joblib.dump(fitted, folder / ESTIMATOR)
    options = {"zipmap": False} if hasattr(fitted, "classes_") else None
    onnx = to_onnx(fitted, rows[:1].astype(np.float32), options=options)
    (folder / ONNX).write_bytes(onnx.SerializeToString())
    return Prepared(model.name, folder, trained.folder, rows, fitted)


def chosen(names: Sequence[str]) -> list[Model]:
    """Find models by name; none means all."""
    return [model for model in MODELS if not names or model.name in names]


def _config(model: Model) -> config.ModelConfig:
    train = {
        "estimator": f"{__name__}:{model.name}_estimator",
        "data": f"{__name__}:{model.name}",
        "accept": model.accept,
        "stratify": model.accept["metric"] == "accuracy",
    }
    sections = {"bento": {"service": "benchmarks:none"}, "image": {"repository": f"bench/{model.name}"}}
    return config.parse({"model": model.name, "train": train, **sections}, "benchmarks")


@contextmanager
def _store(home: Path) -> Iterator[None]:
    """Keep the models out of the user's own store."""
    before = os.environ.get("BENTOML_HOME")
    os.environ["BENTOML_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["BENTOML_HOME"]
        else:
            os.environ["BENTOML_HOME"] = before
