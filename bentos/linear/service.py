"""A straight line as a BentoML service: what `bentoml serve` runs on a desk; in a pod, ekiben's lane answers."""

from __future__ import annotations

from typing import Any

import bentoml

from ekiben.serving.desk import DeskLane


@bentoml.service
class LinearService:
    """The y of an x."""

    model = bentoml.models.BentoModel("linear:latest")

    def __init__(self) -> None:
        self._lane = DeskLane(self.model.path)

    @bentoml.api
    def predict(self, instances: list[Any]) -> dict[str, Any]:
        """Predict the y of each x: an array of one number, or an object with the key `x`."""
        return self._lane.predict({"instances": instances})
