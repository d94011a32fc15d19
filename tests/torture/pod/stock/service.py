"""BentoML's quickstart form of the same model: what `bentoml serve` makes of a few plain lines."""

from __future__ import annotations

import os
from typing import Any

import bentoml


@bentoml.service
class Iris:
    """The forest, as BentoML's documentation would serve it."""

    def __init__(self) -> None:
        import joblib

        self._forest = joblib.load(os.environ["STOCK_MODEL"])

    @bentoml.api
    def predict(self, instances: list[list[float]]) -> dict[str, Any]:
        """Labels and probabilities of rows."""
        return {
            "predictions": self._forest.predict(instances).tolist(),
            "probabilities": self._forest.predict_proba(instances).tolist(),
        }
