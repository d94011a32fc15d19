"""BentoML with everything public that makes it faster, and ONNX Runtime.

`Tuned` is the fastest plain API: asynchronous, with its content type declared (BentoML else
builds a JSON schema for every answer), no access log, no trace of the route, a short time-out
(BentoML keeps the state of each request for as long), the garbage collector frozen.
`Middleware` answers before BentoML's routing, by the public `add_asgi_middleware`.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Any

import bentoml
import numpy as np
import onnxruntime
import orjson
from bentoml.validators import ContentType

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_GC_THRESHOLDS = (50_000, 20, 100)
_OPTIONS: dict[str, Any] = {
    "traffic": {"timeout": 5},
    "logging": {"access": {"enabled": False}},
    "tracing": {"excluded_urls": "/predict"},
    "metrics": {"duration": {"buckets": [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0]}},
}


class _Session:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            os.environ["BENCH_ONNX"], options, providers=["CPUExecutionProvider"]
        )
        self._source = self._session.get_inputs()[0].name
        self._target = [self._session.get_outputs()[0].name]

    def predict(self, rows: np.ndarray) -> np.ndarray:
        (answers,) = self._session.run(self._target, {self._source: rows})
        return np.ravel(answers)


def _frozen() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


@bentoml.service(**_OPTIONS)
class Tuned:
    """Predicts in a plain API."""

    def __init__(self) -> None:
        self._session = _Session()
        _frozen()

    @bentoml.api
    async def predict(self, rows: np.ndarray) -> Annotated[np.ndarray, ContentType("application/json")]:
        """Predict rows."""
        return self._session.predict(rows.astype(np.float32))


class _Answering:
    """Answers predictions; everything else goes on to BentoML."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._session = _Session()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/predict":
            await self._app(scope, receive, send)
            return
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        answers = self._session.predict(np.array(orjson.loads(body)["rows"], dtype=np.float32))
        answer = orjson.dumps(answers.tolist())
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@bentoml.service(**_OPTIONS)
class Middleware:
    """Carries the middleware, and an API for the schema."""

    def __init__(self) -> None:
        _frozen()

    @bentoml.api(route="/slow")
    def slow(self, rows: np.ndarray) -> np.ndarray:
        """Say that the fast way was missed."""
        raise NotImplementedError(f"/predict answers {len(rows)} rows")


Middleware.add_asgi_middleware(_Answering)  # type: ignore[attr-defined]  # untyped
