"""Housing as a BentoML service: for `bentoml serve`; in a pod, ekiben's lane answers."""

from __future__ import annotations

from typing import Any

import bentoml

from ekiben.serving.desk import DeskLane


@bentoml.service
class HousingService:
    """Price of a flat in thousands of euros, from area, rooms, age and distance to the centre."""

    model = bentoml.models.BentoModel("housing:latest")

    def __init__(self) -> None:
        self._lane = DeskLane(self.model.path)

    @bentoml.api
    def predict(self, request: Any, /) -> dict[str, Any]:
        """Predict the price: of `{"features": row}`, `{"instances": [row, ...]}`, or one row's numbers."""
        return self._lane.predict(request)
