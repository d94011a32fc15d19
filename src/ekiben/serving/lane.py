"""Prediction, from the bytes of a body to the bytes of an answer; what is large leaves the event loop.

`answer_now` is a pure function of the body and the request's id. Golden rows
go through it before the pod is ready, requests go through it afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from ekiben.serving.answer import Answer, failure, refusal
from ekiben.serving.artefact import Artefact
from ekiben.serving.predictor import Predictor
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols import predict
from ekiben.serving.validation import Validator

_LOG = logging.getLogger(__name__)
_INLINE_BYTES = 16_384  # decoding this much takes well under a millisecond


class Lane:
    """Answers prediction requests of one model.

    Args:
        artefact: What is served.
        predictor: Its predictor.
        most_rows: Most rows in one request.
        inline_rows: Requests with more rows run on the worker thread.
    """

    def __init__(self, artefact: Artefact, predictor: Predictor, *, most_rows: int, inline_rows: int) -> None:
        self._model = {"name": artefact.name, "version": artefact.version}
        self._validator = Validator(artefact.schema, most_rows)
        self._predictor = predictor
        self._inline_rows = inline_rows
        # One thread: two large requests would only share the replica's one core.
        self._worker = ThreadPoolExecutor(1, "large-requests")

    async def answer(self, body: bytes, request_id: str) -> Answer:
        """Answer on the event loop if it is quick, else on the worker thread."""
        loop = asyncio.get_running_loop()
        if len(body) > _INLINE_BYTES:
            return await loop.run_in_executor(self._worker, self.answer_now, body, request_id)
        try:
            batch = predict.read(body, self._validator)
        except RefusedError as error:
            return refusal(error, request_id)
        if len(batch.rows) > self._inline_rows:
            return await loop.run_in_executor(self._worker, self._predicted, batch, request_id)
        return self._predicted(batch, request_id)

    def close(self) -> None:
        """Let the worker thread end once it is idle."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def answer_now(self, body: bytes, request_id: str) -> Answer:
        """Answer on the calling thread."""
        try:
            batch = predict.read(body, self._validator)
        except RefusedError as error:
            return refusal(error, request_id)
        return self._predicted(batch, request_id)

    def _predicted(self, batch: predict.Batch, request_id: str) -> Answer:
        started = time.perf_counter()
        try:
            answers = self._predictor.predict(batch.rows)
            seconds = time.perf_counter() - started
            body = predict.write(answers, single=batch.single, model=self._model, request_id=request_id)
        except Exception:  # noqa: BLE001 - an estimator may raise anything; its caller gets a 500
            _LOG.exception("the predictor failed on %d row(s), request %s", len(batch.rows), request_id)
            return failure(500, "the model failed on this request", request_id)
        return Answer(200, body, rows=len(batch.rows), predict_seconds=seconds)
