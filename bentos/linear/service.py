"""A straight line as a BentoML service: for `bentoml serve`; in a pod, ekiben's lane answers."""

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
    def predict(self, request: Any, /) -> dict[str, Any]:
        """Predict y: of `{"instances": [[x], ...]}`, `{"features": [x]}` or `[x]`."""
        return self._lane.predict(request)
