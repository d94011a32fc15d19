"""The signature of an artefact: an in-toto statement of each file's sha256, in a Sigstore bundle.

The bundle, envelope, statement and predicate are those that OpenSSF model
signing writes for a key; that tool's own keys are of NIST curves only, so the
one difference is the kind of key.

Source: https://github.com/sigstore/model-transparency (predicate `signature/v1.0`),
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md (what is signed),
https://github.com/sigstore/protobuf-specs (bundle v0.3), RFC 8032 (Ed25519), RFC 8410 (its public keys).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ekiben.errors import ConfigError
from ekiben.serving.seal import strict

FILE = "signature.json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
# DER of a SubjectPublicKeyInfo before the key itself. Source: RFC 8410 section 10.1
_PREFIX = bytes.fromhex("302a300506032b6570032100")
_KEY_BYTES = 32
_REMEDY = "sign the artefact with a key that the pods accept: `ekiben train` with bento.seal.key_file"


@dataclass(frozen=True, slots=True)
class Signer:
    """A public key.

    Attributes:
        key: Ed25519, 32 bytes.
    """

    key: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the base64 text between the lines of a PEM public key.

        Raises:
            ConfigError: It is no Ed25519 public key.
        """
        try:
            found = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            found = b""
        if not found.startswith(_PREFIX) or len(found) != len(_PREFIX) + _KEY_BYTES:
            raise ConfigError(
                "expected an Ed25519 public key as the base64 text of its PEM file, found something else",
                remedy="`ekiben seal keypair FILE` makes a pair and prints the public half",
            )
        return cls(found[len(_PREFIX) :])

    @property
    def text(self) -> str:
        """The key as `parse` reads it."""
        return base64.b64encode(_PREFIX + self.key).decode()

    @property
    def pem(self) -> str:
        """The key as a PEM file."""
        return f"-----BEGIN PUBLIC KEY-----\n{self.text}\n-----END PUBLIC KEY-----\n"

    @property
    def fingerprint(self) -> str:
        """Hex sha256 of the PEM file: the bundle's hint."""
        return hashlib.sha256(self.pem.encode()).hexdigest()


def encoded(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def bundle(hint: str, payload: bytes, signature: bytes) -> bytes:
    """Write a bundle; there is one way only, so that no byte of the file can be changed.

    Args:
        hint: Fingerprint of the signer.
        payload: The statement.
        signature: Of what `encoded` makes of it.
    """
    signed = {"sig": base64.b64encode(signature).decode(), "keyid": ""}
    document = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [signed],
        },
    }
    return f"{json.dumps(document, sort_keys=True, separators=(',', ':'))}\n".encode()


def verify(content: bytes, signers: Sequence[Signer]) -> tuple[Signer, Mapping[str, str]]:
    """Find the signer of a bundle and what was signed; the statement is not read before it verified.

    Args:
        content: Of the bundle.
        signers: Who is believed.

    Returns:
        The signer, and the hex sha256 of each file by name.

    Raises:
        ConfigError: Another form, another signer, or a signature that is wrong.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    hint, payload, signature = _opened(content)
    signer = next((each for each in signers if each.fingerprint == hint), None)
    if signer is None:
        raise ConfigError(
            f"{FILE}: expected a signature by {', '.join(each.fingerprint[:16] for each in signers)}, "
            f"found one by {hint[:16]!r}",
            remedy=_REMEDY,
        )
    try:
        Ed25519PublicKey.from_public_bytes(signer.key).verify(signature, encoded(payload))
    except InvalidSignature:
        raise ConfigError(
            f"{FILE}: expected the signature of {signer.fingerprint[:16]}, found another: it was changed",
            remedy=_REMEDY,
        ) from None
    return signer, _resources(strict.parse(payload, FILE))


def _opened(content: bytes) -> tuple[str, bytes, bytes]:
    """Hint, payload and signature of a bundle."""
    found: Any = strict.parse(content, FILE)
    try:
        envelope = found["dsseEnvelope"]
        [signed] = envelope["signatures"]
        hint = found["verificationMaterial"]["publicKey"]["hint"]
        payload, signature = (
            base64.b64decode(each, validate=True) for each in (envelope["payload"], signed["sig"])
        )
        known = isinstance(hint, str) and bundle(hint, payload, signature) == content
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise ConfigError(
            f"{FILE}: expected a bundle of {BUNDLE} with one signature of {PAYLOAD}, found something else",
            remedy=_REMEDY,
        )
    return hint, payload, signature


def _resources(statement: Any) -> dict[str, str]:
    try:
        known = (statement["_type"], statement["predicateType"]) == (STATEMENT, PREDICATE)
        listed = statement["predicate"]["resources"]
        found = {each["name"]: each["digest"] for each in listed}
        known = known and len(found) == len(listed) and {each["algorithm"] for each in listed} == {"sha256"}
    except (KeyError, TypeError):
        known = False
    if not known:
        raise ConfigError(
            f"{FILE}: expected a statement of {PREDICATE} with sha256 of each file, found another",
            remedy=_REMEDY,
        )
    return found
