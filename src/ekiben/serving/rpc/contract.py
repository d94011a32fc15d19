"""What this room needs of the others; `gate` and `lane` fit as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Dialect, Group, Headers
from ekiben.serving.problem import Reason


class Visit(Protocol):
    """One call, from its arrival to the end of its answer.

    Attributes:
        deadline: Monotonic seconds after which its answer is of no use.
    """

    deadline: float

    def admit(self, group: Group, headers: Headers, peer: str) -> None:
        """Check the caller's leave, and the room that is left.

        Raises:
            RefusedError: 401, 403, 429 or 503.
        """
        ...

    def end(
        self,
        status: int,
        request_id: str = "",
        request_bytes: int = 0,
        response_bytes: int = 0,
        ticket: Any = None,
    ) -> None:
        """Count the end of the answer, and tell of it."""
        ...


class Gate(Protocol):
    """Counts and admits."""

    def arrive(self, template: str, method: str) -> Visit:
        """Count a call at its receipt."""
        ...


class Ticket(Protocol):
    """A question that waits for its answer."""

    def cancel(self) -> None:
        """Drop the work: nobody will read the answer."""
        ...


class Lane(Protocol):
    """Answers predictions."""

    def ask(
        self,
        dialect: Dialect,
        body: bytes,
        headers: Headers,
        request_id: str,
        deadline: float,
        done: Callable[[Answer], None],
    ) -> Ticket | None:
        """Answer a request; `done` is called once on the event loop, never after a cancel."""
        ...


class Instruments(Protocol):
    """Counts what neither gate nor lane sees."""

    def visits(self, route: str, method: str) -> object:
        """Counters of one method; asked for at the start, so that its series are there from then on."""
        ...

    def received(self, body_bytes: int) -> None:
        """Count bytes of a request's body."""
        ...

    def refused(self, reason: Reason, rows: int = 0) -> None:
        """Count a refusal that did not come from the lane."""
        ...


class Life(Protocol):
    """What a pod says about itself."""

    @property
    def ready(self) -> bool:
        """Whether golden rows gave the right answers; stays so while draining."""
        ...

    @property
    def draining(self) -> bool:
        """Whether the pod was told to stop."""
        ...
