"""Readiness, warm-up and drain: what a pod says about itself, and how it goes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from ekiben.errors import AcceptanceError
from ekiben.serving.answer import Answer
from ekiben.serving.artefact import Artefact

QUIET_SECONDS = 1.0  # a drain ends when no request came for so long
_TICK_SECONDS = 0.05
_RETRY_AFTER = ((b"retry-after", b"1"),)


class Life:
    """State of one pod.

    Args:
        artefact: What it serves.
        clock: Monotonic seconds.
    """

    def __init__(self, artefact: Artefact, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready = orjson.dumps(
            {
                "status": "ready",
                "model": {"name": artefact.name, "version": artefact.version},
                "artefact": artefact.sha256,
            }
        )
        self._state, self._reason = "starting", "the model is being loaded"
        self._last_arrival = -math.inf
        self.draining = False

    @property
    def ready(self) -> bool:
        """Whether golden rows gave the right answers."""
        return self._state == "ready"

    def become_ready(self) -> None:
        """All golden rows were right; stays so while draining."""
        self._state, self._reason = "ready", ""

    def fail(self, reason: str) -> None:
        """The pod will not become ready."""
        self._state, self._reason = "failed", reason

    def arrived(self) -> None:
        """Note a request that is not a probe."""
        self._last_arrival = self._clock()

    def readiness(self) -> Answer:
        """Answer of `/readyz`."""
        if self.ready:
            return Answer(200, self._ready)
        return Answer(
            503, orjson.dumps({"status": self._state, "reason": self._reason}), headers=_RETRY_AFTER
        )

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Keep serving, every answer closing its connection, until callers have moved away.

        Args:
            seconds: Shortest drain; the longest is twice as long.
            hurry: Ends the drain at once.
        """
        self.draining = True
        started = self._clock()
        while not hurry.is_set():
            now = self._clock()
            if now - started >= seconds and now - self._last_arrival >= QUIET_SECONDS:
                return
            if now - started >= 2 * seconds:
                return
            await asyncio.sleep(_TICK_SECONDS)


def warm_up(artefact: Artefact, answer: Callable[[bytes, str], Answer]) -> None:
    """Send golden rows the way of every request and compare each answer.

    Args:
        artefact: Holds the rows and what they must give.
        answer: The lane's way from a body to an answer.

    Raises:
        AcceptanceError: An answer is missing or wrong.
    """
    golden = artefact.golden
    together = _parsed(answer(orjson.dumps({"instances": list(golden.instances)}), "warm-up"))
    _compare(
        artefact, together.get("predictions"), together.get("probabilities"), range(len(golden.instances))
    )
    ordered = [golden.instances[0][each.name] for each in artefact.schema.inputs]
    for body in (ordered, {"features": dict(golden.instances[0])}):
        alone = _parsed(answer(orjson.dumps(body), "warm-up"))
        probabilities = alone.get("probabilities")
        _compare(artefact, [alone.get("prediction")], None if probabilities is None else [probabilities], [0])


def _parsed(answer: Answer) -> Mapping[str, Any]:
    if answer.status != 200:  # noqa: PLR2004
        raise AcceptanceError(f"golden rows were refused with status {answer.status}: {answer.body.decode()}")
    document: Mapping[str, Any] = orjson.loads(answer.body)
    return document


def _compare(artefact: Artefact, predictions: Any, probabilities: Any, numbers: Sequence[int]) -> None:
    golden = artefact.golden
    expected = [golden.predictions[number] for number in numbers]
    wrong = [
        number
        for number, mine, theirs in zip(numbers, predictions or [None] * len(numbers), expected, strict=True)
        if not _same(mine, theirs, golden.relative_tolerance)
    ]
    if golden.probabilities is not None:
        rows = [golden.probabilities[number] for number in numbers]
        found = probabilities or [()] * len(numbers)
        wrong += [
            number
            for number, mine, theirs in zip(numbers, found, rows, strict=True)
            if len(mine) != len(theirs)
            or not all(_same(a, b, golden.relative_tolerance) for a, b in zip(mine, theirs, strict=True))
        ]
    if wrong:
        raise AcceptanceError(
            f"{artefact.name}:{artefact.version}: {len(set(wrong))} of {len(numbers)} golden rows "
            f"gave another answer than the trained estimator (first: row {min(wrong)})",
            remedy="train and build the model again; this image must not serve",
        )


def _same(mine: Any, theirs: Any, tolerance: float) -> bool:
    if isinstance(theirs, float):
        return isinstance(mine, float | int) and math.isclose(
            mine, theirs, rel_tol=tolerance, abs_tol=tolerance
        )
    return type(mine) is type(theirs) and bool(mine == theirs)
