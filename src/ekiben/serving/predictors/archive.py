"""What an archive of arrays must be before anything else sees it: plain, and unpacked to its own size.

skops writes an estimator so; explanations have the same form. A zip can say that
it holds terabytes, hold two files of one name, or hold an array whose header asks
for more memory than there is; each is found here by reading names and headers only.

Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from typing import Any

import numpy as np

from ekiben.errors import ConfigError
from ekiben.serving.seal import strict

DOCUMENT = "schema.json"
_NAME = re.compile(r"[A-Za-z0-9_-]+\.(json|npy|npz|bin)|[0-9]+\.?")
_MOST_UNPACKED_BYTES = 1 << 30  # of a sparse matrix, which scipy compresses
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_REMEDY = "train the model again"


def document(content: bytes, file: str = "estimator.skops") -> Any:
    """Check every entry of an archive by its name, size and header, and read its document.

    Args:
        content: Of the archive.
        file: Its name, for messages.

    Raises:
        ConfigError: It is no archive, or one that was never written in our form.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _plain(entries, len(content))
            for entry in entries:
                if entry.filename.endswith(".npy"):
                    _array(archive.read(entry), entry.filename)
                elif entry.filename.endswith(".npz"):
                    _matrix(archive.read(entry), entry.filename)
            found = archive.read(DOCUMENT)
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise ConfigError(f"{file}: expected an archive of arrays: {error}", remedy=_REMEDY) from error
    return strict.parse(found, f"{file}: {DOCUMENT}")


def _plain(entries: list[zipfile.ZipInfo], most_bytes: int) -> None:
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names) or not all(_NAME.fullmatch(name) for name in names):
        raise ValueError("entries that have one name, or a name that is a path")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
        raise ValueError("entries that are compressed or encrypted")
    if sum(entry.file_size for entry in entries) > most_bytes:
        raise ValueError("entries that are longer than the file")


def _array(content: bytes, name: str) -> None:
    """Check that an array is as long as its header says, and holds no objects."""
    stream = io.BytesIO(content)
    header = _HEADERS.get(np.lib.format.read_magic(stream))
    if header is None:
        raise ValueError(f"{name} has a header of another version")
    shape, _, kind = header(stream)
    if kind.hasobject or math.prod(shape) * kind.itemsize != len(content) - stream.tell():
        raise ValueError(f"{name} is not as long as its header says")


def _matrix(content: bytes, name: str) -> None:
    """Check a sparse matrix, which is an archive of arrays in the archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MOST_UNPACKED_BYTES:
            raise ValueError(f"{name} unpacks to more than {_MOST_UNPACKED_BYTES} bytes")
        for entry in archive.infolist():
            _array(archive.read(entry), f"{name}/{entry.filename}")
