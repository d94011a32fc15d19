"""Support tickets as a BentoML service: what `bentoml serve` runs on a desk; in a pod, ekiben's lane answers."""

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
    def predict(self, instances: list[Any]) -> dict[str, Any]:
        """Predict the queue of each ticket: its text, channel, hour and orders, as an array or by name."""
        return self._lane.predict({"instances": instances})
