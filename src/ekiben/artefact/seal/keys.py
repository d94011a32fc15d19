"""Files of keys: made with mode 0600, never overwritten, never shown."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ekiben.errors import ConfigError
from ekiben.serving.seal.encryption import KEY_BYTES, parse_key
from ekiben.serving.seal.signature import Signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PUBLIC = ".pub"
_MOST_BYTES = 1 << 16


def create_pair(file: Path) -> Signer:
    """Make an Ed25519 pair: PKCS#8 PEM in `file`, the public half in `file.pub`.

    Raises:
        ConfigError: One of the two is there already, or cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    signer = signer_of(key)
    public = file.with_name(file.name + _PUBLIC)
    if public.exists():
        raise _there(public)
    _create(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _create(public, signer.pem.encode(), 0o644)
    return signer


def create_secret(file: Path) -> None:
    """Make an encryption key: 32 random bytes as base64.

    Raises:
        ConfigError: The file is there already, or cannot be written.
    """
    _create(file, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n", 0o600)


def signing_key(file: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        ConfigError: It is absent, readable by others, or no Ed25519 key; its content is not repeated.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(_private(file), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        raise ConfigError(
            f"{file}: expected an Ed25519 private key as PKCS#8 PEM without a password, found something else",
            remedy="make one with `ekiben seal keypair FILE`",
        )
    return found


def encryption_key(file: Path) -> bytes:
    """Read an encryption key.

    Raises:
        ConfigError: It is absent, readable by others, or no key.
    """
    return parse_key(_private(file), str(file))


def signer_of(key: Ed25519PrivateKey) -> Signer:
    """Public half of a private key."""
    return Signer(key.public_key().public_bytes_raw())


def signer(file: Path) -> Signer:
    """Read a public key's PEM file.

    Raises:
        ConfigError: It is absent, or no Ed25519 public key.
    """
    try:
        lines = file.read_text(encoding="ascii").split("\n")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: expected a public key as PEM: {error}") from error
    return Signer.parse("".join(line.strip() for line in lines if not line.startswith("-----")))


def _private(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(_MOST_BYTES)
    except OSError as error:
        raise ConfigError(
            f"{file}: expected a key, found none: {error.strerror}",
            remedy="make one with `ekiben seal keypair FILE` or `ekiben seal secret FILE`",
        ) from error
    if stat.S_IMODE(mode) & _OTHERS:
        raise ConfigError(
            f"{file}: expected a key that its owner alone can read, found mode {stat.S_IMODE(mode):04o}",
            remedy=f"chmod 600 {file}",
        )
    return content


def _create(file: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        raise _there(file) from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as opened:
        os.fchmod(descriptor, mode)  # whatever the umask is
        opened.write(content)


def _there(file: Path) -> ConfigError:
    return ConfigError(
        f"{file} is there already; a key is never overwritten", remedy="name another file, or move it away"
    )
