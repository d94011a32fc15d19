"""`POST /explain` and KServe v1's `:explain`: the requests of `/predict` and `:predict`, with reasons.

    {"instances": [...]}  ->  {"explanations": [{"base": b, "contributions": {name: c}, "output": o}, ...],
                               "predictions": [...], "explained": {"scale": ..., "classes": [...]}, ...}

Numbers where the model has one score; arrays in the order of `classes` where it has one per class.

Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Headers, Problems, Question
from ekiben.serving.explanation.explained import Explained, Summary
from ekiben.serving.predictor import Answers
from ekiben.serving.protocols import finite, kserve, predict
from ekiben.serving.protocols.refusals import ErrorObject
from ekiben.serving.schema import Label, Schema
from ekiben.serving.validation import Validator

Floats = npt.NDArray[np.float64]


def meaning(summary: Summary, schema: Schema) -> dict[str, Any]:
    """What contributions are of: their scale, and the class of each score.

    With one score for two classes it is that of the second one; a regression has none.
    """
    classes: tuple[Label, ...] = schema.output.classes or ()
    return {"scale": summary.scale, "classes": list(classes[-1:] if summary.scores == 1 else classes)}


class _Written:
    """Explanations as JSON."""

    def __init__(self, summary: Summary, schema: Schema) -> None:
        self._names = [each.name for each in schema.inputs]
        self._single = summary.scores == 1
        self.meaning = meaning(summary, schema)

    def of(self, base: Floats, explained: Explained) -> list[dict[str, Any]]:
        """One object per row."""
        contributions, outputs = explained.contributions, explained.outputs
        if not (np.isfinite(contributions).all() and np.isfinite(outputs).all()):
            raise ValueError("a contribution is not finite")
        start = self._plain(base)
        return [
            {
                "base": start,
                "contributions": dict(zip(self._names, map(self._plain, row), strict=True)),
                "output": self._plain(output),
            }
            for row, output in zip(contributions, outputs, strict=True)
        ]

    def _plain(self, scores: Floats) -> Any:
        return float(scores[0]) if self._single else scores.tolist()


class Explain(Problems):
    """The pod's own dialect; its requests are those of `/predict`, and its answers say more.

    Args:
        validator: Of the served model, with the limit of rows to explain.
        model: Its name and version, part of every answer.
        summary: What explains.
        schema: Of the model.
    """

    def __init__(
        self, validator: Validator, model: Mapping[str, str], summary: Summary, schema: Schema
    ) -> None:
        self._predict = predict.Predict(validator, model)
        self._written = _Written(summary, schema)

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        return self._predict.read(body, headers)

    def place(self, question: Question, row: int) -> str:
        """Pointer to a row."""
        return "" if question.note else f"/instances/{row}"

    def write(
        self, question: Question, answers: Answers, base: Floats, explained: Explained, request_id: str
    ) -> Answer:
        """Encode the answer; see `Explaining.write`."""
        found = self._written.of(base, explained)
        document: dict[str, Any] = {"explanation": found[0]} if question.note else {"explanations": found}
        document |= self._predict.document(question, answers, request_id)
        document["explained"] = self._written.meaning
        return Answer(200, finite.dumps(document, answers))


class KServeExplain(ErrorObject):
    """KServe v1's `:explain`; its requests are those of `:predict`.

    Args:
        validator: Of the served model, with the limit of rows to explain.
        summary: What explains.
        schema: Of the model.
    """

    def __init__(self, validator: Validator, summary: Summary, schema: Schema) -> None:
        self._predict = kserve.Predict(validator)
        self._written = _Written(summary, schema)

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        return self._predict.read(body, headers)

    def place(self, question: Question, row: int) -> str:
        """Pointer to a row."""
        del question
        return f"/instances/{row}"

    def write(
        self, question: Question, answers: Answers, base: Floats, explained: Explained, request_id: str
    ) -> Answer:
        """Encode the answer; see `Explaining.write`."""
        del question, request_id
        document = {
            "predictions": answers.predictions.tolist(),
            "explanations": self._written.of(base, explained),
        }
        return Answer(200, finite.dumps(document, answers))
