"""A pod without its connections: routes, a real estimator, and what lies between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Routes
from ekiben.serving.golden import Golden
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols.routes import endpoints
from ekiben.serving.protocols.served import Served
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator

NAME, VERSION = "flowers", "0123456789abcdef"
JSON = {b"content-type": b"application/json"}
LENGTH = b"inference-header-content-length"
MOST_ROWS = 300
READY = Answer(200, b'{"status":"ready"}')


class Pod:
    """Everything between a request's bytes and an answer's.

    Args:
        estimator: Fitted.
        schema: Of its columns.
        rows: Rows that it knows; the first are golden.
    """

    def __init__(self, estimator: Any, schema: Schema, rows: Any) -> None:
        self.estimator, self.schema, self.rows = estimator, schema, rows
        self.names = [each.name for each in schema.inputs]
        self.ready = READY
        first = rows[:2]
        probabilities = None
        if schema.output.probabilities:
            probabilities = tuple(map(tuple, estimator.predict_proba(first).tolist()))
        golden = Golden(
            tuple(dict(zip(self.names, row, strict=True)) for row in first.tolist()),
            tuple(estimator.predict(first).tolist()),
            probabilities,
            1e-9,
        )
        self.served = Served(NAME, VERSION, "sha256:" + VERSION * 4, schema, golden)
        self._predictor = EstimatorPredictor(estimator, schema)

    @property
    def routes(self) -> Routes:
        """All endpoints."""
        return endpoints(
            self.served,
            Validator(self.schema, MOST_ROWS),
            version="1.2.3",
            live=lambda _: Answer(200, b"{}"),
            ready=lambda _: self.ready,
        )

    def get(self, path: str) -> Answer:
        """Answer what is told from memory."""
        reply = self.routes.by_path[path].reply
        assert reply is not None
        return reply("id-1")

    def ask(self, path: str, body: bytes, headers: Mapping[bytes, bytes] = JSON) -> Answer:
        """Answer a prediction, as the lane does."""
        endpoint = self.routes.by_path[path]
        assert endpoint.dialect is not None
        try:
            question = endpoint.dialect.read(body, headers)
        except RefusedError as error:
            return endpoint.refuse(error, "id-1")
        return endpoint.dialect.write(question, self._predictor.predict(question.rows), "id-1")

    def post(self, path: str, document: Any, headers: Mapping[bytes, bytes] = JSON) -> Any:
        """Answer a JSON prediction, which must succeed."""
        answer = self.ask(path, orjson.dumps(document), headers)
        assert answer.status == 200, answer.body
        return orjson.loads(answer.body)

    def refused(self, path: str, document: Any, status: int = 400) -> str:
        """Give the body of a refusal."""
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        answer = self.ask(path, body)
        assert answer.status == status, answer.body
        return answer.body.decode()


def flowers(labels: Sequence[Any] = (0, 1, 2), names: Sequence[str] = ("sl", "sw", "pl", "pw")) -> Pod:
    """Numbers in, one of some labels out."""
    rows = np.random.default_rng(1).normal(size=(60, len(names)))
    estimator = RandomForestClassifier(n_estimators=3, random_state=0)
    estimator.fit(rows, np.array(labels)[((rows[:, :2] > 0).sum(axis=1)).clip(max=len(labels) - 1)])
    inputs = tuple(Input(name, "float64") for name in names)
    return Pod(estimator, Schema(inputs, Output("classification", tuple(labels), probabilities=True)), rows)


def mixed() -> Pod:
    """A real number, an integer, a truth value and a string in, a number out."""
    rows = np.empty((40, 4), dtype=object)
    rows[:] = [[i / 7, i - 20, i % 3 == 0, "blå" if i % 2 else "red, or so"] for i in range(40)]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    estimator = make_pipeline(encoder, LinearRegression()).fit(rows, np.arange(40.0) ** 2)
    inputs = (
        Input("real", "float64"),
        Input("whole", "int64"),
        Input("flag", "bool"),
        Input("colour", "string", categories=("blå", "red, or so")),
    )
    return Pod(estimator, Schema(inputs, Output("regression")), rows)


def gaps() -> Pod:
    """Two numbers, either of which may be missing, one in a range that is counted; a number out."""
    rows = np.random.default_rng(2).normal(size=(30, 2))
    inputs = (
        Input("a", "float64", -9.0, 9.0, on_out_of_range="count", missing="nan"),
        Input("b", "float64", missing="value", default=0.5),
    )
    estimator = HistGradientBoostingRegressor(max_iter=3).fit(rows, rows.sum(axis=1))
    return Pod(estimator, Schema(inputs, Output("regression")), rows)
