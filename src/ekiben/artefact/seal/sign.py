"""Sign an artefact: a bundle beside its files, which is not part of its hash."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ekiben.artefact.seal.keys import signer_of, signing_key
from ekiben.errors import ConfigError
from ekiben.serving import artefact as reader
from ekiben.serving.seal import signature
from ekiben.serving.seal.policy import Policy
from ekiben.serving.seal.signature import Signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_log = logging.getLogger(__name__)
# What lies beside a signed file and is not signed: the bundle itself and BentoML's record in its store.
_IGNORED = [signature.FILE, "model.yaml"]


def bundle(artefact: reader.Artefact, key: Ed25519PrivateKey) -> bytes:
    """Sign what an artefact holds; the same key and artefact give the same bytes.

    Args:
        artefact: Verified.
        key: The signer's.
    """
    payload = json.dumps(_statement(artefact), sort_keys=True, separators=(",", ":")).encode()
    return signature.bundle(signer_of(key).fingerprint, payload, key.sign(signature.encoded(payload)))


def bundle_for(folder: Path, key_file: Path, signers: Sequence[Signer]) -> bytes | None:
    """Sign the artefact in a folder, unless this key signed it already.

    Args:
        folder: The artefact's; nothing is written to it.
        key_file: The signer's private key.
        signers: Whom the pods will believe; the key must be of one of them.

    Returns:
        Content of `signature.json`; None if the one that is there is of this key.

    Raises:
        ConfigError: The artefact does not verify, or the key is none, or none that pods believe.
    """
    key = signing_key(key_file)
    own = signer_of(key)
    if own not in signers:
        raise ConfigError(
            f"{key_file}: expected the key of one of bento.seal.signers, found {own.fingerprint[:16]}",
            remedy=f"add {own.text} to bento.seal.signers in ekiben.yaml",
        )
    artefact = reader.read(folder)
    if _signed_by(folder, own):
        return None
    _log.info("signed %s:%s by %s", artefact.name, artefact.version, own.fingerprint[:16])
    return bundle(artefact, key)


def _signed_by(folder: Path, own: Signer) -> bool:
    try:
        return reader.read(folder, policy=Policy((own,))).signer == own.fingerprint
    except ConfigError:
        return False


def _statement(artefact: reader.Artefact) -> dict[str, Any]:
    files = {**artefact.files, reader.MANIFEST: artefact.sha256.removeprefix("sha256:")}
    every = hashlib.sha256(b"".join(bytes.fromhex(files[name]) for name in sorted(files)))
    return {
        "_type": signature.STATEMENT,
        "subject": [{"name": artefact.name, "digest": {"sha256": every.hexdigest()}}],
        "predicateType": signature.PREDICATE,
        "predicate": {
            "resources": [
                {"algorithm": "sha256", "digest": files[name], "name": name} for name in sorted(files)
            ],
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": _IGNORED,
            },
        },
    }
