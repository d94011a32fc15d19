"""An estimator as bytes that depend on the estimator alone.

skops writes memory addresses (as ids and as file names), the clock (in the
zip) and sets in hash order. Here ids are counted from 1 in order of
appearance, values that cannot change lose theirs, sets are sorted, padding
between the fields of arrays is zero, and the zip has one fixed date.

Source: https://reproducible-builds.org/docs/archives/
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np

from ekiben.errors import ConfigError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold
_LEVEL = zipfile.ZIP_STORED  # compressed bytes would depend on the version of zlib


def estimator_bytes(estimator: Any) -> bytes:
    """Write an estimator in the canonical skops form.

    Raises:
        ConfigError: skops cannot write a part of it.
    """
    from skops import io as skops_io
    from skops.io.exceptions import UnsupportedTypeException

    try:
        return _canonical(skops_io.dumps(estimator))
    except (UnsupportedTypeException, TypeError) as error:
        raise ConfigError(
            f"skops cannot write this estimator: {error}",
            remedy="use transformers and estimators of scikit-learn itself, without functions of your own",
        ) from error


def _canonical(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        document = json.loads(source.read("schema.json"))
        numbering = _Numbering()
        numbering.visit(document)
        files = {new: _without_padding(source.read(old)) for old, new in numbering.files.items()}
    files["schema.json"] = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression=_LEVEL) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return target.getvalue()


class _Numbering:
    """Renumbers ids and files of a skops document in place, in order of appearance."""

    def __init__(self) -> None:
        self._ids: dict[int, int] = {}
        self.files: dict[str, str] = {}

    def visit(self, part: Any) -> None:
        if isinstance(part, list):
            for each in part:
                self.visit(each)
        if not isinstance(part, dict):
            return
        if part.get("__loader__") == "SetNode":
            part["content"].sort(key=_without_ids)
        if part.get("__loader__") == "JsonNode":
            part.pop("__id__", None)
        elif isinstance(part.get("__id__"), int):
            part["__id__"] = self._ids.setdefault(part["__id__"], len(self._ids) + 1)
        if part.get("__loader__") and isinstance(part.get("file"), str):
            _, dot, suffix = part["file"].rpartition(".")
            part["file"] = self.files.setdefault(part["file"], f"{len(self.files)}{dot}{suffix}")
        for each in part.values():
            self.visit(each)


def _without_ids(part: Any) -> str:
    """Key of an element of a set: what it is, not where it was."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(each) for key, each in value.items() if key != "__id__"}
        return [bare(each) for each in value] if isinstance(value, list) else value

    return json.dumps(bare(part), sort_keys=True)


def _without_padding(content: bytes) -> bytes:
    """Zero the bytes between the fields of a structured array (a tree's nodes)."""
    if not content.startswith(b"\x93NUMPY"):
        return content
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, dtype=array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    target = io.BytesIO()
    np.save(target, clean, allow_pickle=False)
    return target.getvalue()
