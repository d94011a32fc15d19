"""The Open Inference Protocol's REST half; docs/protocols.md says which sentence each test is of."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pytest
from tests.unit.serving.protocols import pod as pods
from tests.unit.serving.protocols.pod import NAME, VERSION, Pod

from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError

MODEL = f"/v2/models/{NAME}"
INFER = f"{MODEL}/infer"


def table(rows: Any, **more: Any) -> dict[str, Any]:
    """One tensor with all columns."""
    shape = [len(rows), len(rows[0])]
    return {"name": "input-0", "shape": shape, "datatype": "FP64", "data": np.asarray(rows).tolist(), **more}


def columns(rows: Any) -> list[dict[str, Any]]:
    """One tensor per column of the mixed pod, the last column first."""
    kinds = {"colour": "BYTES", "flag": "BOOL", "whole": "INT64", "real": "FP64"}
    names = ["real", "whole", "flag", "colour"]
    return [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": kind,
            "data": [row[names.index(name)] for row in rows.tolist()],
        }
        for name, kind in kinds.items()
    ]


def outputs(answer: Any) -> dict[str, Any]:
    """Outputs of an answer by name."""
    return {each["name"]: each for each in answer["outputs"]}


@pytest.mark.parametrize("path", [INFER, f"{MODEL}/versions/{VERSION}/infer"])
def test_inference_is_a_post_with_or_without_the_version(flowers: Pod, path: str) -> None:
    """Both paths take POST and nothing else, and give the same answer."""
    assert flowers.routes.by_path[path].methods == ("POST",)
    assert flowers.post(path, {"inputs": [table(flowers.rows[:2])]})["model_version"] == VERSION


@pytest.mark.parametrize(
    "path", [f"{MODEL}x/infer", f"{MODEL}/versions/1/infer", f"{MODEL}/versions/1", "/v2/models/x/ready"]
)
def test_unknown_models_and_versions_have_no_path(flowers: Pod, path: str) -> None:
    """They are refused in the protocol's words."""
    assert path not in flowers.routes.by_path
    refuse = flowers.routes.refuse(path)
    answer = refuse(RefusedError(404, "not_found", "no such route"), "id-1")
    assert (answer.status, orjson.loads(answer.body)) == (404, {"error": "no such route"})


def test_the_answer_is_scikit_learns(flowers: Pod) -> None:
    """Names, version, and both outputs of the whole batch, flattened in row-major order."""
    rows = flowers.rows[:5]
    answer = flowers.post(INFER, {"inputs": [table(rows)]})
    assert answer == {
        "model_name": NAME,
        "model_version": VERSION,
        "id": "id-1",
        "outputs": [
            {
                "name": "predict",
                "shape": [5],
                "datatype": "INT64",
                "data": flowers.estimator.predict(rows).tolist(),
            },
            {
                "name": "probabilities",
                "shape": [5, 3],
                "datatype": "FP64",
                "data": [p for row in flowers.estimator.predict_proba(rows).tolist() for p in row],
            },
        ],
    }


@pytest.mark.parametrize(
    ("given", "returned"), [("42", "42"), ("", ""), ("a:null", "a:null"), (None, "id-1")]
)
def test_ids_come_back(flowers: Pod, given: str | None, returned: str) -> None:
    """An id that was given is returned; the response's `id` is not optional, so else it is the request's."""
    assert flowers.post(INFER, {"id": given, "inputs": [table(flowers.rows[:1])]})["id"] == returned


@pytest.mark.parametrize("value", [1, ["42"], {"a": "b"}, True])
def test_ids_are_strings(flowers: Pod, value: Any) -> None:
    """Any other type is refused."""
    assert "/id: expected a string" in flowers.refused(
        INFER, {"id": value, "inputs": [table(flowers.rows[:1])]}
    )


@pytest.mark.parametrize("good", [None, {}, {"a": "b", "c": 1, "d": 1.5, "e": True, "f": None}])
def test_parameters_may_be_any_scalars(flowers: Pod, good: Any) -> None:
    """Those of requests, inputs and outputs; what is not known means nothing."""
    part = table(flowers.rows[:1], parameters=good)
    output = {"name": "predict", "parameters": good}
    flowers.post(INFER, {"inputs": [part], "outputs": [output], "parameters": good})


@pytest.mark.parametrize("bad", [[], "a", 1, {"a": []}, {"a": {}}])
@pytest.mark.parametrize("where", ["", "/inputs/0", "/outputs/0"])
def test_parameters_must_be_scalars(flowers: Pod, bad: Any, where: str) -> None:
    """Anything else is refused, with its place."""
    document: dict[str, Any] = {"inputs": [table(flowers.rows[:1])], "outputs": [{"name": "predict"}]}
    part = {"": document, "/inputs/0": document["inputs"][0], "/outputs/0": document["outputs"][0]}[where]
    part["parameters"] = bad
    assert f"{where}/parameters: expected an object" in flowers.refused(INFER, document)


@pytest.mark.parametrize(
    ("requested", "names"),
    [
        (None, ["predict", "probabilities"]), ([], ["predict", "probabilities"]),
        ([{"name": "predict"}], ["predict"]), ([{"name": "probabilities"}], ["probabilities"]),
        ([{"name": "probabilities"}, {"name": "predict"}], ["probabilities", "predict"]),
    ],
)  # fmt: skip
def test_outputs_are_all_unless_some_are_requested(flowers: Pod, requested: Any, names: list[str]) -> None:
    """In the order of the request, each with its own contents."""
    document = {"inputs": [table(flowers.rows[:3])], "outputs": requested}
    answer = flowers.post(INFER, document)
    assert [each["name"] for each in answer["outputs"]] == names
    everything = outputs(flowers.post(INFER, {"inputs": [table(flowers.rows[:3])]}))
    assert all(everything[each["name"]] == each for each in answer["outputs"])


@pytest.mark.parametrize(
    "requested",
    [
        "predict", {}, [{}], ["predict"], [{"name": "output0"}], [{"name": 1}],
        [{"name": "predict"}] * 2, [{"name": "predict"}] * 3, [{"name": "predict", "shape": [1]}],
    ],
)  # fmt: skip
def test_outputs_that_the_model_has_not(flowers: Pod, requested: Any) -> None:
    """Unknown outputs, one twice, and what is no request for an output are refused."""
    document = {"inputs": [table(flowers.rows[:1])], "outputs": requested}
    assert "/outputs" in flowers.refused(INFER, document)


@pytest.mark.parametrize("data", [[1, 2, 4, 5], [[1, 2], [4, 5]]])
def test_data_are_natural_or_flattened(data: Any) -> None:
    """The specification's own matrix in both of its forms gives the rows [1, 2] and [4, 5]."""
    small = pods.flowers(names=("a", "b"))
    part = {"name": "input-0", "shape": [2, 2], "datatype": "UINT32", "data": data}
    dialect = small.routes.by_path[INFER].dialect
    assert dialect is not None
    assert dialect.read(orjson.dumps({"inputs": [part]}), pods.JSON).rows.tolist() == [[1, 2], [4, 5]]


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ([2, 4], [[1, 2, 3, 4]]), ([1, 4], [[1, 2, 3]]), ([1, 4], [1, 2, 3]), ([1, 4], [1, 2, 3, 4, 5]),
        ([2, 4], [[1, 2, 3, 4], [1, 2, 3]]), ([2, 4], [[1, 2, 3, 4], 5]), ([1, 4], [[[1], [2], [3], [4]]]),
        ([4], [1, 2, 3, 4]), ([1, 2, 2], [1, 2, 3, 4]), ([], []), ([0, 4], []), ([4, 0], []),
        ([1, 3], [1, 2, 3]), ([2, 2], [1, 2, 3, 4]), ([-1, 4], [1, 2, 3, 4]), ([1.0, 4], [1, 2, 3, 4]),
        ([True, 4], [1, 2, 3, 4]), ("14", [1, 2, 3, 4]), ([2**64, 4], [1, 2, 3, 4]), ([2**63, 4], [1]),
        (["1", "4"], [1, 2, 3, 4]), ([1, 4], {"0": 1}), ([1, 4], None), ([1, 4], "abcd"),
    ],
)  # fmt: skip
def test_shape_and_data_are_the_whole_batch(flowers: Pod, shape: Any, data: Any) -> None:
    """Shapes that are none, that the data do not fill, or that are not the model's are refused."""
    part = {"name": "input-0", "shape": shape, "datatype": "FP64", "data": data}
    assert '"error"' in flowers.refused(INFER, json.dumps({"inputs": [part]}).encode())


REAL = [0.5, -2.0, 1e300, 3, -(2**63), 2**64 - 1]
KINDS: list[tuple[str, list[Any], list[Any]]] = [
    ("FP64", REAL, [True, "1", None, [1]]),
    ("FP32", [0.5, -2.0, 3], [True, "1", None, 1e39, -1e39]),
    ("INT64", [-(2**63), 2**63 - 1], [2**63, 1.0, True, "1", None]),
    ("INT32", [-(2**31), 2**31 - 1], [2**31, -(2**31) - 1, 0.5, False]),
    ("INT16", [-(2**15), 2**15 - 1], [2**15, -(2**15) - 1, 0.5]),
    ("INT8", [-128, 127], [128, -129, 0.5]),
    ("UINT64", [0, 2**64 - 1], [-1, 0.5, True]),
    ("UINT32", [0, 2**32 - 1], [-1, 2**32, "0"]),
    ("UINT16", [0, 2**16 - 1], [-1, 2**16]),
    ("UINT8", [0, 255], [-1, 256]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_values_are_of_their_datatype(flowers: Pod, kind: str, good: list[Any], bad: list[Any]) -> None:
    """The least and the greatest value of each type are taken as they are; nothing is coerced."""
    for value in good:
        part = {"name": "input-0", "shape": [1, 4], "datatype": kind, "data": [value, 0, 0, 0]}
        dialect = flowers.routes.by_path[INFER].dialect
        assert dialect is not None
        assert dialect.read(orjson.dumps({"inputs": [part]}), pods.JSON).rows[0, 0] == float(value)
    for value in bad:
        part = {"name": "input-0", "shape": [1, 4], "datatype": kind, "data": [0, value, 0, 0]}
        assert "/inputs/0/data" in flowers.refused(INFER, json.dumps({"inputs": [part]}).encode())


def test_single_precision_is_rounded_to_it(flowers: Pod) -> None:
    """An FP32 of 0.1 is not 0.1 but the nearest number that FP32 has: as if it had come as bytes."""
    part = {"name": "input-0", "shape": [1, 4], "datatype": "FP32", "data": [0.1, 0, 0, 0]}
    dialect = flowers.routes.by_path[INFER].dialect
    assert dialect is not None
    assert (
        dialect.read(orjson.dumps({"inputs": [part]}), pods.JSON).rows[0, 0] == 0.100000001490116119384765625
    )


@pytest.mark.parametrize("kind", ["FP16", "BF16"])
def test_halves_have_no_form_in_json(flowers: Pod, kind: str) -> None:
    """They are refused with the way that there is."""
    part = {"name": "input-0", "shape": [1, 4], "datatype": kind, "data": [0, 0, 0, 0]}
    assert "send it as binary data" in flowers.refused(INFER, {"inputs": [part]})


@pytest.mark.parametrize("kind", ["FP128", "fp64", "", "STRING", None, 64, ["FP64"]])
def test_unknown_datatypes(flowers: Pod, kind: Any) -> None:
    """Only those of the table are known, by these very names."""
    part = table(flowers.rows[:1], datatype=kind)
    assert "/inputs/0/datatype: expected one of FP64," in flowers.refused(INFER, {"inputs": [part]})


@pytest.mark.parametrize("kind", ["BOOL", "BYTES"])
def test_datatypes_that_the_column_is_not_of(flowers: Pod, kind: str) -> None:
    """Truth values and strings are no numbers."""
    data = [True] * 4 if kind == "BOOL" else ["1"] * 4
    part = {"name": "input-0", "shape": [1, 4], "datatype": kind, "data": data}
    assert "expected a number" in flowers.refused(INFER, {"inputs": [part]})


def test_one_tensor_per_column(mixed: Pod) -> None:
    """Columns of several types come as tensors by name, in any order, as [n] or [n, 1]."""
    parts = columns(mixed.rows[:6])
    expected = mixed.estimator.predict(mixed.rows[:6]).tolist()
    answer = mixed.post(INFER, {"inputs": parts})
    assert answer["outputs"] == [{"name": "predict", "shape": [6], "datatype": "FP64", "data": expected}]
    parts[1] |= {"shape": [6, 1], "data": [[value] for value in parts[1]["data"]]}
    parts[2] |= {"shape": [6, 1]}
    assert mixed.post(INFER, {"inputs": parts}) == answer


def test_columns_of_one_type_may_come_one_by_one(flowers: Pod) -> None:
    """What the metadata declare as one tensor is taken as one per column too."""
    rows = flowers.rows[:3]
    parts = [
        {"name": name, "shape": [3], "datatype": "FP64", "data": rows[:, i].tolist()}
        for i, name in enumerate(flowers.names)
    ]
    whole = flowers.post(INFER, {"inputs": [table(rows)]})
    assert flowers.post(INFER, {"inputs": parts[::-1]}) == whole


def test_inputs_that_are_not_the_models(mixed: Pod) -> None:
    """A column that is missing, unknown, twice, of another length or another type is refused."""
    good = columns(mixed.rows[:2])
    longer = {**good[0], "shape": [1], "data": ["blå"]}
    wide = {**good[0], "shape": [1, 2]}
    wrong = {**good[0], "data": ["blå", "green"]}
    real = {**good[2], "datatype": "FP64", "data": [1.0, 2.0]}
    parts: Any
    for parts in (
        good[:3], [*good[:3], {**good[3], "name": "other"}], [*good[:3], good[2]], [*good, good[0]],
        [longer, *good[1:]], [wide, *good[1:]], [wrong, *good[1:]], [*good[:2], real, good[3]],
        [{**good[0], "name": "input-0"}, *good[1:]], [], "x", None, [1], [{}], [{**good[0], "extra": 1}],
    ):  # fmt: skip
        assert '"error"' in mixed.refused(INFER, {"inputs": parts})


def test_places_are_those_of_the_request(mixed: Pod, flowers: Pod) -> None:
    """Pointers name the very element: flattened, nested, or of a tensor of one column."""
    flattened = [0.0] * 6 + ["x", 0.0]
    assert "/inputs/0/data/6: " in flowers.refused(
        INFER, {"inputs": [table(flowers.rows[:2], data=flattened)]}
    )
    body = orjson.dumps({"inputs": [table([[0.0] * 4] * 2)]}).replace(b"0.0]]", b"1e999]]")
    assert "/inputs/0/data/1/3: " in flowers.refused(INFER, body)
    parts = columns(mixed.rows[:2])
    parts[0]["data"] = ["blå", 1]
    assert "/inputs/0/data/1: expected a string" in mixed.refused(INFER, {"inputs": parts})


def test_nothing_else_is_in_a_request(flowers: Pod) -> None:
    """Members that the protocol does not know are refused; another model than the path's too."""
    good = {"inputs": [table(flowers.rows[:1])]}
    flowers.post(INFER, {**good, "model_name": NAME, "model_version": VERSION, "outputs": None})
    extra: dict[str, Any]
    for extra in ({"input": []}, {"model_name": "other"}, {"model_version": "1"}, {"model_name": [NAME]}):
        flowers.refused(INFER, {**good, **extra})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"null", b'{"inputs":', b'{"inputs":[NaN]}', b"\xff", b"1"]
)
def test_bodies_that_are_no_request(flowers: Pod, body: bytes) -> None:
    """They are refused with 400 and an error object."""
    assert list(orjson.loads(flowers.refused(INFER, body))) == ["error"]


def test_duplicate_keys(flowers: Pod) -> None:
    """A key that an object names twice is refused wherever it stands; a colon in a string is not one."""
    good = orjson.dumps({"inputs": [table(flowers.rows[:1])], "id": "a:b"})
    assert flowers.ask(INFER, good).status == 200
    for old, new in (
        (b'"id":', b'"id":"x","id":'), (b'"name":', b'"name":"y","name":'),
        (b'"id"', b'"parameters":{"a":1,"a":1},"id"'),
        (b'"id"', b'"outputs":[{"name":"x","name":"predict"}],"id"'),
    ):  # fmt: skip
        assert "every key of an object once" in flowers.refused(INFER, good.replace(old, new))


def test_an_error_is_an_object_with_a_message(flowers: Pod) -> None:
    """What does not fit the schema is 400 here, and never repeats what was sent."""
    part = table(flowers.rows[:1], data=[["a secret", 0, 0, 0]])
    answer = flowers.ask(INFER, orjson.dumps({"inputs": [part]}))
    assert (answer.status, answer.content_type) == (400, b"application/json")
    assert list(orjson.loads(answer.body)) == ["error"]
    assert b"secret" not in answer.body


def test_row_limits(flowers: Pod) -> None:
    """The limit of rows is that of every protocol."""
    rows = np.zeros((pods.MOST_ROWS, 4))
    flowers.post(INFER, {"inputs": [table(rows)]})
    flowers.refused(INFER, {"inputs": [table(np.zeros((pods.MOST_ROWS + 1, 4)))]})


@pytest.mark.parametrize("kind", [b"application/json", b"application/json; charset=UTF-8", None])
def test_media_types(flowers: Pod, kind: bytes | None) -> None:
    """JSON, or none named: Triton's client names none."""
    body = orjson.dumps({"inputs": [table(flowers.rows[:1])]})
    assert flowers.ask(INFER, body, {} if kind is None else {b"content-type": kind}).status == 200


@pytest.mark.parametrize(
    "kind", [b"text/plain", b"application/octet-stream", b"application/json; charset=latin-1",
             b"application/json; x=y", b"application/jsonx", b";", b"application/json;", b"\xff"],
)  # fmt: skip
def test_other_media_types(flowers: Pod, kind: bytes) -> None:
    """415 in the protocol's words."""
    answer = flowers.ask(INFER, orjson.dumps({"inputs": [table(flowers.rows[:1])]}), {b"content-type": kind})
    assert (answer.status, list(orjson.loads(answer.body))) == (415, ["error"])


def test_labels_of_each_type() -> None:
    """Labels that are strings are BYTES, truth values BOOL, integers INT64, real numbers FP64."""
    cases: tuple[tuple[tuple[Any, ...], str], ...] = (
        (("a", "b", "c"), "BYTES"), ((0, 1, 2), "INT64"), ((0.0, 1.0, 2.0), "FP64"), ((False, True), "BOOL"),
    )  # fmt: skip
    for labels, kind in cases:
        found = pods.flowers(labels)
        output = found.post(INFER, {"inputs": [table(found.rows[:4])]})["outputs"][0]
        assert output["datatype"] == kind
        assert output["data"] == found.estimator.predict(found.rows[:4]).tolist()
        metadata = orjson.loads(found.get(MODEL).body)
        assert metadata["outputs"][0] == {"name": "predict", "datatype": kind, "shape": [-1]}


def test_numbers_that_json_has_not(flowers: Pod) -> None:
    """An answer with NaN is an error of the pod, never a null."""
    dialect = flowers.routes.by_path[INFER].dialect
    assert dialect is not None
    question = dialect.read(orjson.dumps({"inputs": [table(flowers.rows[:1])]}), pods.JSON)
    for number in (np.nan, np.inf):
        with pytest.raises(ValueError, match="not finite"):
            dialect.write(question, Answers(np.array([1]), np.array([[0.5, number, 0.5]])), "id-1")
