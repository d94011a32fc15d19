"""The lane: what is there together is one batch, what is large goes aside, who is gone is dropped."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import math
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ekiben.serving import artefact as reader
from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Headers, Question
from ekiben.serving.instruments import Instruments
from ekiben.serving.lane import Lane
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols.predict import Predict
from ekiben.serving.validation import Validator

ROW = [0.1, 0.2, 0.3]
JSON = {b"content-type": b"application/json"}
MODEL = SimpleNamespace(name="small", version="1", sha256="sha256:0")


class Recorder:
    """A predictor that notes its calls, and answers the sum of each row; some rows it cannot answer."""

    name = "recorder"

    def __init__(self, seconds: float = 0, fails_above: float = 1e9) -> None:
        self.seconds, self.fails_above = seconds, fails_above
        self.calls: list[tuple[int, str]] = []

    def predict(self, rows: Any) -> Answers:
        self.calls.append((len(rows), threading.current_thread().name))
        if self.seconds:
            time.sleep(self.seconds)
        if rows.max() > self.fails_above:
            raise ValueError("the estimator cannot")
        return Answers(rows.sum(axis=1), None)


@pytest.fixture
def dialect(artefact: Path) -> Predict:
    """`/predict` of the small model."""
    return Predict(Validator(reader.read(artefact).schema, 5_000), {"name": "small", "version": "1"})


def made(recorder: Recorder) -> Lane:
    return Lane(recorder, inline_rows=8, most_bytes=400_000, instruments=Instruments(MODEL, "recorder"))


def run(recorder: Recorder, scene: Callable[[Lane], Awaitable[Any]]) -> Any:
    """Play a scene on a loop of its own."""
    lane = made(recorder)

    async def play() -> Any:
        lane.open()
        return await asyncio.wait_for(scene(lane), 2)

    try:
        return asyncio.run(play())
    finally:
        lane.close()


def send(
    lane: Lane, dialect: Predict, body: Any, deadline: float = 1e12, **headers: str
) -> asyncio.Future[Answer]:
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    extra = {key.replace("_", "-").encode(): value.encode() for key, value in headers.items()}
    future.ticket = lane.ask(dialect, content, {**JSON, **extra}, "id", deadline, future.set_result)  # type: ignore[attr-defined]
    return future


@pytest.mark.parametrize(("rows", "thread"), [(1, "main"), (8, "main"), (9, "worker"), (4_000, "worker")])
def test_what_is_large_leaves_the_event_loop(dialect: Predict, rows: int, thread: str) -> None:
    """A few rows are predicted on the loop, more of them on the worker."""
    recorder = Recorder()
    instances = [[each, 0.0, 0.0] for each in range(rows)]
    answer = run(recorder, lambda lane: send(lane, dialect, {"instances": instances}))
    assert json.loads(answer.body)["predictions"] == list(range(rows))
    names = {"main": threading.current_thread().name, "worker": "large-requests_0"}
    assert recorder.calls == [(rows, names[thread])]


def test_what_is_there_together_is_one_batch(dialect: Predict) -> None:
    """Requests of one turn of the loop share a call, and each gets the answers to its own rows."""
    recorder = Recorder()

    async def scene(lane: Lane) -> list[Answer]:
        return await asyncio.gather(
            *(send(lane, dialect, {"instances": [[n, 0, 0], [n, 1, 0]]}) for n in range(3))
        )

    answers = run(recorder, scene)
    assert [json.loads(each.body)["predictions"] for each in answers] == [[0, 1], [1, 2], [2, 3]]
    assert [rows for rows, _ in recorder.calls] == [6]


@pytest.mark.parametrize("headers", [JSON, {**JSON, b"content-encoding": b"gzip"}])
def test_what_was_refused_is_not_kept_until_a_collection(headers: dict[bytes, bytes]) -> None:
    """A refusal lets go of the request that it was raised in: no frame of its traceback holds it."""
    held: list[weakref.ref[Document]] = []

    class Document:
        """What a decoder made of a body."""

    class Refusing(Predict):
        def read(self, body: bytes, headers: Headers) -> Question:
            del headers
            document = Document()
            held.append(weakref.ref(document))
            try:
                int(body)
            except ValueError as error:
                raise RefusedError(422, "type", "expected another type") from error
            raise AssertionError(document)

    async def scene(lane: Lane) -> Any:
        body = gzip.compress(b"[]") if b"content-encoding" in headers else b"[]"
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        refusing = Refusing(None, {})  # type: ignore[arg-type]  # it validates nothing
        lane.ask(refusing, body, headers, "1", math.inf, answered.set_result)
        return (await answered).status, held[0]()

    gc.disable()
    try:
        assert run(Recorder(), scene) == (422, None)
    finally:
        gc.enable()


def test_a_batch_that_fails_is_tried_request_by_request(dialect: Predict) -> None:
    """One request that the estimator cannot answer is a 500; its neighbours are answered."""

    async def scene(lane: Lane) -> list[Answer]:
        return await asyncio.gather(*(send(lane, dialect, [n, 0, 0]) for n in (1, 50, 2)))

    found = run(Recorder(fails_above=10), scene)
    assert [each.status for each in found] == [200, 500, 200]
    assert json.loads(found[1].body)["detail"] == "the model failed on this request"


def test_a_slow_predictor_leaves_the_loop_free(dialect: Predict) -> None:
    """Once it is known to be slow it runs on the worker, and what arrives meanwhile is the next batch."""
    recorder = Recorder(seconds=0.05)

    async def scene(lane: Lane) -> float:
        await send(lane, dialect, ROW)
        first = send(lane, dialect, ROW)
        await asyncio.sleep(0.01)
        rest = [send(lane, dialect, ROW) for _ in range(5)]
        started = time.monotonic()
        await asyncio.sleep(0)
        stalled = time.monotonic() - started
        await asyncio.gather(first, *rest)
        return stalled

    assert run(recorder, scene) < 0.04
    assert [rows for rows, _ in recorder.calls] == [1, 1, 5]
    assert [name for _, name in recorder.calls][1:] == ["large-requests_0"] * 2


@pytest.mark.parametrize(("seconds", "at_once"), [(0, 32), (0.001, 0)])
def test_who_comes_alone_does_not_wait_for_company(dialect: Predict, seconds: float, at_once: int) -> None:
    """After eight that came alone most are answered before `ask` returns; not by a slow predictor."""

    async def scene(lane: Lane) -> list[bool]:
        early = []
        for _ in range(41):
            future = send(lane, dialect, ROW)
            early.append(future.done())
            await future
        return early

    # The predictor is timed by the clock: where the machine stands still meanwhile, it is a slow one.
    found = (run(Recorder(seconds), scene) for _ in range(5))
    assert [False] * 8 + [True] * at_once + [False] * (33 - at_once) in found


def test_who_came_alone_is_batched_again_with_company(dialect: Predict) -> None:
    """One in 33 goes on waiting, so that company is seen; from then on all that come together share."""
    recorder = Recorder()

    async def scene(lane: Lane) -> None:
        for _ in range(8):
            await send(lane, dialect, ROW)
        for _ in range(5):
            await asyncio.gather(*(send(lane, dialect, ROW) for _ in range(12)))

    run(recorder, scene)
    assert [rows for rows, _ in recorder.calls] == [1] * 8 + [1] * 32 + [4] + [12] * 2


def test_work_that_nobody_waits_for_is_dropped(dialect: Predict) -> None:
    """A cancelled question never reaches the predictor, alone or in a batch."""
    recorder = Recorder()

    async def scene(lane: Lane) -> Answer:
        gone = send(lane, dialect, {"instances": [ROW] * 3})
        stays = send(lane, dialect, ROW)
        gone.ticket.cancel()  # type: ignore[attr-defined]
        answer = await stays
        assert not gone.done()
        return answer

    assert run(recorder, scene).status == 200
    assert [rows for rows, _ in recorder.calls] == [1]


@pytest.mark.parametrize("rows", [1, 9])
def test_after_its_deadline_a_request_is_not_worked_on(dialect: Predict, rows: int) -> None:
    """It is answered 504, small or large."""
    recorder = Recorder()
    body = {"instances": [ROW] * rows}
    answer = run(recorder, lambda lane: send(lane, dialect, body, deadline=time.monotonic() - 1))
    assert (answer.status, recorder.calls) == (504, [])


def test_large_requests_that_would_be_late_are_refused_at_once(dialect: Predict) -> None:
    """The backlog is known: who cannot be served in time hears it before, with a time to come back."""
    recorder = Recorder(seconds=0.5)

    async def scene(lane: Lane) -> Answer:
        await send(lane, dialect, {"instances": [ROW] * 9})
        first = send(lane, dialect, {"instances": [ROW] * 9})
        started = time.monotonic()
        late = await send(lane, dialect, {"instances": [ROW] * 9}, deadline=started + 0.3)
        assert time.monotonic() - started < 0.3
        await first
        return late

    answer = run(recorder, scene)
    assert (answer.status, dict(answer.headers)) == (503, {b"retry-after": b"1"})


def test_what_must_be_refused_is_not_decoded(dialect: Predict) -> None:
    """Refusing costs little: as large a body is refused for the time it lacks, even if it is no JSON."""
    recorder = Recorder(seconds=0.2)

    async def scene(lane: Lane) -> tuple[Answer, Answer]:
        body = json.dumps({"instances": [ROW] * 9}).encode()
        await send(lane, dialect, body)
        first = send(lane, dialect, body)
        late = await send(lane, dialect, b"{" * len(body), deadline=time.monotonic() + 0.1)
        small = await send(lane, dialect, b"{", deadline=time.monotonic() + 0.1)
        await first
        return late, small

    late, small = run(recorder, scene)
    assert (late.status, small.status) == (503, 400)


def test_answers_that_json_cannot_carry_are_a_500(dialect: Predict) -> None:
    """NaN is never written as null."""

    class Nowhere(Recorder):
        def predict(self, rows: Any) -> Answers:
            return Answers(np.full(len(rows), np.nan), None)

    assert run(Nowhere(), lambda lane: send(lane, dialect, ROW)).status == 500


def test_packed_bodies_are_unpacked_aside(dialect: Predict) -> None:
    """A compressed body is answered as the same body unpacked."""
    recorder = Recorder()
    body = gzip.compress(json.dumps([1, 2, 3]).encode())
    answer = run(recorder, lambda lane: send(lane, dialect, body, content_encoding="gzip"))
    assert json.loads(answer.body)["prediction"] == 6
    assert recorder.calls == [(1, "large-requests_0")]


def test_golden_rows_need_no_loop(dialect: Predict) -> None:
    """Before the pod is ready, the same way is walked on the calling thread."""
    lane = made(Recorder())
    try:
        assert json.loads(lane.answer_now(dialect, b"[1, 2, 3]", JSON, "warm-up").body)["prediction"] == 6
        assert lane.answer_now(dialect, b"[1, 2]", JSON, "warm-up").status == 422
    finally:
        lane.close()
