"""The files of an artefact as an image carries them: plain, or encrypted for one key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ekiben.artefact.seal.keys import encryption_key
from ekiben.serving import artefact as reader
from ekiben.serving.seal import encryption, signature


@dataclass(frozen=True, slots=True)
class LiveKey:
    """What an artefact is encrypted with.

    Attributes:
        identifier: Names the file that holds it in the pod's Secret.
        file: Holds it here.
    """

    identifier: str
    file: Path


def carried(artefact: reader.Artefact, key: LiveKey | None = None) -> Iterator[tuple[str, bytes | Path]]:
    """Yield each file that an image carries, by name.

    The manifest and the signature stay plain: the one is the artefact's hash, the other is made of hashes.

    Args:
        artefact: Verified, plain.
        key: Encrypt with it; None leaves the files as they are.

    Raises:
        ConfigError: A file was changed meanwhile, or the key is none.
    """
    yield reader.MANIFEST, artefact.folder / reader.MANIFEST
    if signature.FILE in artefact.beside:
        yield signature.FILE, artefact.folder / signature.FILE
    if key is None:
        for name in artefact.files:
            yield name, artefact.folder / name
        return
    cipher = encryption.Cipher(encryption_key(key.file), artefact.sha256)
    for name in artefact.files:
        yield name, cipher.encrypted(name, artefact.content(name))
    yield encryption.FILE, encryption.document(key.identifier)
