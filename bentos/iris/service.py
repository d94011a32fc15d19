"""Iris as a BentoML service: what `bentoml build` packs and `bentoml serve` runs on a desk.

In a pod, ekiben's lane answers `/predict` in its place, with the same answers.
"""

from __future__ import annotations

from typing import Any

import bentoml

from ekiben.serving.desk import DeskLane


@bentoml.service
class IrisService:
    """Species of an iris from four lengths in centimetres."""

    model = bentoml.models.BentoModel("iris:latest")

    def __init__(self) -> None:
        self._lane = DeskLane(self.model.path)

    @bentoml.api
    def predict(self, request: Any, /) -> dict[str, Any]:
        """Predict the species: of `{"instances": [row, ...]}`, `{"features": row}`, or one row's numbers."""
        return self._lane.predict(request)
