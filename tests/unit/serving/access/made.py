"""Keys and tokens made by hand: `cryptography`, base64 and JSON, not the product's library for tokens."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW = 1_800_000_000  # 2027-01-15T08:00:00Z
ISSUER, OTHER_ISSUER = "https://kubernetes.default.svc.cluster.local", "https://login.example.com"
SUBJECT = "system:serviceaccount:web:shop"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def b64(content: bytes) -> str:
    """Encode as RFC 7515 does: base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def segment(part: Any) -> str:
    """Encode a header or claims; bytes and text are taken as they are."""
    content = part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else None
    return b64(json.dumps(part).encode() if content is None else content)


@functools.cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key; the same name gives the same key."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key."""
    del name
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    """An Ed25519 key."""
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: PrivateKey) -> bytes:
    """The public half, as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: PrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    """The public half, as RFC 7517 and 7518 have it."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        found = {"kty": "RSA", "n": b64(n), "e": b64(numbers.e.to_bytes(3, "big"))}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        x, y = (b64(each.to_bytes(32, "big")) for each in (point.x, point.y))
        found = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    else:
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        found = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
    return {**found, "kid": kid, "use": "sig", **more}


def signature(content: bytes, key: PrivateKey | bytes, algorithm: str) -> bytes:
    """Sign as RFC 7518 section 3 says; a key of bytes is a shared secret."""
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(algorithm[-3:])
    if isinstance(key, bytes):
        return hmac.new(key, content, f"sha{algorithm[-3:]}").digest()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(content)
    assert digest is not None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(content, ec.ECDSA(digest)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if algorithm.startswith("PS"):
        salted = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return key.sign(content, salted, digest)
    return key.sign(content, padding.PKCS1v15(), digest)


def claims(**changes: Any) -> dict[str, Any]:
    """What a projected token of the namespace web says; `...` takes a claim out."""
    found: dict[str, Any] = {
        "aud": ["iris"], "exp": NOW + 600, "iat": NOW - 60, "nbf": NOW - 60, "iss": ISSUER, "sub": SUBJECT,
        "kubernetes.io": {"namespace": "web", "serviceaccount": {"name": "shop"}},
    }  # fmt: skip
    found.update(changes)
    return {name: value for name, value in found.items() if value is not ...}


def token(
    payload: Any,
    key: PrivateKey | bytes,
    *,
    alg: Any = "RS256",
    kid: Any = "cluster",
    sign_as: str = "",
    **header: Any,
) -> bytes:
    """A signed token; `...` takes `alg` or `kid` out of its header."""
    head = {"alg": alg, "kid": kid, **header}
    text = segment({k: v for k, v in head.items() if v is not ...}) + "." + segment(payload)
    signed = signature(text.encode(), key, sign_as or str(alg))
    return f"{text}.{b64(signed)}".encode()


def moment(seconds_from_now: float) -> str:
    """RFC 3339, from the calendar of the `date` program: 2027-01-15T08:00:00Z and so many seconds."""
    from datetime import UTC, datetime, timedelta

    return f"{datetime(2027, 1, 15, 8, tzinfo=UTC) + timedelta(seconds=seconds_from_now):%Y-%m-%dT%H:%M:%SZ}"


def key_text(identifier: str, number: int = 0) -> str:
    """A key; its secret is not random, so that tests repeat."""
    return f"ekiben_{identifier}_{hashlib.sha512(f'{identifier}{number}'.encode()).hexdigest()[:64]}"


def key_record(text: str, groups: Iterable[str] = ("predict",), **changes: Any) -> dict[str, Any]:
    """What the Secret holds of it."""
    return {
        "id": text.split("_")[1],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "groups": list(groups),
        "created": moment(-86_400),
        "not_before": None,
        "expires": None,
        **changes,
    }


def write(folder: Path, name: str, document: Any) -> None:
    """Write a file the way the kubelet does: a new folder, then one rename of the link to it."""
    target = folder / f"..{len(list(folder.iterdir()))}"
    target.mkdir()
    current = folder / "..data"
    if current.exists():
        for old in current.iterdir():
            (target / old.name).write_bytes(old.read_bytes())
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    (target / name).write_bytes(content)
    link = folder / "..data_tmp"
    link.symlink_to(target.name)
    link.rename(current)
    if not (folder / name).is_symlink():
        (folder / name).symlink_to(Path("..data") / name)


def key_file(*records: Mapping[str, Any]) -> dict[str, Any]:
    """The document of `keys.json`."""
    return {"format": 1, "keys": list(records)}


def policy(*issuers: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The document of `policy.json`."""
    return {"format": 1, "issuers": list(issuers), **more}


def issuer(**changes: Any) -> dict[str, Any]:
    """The cluster's own: the namespace web may predict and ask for metadata, one account everything."""
    found = {
        "issuer": ISSUER,
        "audiences": ["iris"],
        "allow": [
            {"subjects": ["system:serviceaccount:web:*"], "groups": ["predict", "metadata"]},
            {
                "subjects": ["system:serviceaccount:ops:ekiben"],
                "groups": ["predict", "explain", "metadata", "admin"],
            },
        ],
        "jwks_file": "jwks-0.json",
        **changes,
    }
    return {name: value for name, value in found.items() if value is not ...}
