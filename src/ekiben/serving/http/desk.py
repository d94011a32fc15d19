"""What all connections of one port share."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ekiben.serving.exchange import Dialect, Endpoint, Explaining, Routes
from ekiben.serving.gate import Gate
from ekiben.serving.http.again import Heads
from ekiben.serving.http.wire import Writer
from ekiben.serving.instruments import Instruments
from ekiben.serving.lane import Lane
from ekiben.serving.life import Life

if TYPE_CHECKING:  # loaded only where something is explained
    from ekiben.serving.explanation.worker import Explanations

_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits on one connection and on all of them.

    Attributes:
        body_bytes: Longest body.
        header_seconds: Time for the head of a request, and for the first one to begin.
        body_seconds: Time for its body.
        idle_seconds: Time between requests.
        connections: Most connections at once.
        age_requests: Requests after which a connection is closed.
        age_seconds: Age after which it is closed (with a spread, see `Connection`).
    """

    body_bytes: int
    header_seconds: float
    body_seconds: float
    idle_seconds: float
    connections: int
    age_requests: int
    age_seconds: float


@dataclass(slots=True)
class Desk:
    """What all connections of the `http` port share.

    Attributes:
        gate: Admission.
        routes: Endpoints that are answered here.
        passed: Paths that the BentoML service answers.
        life: Whether the pod is going.
        instruments: Counters.
        bounds: Limits.
        predict: The product's own dialect, also where the service has its own `/predict`.
        lane: Where predictions go; None until the model is loaded.
        explanations: Where requests for explanations go; None until the model is loaded, or without them.
    """

    gate: Gate
    routes: Routes
    passed: frozenset[str]
    life: Life
    instruments: Instruments
    bounds: Bounds
    predict: Dialect
    lane: Lane | None = None
    explanations: Explanations | None = None
    writer: Writer = field(default_factory=Writer)
    heads: Heads = field(default_factory=Heads)
    by_target: dict[bytes, Endpoint] = field(init=False)
    explaining: dict[str, Explaining] = field(init=False)
    _prefix: str = field(default_factory=lambda: os.urandom(8).hex())
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        """Index the endpoints by what stands in a request line."""
        self.by_target = {path.encode(): each for path, each in self.routes.by_path.items()}
        self.explaining = {
            each.template: each.explaining
            for each in self.routes.by_path.values()
            if each.explaining is not None
        }

    def request_id(self, given: bytes | None) -> str:
        """Id of a request: its `X-Request-Id` if that is harmless, else a new one."""
        if given is not None and _ID.fullmatch(given):
            return given.decode()
        return f"{self._prefix}{next(self._numbers):08x}"
