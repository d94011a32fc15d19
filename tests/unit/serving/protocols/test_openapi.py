from __future__ import annotations

import dataclasses
from typing import Any

import jsonschema_rs
import orjson
import pytest
import schemathesis
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from tests.unit.serving.protocols.pod import JSON, NAME, Pod

from ekiben.serving.cells import limits
from ekiben.serving.protocols.pieces import column
from ekiben.serving.schema import Input, Output, Schema

POSTS = ("/predict", f"/v1/models/{NAME}:predict", f"/v2/models/{NAME}/infer", "/invocations")


def document(pod: Pod) -> Any:
    """What `/openapi.json` says."""
    answer = pod.get("/openapi.json")
    assert (answer.status, answer.content_type) == (200, b"application/json")
    return orjson.loads(answer.body)


def validator(pod: Pod, component: str) -> jsonschema_rs.Draft202012Validator:
    """Of one component."""
    whole = document(pod)
    return jsonschema_rs.Draft202012Validator({**whole, "$ref": f"#/components/schemas/{component}"})


def component(pod: Pod, path: str, part: str) -> str:
    """Name of a component of a POST: its `request`, its `answer`."""
    operation = document(pod)["paths"][path]["post"]
    holder = operation["requestBody"] if part == "request" else operation["responses"]["200"]
    found: str = holder["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return found


@pytest.mark.parametrize("name", ["flowers", "mixed"])
def test_the_document_is_openapi(name: str, request: pytest.FixtureRequest) -> None:
    """It fits OpenAPI's own schema, its components are JSON Schemas, and schemathesis reads it."""
    whole = document(request.getfixturevalue(name))
    OPENAPI_31_VALIDATOR.validate(whole)
    for each in whole["components"]["schemas"].values():
        jsonschema_rs.meta.validate(each)
    schema = schemathesis.openapi.from_dict(whole)
    schema.validate()
    assert len(list(schema.get_all_operations())) == len(whole["paths"])


def test_every_route_is_in_it(flowers: Pod) -> None:
    """With its method, and no other."""
    routes = flowers.routes.by_path
    found = {
        path: [each.upper() for each in operations] for path, operations in document(flowers)["paths"].items()
    }
    assert found == {path: list(each.methods) for path, each in routes.items()}


@pytest.mark.parametrize("name", ["flowers", "mixed"])
@pytest.mark.parametrize("path", POSTS)
def test_examples_are_answered_as_they_say(name: str, path: str, request: pytest.FixtureRequest) -> None:
    """The example of a request is a golden row: its answer is the example of the answer, but for the id."""
    pod: Pod = request.getfixturevalue(name)
    operation = document(pod)["paths"][path]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    expected = operation["responses"]["200"]["content"]["application/json"]["example"]
    found = pod.post(path, example)
    assert {**found, "id": ""} == {**expected, "id": ""}
    validator(pod, component(pod, path, "request")).validate(example)
    validator(pod, component(pod, path, "answer")).validate(found)


@pytest.mark.parametrize("name", ["flowers", "mixed"])
def test_what_is_told_from_memory_fits(name: str, request: pytest.FixtureRequest) -> None:
    """Metadata and readiness are of their components."""
    pod: Pod = request.getfixturevalue(name)
    for path, operations in document(pod)["paths"].items():
        for operation in operations.values():
            content = operation["responses"]["200"]["content"].get("application/json", {})
            if "requestBody" not in operation and "schema" in content:
                component_name = content["schema"]["$ref"].rpartition("/")[2]
                validator(pod, component_name).validate(orjson.loads(pod.get(path).body))


@pytest.mark.parametrize("path", POSTS)
def test_refusals_fit(mixed: Pod, path: str) -> None:
    """The body of a refusal is of the component that the document names."""
    content = document(mixed)["paths"][path]["post"]["responses"]["4XX"]["content"]
    answer = mixed.ask(path, orjson.dumps({"instances": [[0.5, 1, True, "green"]]}))
    name = content[answer.content_type.decode()]["schema"]["$ref"].rpartition("/")[2]
    assert 400 <= answer.status < 500
    validator(mixed, name).validate(orjson.loads(answer.body))


ROWS: list[tuple[Any, bool]] = [
    ([0.5, 1, True, "blå"], True), ([0.5, 1, True, "green"], False), ([0.5, 1.5, True, "blå"], False),
    (["0.5", 1, True, "blå"], False), ([0.5, 1, 1, "blå"], False), ([0.5, 1, True], False),
    ([0.5, 1, True, "blå", 1], False), ({"real": 1, "whole": 1, "flag": False, "colour": "blå"}, True),
    ({"real": 1, "whole": 1, "flag": False}, False), ([None, 1, True, "blå"], False),
    ({"real": 1, "whole": 1, "flag": False, "colour": "blå", "x": 1}, False),
]  # fmt: skip


@pytest.mark.parametrize("path", POSTS[:2])
def test_the_document_and_the_pod_agree_on_rows(mixed: Pod, path: str) -> None:
    """A row that the pod refuses is one that the document forbids, and the other way round."""
    checks = validator(mixed, component(mixed, path, "request"))
    for row, good in ROWS:
        request = {"instances": [row]}
        assert checks.is_valid(request) is good
        assert (mixed.ask(path, orjson.dumps(request), JSON).status == 200) is good


def test_policies() -> None:
    """Ranges bind where they are refused; a missing value is null where the schema takes one."""
    bounded = Input("a", "float64", 0.0, 1.0)
    common = limits(Schema((bounded,), Output("regression")))
    assert column(bounded, common) == {"type": "number", "format": "double", "minimum": 0.0, "maximum": 1.0}
    counted = column(dataclasses.replace(bounded, on_out_of_range="count"), common)
    assert "minimum" not in counted
    assert "maximum 1.0" in counted["description"]
    for changes in ({"missing": "nan"}, {"missing": "value", "default": 0.5}):
        schema = column(dataclasses.replace(bounded, **changes), common)
        assert jsonschema_rs.Draft202012Validator(schema).is_valid(None)
        assert not jsonschema_rs.Draft202012Validator(schema).is_valid(2)


@pytest.mark.parametrize(
    ("kind", "precision", "largest", "beyond"),
    [
        ("float64", "float32", 3.4028234663852886e38, 3.402823466385289e38),
        ("int64", "float64", 2**53 - 1, 2**53),
    ],
)
def test_what_the_estimator_cannot_hold_is_out_of_bounds(
    kind: Any, precision: Any, largest: float, beyond: float
) -> None:
    """The largest number of float32, and the last integer that float64 tells from the next, are the ends."""
    declared = Input("a", kind)
    schema = Schema((declared,), Output("regression"), precision)
    checks = jsonschema_rs.Draft202012Validator(column(declared, limits(schema)))
    assert [checks.is_valid(sign * each) for sign in (1, -1) for each in (largest, beyond)] == [
        True, False, True, False,
    ]  # fmt: skip


def test_regressions_have_no_labels(mixed: Pod) -> None:
    """A prediction is a number; there are no probabilities."""
    assert validator(mixed, "Prediction").is_valid(1.5)
    assert not validator(mixed, "Prediction").is_valid("x")
    assert Schema((Input("a", "int64"),), Output("regression")).output.classes is None
