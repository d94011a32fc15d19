"""The lane on a desk: what a `service.py` answers with under BentoML's own server.

    @bentoml.service
    class IrisService:
        model = bentoml.models.BentoModel("iris:latest")

        def __init__(self) -> None:
            self.lane = DeskLane(self.model.path)

        @bentoml.api
        def predict(self, request: Any, /) -> dict[str, Any]:
            return self.lane.predict(request)

The same artefact, validation, form and answer as in a pod; without admission,
batching and metrics, of which `bentoml serve` has none or its own. `request`
is the whole body (the slash says so to BentoML), of any type: BentoML would
convert what it does not fit, e.g. the string "5.1" to a number.

Source: https://docs.bentoml.com/en/latest/build-with-bentoml/iotypes.html, root input
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import orjson

_MOST_ROWS = 10_000  # as a pod takes, unless its settings say otherwise


class DeskLane:
    """Answers predictions of one model in a BentoML service.

    Args:
        folder: The model's artefact: `BentoModel(...).path`.

    Raises:
        ConfigError: The artefact is damaged, or answers by a pickle, which only a pod with a policy reads.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        # Not above: BentoML imports the service to pack it, where nothing answers.
        from ekiben.serving import artefact, predictors
        from ekiben.serving.protocols.predict import Predict
        from ekiben.serving.validation import Validator

        found = artefact.read(Path(folder))
        model = {"name": found.name, "version": found.version}
        self._predictor = predictors.load(found)
        self._dialect = Predict(Validator(found.schema, _MOST_ROWS), model)

    def predict(self, request: Any) -> dict[str, Any]:
        """Answer a request as `POST /predict` of a pod does.

        Args:
            request: What the body of that request would be, decoded: `{"instances": [row, ...]}`,
                `{"features": row}`, or one row's array of values. A row is an array in the order of the
                schema, or (not a bare one) an object by column name.

        Returns:
            `predictions` of many rows or `prediction` of one, `probabilities` if the model has them, `model`
            and `id`.

        Raises:
            BadInput: 400; the request does not fit the schema. Each wrong place is named.
        """
        from bentoml.exceptions import BadInput

        from ekiben.serving.problem import RefusedError

        try:
            question = self._dialect.question(request)
        except RefusedError as error:
            places = "; ".join(f"{place.pointer}: {place.detail}" for place in error.places)
            raise BadInput(f"{error.detail}: {places}") from error
        answer = self._dialect.write(question, self._predictor.predict(question.rows), secrets.token_hex(12))
        found: dict[str, Any] = orjson.loads(answer.body)
        return found
