"""An issuer's public keys: RFC 7517 sets, read so that one key serves one kind of signature only.

Keys are found by (key id, algorithm): a token cannot have an RSA key taken for a
shared secret, nor choose another algorithm than its key is for. The only usable key
of a set is also found without a key id: nothing else could be meant.

Source: https://www.rfc-editor.org/rfc/rfc7517 (section 4.5: `kid` is optional),
https://www.rfc-editor.org/rfc/rfc8725#section-3.1
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from ekiben.errors import ConfigError

KeySet = Mapping[tuple[str | None, str], Any]  # (key id, algorithm) -> public key of `cryptography`
ONLY = None  # in place of a key id: the only usable key of a set
MOST_BYTES = 1 << 18  # of a set; Kubernetes' has about 1,000
_LEAST_RSA_BITS = 2048  # Source: https://www.rfc-editor.org/rfc/rfc7518#section-3.3
_REMEDY = "of a cluster: kubectl get --raw /openid/v1/jwks"
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_OF_TYPE: Mapping[tuple[Any, Any], tuple[str, ...]] = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
_LOG = logging.getLogger(__name__)


def parse(content: bytes) -> KeySet:
    """Read a set of public keys; those that cannot verify a signature are left out, and logged.

    A key without key id is usable only if it is the only one.

    Returns:
        The keys by key id, and the only one also by `ONLY`.

    Raises:
        ConfigError: It is no such set, or no key of it can be used.
    """
    usable: dict[int, KeySet] = {}
    for number, part in enumerate(_parts(content)):
        try:
            usable[number] = _key(part)
        except (ValueError, TypeError) as error:
            _left_out(number, error)
    if len(usable) == 1:
        [found] = usable.values()
        return {**found, **{(ONLY, algorithm): key for (_, algorithm), key in found.items()}}
    keys: dict[tuple[str | None, str], Any] = {}
    for number, found in usable.items():
        if any(kid is None for kid, _ in found):
            _left_out(number, "expected a key id, `kid`, beside other keys")
            continue
        if not keys.keys().isdisjoint(found):
            raise ConfigError(f"JSON web key set: /keys/{number} has the key id of another", remedy=_REMEDY)
        keys.update(found)
    if not keys:
        raise ConfigError(
            "expected a JSON web key set with a public key for signatures, found none in it", remedy=_REMEDY
        )
    return keys


def _left_out(number: int, why: object) -> None:
    _LOG.warning("JSON web key set: /keys/%d is not used: %s", number, why)


def _parts(content: bytes) -> list[Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    parts = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(parts, list):
        raise ConfigError('expected a JSON web key set, {"keys": [...]}', remedy=_REMEDY)
    return parts


def _key(part: Any) -> KeySet:
    """Read one key, under each algorithm that it is for.

    Raises:
        ValueError: It is not for signatures, or not public, or of an unknown kind.
    """
    import jwt

    if not isinstance(part, Mapping):
        raise ValueError("expected an object")  # noqa: TRY004 - a wrong document, whatever is wrong in it
    kid = part.get("kid")
    if "kid" in part and (not isinstance(kid, str) or not kid):
        raise ValueError("expected a key id, `kid`, of at least one letter")
    if _PRIVATE & set(part):
        raise ValueError("expected a public key, found parts of a secret one")
    if part.get("use", "sig") != "sig" or "verify" not in part.get("key_ops", ["verify"]):
        raise ValueError("it is not for signatures")
    kind = part.get("kty"), None if part.get("kty") == "RSA" else part.get("crv")
    algorithms: Iterable[str] = _OF_TYPE.get(kind, ())
    if "alg" in part:
        algorithms = [each for each in algorithms if each == part["alg"]]
    keys: dict[tuple[str | None, str], Any] = {}
    for algorithm in algorithms:
        try:
            key = jwt.PyJWK(dict(part), algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise ValueError("its numbers are no public key") from None
        if kind[0] == "RSA" and key.key_size < _LEAST_RSA_BITS:
            raise ValueError(f"expected at least {_LEAST_RSA_BITS} bits")
        keys[kid, algorithm] = key
    if not keys:
        raise ValueError("expected RSA, EC (P-256, P-384, P-521) or Ed25519, and an `alg` that fits")
    return keys
