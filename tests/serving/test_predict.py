from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from tests.serving.pod import Pod

NAMES = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
ROW = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture(scope="module")
def forest() -> RandomForestClassifier:
    """The same forest, fitted here without the product."""
    features, labels = load_iris(return_X_y=True)
    train, _, known, _ = train_test_split(features, labels, test_size=0.2, random_state=42)
    return RandomForestClassifier(n_estimators=100, random_state=42).fit(train, known)


def test_all_rows_get_scikit_learns_own_answers(pod: Pod, forest: RandomForestClassifier) -> None:
    """Labels and probabilities of all 150 flowers are bit for bit those of scikit-learn."""
    features = load_iris().data
    reply = pod.predict({"instances": features.tolist()})
    assert reply.status == 200
    assert reply.json["predictions"] == forest.predict(features).tolist()
    assert reply.json["probabilities"] == forest.predict_proba(features).tolist()


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [ROW]},
        {"instances": [dict(zip(NAMES, ROW, strict=True))]},
        {"instances": [dict(zip(reversed(NAMES), reversed(ROW), strict=True))]},
    ],
)
def test_forms_of_many_rows(pod: Pod, forest: RandomForestClassifier, body: Any) -> None:
    """Rows may be arrays or objects in any order of keys."""
    reply = pod.predict(body)
    assert reply.json["predictions"] == forest.predict([ROW]).tolist()
    assert reply.json["probabilities"] == forest.predict_proba([ROW]).tolist()
    assert set(reply.json) == {"predictions", "probabilities", "model", "id"}


@pytest.mark.parametrize("body", [ROW, {"features": ROW}, {"features": dict(zip(NAMES, ROW, strict=True))}])
def test_forms_of_one_row(pod: Pod, forest: RandomForestClassifier, body: Any) -> None:
    """A single row gets a single prediction."""
    reply = pod.predict(body)
    assert reply.status == 200
    assert reply.json["prediction"] == forest.predict([ROW])[0]
    assert reply.json["probabilities"] == forest.predict_proba([ROW])[0].tolist()
    assert set(reply.json) == {"prediction", "probabilities", "model", "id"}


def test_integers_are_numbers(pod: Pod) -> None:
    """An integer stands for the float of the same value, as JSON knows but one kind of number."""
    assert (
        pod.predict([5, 3, 1, 0]).json["probabilities"]
        == pod.predict([5.0, 3.0, 1.0, 0.0]).json["probabilities"]
    )


def test_answers_name_the_model(pod: Pod) -> None:
    """The model in an answer is the one that /readyz names."""
    assert pod.predict(ROW).json["model"] == pod.request("GET", "/readyz").json["model"]


def test_request_ids(pod: Pod) -> None:
    """A harmless id of the caller is kept, any other is replaced, and body and header agree."""
    kept = pod.predict(ROW, {"Content-Type": "application/json", "X-Request-Id": "caller-1"})
    assert kept.json["id"] == kept.headers["x-request-id"] == "caller-1"
    for wrong in ("a b", "x" * 65, '"><script>', ""):
        other = pod.predict(ROW, {"Content-Type": "application/json", "X-Request-Id": wrong})
        assert other.json["id"] == other.headers["x-request-id"] != wrong
        assert re.fullmatch("[0-9a-f]{24}", other.json["id"])


@pytest.mark.parametrize(
    ("body", "status", "reason", "pointers"),
    [
        (b"", 400, "not_json", []),
        (b"{", 400, "not_json", []),
        (b"[5.1, 3.5, 1.4, NaN]", 400, "not_json", []),
        (b"[5.1, 3.5, 1.4, Infinity]", 400, "not_json", []),
        (b"[5.1, 3.5, 1.4, 1e999]", 422, "not_finite", ["/3"]),
        (b'{"features": [5.1, 3.5, 1.4, 0.2], "features": [1, 1, 1, 1]}', 400, "duplicate_key", []),
        (b'{"instances": [], "\\u0069nstances": [[1, 1, 1, 1]]}', 400, "duplicate_key", []),
        (b"\xff\xfe", 400, "not_json", []),
        (b"[" * 100_000, 400, "not_json", []),
        (b"5", 422, "form", [""]),
        (b"{}", 422, "form", [""]),
        (b'{"instances": [[1, 2, 3, 4]], "extra": 1}', 422, "form", [""]),
        (b'{"instances": 5}', 422, "form", ["/instances"]),
        (b'{"instances": []}', 422, "rows", ["/instances"]),
        (b'{"instances": [5]}', 422, "form", ["/instances/0"]),
        (b"[5.1, 3.5, 1.4]", 422, "fields", [""]),
        (b'{"instances": [[1, 2, 3, 4], [1, 2, 3]]}', 422, "fields", ["/instances/1"]),
        (
            b'{"features": ["5.1", 3.5, true, null]}',
            422,
            "type",
            ["/features/0", "/features/2", "/features/3"],
        ),
        (
            b'{"features": {"sepal length (cm)": 1, "sepal width (cm)": 1, "petal length (cm)": 1}}',
            422,
            "fields",
            ["/features/petal width (cm)"],
        ),
    ],
)
def test_refusals(pod: Pod, body: bytes, status: int, reason: str, pointers: list[str]) -> None:
    """Each wrong body gets its status, its reason and pointers to every wrong place."""
    reply = pod.predict(body)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["reason"] == reason
    assert reply.json["status"] == status
    assert [each["pointer"] for each in reply.json.get("errors", [])] == pointers


def test_extra_fields_are_not_echoed(pod: Pod) -> None:
    """A field that the schema does not know is refused, and neither its name nor its value comes back."""
    row = {**dict(zip(NAMES, ROW, strict=True)), "secret-name": "secret-value"}
    reply = pod.predict({"instances": [row]})
    assert (reply.status, reply.json["reason"]) == (422, "fields")
    assert [each["pointer"] for each in reply.json["errors"]] == ["/instances/0"]
    assert b"secret" not in reply.body


def test_at_most_twenty_places(pod: Pod) -> None:
    """However much is wrong, twenty places are named."""
    assert len(pod.predict({"instances": [["x"] * 4] * 100}).json["errors"]) == 20


def test_row_limit(pod: Pod) -> None:
    """The default of EKIBEN_MOST_ROWS is answered, one row more is refused."""
    assert len(pod.predict({"instances": [ROW] * 10_000}).json["predictions"]) == 10_000
    reply = pod.predict({"instances": [ROW] * 10_001})
    assert (reply.status, reply.json["reason"]) == (422, "rows")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("application/jsonp", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        (None, 415),
    ],
)
def test_content_types(pod: Pod, content_type: str | None, status: int) -> None:
    """Only JSON in UTF-8 is read."""
    reply = pod.predict(ROW, {} if content_type is None else {"Content-Type": content_type})
    assert reply.status == status


def test_compressed_bodies(pod: Pod) -> None:
    """A gzip body is unpacked; one that is broken, unknown or too long unpacked is refused as what it is."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    packed = gzip.compress(json.dumps(ROW).encode())
    assert pod.predict(packed, headers).json["prediction"] == pod.predict(ROW).json["prediction"]
    bomb = gzip.compress(b" " * (64 << 20))
    expected = {packed[:-4]: (400, "encoding"), b"{}": (400, "encoding"), bomb: (413, "too_large")}
    for body, answer in expected.items():
        reply = pod.predict(body, headers)
        assert (reply.status, reply.json["reason"]) == answer
    reply = pod.predict(packed, {**headers, "Content-Encoding": "br"})
    assert (reply.status, reply.json["reason"]) == (415, "content_type")
    assert reply.headers["accept-encoding"] == "gzip, zstd"


@pytest.mark.parametrize("path", ["/predict", "/livez", "/readyz"])
def test_other_methods(pod: Pod, path: str) -> None:
    """A method that a route does not know gets 405 and the list of those that it does."""
    expected = {"/predict": "POST"}.get(path, "GET, HEAD")
    for method in ("PUT", "DELETE", "OPTIONS", "GET" if path == "/predict" else "POST"):
        reply = pod.request(method, path)
        assert (reply.status, reply.headers["allow"]) == (405, expected)


@pytest.mark.parametrize("path", ["/", "/predict/", "/Predict", "/docs/", "/metrics", "/predict/../livez"])
def test_unknown_paths(pod: Pod, path: str) -> None:
    """Whatever is not a route is not found, whoever asks."""
    for method in ("GET", "POST"):
        assert pod.request(method, path).status == 404


def test_probes(pod: Pod) -> None:
    """Both probes answer, and HEAD gives the same without a body."""
    assert pod.request("GET", "/livez").json == {"status": "alive"}
    ready = pod.request("GET", "/readyz")
    assert ready.json["status"] == "ready"
    head = pod.request("HEAD", "/readyz")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(ready.body)))


def test_answers_are_json(pod: Pod) -> None:
    """A strict parser reads every answer."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    json.loads(pod.predict(ROW).body, parse_constant=refuse)
