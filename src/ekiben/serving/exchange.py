"""The contract between the pod's rooms: what a protocol reads and writes, and which routes there are.

    bytes -> Dialect.read -> Question -> Predictor -> Answers -> Dialect.write -> Answer -> bytes

A dialect is pure: it knows one protocol and nothing of connections, limits or
clocks. Whoever calls it decides on which thread, and what is batched with what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ekiben.serving.answer import Answer, refusal
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError
from ekiben.serving.validation import Rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ekiben.serving.explanation.explained import Explained

Headers = Mapping[bytes, bytes]  # names in lower case; a name that came twice has its last value
Group = Literal[
    "predict", "explain", "metadata", "admin", "probe"
]  # what access control allows; probes need no leave


@dataclass(slots=True)
class Question:
    """Rows of one request.

    Attributes:
        rows: Shape (rows, inputs), checked against the schema; float64 or objects.
        note: What the dialect needs to write the answer; nobody else looks at it.
        out_of_range: Rows that were accepted although a value lies outside its declared range
            (`Validator.out_of_range`), for the metrics.
    """

    rows: Rows
    note: Any = None
    out_of_range: int = 0


class Dialect(Protocol):
    """How one protocol writes predictions; each method is pure and may run on any thread."""

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request.

        Args:
            body: Whole and unpacked (no content encoding is left).
            headers: The request's.

        Raises:
            RefusedError: It is not of this protocol (400, 415), or does not fit the schema (422, or what
                the protocol says).
        """
        ...

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode what the predictor gave for exactly these rows.

        Raises:
            ValueError: A number that the protocol cannot carry (NaN in JSON).
        """
        ...

    def refuse(self, error: RefusedError, request_id: str) -> Answer:
        """Encode a refusal, by admission or by `read`, the way that the protocol's clients expect."""
        ...


class Explaining(Protocol):
    """How one protocol writes explanations; pure, and only ever called on the thread of explanations."""

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        ...

    def place(self, question: Question, row: int) -> str:
        """JSON pointer to a row of a request."""
        ...

    def write(
        self,
        question: Question,
        answers: Answers,
        base: npt.NDArray[np.float64],
        explained: Explained,
        request_id: str,
    ) -> Answer:
        """Encode predictions and what explains them.

        Args:
            question: As `read` gave it.
            answers: The predictor's.
            base: Shape (scores,); what every explanation starts with.
            explained: Of the same rows.
            request_id: The request's.

        Raises:
            ValueError: A number that the protocol cannot carry.
        """
        ...

    def refuse(self, error: RefusedError, request_id: str) -> Answer:
        """Encode a refusal; see `Dialect.refuse`."""
        ...


class Problems:
    """Refusals as RFC 9457 problem documents: every dialect and route without a form of its own."""

    def refuse(self, error: RefusedError, request_id: str) -> Answer:
        """Encode a refusal."""
        return refusal(error, request_id)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the pod.

    Attributes:
        path: Exact path; names of this one model are in it.
        template: What metrics call it, e.g. `/v2/models/{model}/infer`.
        methods: Methods that it answers; one with GET answers HEAD too.
        group: Which leave a caller needs.
        dialect: For predictions; None for all else.
        explaining: For explanations; None for all else.
        reply: For all else: gives the answer to a request with this id.
        refuse: How its refusals are written.
    """

    path: str
    template: str
    methods: tuple[str, ...]
    group: Group
    dialect: Dialect | None = None
    reply: Callable[[str], Answer] | None = None
    refuse: Callable[[RefusedError, str], Answer] = Problems().refuse
    explaining: Explaining | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Paths that one protocol owns: also what it does not know there is refused in its words.

    Attributes:
        prefix: E.g. `/v2/`.
        refuse: How refusals are written.
    """

    prefix: str
    refuse: Callable[[RefusedError, str], Answer]


class Routes:
    """All endpoints of a pod, found by path.

    Args:
        endpoints: Each with a path of its own.
        families: Asked in order for paths that are no endpoint.

    Raises:
        ValueError: Two endpoints have one path.
    """

    def __init__(self, endpoints: Iterable[Endpoint], families: Iterable[Family] = ()) -> None:
        self.by_path: dict[str, Endpoint] = {}
        for each in endpoints:
            if each.path in self.by_path:
                raise ValueError(f"two endpoints have the path {each.path}")
            self.by_path[each.path] = each
        self._families = tuple(families)

    def refuse(self, path: str) -> Callable[[RefusedError, str], Answer]:
        """How a refusal is written for a path that is no endpoint."""
        for family in self._families:
            if path.startswith(family.prefix):
                return family.refuse
        return Problems().refuse

    def without(self, paths: Iterable[str]) -> Routes:
        """Give the routes without those that somebody else answers."""
        taken = frozenset(paths)
        return Routes((each for path, each in self.by_path.items() if path not in taken), self._families)
