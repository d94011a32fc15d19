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
    def predict(self, instances: list[Any]) -> dict[str, Any]:
        """Predict the species of each row: an array of four numbers, or an object by column name."""
        return self._lane.predict({"instances": instances})
