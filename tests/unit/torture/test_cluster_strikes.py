"""What may fail when a pod is struck, and what may not."""

from __future__ import annotations

import pytest
from tests.torture.cluster import strikes
from tests.torture.cluster.sender import Call

AWAY = [(10.0, 13.0), (30.0, 33.0)]


@pytest.mark.parametrize(
    ("intended", "finished", "outcome", "expected"),
    [
        (10.5, 10.6, "ConnectionRefusedError: [Errno 111] Connection refused", True),
        (9.9, 10.1, "ConnectionResetError: [Errno 104] Connection reset by peer", True),
        (31.0, 31.1, "WireError: the connection ended with no answer", True),
        (20.0, 20.1, "ConnectionRefusedError: [Errno 111] Connection refused", False),
        (11.0, 16.0, "time-out", False),
        (11.0, 11.1, "status 503", False),
        (11.0, 11.1, "another answer than the version's", False),
    ],
)
def test_connections_to_a_pod_may_fail_while_it_is_away_and_nothing_else(
    intended: float, finished: float, outcome: str, *, expected: bool
) -> None:
    """Refused, reset or ended, between strike and return; a time-out or an answer is another pod's."""
    call = Call(intended, finished, "new", outcome, 0.0, "", "", "")
    assert strikes._of_a_pod_that_is_away(call, AWAY) is expected
