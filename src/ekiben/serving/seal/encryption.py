"""Encryption at rest: AES-256-GCM per file, under a key that is derived for one artefact.

The key of an artefact is derived from the live key and the hash of the
manifest, which fixes the content of every file. So a nonce made of the file's
name never meets two contents under one key, and the same artefact encrypted
again gives the same bytes: images stay reproducible. The tag also covers the
file's name and the manifest's hash: a file cannot take another's place.

Source: NIST SP 800-38D section 8.2.1 (deterministic nonces), RFC 5869 (HKDF).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError
from ekiben.serving.seal import strict

FILE = "encryption.json"
FORMAT = 1
CIPHER = "AES-256-GCM"
KEY_BYTES = 32
TAG_BYTES = 16
KEY_ID = r"[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?"
_INFO = b"ekiben artefact encryption 1"
_NONCE_BYTES = 12


class Cipher:
    """What encrypts and decrypts the files of one artefact.

    Args:
        key: The live key, 32 bytes.
        artefact_sha256: `sha256:...` of the manifest.
    """

    def __init__(self, key: bytes, artefact_sha256: str) -> None:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        salt = bytes.fromhex(artefact_sha256.removeprefix("sha256:"))
        self._of_artefact = artefact_sha256
        self._key = HKDF(SHA256(), KEY_BYTES, salt, _INFO).derive(key)

    def encrypted(self, name: str, content: bytes) -> bytes:
        """Ciphertext and tag of a file."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key).encrypt(_nonce(name), content, self._bound(name))

    def decrypted(self, name: str, blocks: Iterable[memoryview]) -> Iterator[memoryview]:
        """Undo `encrypted`, block by block; each is valid until the next is taken.

        What is given is not known to be right before the last block was taken: the tag comes last.

        Raises:
            ConfigError: The key, the name, the artefact or the content is another.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers import Cipher as Gcm
        from cryptography.hazmat.primitives.ciphers import algorithms, modes

        running = Gcm(algorithms.AES(self._key), modes.GCM(_nonce(name))).decryptor()
        running.authenticate_additional_data(self._bound(name))
        tail, plain = b"", memoryview(bytearray())
        try:
            for block in blocks:
                given = tail + block
                tail = given[-TAG_BYTES:]
                if len(plain) < len(given):
                    plain = memoryview(bytearray(len(given)))
                yield plain[: running.update_into(given[:-TAG_BYTES], plain)]
            running.finalize_with_tag(tail)
        except (InvalidTag, ValueError):
            raise ConfigError(
                f"{name}: expected a file that the key decrypts, found another: the key is not the one it "
                "was encrypted with, or the file was changed",
                remedy="give the key that encryption.json names, or build the image again",
            ) from None

    def _bound(self, name: str) -> bytes:
        return f"{name}\n{self._of_artefact}".encode()


def document(identifier: str) -> bytes:
    """Content of `encryption.json`.

    Args:
        identifier: Of the key.
    """
    return f"{json.dumps({'cipher': CIPHER, 'format': FORMAT, 'key': identifier}, sort_keys=True)}\n".encode()


def key_id(content: bytes) -> str:
    """Id of the key that an artefact was encrypted with, from its `encryption.json`.

    Raises:
        ConfigError: Another format or cipher.
    """
    found: Any = strict.parse(content, FILE)
    identifier: Any = found.get("key") if isinstance(found, dict) else None
    if not _is_id(identifier) or document(identifier) != content:
        raise ConfigError(
            f'{FILE}: expected {{"cipher": "{CIPHER}", "format": {FORMAT}, "key": ID}}, found something else',
            remedy="build the image again with this release of ekiben",
        )
    return str(identifier)


def live_key(folder: Path | None, identifier: str) -> bytes:
    """Read a decryption key; a folder may hold several, so that keys can change while pods run.

    Args:
        folder: One file per key, named by its id, with 32 bytes as base64.
        identifier: Which one.

    Raises:
        ConfigError: There is no such key, or it is none.
    """
    path = None if folder is None else folder / identifier
    if path is None or not path.is_file():
        raise ConfigError(
            f"the artefact is encrypted with the key {identifier!r}: expected it in the folder of "
            f"EKIBEN_SEAL_KEYS ({folder or 'not set'}), found none",
            remedy="name the Secret that holds it in the chart's values (seal.encryption.secretName)",
        )
    return parse_key(path.read_bytes(), str(path))


def parse_key(content: bytes, name: str) -> bytes:
    """Read a key's file.

    Raises:
        ConfigError: It is no key; its content is not repeated.
    """
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"{name}: expected {KEY_BYTES} bytes as base64, found something else",
            remedy="make one with `ekiben seal secret FILE`",
        )
    return key


def _nonce(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:_NONCE_BYTES]


def _is_id(found: Any) -> bool:
    return isinstance(found, str) and re.fullmatch(KEY_ID, found) is not None
