"""Files that are read, decrypted and hashed block by block."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ekiben.errors import ConfigError
from ekiben.serving.seal.encryption import Cipher
from ekiben.serving.seal.folder import Folder

KEY, ARTEFACT = b"k" * 32, f"sha256:{'ab' * 32}"
CONTENT = random.Random(1).randbytes(700_000)  # noqa: S311 - no secret


def sealed(content: bytes) -> bytes:
    """A file as the format says: HKDF over the artefact's hash, AES-256-GCM, name and hash bound."""
    key = HKDF(SHA256(), 32, bytes.fromhex("ab" * 32), b"ekiben artefact encryption 1").derive(KEY)
    return AESGCM(key).encrypt(hashlib.sha256(b"x").digest()[:12], content, f"x\n{ARTEFACT}".encode())


def cut(content: bytes, size: int) -> Iterator[memoryview]:
    return (memoryview(content)[at : at + size] for at in range(0, len(content), size))


@pytest.mark.parametrize("size", [1, 15, 16, 17, 1000])
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 999, 5000])
def test_blocks_of_any_size_decrypt_to_the_same(size: int, length: int) -> None:
    """Wherever the blocks are cut, also inside the tag."""
    given = cut(sealed(CONTENT[:length]), size)
    assert b"".join(map(bytes, Cipher(KEY, ARTEFACT).decrypted("x", given))) == CONTENT[:length]


@pytest.mark.parametrize("size", [7, 16, 10_000])
@pytest.mark.parametrize("damage", ["first", "last", "shorter", "longer", "nothing", "tag only"])
def test_no_damage_gets_past_the_last_block(damage: str, size: int) -> None:
    """Whatever was given until then, the end is an error."""
    right = sealed(CONTENT[:5000])
    wrong = {
        "first": bytes([right[0] ^ 1]) + right[1:],
        "last": right[:-1] + bytes([right[-1] ^ 1]),
        "shorter": right[:-1],
        "longer": right + b"x",
        "nothing": b"",
        "tag only": right[-16:],
    }[damage]
    with pytest.raises(ConfigError, match="that the key decrypts"):
        list(Cipher(KEY, ARTEFACT).decrypted("x", cut(wrong, size)))


@pytest.mark.parametrize("change", [-1, -400_000, 1, 400_000])
def test_a_file_that_changes_its_length_while_it_is_read_is_refused(tmp_path: Path, change: int) -> None:
    """Cut or longer after its first block: the error says that it changed."""
    path = tmp_path / "x"
    path.write_bytes(CONTENT)
    with closing(Folder(tmp_path)) as folder:
        blocks = folder.blocks("x")
        next(blocks)
        with path.open("r+b") as file:
            file.truncate(len(CONTENT) + change)
        with pytest.raises(ConfigError, match="changed while it was read"):
            list(blocks)


def test_blocks_are_the_file(tmp_path: Path) -> None:
    """All of it, in order, in blocks that fit a cache; an empty file has none."""
    (tmp_path / "x").write_bytes(CONTENT)
    (tmp_path / "empty").touch()
    with closing(Folder(tmp_path)) as folder:
        found = [bytes(block) for block in folder.blocks("x")]
        assert list(folder.blocks("empty")) == []
    assert b"".join(found) == CONTENT
    assert len(found) == 3
