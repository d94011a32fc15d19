"""Who calls, and whether it may: the contract of access control.

Implementations live in `access/`: none, API keys, JSON web tokens. The three
adapters (HTTP lane, ASGI, gRPC) ask the same question of the same object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ekiben.serving.exchange import Group, Headers


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is from.

    Attributes:
        name: A key's id, a token's subject, or the peer's address; bounded in length, never a secret.
        groups: What it may call.
    """

    name: str
    groups: frozenset[Group]


class Access(Protocol):
    """Decides who may call; fast, because it runs on the event loop for every request."""

    def credential(self, headers: Headers) -> bytes:
        """Find what a request brings to be known by (gRPC's metadata likewise); empty if it has nothing."""
        ...

    def leave(self, credential: bytes, group: Group, peer: str) -> Caller:
        """Know the caller, and check its leave.

        Args:
            credential: What `credential` found.
            group: What it wants to call; never `probe`.
            peer: Address of the other end.

        Raises:
            RefusedError: 401 with `WWW-Authenticate`, the same for unknown, expired and wrong; 403 for a
                caller that is known and may not.
        """
        ...
