"""The client's own counts, to be compared with what the pods counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ekiben.scale.load.measurement import LoadMeasurement


@dataclass(frozen=True, slots=True)
class ClientCounts:
    """What the client knows of its requests.

    Attributes:
        sent: Handed to a connection, or to the attempt to open one.
        answered: Whole answers received, by HTTP status.
        unanswered: Sent without a whole answer: a pod may or may not have counted them.
    """

    sent: int
    answered: Mapping[int, int]
    unanswered: int

    @classmethod
    def of(cls, load: LoadMeasurement) -> ClientCounts:
        """Take them from a measurement."""
        sent = load.sent - load.outcomes["not_sent"]
        return cls(sent, load.statuses, sent - load.answered)

    def bounds(self, status: int) -> tuple[int, int]:
        """Fewest and most answers of one status that pods which lost no counter can have counted.

        They are equal when no request stayed without an answer.
        """
        received = self.answered.get(status, 0)
        return received, received + self.unanswered
