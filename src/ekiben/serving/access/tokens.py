"""JSON web tokens, verified offline: projected ServiceAccount tokens, OpenID Connect.

Signature, issuer and audience are PyJWT's work; time is ours, because of the clock.
A verified token is remembered by its SHA-256 until it ends: a signature is paid for once.

Source: https://www.rfc-editor.org/rfc/rfc7519, https://www.rfc-editor.org/rfc/rfc8725,
https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ekiben.serving.access import jwks
from ekiben.serving.access.clock import Clock
from ekiben.serving.access.credential import NOBODY, Grant
from ekiben.serving.access.jwks import KeySet
from ekiben.serving.access.policy import Issuer, Policy
from ekiben.serving.caller import Caller
from ekiben.serving.problem import RefusedError, retry_after

if TYPE_CHECKING:
    from jwt.types import Options

REMEMBERED = 4_096  # tokens of one generation; there are two, about 0.5 KB each
_LONGEST_NAME = 128  # characters of a caller's name in logs and limits
_LONGEST_SUBJECT = 1_024
_COMING = "the keys that tokens are verified with are being fetched"
_OPTIONS: Options = {
    "require": ["exp", "iss", "aud", "sub"],
    "verify_exp": False,  # checked here, against our clock
    "verify_nbf": False,
    "verify_iat": False,
}


class Tokens:
    """Knows the callers of tokens.

    Args:
        policy: Whose tokens are taken.
        keys: The public keys of each issuer, by its name.
        clock: What time it is.
        unknown_key: Told when a token names a key that no set has: perhaps a set is old.
        coming: Whether a set is being fetched for the first time. Until that has ended, well or not, a token
            whose key is not known may be right: its caller is told to come back.
    """

    def __init__(
        self,
        policy: Policy,
        keys: Mapping[str, KeySet],
        clock: Clock,
        unknown_key: Callable[[], None] = lambda: None,
        coming: Callable[[], bool] = lambda: False,
    ) -> None:
        import jwt

        self._decode = jwt.PyJWT().decode
        self._errors = (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError)
        self._leeway = policy.leeway_seconds
        self._clock = clock
        self._unknown_key, self._coming = unknown_key, coming
        self._algorithms = frozenset(each for issuer in policy.issuers for each in issuer.algorithms)
        self._signers: dict[tuple[str | None, str], list[tuple[Issuer, Any]]] = {}
        for issuer in policy.issuers:
            for place, key in keys.get(issuer.name, {}).items():
                if place[1] in issuer.algorithms:
                    self._signers.setdefault(place, []).append((issuer, key))
        self._young: dict[bytes, Grant] = {}
        self._old: dict[bytes, Grant] = {}

    def grant(self, text: bytes) -> Grant:
        """Know a token's caller; `NOBODY` for a token that is not valid.

        Whether it is still in time is the asker's question: a remembered one grows old too.

        Raises:
            RefusedError: 503, while keys are fetched for the first time.
        """
        digest = hashlib.sha256(text).digest()
        found = self._young.get(digest)
        if found is None:
            found = self._old.get(digest) or self._verified(text)
            if self._clock.within(found.begins, found.ends):
                self._remember(digest, found)
        return found

    def _remember(self, digest: bytes, found: Grant) -> None:
        """Keep what is used: a full generation becomes the old one, the old one is forgotten."""
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[digest] = found

    def _verified(self, text: bytes) -> Grant:
        place = _signer(text)
        if place is None or place[1] not in self._algorithms:
            return NOBODY
        signers = self._signers.get(place)
        if signers is None:
            if self._coming():
                raise RefusedError(503, "not_ready", _COMING, headers=retry_after(1))
            self._unknown_key()
            return NOBODY
        for issuer, key in signers:  # more than one only if issuers chose the same key id
            try:
                return self._granted(text, issuer, key, place[1])
            except self._errors:
                continue
        return NOBODY

    def _granted(self, text: bytes, issuer: Issuer, key: Any, algorithm: str) -> Grant:
        """Verify a token as one of this issuer's; raises one of `_errors` if it is not."""
        claims = self._decode(
            text,
            key,
            algorithms=[algorithm],
            issuer=issuer.name,
            audience=issuer.audiences,
            options=_OPTIONS,
        )
        begun = [_seconds(claims[name]) for name in ("nbf", "iat") if name in claims]
        subject = claims["sub"]
        if not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
            raise ValueError
        caller = Caller(_name(subject), issuer.groups_of(subject))
        begins = max(begun, default=-math.inf)
        return Grant(caller, begins - self._leeway, _seconds(claims["exp"]) + self._leeway)


def _signer(text: bytes) -> tuple[str | None, str] | None:
    """Which key (`ONLY` if it names none) and algorithm a token is signed with; None if it is no token.

    A token that insists on something (`crit`) is none: nothing is understood that it could insist on.

    Source: https://www.rfc-editor.org/rfc/rfc7515#section-4.1.4 (`kid` may be absent),
    https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11
    """
    encoded, first, rest = text.partition(b".")
    if not first or rest.count(b".") != 1 or b"=" in text:  # no padding: RFC 7515 section 2
        return None
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
        if "crit" in header:
            return None
        algorithm = header["alg"]
        kid = header.get("kid", jwks.ONLY)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    named = isinstance(kid, str) or "kid" not in header
    return (kid, algorithm) if named and isinstance(algorithm, str) else None


def _seconds(claim: object) -> float:
    """Read a NumericDate, RFC 7519 section 2: a JSON number and nothing that looks like one."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not math.isfinite(claim):
        raise ValueError
    return float(claim)


def _name(subject: str) -> str:
    """Name a caller by its subject, cut with a hash if it is long: two subjects never share a name."""
    if len(subject) <= _LONGEST_NAME:
        return subject
    tail = "~" + hashlib.sha256(subject.encode()).hexdigest()[:32]
    return subject[: _LONGEST_NAME - len(tail)] + tail
