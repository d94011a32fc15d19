"""Questions, and scikit-learn's own answer for each version: one must match the version that it names."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

TOLERANCE = 1e-9  # relative and absolute, on probabilities: another order of additions in float64, no more
_COUNT = 400  # questions per load, taken in turn
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What one version of the model says to one question."""

    predictions: list[int]
    probabilities: list[list[float]]

    def same(self, found: Mapping[str, Any]) -> bool:
        """Whether a decoded answer is this one."""
        return found.get("predictions") == self.predictions and _near(
            found.get("probabilities"), self.probabilities
        )


def _near(found: Any, wanted: list[list[float]]) -> bool:
    if found == wanted:
        return True
    try:
        return len(found) == len(wanted) and all(
            len(mine) == len(yours)
            and all(abs(one - other) <= TOLERANCE for one, other in zip(mine, yours, strict=True))
            for mine, yours in zip(found, wanted, strict=True)
        )
    except TypeError:
        return False


@dataclass(frozen=True, slots=True)
class Question:
    """A body, and the right answer of each version that may serve."""

    body: bytes
    answers: Mapping[str, Answer]

    def judge(self, body: bytes, request_id: str) -> tuple[str, str, str]:
        """Judge an answer.

        Args:
            body: Of the answer.
            request_id: What it must repeat; empty if the server was to make one.

        Returns:
            What is wrong with it (empty if nothing is), the version that it names, its id.
        """
        try:
            found = orjson.loads(body)
            version, answered = str(found["model"]["version"]), str(found["id"])
        except (ValueError, KeyError, TypeError):
            return "no prediction", "", ""
        if request_id and answered != request_id:
            return "the answer to another request", version, answered
        right = self.answers.get(version)
        if right is None:
            return "an unknown version answered", version, answered
        return "" if right.same(found) else "another answer than the version's", version, answered


def draw(models: Mapping[str, Path], chance: random.Random, *, rows: int = 1) -> list[Question]:
    """Draw questions: flowers with noise, that the versions answer differently.

    Args:
        models: Folder of the artefact of each version.
        chance: Of the rows.
        rows: In each question.
    """
    from sklearn.datasets import load_iris

    flowers = load_iris().data.tolist()
    estimators = {version: _estimator(folder) for version, folder in models.items()}
    found: list[Question] = []
    for _ in range(_TRIES):
        drawn = [
            [max(0.1, round(value + chance.gauss(0, 0.3), 2)) for value in chance.choice(flowers)]
            for _ in range(rows * _COUNT)
        ]
        found += _asked(drawn, rows, estimators)
        if len(found) >= _COUNT:
            return found[:_COUNT]
    raise AssertionError(f"expected questions that {sorted(models)} answer differently, found {len(found)}")


def _asked(drawn: list[list[float]], rows: int, estimators: Mapping[str, Any]) -> list[Question]:
    said = {
        version: (each.predict(drawn).tolist(), each.predict_proba(drawn).tolist())
        for version, each in estimators.items()
    }
    found = []
    for first in range(0, len(drawn), rows):
        part = slice(first, first + rows)
        answers = {
            version: Answer(labels[part], chances[part]) for version, (labels, chances) in said.items()
        }
        if len({json.dumps(each.probabilities) for each in answers.values()}) == len(answers):
            found.append(Question(json.dumps({"instances": drawn[part]}).encode(), answers))
    return found


def _estimator(folder: Path) -> Any:
    import skops.io

    path = folder / "estimator.skops"
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


def write(questions: Sequence[Question], path: Path) -> None:
    """Leave them for the program that sends them."""
    path.write_bytes(
        orjson.dumps(
            [
                {
                    "body": each.body.decode(),
                    "answers": {
                        version: {"predictions": a.predictions, "probabilities": a.probabilities}
                        for version, a in each.answers.items()
                    },
                }
                for each in questions
            ]
        )
    )


def read(path: Path) -> list[Question]:
    """Read what `write` left."""
    return [
        Question(
            each["body"].encode(),
            {
                version: Answer(answer["predictions"], answer["probabilities"])
                for version, answer in each["answers"].items()
            },
        )
        for each in orjson.loads(path.read_bytes())
    ]
