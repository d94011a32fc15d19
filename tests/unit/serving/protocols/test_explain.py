"""`/explain` and `:explain`: their routes, their words, and the document that describes them."""

from __future__ import annotations

import dataclasses
from typing import Any

import jsonschema_rs
import numpy as np
import orjson
import pytest
from tests.unit.serving.protocols import pod
from tests.unit.serving.protocols.pod import JSON, NAME, VERSION, Pod

from ekiben.artefact.explanation import explained_by
from ekiben.serving.exchange import Endpoint
from ekiben.serving.explanation.loaded import explainer_of
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.problem import RefusedError

OWN, KSERVE = "/explain", f"/v1/models/{NAME}:explain"


class Explained:
    """A pod's routes with explanations, and an answer to a body on one of them."""

    def __init__(self, of: Pod) -> None:
        content = explained_by(of.estimator, of.schema, of.rows, of.rows[:2])
        of.served = dataclasses.replace(of.served, explanation=content.summary)
        self.pod, self.explainer = of, explainer_of(content, len(of.names))
        self.endpoints: dict[str, Endpoint] = of.routes.by_path
        self._predictor = EstimatorPredictor(of.estimator, of.schema)

    def ask(self, path: str, document: Any) -> Any:
        dialect = self.endpoints[path].explaining
        assert dialect is not None
        question = dialect.read(orjson.dumps(document), JSON)
        answers, explained = self._predictor.predict(question.rows), self.explainer.explain(question.rows)
        return orjson.loads(dialect.write(question, answers, self.explainer.base, explained, "id-1").body)

    def fits(self, path: str, part: str, document: Any) -> None:
        """Compare a body with what the OpenAPI document says of it."""
        whole = orjson.loads(self.pod.get("/openapi.json").body)
        operation = whole["paths"][path]["post"]
        of = operation["requestBody"] if part == "request" else operation["responses"]["200"]
        reference = of["content"]["application/json"]["schema"]["$ref"]
        jsonschema_rs.Draft202012Validator({**whole, "$ref": reference}).validate(document)


@pytest.fixture
def explained() -> Explained:
    """Of a forest of three classes."""
    return Explained(pod.flowers())


def test_without_explanations_there_are_no_such_routes(flowers: Pod) -> None:
    """They are paths like any unknown one, and the document does not name them."""
    assert not [path for path in flowers.routes.by_path if "explain" in path]
    assert b"explain" not in flowers.get("/openapi.json").body.lower()
    assert b"/explain" not in flowers.get("/docs").body


def test_the_routes(explained: Explained) -> None:
    """In a group of their own, with the template that metrics know, refused in their protocol's words."""
    found = {path: each for path, each in explained.endpoints.items() if each.group == "explain"}
    assert {path: (each.template, each.methods) for path, each in found.items()} == {
        OWN: (OWN, ("POST",)),
        KSERVE: ("/v1/models/{model}:explain", ("POST",)),
    }
    error = RefusedError(403, "forbidden", "no leave")
    assert orjson.loads(found[KSERVE].refuse(error, "id").body) == {"error": "no leave"}
    assert orjson.loads(found[OWN].refuse(error, "id").body)["reason"] == "forbidden"


def test_every_form_of_a_request(explained: Explained) -> None:
    """Those of `/predict`: many rows, a bare row, one row as an array or by name."""
    asked = explained.pod
    row = asked.rows[0].tolist()
    many = explained.ask(OWN, {"instances": asked.rows[:3].tolist()})
    assert len(many["explanations"]) == len(many["predictions"]) == len(many["probabilities"]) == 3
    explained.fits(OWN, "answer", many)
    for body in (row, {"features": row}, {"features": dict(zip(asked.names, row, strict=True))}):
        one = explained.ask(OWN, body)
        assert one["explanation"] == many["explanations"][0]
        assert one["prediction"] == many["predictions"][0]
        explained.fits(OWN, "answer", one)
        explained.fits(OWN, "request", body)
    assert many["model"] == {"name": NAME, "version": VERSION}
    assert many["id"] == "id-1"
    assert many["explained"] == {"scale": "probability", "classes": [0, 1, 2]}


def test_an_explanation_adds_up_in_its_json(explained: Explained) -> None:
    """As a client adds it up: base and contributions of each class are the probability of that class."""
    asked = explained.pod
    found = explained.ask(OWN, {"instances": asked.rows[:5].tolist()})
    expected = asked.estimator.predict_proba(asked.rows[:5])
    for each, row in zip(found["explanations"], expected, strict=True):
        assert list(each["contributions"]) == asked.names
        sums = np.array(each["base"]) + np.sum(list(each["contributions"].values()), axis=0)
        assert sums == pytest.approx(row, abs=1e-9)
        assert each["output"] == pytest.approx(row, abs=1e-12)


def test_kserves_words(explained: Explained) -> None:
    """`instances` or `inputs`; predictions and explanations and nothing else."""
    rows = explained.pod.rows[:2].tolist()
    found = explained.ask(KSERVE, {"instances": rows})
    assert set(found) == {"predictions", "explanations"}
    assert found["explanations"] == explained.ask(OWN, {"instances": rows})["explanations"]
    assert found == explained.ask(KSERVE, {"inputs": rows})
    explained.fits(KSERVE, "answer", found)
    explained.fits(KSERVE, "request", {"instances": rows})


def test_one_score_is_a_number() -> None:
    """A regression has no classes; its values are plain numbers, also where a value is missing."""
    explained = Explained(pod.gaps())
    found = explained.ask(OWN, {"instances": [[None, 0.5], [1.0, 0.25]]})
    for each in found["explanations"]:
        assert isinstance(each["base"], float)
        assert each["base"] + sum(each["contributions"].values()) == pytest.approx(each["output"], abs=1e-9)
    assert found["explained"] == {"scale": "prediction", "classes": []}
    explained.fits(OWN, "answer", found)


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b'{"instances": [[1, 2, 3]]}', 422), (b'{"rows": []}', 422)]
)
def test_a_wrong_request(explained: Explained, body: bytes, status: int) -> None:
    """Refused as `/predict` refuses it."""
    dialect = explained.endpoints[OWN].explaining
    assert dialect is not None
    with pytest.raises(RefusedError) as error:
        dialect.read(body, JSON)
    assert error.value.status == status


def test_rows_have_a_limit_of_their_own(explained: Explained) -> None:
    """A hundred by default, although more may be predicted at once."""
    dialect = explained.endpoints[OWN].explaining
    assert dialect is not None
    rows = np.zeros((101, 4)).tolist()
    predicting = explained.endpoints["/predict"].dialect
    assert predicting is not None
    assert len(predicting.read(orjson.dumps({"instances": rows}), JSON).rows) == 101
    with pytest.raises(RefusedError, match="100"):
        dialect.read(orjson.dumps({"instances": rows}), JSON)
