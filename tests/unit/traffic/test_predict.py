"""An answer of the Service becomes predictions, or the error that it is."""

from __future__ import annotations

import json
from typing import Any, Self

import pytest
from tests.unit.release.test_values import configured

from ekiben.clients.connection import Answer
from ekiben.errors import ClusterError, ConfigError
from ekiben.identifiers import ClusterAddress
from ekiben.traffic import predict as room
from ekiben.traffic.predict import interpreted


def answer(status: int, document: Any, kind: str = "application/problem+json") -> Answer:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer(status, kind, data)


def test_predictions_come_back_as_they_are() -> None:
    """The whole document."""
    document = {"predictions": [0], "model": {"name": "iris", "version": "1"}, "id": "x"}
    assert interpreted(answer(200, document), "m/iris") == document


def test_a_refused_row_is_a_configuration_error_with_pointers() -> None:
    """Every place is shown."""
    problem = {
        "title": "wrong rows",
        "status": 422,
        "detail": "2 values are wrong",
        "errors": [
            {"pointer": "/instances/0/1", "detail": "expected a number"},
            {"pointer": "/instances/2", "detail": "expected 4 values, found 3"},
        ],
    }
    with pytest.raises(ConfigError) as error:
        interpreted(answer(422, problem), "m/iris")
    text = str(error.value)
    assert "2 values are wrong" in text
    assert "/instances/0/1: expected a number" in text
    assert "/instances/2: expected 4 values, found 3" in text


@pytest.mark.parametrize("status", [401, 403])
def test_a_caller_without_leave_is_told_how_to_get_it(status: int) -> None:
    """That is no fault of the rows, nor of the cluster."""
    with pytest.raises(ConfigError, match="does not let this caller predict") as error:
        interpreted(answer(status, {"detail": "expected a valid credential"}), "m/iris")
    assert "EKIBEN_API_KEY" in error.value.remedy


class Guarded:
    """A cluster whose release lets in who has one key."""

    def __init__(self, key: str, own: str) -> None:
        self.key, self.own, self.asked = key, own, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def service_request(self, *_: Any, headers: dict[str, str], **__: Any) -> Answer:
        self.asked += 1
        right = headers.get("X-API-Key", "") == self.key
        return answer(200, {"predictions": [0]}) if right else answer(401, {"detail": "who?"})

    def secret(self, namespace: str, name: str) -> dict[str, bytes]:
        assert (namespace, name) == ("m", "iris-verify")
        return {"key": self.own.encode()}


@pytest.mark.parametrize(
    ("key", "own", "given", "asked"),
    [
        ("", "own", "", 1),
        ("own", "own", "", 2),
        ("mine", "own", "mine", 1),
        ("mine", "own", "other", 1),
        ("x", "", "", 1),
    ],
)
def test_the_releases_own_key_is_fetched_when_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, key: str, own: str, given: str, asked: int
) -> None:
    """Not before it is, and never instead of a credential that was given."""
    cluster = Guarded(key, own)
    monkeypatch.setattr(room, "connect", lambda *_: cluster)

    def predict() -> Any:
        return room.predict(configured(), [[0]], ClusterAddress("c"), namespace="m", credential=given)

    if key in (given, own if not given else None):
        assert predict() == {"predictions": [0]}
    else:
        with pytest.raises(ConfigError, match="does not let this caller predict"):
            predict()
    assert cluster.asked == asked


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_model_that_cannot_answer_is_the_clusters_matter(status: int) -> None:
    """Overload and failures are not the caller's fault."""
    with pytest.raises(ClusterError, match="busy") as error:
        interpreted(answer(status, {"title": "busy"}), "m/iris")
    assert error.value.status == status


def test_no_ready_replica_is_said_in_the_api_servers_words() -> None:
    """The API server answers itself when nobody else can."""
    status = {"kind": "Status", "apiVersion": "v1", "message": 'no endpoints available for service "iris"'}
    with pytest.raises(ClusterError, match="no endpoints available") as error:
        interpreted(answer(503, status, "application/json"), "m/iris")
    assert "ekiben status" in error.value.remedy


@pytest.mark.parametrize("body", [b"<html>oops</html>", b"[]", b'{"errors": 3}', b'{"errors": ["x"]}'])
def test_a_refusal_in_another_form_is_still_one(body: bytes) -> None:
    """A proxy between us may answer in any form."""
    with pytest.raises(ConfigError):
        interpreted(answer(400, body), "m/iris")
