"""Breast cancer as a BentoML service: for `bentoml serve`; in a pod, ekiben's lane answers."""

from __future__ import annotations

from typing import Any

import bentoml

from ekiben.serving.desk import DeskLane


@bentoml.service
class BreastCancerService:
    """Diagnosis of a tumour from 30 measures of its cells' nuclei."""

    model = bentoml.models.BentoModel("breast-cancer:latest")

    def __init__(self) -> None:
        self._lane = DeskLane(self.model.path)

    @bentoml.api
    def predict(self, request: Any, /) -> dict[str, Any]:
        """Predict the diagnosis, of the 30 measures of one tumour or of many."""
        return self._lane.predict(request)
