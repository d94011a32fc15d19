"""BentoML's quickstart: `@bentoml.api` with an array, all defaults."""

from __future__ import annotations

import os

import bentoml
import joblib
import numpy as np


@bentoml.service
class Quickstart:
    """Predicts with the estimator itself."""

    def __init__(self) -> None:
        self.estimator = joblib.load(os.environ["BENCH_ESTIMATOR"])

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Predict rows."""
        return self.estimator.predict(rows)  # type: ignore[no-any-return]
