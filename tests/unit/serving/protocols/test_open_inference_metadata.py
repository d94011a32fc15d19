"""What the Open Inference Protocol tells of the server and its model; docs/protocols.md has the sentences."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.unit.serving.protocols import pod as pods
from tests.unit.serving.protocols.pod import NAME, VERSION, Pod

from ekiben.serving.answer import Answer

MODEL = f"/v2/models/{NAME}"
INFER = f"{MODEL}/infer"


def test_server_metadata(flowers: Pod) -> None:
    """Name, version and the extensions that are there; GET."""
    assert flowers.routes.by_path["/v2"].methods == ("GET",)
    answer = flowers.get("/v2")
    assert answer.status == 200
    assert orjson.loads(answer.body) == {
        "name": "ekiben",
        "version": "1.2.3",
        "extensions": ["binary_tensor_data"],
    }


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/{VERSION}"])
def test_model_metadata(flowers: Pod, path: str) -> None:
    """Columns of one number type are one tensor; the rows are the dimension that varies."""
    answer = flowers.get(path)
    assert answer.status == 200
    assert orjson.loads(answer.body) == {
        "name": NAME,
        "versions": [VERSION],
        "platform": "sklearn_skops",
        "inputs": [{"name": "input-0", "datatype": "FP64", "shape": [-1, 4]}],
        "outputs": [
            {"name": "predict", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 3]},
        ],
        "properties": {"artefact_sha256": "sha256:" + VERSION * 4, "classes": "[0,1,2]"},
    }


def test_model_metadata_of_mixed_columns(mixed: Pod) -> None:
    """Columns of several types are a tensor each."""
    metadata = orjson.loads(mixed.get(MODEL).body)
    assert metadata["inputs"] == [
        {"name": "real", "datatype": "FP64", "shape": [-1]},
        {"name": "whole", "datatype": "INT64", "shape": [-1]},
        {"name": "flag", "datatype": "BOOL", "shape": [-1]},
        {"name": "colour", "datatype": "BYTES", "shape": [-1]},
    ]
    assert metadata["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [-1]}]


def test_a_column_may_be_called_as_the_tensor() -> None:
    """Then the tensor with all columns has the next free name."""
    other = pods.flowers(names=[f"input-{i}" for i in range(4)])
    assert orjson.loads(other.get(MODEL).body)["inputs"][0]["name"] == "input-4"
    part = {"name": "input-4", "shape": [1, 4], "datatype": "FP64", "data": other.rows[0].tolist()}
    answer = other.post(INFER, {"inputs": [part]})
    assert answer["outputs"][0]["data"] == other.estimator.predict(other.rows[:1]).tolist()


@pytest.mark.parametrize(
    ("path", "yes", "no"),
    [
        ("/v2/health/ready", {"ready": True, "live": True}, {"ready": False, "live": False}),
        (f"{MODEL}/ready", {"name": NAME, "ready": True}, {"name": NAME, "ready": False}),
        (f"{MODEL}/versions/{VERSION}/ready", {"name": NAME, "ready": True}, {"name": NAME, "ready": False}),
    ],
)
def test_readiness(path: str, yes: Any, no: Any) -> None:
    """As the pod's own: 200, or its status and headers."""
    found = pods.flowers()
    assert (found.get(path).status, orjson.loads(found.get(path).body)) == (200, yes)
    found.ready = Answer(503, b"{}", headers=((b"retry-after", b"1"),))
    answer = found.get(path)
    assert (answer.status, orjson.loads(answer.body), answer.headers) == (503, no, ((b"retry-after", b"1"),))


def test_liveness(flowers: Pod) -> None:
    """The server is live as long as it answers."""
    answer = flowers.get("/v2/health/live")
    assert (answer.status, orjson.loads(answer.body)) == (200, {"live": True})
    groups = {path: each.group for path, each in flowers.routes.by_path.items() if "health" in path}
    assert groups == {"/v2/health/live": "probe", "/v2/health/ready": "probe"}
