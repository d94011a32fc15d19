"""Credit as a BentoML service: for `bentoml serve`; in a pod, ekiben's lane answers."""

from __future__ import annotations

from typing import Any

import bentoml

from ekiben.serving.desk import DeskLane


@bentoml.service
class CreditService:
    """Whether a loan will be repaid (0) or not (1), from an application."""

    model = bentoml.models.BentoModel("credit:latest")

    def __init__(self) -> None:
        self._lane = DeskLane(self.model.path)

    @bentoml.api
    def predict(self, request: Any, /) -> dict[str, Any]:
        """Predict the default: of `{"instances": [row, ...]}` or `{"features": row}`, rows by column name."""
        return self._lane.predict(request)
