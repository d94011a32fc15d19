"""The reader of a model artefact: nothing of it is used before every byte was checked.

The hash that names an artefact is that of its manifest's bytes; the manifest
holds the hash of every other file. It also lists the forms that the estimator
has, and which one answers unless another is demanded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ekiben.errors import ConfigError
from ekiben.serving import versions
from ekiben.serving.golden import Golden
from ekiben.serving.predictor import Form
from ekiben.serving.schema import Schema

FORMAT = 2
READABLE_FORMATS = (1, 2)  # this one and the one before
MANIFEST = "manifest.json"
ESTIMATOR = "estimator.skops"
SCHEMA = "schema.json"
GOLDEN = "golden.json"
REFERENCE = "reference.json"
CARD = "card.json"
PARITY = "parity.json"
FORM_FILES: Mapping[Form, str] = {
    "folded": "linear.json",
    "onnx": "estimator.onnx",
    "scikit-learn": ESTIMATOR,
}
# By format; the files of its forms come to it.
_FILES = {1: (CARD, GOLDEN, REFERENCE, SCHEMA), 2: (CARD, GOLDEN, PARITY, REFERENCE, SCHEMA)}
_ONLY: tuple[Form, ...] = ("scikit-learn",)  # what format 1 has
_FOREIGN = frozenset({"model.yaml"})  # BentoML's own record in its store; never read
_VERSION_LENGTH = 16  # hex digits of the hash that make a model's version
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")


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


def read(folder: Path, demanded: Form | Literal["auto"] = "auto") -> Artefact:
    """Read and verify an artefact; the predictor itself is not built yet.

    Args:
        folder: Folder with the manifest and the files it lists.
        demanded: The form that shall answer; `auto` takes the one that the manifest says.

    Raises:
        ConfigError: A file is absent, unknown, changed or of another format, the demanded form is
            not there, or what this form needs is here in another version.
    """
    manifest = _bytes(folder, MANIFEST)
    document = _document(manifest, MANIFEST)
    if not isinstance(document, dict) or document.get("format") not in READABLE_FORMATS:
        raise ConfigError(
            f"{folder}: expected an artefact of format {' or '.join(map(str, READABLE_FORMATS))}, "
            f"found {document.get('format') if isinstance(document, dict) else 'no manifest'}",
            remedy="train the model again with this release of ekiben",
        )
    forms, default = _forms(document)
    files = _listed(folder, document, forms)
    contents = {name: _verified(folder, name, digest) for name, digest in files.items()}
    predictor = default if demanded == "auto" else demanded
    if predictor not in forms:
        raise ConfigError(
            f"{folder}: expected one of the forms {', '.join(forms)}, found a demand for {predictor!r}",
            remedy=f"set EKIBEN_PREDICTOR to auto; {PARITY} says why a form is not there",
        )
    versions.require(predictor, document.get("versions"), folder)
    sha256 = hash_of(manifest)
    return Artefact(
        name=_name(document.get("name")),
        version=version_of(sha256),
        sha256=sha256,
        schema=Schema.parse(_document(contents[SCHEMA], SCHEMA)),
        golden=Golden.parse(_document(contents[GOLDEN], GOLDEN)),
        folder=folder,
        files=files,
        forms=forms,
        predictor=predictor,
    )


def _forms(document: Mapping[str, Any]) -> tuple[tuple[Form, ...], Form]:
    """Forms that a manifest lists, and the one that it prefers."""
    if document["format"] == 1:
        return _ONLY, _ONLY[0]
    listed, default = document.get("forms"), document.get("predictor")
    forms = tuple(form for form in FORM_FILES if isinstance(listed, list) and form in listed)
    if _ONLY[0] not in forms or len(forms) != len(listed or ()) or default not in forms:
        raise ConfigError(
            f"{MANIFEST}: expected forms out of {', '.join(FORM_FILES)}, {_ONLY[0]} among them, and one of "
            f"them as predictor; found {listed!r} and {default!r}",
            remedy="train the model again with this release of ekiben",
        )
    return forms, default


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


def _listed(folder: Path, document: Mapping[str, Any], forms: tuple[Form, ...]) -> dict[str, str]:
    """Hashes that the manifest lists, if the folder holds these files and no other."""
    listed = document.get("files")
    expected = sorted([*_FILES[document["format"]], *(FORM_FILES[form] for form in forms)])
    if not isinstance(listed, dict) or sorted(listed) != expected:
        raise ConfigError(f"{folder}: expected a manifest of {', '.join(expected)}, found another list")
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
