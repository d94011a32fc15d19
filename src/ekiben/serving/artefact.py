"""The reader of a model artefact: nothing of it is used before every byte was checked.

The hash that names an artefact is that of its manifest's bytes; the manifest
holds the hash of every other file. It also lists the forms that the estimator
has, and which one answers unless another is demanded. Beside the manifest there
may be a signature and, in an image, what the other files are encrypted with;
neither is part of the hash.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ekiben.errors import ConfigError
from ekiben.serving import versions
from ekiben.serving.explanation.explained import Summary
from ekiben.serving.golden import Golden
from ekiben.serving.manifest import (
    CARD,
    ESTIMATOR,
    EXPLANATION,
    FORM_FILES,
    FORMAT,
    FORMAT_FILES,
    GOLDEN,
    LABELLED,
    MANIFEST,
    PARITY,
    READABLE_FORMATS,
    REFERENCE,
    SCHEMA,
    EstimatorFormat,
    Manifest,
)
from ekiben.serving.predictor import Form
from ekiben.serving.schema import Schema
from ekiben.serving.seal import encryption, signature, strict
from ekiben.serving.seal.folder import MOST_DOCUMENT_BYTES, MOST_FILE_BYTES, Folder
from ekiben.serving.seal.policy import OPEN, Policy

__all__ = [
    "CARD",
    "ESTIMATOR",
    "EXPLANATION",
    "FORMAT",
    "FORMAT_FILES",
    "FORM_FILES",
    "GOLDEN",
    "LABELLED",
    "MANIFEST",
    "PARITY",
    "READABLE_FORMATS",
    "REFERENCE",
    "SCHEMA",
    "Artefact",
    "hash_of",
    "read",
    "version_of",
]

_FOREIGN = frozenset({"model.yaml"})  # BentoML's own record in its store; never read
_BESIDE = frozenset({signature.FILE, encryption.FILE})  # about the artefact, not of it
_VERSION_LENGTH = 16  # hex digits of the hash that make a model's version
_TAKE_AGAIN = "take the artefact from the model store again, or train again"


@dataclass(frozen=True, slots=True)
class Artefact:
    """A verified artefact.

    Attributes:
        name: The model's name.
        version: First 16 hex digits of the hash.
        sha256: `sha256:` and the hex digest of the manifest's bytes.
        schema: Inputs and output.
        golden: Rows with known answers.
        folder: Where the files are.
        files: Hex SHA-256 of each file by name.
        forms: What the estimator was proven to be equal to, itself included.
        predictor: The form that answers.
        estimator_format: What the estimator itself is read from.
        signer: Fingerprint of who signed it, if the policy asked; None otherwise.
        may_unpickle: Whether signature and policy both allow it.
        key_id: Of the key that it is encrypted with; None if it is not.
        beside: Signature and the like: files that are there and not listed in the manifest.
        explanation: What explains predictions; None if nothing does.
    """

    name: str
    version: str
    sha256: str
    schema: Schema
    golden: Golden
    folder: Path
    files: Mapping[str, str]
    forms: tuple[Form, ...]
    predictor: Form
    estimator_format: EstimatorFormat = "skops"
    signer: str | None = None
    may_unpickle: bool = False
    key_id: str | None = None
    beside: tuple[str, ...] = ()
    explanation: Summary | None = None
    _key: bytes | None = field(default=None, repr=False, compare=False)
    _held: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def content(self, name: str) -> bytes:
        """Bytes of a file as they were hashed, decrypted.

        What the predictor needs is held from the reading of the artefact until it is asked for; everything
        else, and what is asked for again, is read and verified now.

        Raises:
            ConfigError: It is absent or was changed.
        """
        if name in self._held:
            return self._held.pop(name)
        with _opened(self.folder) as folder:
            cipher = None if self._key is None else encryption.Cipher(self._key, self.sha256)
            return _held(folder, name, self.files[name], cipher)


def hash_of(manifest: bytes) -> str:
    """Hash that names an artefact, from its manifest's bytes."""
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def version_of(sha256: str) -> str:
    """Version in BentoML's store of an artefact with this hash."""
    return sha256.removeprefix("sha256:")[:_VERSION_LENGTH]


def read(folder: Path, demanded: Form | Literal["auto"] = "auto", policy: Policy = OPEN) -> Artefact:
    """Read and verify an artefact; the predictor itself is not built yet.

    The signature comes first, then the manifest, then every file that it lists, each read once; only then
    is the content of a file parsed.

    Args:
        folder: Folder with the manifest and the files it lists.
        demanded: The form that shall answer; `auto` takes the one that the manifest says.
        policy: Whose signature is asked for, and whether a pickle may be read.

    Raises:
        ConfigError: A file is absent, unknown, changed, no plain file or of another format, the signature or
            the key is not the policy's, the demanded form is not there, or what this form needs is here in
            another version.
    """
    with _opened(folder) as opened:
        return _read(opened, demanded, policy)


def _read(folder: Folder, demanded: Form | Literal["auto"], policy: Policy) -> Artefact:
    found = folder.names()
    content = folder.content(MANIFEST)
    signer, signed = _signed(folder, found, policy)
    if signed is not None and signed.get(MANIFEST) != hashlib.sha256(content).hexdigest():
        raise ConfigError(f"{folder.path}: {MANIFEST} is not what was signed", remedy=_TAKE_AGAIN)
    manifest = Manifest.parse(strict.parse(content, MANIFEST))
    _as_listed(folder, found, manifest, signed)
    predictor = manifest.predictor if demanded == "auto" else demanded
    if predictor not in manifest.forms:
        raise ConfigError(
            f"{folder.path}: expected one of the forms {', '.join(manifest.forms)}, "
            f"found a demand for {predictor!r}",
            remedy=f"set EKIBEN_PREDICTOR to auto; {PARITY} says why a form is not there",
        )
    versions.require(predictor, manifest.versions, folder.path)
    sha256 = hash_of(content)
    key_id, key = _key(folder, found, policy)
    cipher = None if key is None else encryption.Cipher(key, sha256)
    needed = {SCHEMA, GOLDEN, manifest.file_of(predictor)}
    contents = {
        name: _checked(folder, name, digest, cipher, name in needed)
        for name, digest in manifest.files.items()
    }
    return Artefact(
        name=manifest.name,
        version=version_of(sha256),
        sha256=sha256,
        schema=Schema.parse(strict.parse(contents.pop(SCHEMA), SCHEMA)),
        golden=Golden.parse(strict.parse(contents.pop(GOLDEN), GOLDEN)),
        folder=folder.path,
        files=manifest.files,
        forms=manifest.forms,
        predictor=predictor,
        estimator_format=manifest.estimator,
        signer=None if signer is None else signer.fingerprint,
        may_unpickle=signer is not None and policy.pickle,
        key_id=key_id,
        beside=tuple(sorted(found & _BESIDE)),
        explanation=manifest.explanation,
        _key=key,
        _held={name: held for name, held in contents.items() if name in needed},
    )


@contextmanager
def _opened(path: Path) -> Iterator[Folder]:
    folder = Folder(path)
    try:
        yield folder
    finally:
        folder.close()


def _signed(
    folder: Folder, found: frozenset[str], policy: Policy
) -> tuple[signature.Signer | None, Mapping[str, str] | None]:
    """Who signed, and the hash of each file that was signed; nothing if the policy does not ask."""
    if not policy.signers:
        return None, None
    if signature.FILE not in found:
        raise ConfigError(
            f"{folder.path}: expected a signature ({signature.FILE}), found none: this pod takes signed "
            "artefacts only",
            remedy="set bento.seal.key_file in ekiben.yaml, and run `ekiben bento` and `ekiben image`",
        )
    return signature.verify(folder.content(signature.FILE), policy.signers)


def _as_listed(
    folder: Folder, found: frozenset[str], manifest: Manifest, signed: Mapping[str, str] | None
) -> None:
    """Check that the folder, the manifest and the signature speak of the same files."""
    if signed is not None and {name: digest for name, digest in signed.items() if name != MANIFEST} != dict(
        manifest.files
    ):
        raise ConfigError(f"{folder.path}: the files are not what was signed", remedy=_TAKE_AGAIN)
    if extra := sorted(found - _FOREIGN - _BESIDE - {*manifest.files, MANIFEST}):
        shown = ", ".join(repr(name)[:80] for name in extra[:5])
        raise ConfigError(
            f"{folder.path}: {len(extra)} file(s) that the manifest does not list: {shown}",
            remedy="remove them",
        )


def _key(folder: Folder, found: frozenset[str], policy: Policy) -> tuple[str | None, bytes | None]:
    if encryption.FILE not in found:
        return None, None
    key_id = encryption.key_id(folder.content(encryption.FILE))
    return key_id, encryption.live_key(policy.keys, key_id)


def _checked(
    folder: Folder, name: str, expected: str, cipher: encryption.Cipher | None, needed: bool
) -> bytes:
    """Content of a file that is needed; of another nothing, but it was hashed all the same."""
    if needed or cipher is not None:
        content = _held(folder, name, expected, cipher)
        return content if needed else b""
    _same(folder, name, expected, folder.sha256(name))
    return b""


def _held(folder: Folder, name: str, expected: str, cipher: encryption.Cipher | None) -> bytes:
    most = MOST_DOCUMENT_BYTES if name in (SCHEMA, GOLDEN, LABELLED) else MOST_FILE_BYTES
    blocks = folder.blocks(name, most + encryption.TAG_BYTES)
    gathered, digest = io.BytesIO(), hashlib.sha256()
    for block in blocks if cipher is None else cipher.decrypted(name, blocks):
        digest.update(block)
        gathered.write(block)
    _same(folder, name, expected, digest.hexdigest())
    return gathered.getvalue()


def _same(folder: Folder, name: str, expected: str, found: str) -> None:
    if found != expected:
        raise ConfigError(
            f"{folder.path}: {name} was changed: expected sha256 {expected}, found {found}",
            remedy=_TAKE_AGAIN,
        )
