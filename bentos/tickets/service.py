"""Support tickets as a BentoML service: for `bentoml serve`; in a pod, ekiben's lane answers."""

from __future__ import annotations

from typing import Any

import bentoml

from ekiben.serving.desk import DeskLane


@bentoml.service
class TicketsService:
    """Queue of a support ticket."""

    model = bentoml.models.BentoModel("tickets:latest")

    def __init__(self) -> None:
        self._lane = DeskLane(self.model.path)

    @bentoml.api
    def predict(self, request: Any, /) -> dict[str, Any]:
        """Predict the queue, of the text, channel, hour and orders of one ticket or of many."""
        return self._lane.predict(request)
