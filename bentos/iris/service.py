"""Iris as a BentoML service: what `bentoml build` packs and `bentoml serve` runs on a desk.

In a pod, ekiben's lane answers `/predict` in its place, with the same answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import BadInput


@bentoml.service
class IrisService:
    """Species of an iris from four lengths in centimetres."""

    model = bentoml.models.BentoModel("iris:latest")

    def __init__(self) -> None:
        from ekiben.serving import artefact, predictors
        from ekiben.serving.validation import Validator

        found = artefact.read(Path(self.model.path))
        self._validator = Validator(found.schema, most_rows=10_000)
        self._predictor = predictors.load(found)
        self._model = {"name": found.name, "version": found.version}

    @bentoml.api
    def predict(self, instances: list[Any]) -> dict[str, Any]:
        """Predict the species of each row: an array of four numbers, or an object by column name."""
        from ekiben.serving.problem import RefusedError

        try:
            rows = self._validator.rows(instances, "/instances")
        except RefusedError as error:
            places = "; ".join(f"{place.pointer}: {place.detail}" for place in error.places)
            raise BadInput(f"{error.detail}: {places}") from error
        answers = self._predictor.predict(rows)
        probabilities = None if answers.probabilities is None else answers.probabilities.tolist()
        return {
            "predictions": answers.predictions.tolist(),
            "probabilities": probabilities,
            "model": self._model,
        }
