"""One load by several senders: who sends which request, and all their books as one. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ekiben.scale.load.records import Outcome, Records, Sent

MOST_SENDERS = 16


@dataclass(frozen=True, slots=True)
class Share:
    """A sender's part of a schedule: request i is that of sender i modulo their number.

    The schedule is drawn as for one sender and then thinned, so the union of all shares is that schedule,
    whatever the arrivals are.

    Attributes:
        number: Of this sender, from 0.
        of: How many there are.
    """

    number: int
    of: int

    def times(self, whole: array[float]) -> array[float]:
        """Its intended times out of all."""
        return whole[self.number :: self.of]

    def place(self, index: int) -> int:
        """Place in the whole schedule of its own request `index`."""
        return self.number + index * self.of

    def part(self, whole: int) -> int:
        """Its part of a number of things that all share; the parts add up to it."""
        return whole // self.of + (self.number < whole % self.of)


WHOLE = Share(0, 1)


def merged(parts: Sequence[Sent]) -> Sent:
    """Put the books of all senders together, as if one had sent everything.

    Args:
        parts: By the number of the sender; all ended, on one clock. They need not be equally long: those that
            were stopped got differently far.
    """
    own = [np.arange(len(part.records)) for part in parts]
    places = [index * len(parts) + number for number, index in enumerate(own)]
    order = np.argsort(np.concatenate(places), kind="stable")
    ended = max(part.ended for part in parts)
    return Sent(
        records=_records([part.records for part in parts], order),
        seconds=max(part.seconds for part in parts),
        ended=ended,
        # What was under way when a part ended stays so until the last one has.
        outstanding_seconds=sum(
            part.outstanding_seconds + _pending(part) * (ended - part.ended) for part in parts
        ),
        cpu_seconds=sum(part.cpu_seconds for part in parts),
        connections=sum(part.connections for part in parts),
        interrupted=any(part.interrupted for part in parts),
        faults=tuple(fault for part in parts for fault in part.faults),
    )


def _pending(part: Sent) -> int:
    return part.records.outcome.count(Outcome.PENDING)


def _records(parts: Sequence[Records], order: NDArray[np.intp]) -> Records:
    pods = [""]
    for part in parts:
        pods.extend(name for name in part.pods if name not in pods)
    places = [np.array([pods.index(name) for name in part.pods], dtype=np.uint16) for part in parts]
    pod = [place[_values(part.pod)] for place, part in zip(places, parts, strict=True)]
    return Records(
        intended=_ordered("d", [_values(part.intended) for part in parts], order),
        sent=_ordered("d", [_values(part.sent) for part in parts], order),
        latency=_ordered("d", [_values(part.latency) for part in parts], order),
        outcome=_ordered("B", [_values(part.outcome) for part in parts], order),
        status=_ordered("H", [_values(part.status) for part in parts], order),
        pod=_ordered("H", pod, order),
        pods=pods,
    )


def _values(column: array[Any]) -> NDArray[Any]:
    return np.frombuffer(column.tobytes(), dtype=column.typecode)


def _ordered(kind: Any, parts: Sequence[NDArray[Any]], order: NDArray[np.intp]) -> array[Any]:
    return array(kind, np.concatenate(parts)[order].tobytes())
