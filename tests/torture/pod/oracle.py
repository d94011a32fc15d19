"""Questions and their right answers: rows of iris with noise, and scikit-learn's own forest on them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from tests.torture.pod.wire import Reply, request

TOLERANCE = 1e-6  # absolute, on probabilities: what float32 in another engine may differ by
SEED = 42  # the flagship's
_DIFFERENT = 1_000  # questions per oracle; a load takes them in turn


@dataclass(frozen=True, slots=True)
class Question:
    """A body and what it must be answered with."""

    body: bytes
    predictions: list[int]
    probabilities: npt.NDArray[np.float64]

    def request(self, request_id: str) -> bytes:
        """Its request, with an id that the answer must repeat."""
        return request("POST", "/predict", self.body, {"X-Request-Id": request_id})

    def wrong(self, reply: Reply, request_id: str) -> str:
        """Why an answer is not the right one; empty if it is."""
        try:
            found = orjson.loads(reply.body)
            if found.get("id", request_id) != request_id:
                return "the answer to another request"
            if found["predictions"] != self.predictions:
                return "another prediction"
            same = _near(found["probabilities"], self.probabilities)
        except (ValueError, KeyError, TypeError, AttributeError):
            return "no prediction"
        return "" if same else "another probability"


def _near(found: Any, wanted: npt.NDArray[np.float64]) -> bool:
    """Compare in one go: a client that takes longer over an answer than the server measures itself."""
    numbers = np.asarray(found)
    return (
        numbers.dtype == np.float64
        and numbers.shape == wanted.shape
        and bool((np.abs(numbers - wanted) <= TOLERANCE).all())
    )


class Oracle:
    """scikit-learn on the client's side.

    The forest is fitted here from the data, as the flagship is, without its code.
    """

    def __init__(self) -> None:
        from sklearn.datasets import load_iris
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import train_test_split

        self._features, labels = load_iris(return_X_y=True)
        train, _, known, _ = train_test_split(self._features, labels, test_size=0.2, random_state=SEED)
        self.forest = RandomForestClassifier(n_estimators=100, random_state=SEED).fit(train, known)

    def rows(self, count: int, draw: random.Random) -> list[list[float]]:
        """Draw rows: flowers with noise, most rounded to 0.1 as real ones are."""
        found = []
        for _ in range(count):
            flower = draw.choice(self._features)
            digits = 1 if draw.random() < 0.8 else 15
            found.append([round(float(value) + draw.gauss(0, 0.3), digits) for value in flower])
        return found

    def answers(self, rows: list[list[float]]) -> tuple[list[int], list[list[float]]]:
        """Labels and probabilities of rows."""
        return self.forest.predict(rows).tolist(), self.forest.predict_proba(rows).tolist()

    def questions(self, draw: random.Random, rows: int = 1, count: int = _DIFFERENT) -> list[Question]:
        """Draw questions of so many rows each, answered in one go."""
        drawn = self.rows(rows * count, draw)
        predictions, probabilities = self.answers(drawn)
        found = []
        for first in range(0, len(drawn), rows):
            part = slice(first, first + rows)
            body = json.dumps({"instances": drawn[part]}, separators=(",", ":")).encode()
            found.append(Question(body, predictions[part], np.array(probabilities[part])))
        return found
