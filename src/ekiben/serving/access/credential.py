"""What a request brings to be known by, what it gets for it, and how it is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from ekiben.serving.caller import Caller
from ekiben.serving.exchange import Group, Headers
from ekiben.serving.problem import RefusedError

GROUPS: frozenset[Group] = frozenset(get_args(Group)) - {"probe"}  # what leave can be given for
MOST_BYTES = 16_384  # of a credential; a Kubernetes token has about 1,000

# One body for all that is not known: which keys there are, or were, is nobody's business.
_UNKNOWN = "expected a valid credential, as Authorization: Bearer or as X-API-Key"
_CHALLENGE = ((b"www-authenticate", b'Bearer realm="ekiben"'),)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one credential is worth.

    Attributes:
        caller: Whose it is.
        begins: Seconds since 1970; not valid before.
        ends: Seconds since 1970; not valid from then on.
    """

    caller: Caller
    begins: float = -math.inf
    ends: float = math.inf


NOBODY = Grant(Caller("", frozenset()), ends=-math.inf)  # what an unknown credential is worth


def presented(headers: Headers) -> bytes:
    """Find the credential of a request; empty if it has none.

    `X-API-Key` wins, because proxies use `Authorization` for themselves: the
    Kubernetes API server's takes it out of what it passes on.

    Source: https://www.rfc-editor.org/rfc/rfc6750#section-2.1;
    k8s.io/apiserver/pkg/endpoints/filters/authentication.go (`req.Header.Del("Authorization")`)
    """
    text = headers.get(b"x-api-key")
    if text is None:
        scheme, _, text = headers.get(b"authorization", b"").partition(b" ")
        if scheme != b"Bearer" and scheme.lower() != b"bearer":
            return b""
        text = text.strip(b" ")
    return text if len(text) <= MOST_BYTES else b""


def unauthenticated() -> RefusedError:
    """Refuse who is not known: the same for none, unknown, wrong, expired and revoked credentials.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
    """
    return RefusedError(401, "unauthenticated", _UNKNOWN, headers=_CHALLENGE)


def forbidden(group: Group) -> RefusedError:
    """Refuse who is known and has no leave for this group.

    Source: https://www.rfc-editor.org/rfc/rfc6750#section-3.1 (`insufficient_scope`)
    """
    challenge = f'Bearer realm="ekiben", error="insufficient_scope", scope="{group}"'.encode()
    return RefusedError(
        403,
        "forbidden",
        f"this credential has no leave for {group!r}",
        headers=((b"www-authenticate", challenge),),
    )


def groups(names: Iterable[object]) -> frozenset[Group]:
    """Read the names of groups.

    Raises:
        ValueError: One is unknown, or there is none.
    """
    given = list(names)
    found = frozenset(group for group in GROUPS if group in given)
    if not given or len(found) != len(given):
        raise ValueError(f"expected groups: some of {', '.join(sorted(GROUPS))}, each once")
    return found
