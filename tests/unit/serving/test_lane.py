from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ekiben.serving import artefact as reader
from ekiben.serving.lane import Lane
from ekiben.serving.predictor import Answers
from ekiben.serving.protocols import predict

ROW = [0.1, 0.2, 0.3]


class Recorder:
    """A predictor that says on which thread it ran, and answers what it is told."""

    name = "recorder"

    def __init__(self, answer: float = 0.5) -> None:
        self.answer = answer
        self.threads: list[str] = []

    def predict(self, rows: Any) -> Answers:
        self.threads.append(threading.current_thread().name)
        if self.answer < 0:
            raise ValueError("the estimator cannot")
        return Answers(np.full(len(rows), self.answer), None)


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the threads that decode."""
    names: list[str] = []
    read = predict.read

    def recording(body: bytes, validator: Any) -> predict.Batch:
        names.append(threading.current_thread().name)
        return read(body, validator)

    monkeypatch.setattr(predict, "read", recording)
    return names


def answered(artefact: Path, recorder: Recorder, body: Any) -> Any:
    lane = Lane(reader.read(artefact), recorder, most_rows=5_000, inline_rows=8)
    try:
        return asyncio.run(lane.answer(json.dumps(body).encode(), "id"))
    finally:
        lane.close()


@pytest.mark.parametrize(
    ("rows", "decodes", "predicts"),
    [(1, "main", "main"), (8, "main", "main"), (9, "main", "worker"), (2_000, "worker", "worker")],
)
def test_what_is_large_leaves_the_event_loop(
    artefact: Path, decoders: list[str], rows: int, decodes: str, predicts: str
) -> None:
    """A few rows are answered where they arrive, more are predicted, longer bodies decoded elsewhere."""
    recorder = Recorder()
    assert answered(artefact, recorder, {"instances": [ROW] * rows}).rows == rows
    names = {"main": threading.current_thread().name, "worker": "large-requests_0"}
    assert (decoders, recorder.threads) == ([names[decodes]], [names[predicts]])


@pytest.mark.parametrize("rows", [1, 9, 2_000])
def test_an_estimator_that_fails_is_a_500(artefact: Path, rows: int) -> None:
    """Its message stays in the log; the answer says that the model failed."""
    found = answered(artefact, Recorder(-1), {"instances": [ROW] * rows})
    assert (found.status, found.rows, found.predict_seconds) == (500, 0, None)
    assert json.loads(found.body) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "the model failed on this request",
        "id": "id",
    }


@pytest.mark.parametrize("answer", [np.nan, np.inf])
def test_answers_that_json_cannot_carry_are_a_500(artefact: Path, answer: float) -> None:
    """NaN is never written as null."""
    assert answered(artefact, Recorder(answer), ROW).status == 500
