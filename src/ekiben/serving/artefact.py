"""The reader of a model artefact: nothing of it is used before every byte was checked.

The hash that names an artefact is that of its manifest's bytes; the manifest
holds the hash of every other file. Versions are compared before the estimator
is read, because scikit-learn promises nothing across minor versions.

Source: https://scikit-learn.org/stable/model_persistence.html#security-maintainability-limitations
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError
from ekiben.serving.golden import Golden
from ekiben.serving.schema import Schema

FORMAT = 1
READABLE_FORMATS = (1,)  # this one and the one before, once there is one before
MANIFEST = "manifest.json"
ESTIMATOR = "estimator.skops"
SCHEMA = "schema.json"
GOLDEN = "golden.json"
REFERENCE = "reference.json"
CARD = "card.json"
FILES = (CARD, ESTIMATOR, GOLDEN, REFERENCE, SCHEMA)  # what the manifest lists
_FOREIGN = frozenset({"model.yaml"})  # BentoML's own record in its store; never read
_VERSION_LENGTH = 16  # hex digits of the hash that make a model's version
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_REBUILD = "train the model with the versions that the pod has, or install the versions it was trained with"


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
    """

    name: str
    version: str
    sha256: str
    schema: Schema
    golden: Golden
    folder: Path
    files: Mapping[str, str]

    def content(self, name: str) -> bytes:
        """Bytes of a file, verified at this very reading.

        Raises:
            ConfigError: It is absent or was changed.
        """
        return _verified(self.folder, name, self.files[name])


def hash_of(manifest: bytes) -> str:
    """Hash that names an artefact, from its manifest's bytes."""
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def version_of(sha256: str) -> str:
    """Version in BentoML's store of an artefact with this hash."""
    return sha256.removeprefix("sha256:")[:_VERSION_LENGTH]


def versions() -> dict[str, str]:
    """Versions, here and now, that decide whether an estimator can be read."""
    major, minor, _ = platform.python_version_tuple()
    packages = {name: metadata.version(name) for name in ("scikit-learn", "numpy", "skops")}
    return {"python": f"{major}.{minor}", **packages}


def read(folder: Path) -> Artefact:
    """Read and verify an artefact; the estimator itself is not built yet.

    Args:
        folder: Folder with the manifest and the files it lists.

    Raises:
        ConfigError: A file is absent, unknown, changed or of another format or version.
    """
    manifest = _bytes(folder, MANIFEST)
    document = _document(manifest, MANIFEST)
    if not isinstance(document, dict) or document.get("format") not in READABLE_FORMATS:
        raise ConfigError(
            f"{folder}: expected an artefact of format {' or '.join(map(str, READABLE_FORMATS))}, "
            f"found {document.get('format') if isinstance(document, dict) else 'no manifest'}",
            remedy="train the model again with this release of ekiben",
        )
    files = _listed(folder, document)
    contents = {name: _verified(folder, name, digest) for name, digest in files.items()}
    _same_versions(folder, document.get("versions"))
    sha256 = hash_of(manifest)
    return Artefact(
        name=_name(document.get("name")),
        version=version_of(sha256),
        sha256=sha256,
        schema=Schema.parse(_document(contents[SCHEMA], SCHEMA)),
        golden=Golden.parse(_document(contents[GOLDEN], GOLDEN)),
        folder=folder,
        files=files,
    )


def _name(found: Any) -> str:
    """Name of a model; it becomes a folder, a label and a host name."""
    if not isinstance(found, str) or not _NAME.fullmatch(found):
        raise ConfigError(
            f"{MANIFEST}: expected a model's name in lower case, digits and dashes, found {found!r}"
        )
    return found


def _bytes(folder: Path, name: str) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise ConfigError(
            f"{folder}: expected the file {name}, found none", remedy="give the artefact's folder"
        )
    return path.read_bytes()


def _document(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise ConfigError(f"{name}: expected JSON: {error}") from error


def _listed(folder: Path, document: Mapping[str, Any]) -> dict[str, str]:
    """Hashes that the manifest lists, if the folder holds these files and no other."""
    listed = document.get("files")
    if not isinstance(listed, dict) or sorted(listed) != sorted(FILES):
        raise ConfigError(f"{folder}: expected a manifest of {', '.join(FILES)}, found another list")
    found = {path.name for path in folder.iterdir()} - _FOREIGN
    if extra := sorted(found - {*listed, MANIFEST}):
        raise ConfigError(
            f"{folder}: files that the manifest does not list: {', '.join(extra)}", remedy="remove them"
        )
    return {name: str(digest) for name, digest in listed.items()}


def _verified(folder: Path, name: str, expected: str) -> bytes:
    content = _bytes(folder, name)
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise ConfigError(
            f"{folder}: {name} was changed: expected sha256 {expected}, found {digest}",
            remedy="take the artefact from the model store again, or train again",
        )
    return content


def _same_versions(folder: Path, trained: Any) -> None:
    """Refuse an estimator that another scikit-learn, numpy or Python made."""
    here = versions()
    wrong = []
    for name in ("python", "scikit-learn", "numpy"):
        expected = str(trained.get(name)) if isinstance(trained, dict) else "unknown"
        if _minor(expected) != _minor(here[name]):
            wrong.append(f"{name}: trained with {expected}, found {here[name]}")
    if wrong:
        raise ConfigError(f"{folder}: made with other versions; {'; '.join(wrong)}", remedy=_REBUILD)


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
