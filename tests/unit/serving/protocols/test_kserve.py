from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from tests.unit.serving.protocols import pod as pods
from tests.unit.serving.protocols.pod import JSON, NAME, Pod

from ekiben.serving.answer import Answer
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError

MODEL = f"/v1/models/{NAME}"
PREDICT = f"{MODEL}:predict"


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_predictions(flowers: Pod, mixed: Pod, key: str) -> None:
    """Rows as arrays or objects, under either name that KServe's server knows; predictions and no more."""
    for pod in (flowers, mixed):
        rows = pod.rows[:4]
        expected = {"predictions": pod.estimator.predict(rows).tolist()}
        assert pod.post(PREDICT, {key: rows.tolist()}) == expected
        named = [dict(zip(pod.names, row, strict=True)) for row in rows.tolist()]
        assert pod.post(PREDICT, {key: named}) == expected


@pytest.mark.parametrize(
    "document",
    [
        {}, [], 1, None, {"instances": [[0] * 4], "inputs": [[0] * 4]}, {"instances": []},
        {"instances": [[0] * 3]},
        {"instances": {"sl": [0]}}, {"instances": [["0"] * 4]},
        {"instances": [[0] * 4], "signature_name": "x"},
        {"rows": [[0] * 4]}, b"", b"{", b'{"instances":[[0,0,0,NaN]]}',
        b'{"instances":[[0,0,0,0]],"instances":[]}',
        b"\xff", {"instances": [[0] * 4] * 301},
    ],
)  # fmt: skip
def test_refusals(flowers: Pod, document: Any) -> None:
    """All that does not fit is 400 and an error object, as KServe's InvalidInput is."""
    assert list(orjson.loads(flowers.refused(PREDICT, document))) == ["error"]


def test_refusals_name_places(flowers: Pod) -> None:
    """The sentence has the pointer of each wrong place and nothing that was sent."""
    text = flowers.refused(PREDICT, {"instances": [[0, "secret", 0, None]]})
    assert "/instances/0/1: expected a number; /instances/0/3: " in text
    assert "secret" not in text


def test_statuses_and_headers_of_admission(flowers: Pod) -> None:
    """What admission refuses keeps its status and its headers."""
    refuse = flowers.routes.by_path[PREDICT].refuse
    headers = ((b"retry-after", b"3"),)
    answer = refuse(RefusedError(503, "busy", "too busy", headers=headers), "id-1")
    assert (answer.status, answer.headers) == (503, headers)
    assert orjson.loads(answer.body) == {"error": "too busy"}


def test_media_types(flowers: Pod) -> None:
    """JSON in UTF-8 and nothing else."""
    body = orjson.dumps({"instances": [[0] * 4]})
    assert flowers.ask(PREDICT, body, {b"content-type": b'Application/JSON; charset="utf-8"'}).status == 200
    for kind in (b"", b"text/csv", b"application/json; charset=ascii", b"application/json; a=b"):
        assert flowers.ask(PREDICT, body, {b"content-type": kind}).status == 415


def test_models(flowers: Pod) -> None:
    """The list of models, as KServe's server gives it."""
    answer = flowers.get("/v1/models")
    assert (answer.status, orjson.loads(answer.body)) == (200, {"models": [NAME]})


def test_a_model_is_ready_or_not() -> None:
    """200 and true, or the pod's own status and KServe's words."""
    pod = pods.flowers()
    assert orjson.loads(pod.get(MODEL).body) == {"name": NAME, "ready": True}
    pod.ready = Answer(503, b"{}")
    answer = pod.get(MODEL)
    assert (answer.status, orjson.loads(answer.body)) == (
        503,
        {"error": f"Model with name {NAME} is not ready."},
    )


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float64, object])
def test_numbers_that_json_has_not(flowers: Pod, number: float, kind: Any) -> None:
    """An answer that is not finite is an error of the pod, never a null."""
    dialect = flowers.routes.by_path[PREDICT].dialect
    assert dialect is not None
    question = dialect.read(orjson.dumps({"instances": [[0] * 4]}), JSON)
    with pytest.raises(ValueError, match="not finite"):
        dialect.write(question, Answers(np.array([number], dtype=kind), None), "id-1")


def test_a_label_may_be_the_word_null() -> None:
    """The word in a label is not taken for a number that is missing."""
    pod = pods.flowers(("null", "b", "c"))
    assert "null" in pod.post(PREDICT, {"instances": pod.rows.tolist()})["predictions"]
