"""MLflow's and SageMaker's routes; pandas, numpy and scikit-learn say what the answers must be."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from tests.unit.serving.protocols import pod as pods
from tests.unit.serving.protocols.pod import JSON, Pod

from ekiben.serving.answer import Answer
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError

PATH = "/invocations"
CSV = {b"content-type": b"text/csv"}


def frame(pod: Pod, rows: int = 5) -> pd.DataFrame:
    """Rows as a data frame, its columns in another order than the schema's."""
    names = pod.names[::-1]
    return pd.DataFrame(pod.rows[:rows], columns=pod.names)[names]


@pytest.mark.parametrize("name", ["flowers", "mixed"])
def test_mlflows_forms(name: str, request: pytest.FixtureRequest) -> None:
    """Whatever the form and the order of the columns, the predictions are scikit-learn's."""
    pod: Pod = request.getfixturevalue(name)
    expected = {"predictions": pod.estimator.predict(pod.rows[:5]).tolist()}
    data = frame(pod)
    split, records = data.to_dict(orient="split"), data.to_dict(orient="records")
    columns = {name: data[name].tolist() for name in data}
    for document in (
        {"dataframe_split": split},
        {"dataframe_split": {"columns": pod.names, "data": pod.rows[:5].tolist()}},
        {"dataframe_split": {"data": pod.rows[:5].tolist()}},
        {"dataframe_records": records},
        {"inputs": columns},
        {"inputs": pod.rows[:5].tolist()},
        {"inputs": records},
        {"instances": pod.rows[:5].tolist()},
        {"instances": records, "params": {}},
        {"instances": records, "params": None},
    ):
        assert pod.post(PATH, document) == expected


@pytest.mark.parametrize(
    "document",
    [
        {}, None, 1, "x", {"dataframe": []}, {"instances": [[0] * 4], "inputs": [[0] * 4]}, {"params": {}},
        {"instances": [[0] * 4], "params": {"a": 1}}, {"instances": [[0] * 4], "signature_name": "x"},
        {"dataframe_split": []}, {"dataframe_split": {}}, {"dataframe_split": {"data": [[0] * 4], "x": 1}},
        {"dataframe_split": {"data": {}}}, {"dataframe_split": {"data": [1]}},
        {"dataframe_split": {"data": [[0] * 3]}},
        {"dataframe_split": {"data": [[0] * 4], "columns": ["sl", "sw", "pl"]}},
        {"dataframe_split": {"data": [[0] * 4], "columns": ["sl", "sw", "pl", "pl"]}},
        {"dataframe_split": {"data": [[0] * 4], "columns": ["sl", "sw", "pl", 1]}},
        {"dataframe_split": {"data": [[0] * 4], "columns": "slsw"}},
        {"dataframe_split": {"data": [[0] * 4, [0] * 3], "columns": ["pw", "sw", "pl", "sl"]}},
        {"dataframe_split": {"data": [], "columns": ["pw", "sw", "pl", "sl"]}},
        {"dataframe_records": {}}, {"dataframe_records": [[0] * 4]}, {"dataframe_records": []},
        {"dataframe_records": [{"sl": 0, "sw": 0, "pl": 0}]}, {"inputs": {"sl": [0], "sw": [0], "pl": [0]}},
        {"inputs": {"sl": [0], "sw": [0], "pl": [0], "pw": 0}},
        {"inputs": {"sl": [0], "sw": [0], "pl": [0], "pw": [0, 1]}},
        {"inputs": {"sl": [0], "sw": [0], "pl": [0], "pw": ["0"]}}, {"inputs": [0] * 4}, {"instances": 0},
        [], [[]], [[0] * 3], ["0"] * 4, [[0] * 4, 0], [True] * 4, b"", b"{", b"\xff", b"[1,2,3,NaN]",
        b'{"instances":[[0,0,0,0]],"instances":[[0,0,0,0]]}',
    ],
)  # fmt: skip
def test_refusals(flowers: Pod, document: Any) -> None:
    """All that does not fit is 400 with MLflow's code and a message."""
    error = orjson.loads(flowers.refused(PATH, document))
    assert (list(error), error["error_code"]) == (["error_code", "message"], "BAD_REQUEST")


def test_places_are_those_of_the_request(flowers: Pod) -> None:
    """In a data frame with columns in another order, the pointer has the request's order."""
    split = {"columns": ["pw", "pl", "sw", "sl"], "data": [[0] * 4, [0, "secret", 0, 0]]}
    text = flowers.refused(PATH, {"dataframe_split": split})
    assert "/dataframe_split/data/1" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BAD_REQUEST"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"), (405, "BAD_REQUEST"),
        (413, "BAD_REQUEST"), (429, "REQUEST_LIMIT_EXCEEDED"), (500, "INTERNAL_ERROR"),
        (503, "TEMPORARILY_UNAVAILABLE"), (504, "DEADLINE_EXCEEDED"),
    ],
)  # fmt: skip
def test_codes(flowers: Pod, status: int, code: str) -> None:
    """What admission refuses has MLflow's code for its status."""
    answer = flowers.routes.by_path[PATH].refuse(RefusedError(status, "failed", "why"), "id-1")
    assert (answer.status, orjson.loads(answer.body)) == (status, {"error_code": code, "message": "why"})


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"application/x-npy", b"text/csv; charset=utf-16",
                                  b"application/json; a=b", b"text/csv; header=maybe",
                                  b"text/csv; a=b"])  # fmt: skip
def test_other_media_types(flowers: Pod, kind: bytes) -> None:
    """415 in plain text, as MLflow answers."""
    answer = flowers.ask(PATH, b"[1,2,3,4]", {b"content-type": kind})
    assert (answer.status, answer.content_type) == (415, b"text/plain; charset=utf-8")


def test_sagemakers_arrays(flowers: Pod) -> None:
    """An array of rows, or one row alone, is answered with an array, as numpy's is."""
    rows = flowers.rows[:3]
    assert flowers.post(PATH, rows.tolist()) == flowers.estimator.predict(rows).tolist()
    one = flowers.rows[7]
    assert flowers.post(PATH, one.tolist()) == flowers.estimator.predict(one.reshape(1, -1)).tolist()


def csv(pod: Pod, body: str | bytes, kind: bytes = b"text/csv") -> Any:
    answer = pod.ask(PATH, body if isinstance(body, bytes) else body.encode(), {b"content-type": kind})
    return orjson.loads(answer.body)["predictions"] if answer.status == 200 else answer


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["flowers", "mixed"])
def test_csv_with_a_header(name: str, end: str, request: pytest.FixtureRequest) -> None:
    """What pandas wrote, and reads back as these rows, is predicted; the header gives the order."""
    pod: Pod = request.getfixturevalue(name)
    text = frame(pod, 12).to_csv(index=False, lineterminator=end)
    again = pd.read_csv(io.StringIO(text))[pod.names].to_numpy(dtype=pod.rows.dtype)
    assert csv(pod, text) == pod.estimator.predict(again).tolist()
    assert csv(pod, b"\xef\xbb\xbf" + text.encode(), b"text/csv; charset=utf-8; header=present") == csv(
        pod, text
    )


def test_csv_without_a_header(flowers: Pod) -> None:
    """A first line with a number in it is a row, as numpy reads it for SageMaker's container."""
    for text in ("0.1,-2,3e-1,4\n.5, 1.5 ,1E2,+7\n", "1,2,3,4", "1,2,3,4\n\n5,6,7,8\n\n"):
        rows = np.atleast_2d(np.genfromtxt(io.StringIO(text), delimiter=","))
        assert csv(flowers, text) == flowers.estimator.predict(rows).tolist()


def test_csv_of_mixed_columns_without_a_header(mixed: Pod) -> None:
    """Each column is read as its type; quotes are those of RFC 4180."""
    row = [1 / 7, -19, False, "blå"], [0.0, -20, True, "red, or so"]
    text = f'{1 / 7!r},-19,False,blå\n0.0,-20,TRUE,"red, or so"\n'
    expected = mixed.estimator.predict(np.array(row, dtype=object)).tolist()
    assert csv(mixed, text) == expected
    assert csv(mixed, text, b'text/csv; header="absent"') == expected


def test_names_that_are_numbers() -> None:
    """A line of exactly the columns' names is a header, even of numbers, unless the media type says no."""
    pod = pods.flowers(names="0123")
    row = pod.estimator.predict(np.array([[3.0, 2.0, 1.0, 0.0]])).tolist()
    assert csv(pod, "0,1,2,3\n3,2,1,0\n") == row
    assert csv(pod, "3,2,1,0\n0,1,2,3\n") == row
    assert len(csv(pod, "0,1,2,3\n3,2,1,0\n", b"text/csv; header=absent")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "sl,sw,pl,pw\n", "1,2,3\n", "1,2,3,4,5\n", "1,2,3,4\n1,2,3\n", "sl,sw,pl,p\n1,2,3,4\n",
        "sl,sw,pl\n1,2,3\n", "sl,sw,pl,pw,pw\n1,2,3,4,5\n", "sl,sw,pl,pl\n1,2,3,4\n", "1,2,3,\n",
        "1,2,3,nan\n",
        "1,2,3,inf\n", "1,2,3,1_0\n", "1,2,3,0x1\n", "1,2,3,1e999\n", "1,2,3,x\n", "1;2;3;4\n", "1,2,3,٣\n",
        '1,2,3,"4\n', '1,2,3,"4"5\n', "1,2,3,1 2\n", "1,2,3,--1\n", "1,2,3,1e\n", "1,2,3,.\n", "1,2,3,\0\n",
        ",sl,sw,pl,pw\n0,1,2,3,4\n", "a,b,c,d\n1,2,3,4\n", "1,2,3," + "4" * 200_000,
        "1" * 131_000 + "x,2,3,4",
    ],
)  # fmt: skip
def test_csv_that_does_not_fit(flowers: Pod, text: str) -> None:
    """Wrong headers, rows of other lengths, what is no decimal number, and broken quotes are refused."""
    answer = csv(flowers, text)
    assert isinstance(answer, Answer)
    assert (answer.status, orjson.loads(answer.body)["error_code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("row",
 ["1.5,1.0,True,blå", "1.5,1,1,blå", "1.5,1,yes,blå", "1.5,1,True,green", "1.5,1,True, blå",
                                 "1.5,99999999999999999999,True,blå", "1.5,9223372036854775808,True,blå",
                                 "1.5,,True,blå", "1.5,1,,blå", "1.5,1,True,"])  # fmt: skip
def test_cells_that_are_not_of_their_column(mixed: Pod, row: str) -> None:
    """No cell is converted to another type; an empty one is missing, which this schema refuses."""
    answer = csv(mixed, row)
    assert isinstance(answer, Answer)
    assert answer.status == 400


def test_csv_that_is_not_utf8(flowers: Pod) -> None:
    """Refused as CSV."""
    assert flowers.ask(PATH, b"1,2,3,\xff", CSV).status == 400


@pytest.mark.parametrize(
    ("accept", "is_csv"),
    [
        (b"text/csv", True), (b"Text/CSV; q=0.5, application/json", True),
        (b"application/json, text/csv", False),
        (b"*/*", False), (b"application/*,text/csv", False), (b"text/html", False), (b"", False),
        (b"\xff,,;", False),
    ],
)  # fmt: skip
def test_answers_in_csv(flowers: Pod, accept: bytes, is_csv: bool) -> None:
    """As numpy's savetxt writes them for SageMaker, where `Accept` names CSV first."""
    answer = flowers.ask(PATH, orjson.dumps(flowers.rows[:4].tolist()), {**JSON, b"accept": accept})
    expected = io.StringIO()
    np.savetxt(expected, flowers.estimator.predict(flowers.rows[:4]), delimiter=",", fmt="%s")
    if is_csv:
        assert (answer.content_type, answer.body) == (
            b"text/csv; charset=utf-8",
            expected.getvalue().encode(),
        )
    else:
        assert answer.content_type == b"application/json"


@pytest.mark.parametrize("accept", [b"text/csv", b"application/json"])
def test_numbers_that_are_not_finite(mixed: Pod, accept: bytes) -> None:
    """They are an error of the pod in either form."""
    dialect = mixed.routes.by_path[PATH].dialect
    assert dialect is not None
    question = dialect.read(orjson.dumps(mixed.rows[:1].tolist()), {**JSON, b"accept": accept})
    with pytest.raises(ValueError, match="not finite"):
        dialect.write(question, Answers(np.array([np.nan]), None), "id-1")


def test_ping() -> None:
    """An empty line and the status of the pod's readiness."""
    pod = pods.flowers()
    assert (pod.get("/ping").status, pod.get("/ping").body) == (200, b"\n")
    pod.ready = Answer(503, b"{}")
    assert pod.get("/ping").status == 503
