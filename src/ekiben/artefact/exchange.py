"""A model as one file: a plain tar of its artefact, or the same compressed with zstd.

Export is reproducible: names in order, no clock, no user. Import takes what
export writes and nothing else: regular files in one folder, each once, within
a bound, and an artefact that verifies as a whole before the store is touched.

Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html (ustar interchange format)
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from ekiben.artefact import store
from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader

MOST_BYTES = 4 << 30  # of all files; a forest of 1 GB is large
_MOST_FILES = 64  # an artefact has about ten
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # Source: RFC 8878, 3.1.1
_ZSTD_LEVEL = 10
_WINDOW_BYTES = 128 << 20  # zstd's own limit without --long; more is refused, not allocated
_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that carries a model.

    Attributes:
        tag: The model.
        artefact_sha256: `sha256:...` of its manifest.
        path: The file.
        size_bytes: Its size.
        sha256: Hex hash of the file; of a plain tar the same on every machine.
    """

    tag: ModelTag
    artefact_sha256: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import left.

    Attributes:
        tag: The model.
        artefact_sha256: `sha256:...` of its manifest.
        folder: Where the store has it.
        new: False if the store had it, whole, already.
    """

    tag: ModelTag
    artefact_sha256: str
    folder: Path
    new: bool


def export(tag: ModelTag, target: Path, home: Path) -> Exported:
    """Write a model into one file; compressed if its name ends in `.zst`.

    Args:
        tag: A version of the store; its files must be as they were stored.
        target: The file; must not exist yet.
        home: BentoML's home.

    Raises:
        ConfigError: The version is not whole, the file exists, or cannot be written.
    """
    sha256 = store.require(tag, home)
    folder = store.folder_of(tag, home)
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.") as made:
            with _packed(cast("BinaryIO", made), target) as out:
                _pack(folder, f"{tag.name}-{tag.version}", out)
            made.flush()
            os.fsync(made.fileno())
            Path(made.name).chmod(0o644)
            target.hardlink_to(made.name)  # unlike a rename, it never replaces
    except FileExistsError:
        raise ConfigError(f"expected no file {target}, found one", remedy="give another name") from None
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error}", remedy="give another place") from error
    return Exported(tag, sha256, target, target.stat().st_size, store.sha256_of(target) or "")


def take(
    source: Path, home: Path, *, by: str, at: datetime, most_bytes: int = MOST_BYTES, dry_run: bool = False
) -> Imported:
    """Verify a file that `export` wrote, and put its model into the store.

    A version that the store has stays untouched; one that is there but damaged is made whole.

    Args:
        source: The file.
        home: BentoML's home.
        by: User of the operating system; kept in BentoML's record.
        at: Now; likewise.
        most_bytes: Most bytes of all its files together.
        dry_run: Verify only.

    Raises:
        ConfigError: Anything that export does not write, an artefact that does not verify, or one of another
            format or of other versions of libraries; the store is as it was.
    """
    with tempfile.TemporaryDirectory(prefix="ekiben-import-") as name:
        folder = Path(name)
        sha256 = _unpacked(source, folder, most_bytes)
        artefact = reader.read(folder)
        tag = ModelTag(artefact.name, artefact.version)
        target = store.folder_of(tag, home)
        new = not store.intact(target, artefact.sha256)
        if not dry_run:  # also if it is there: what a killed run left beside the store goes
            origin = {"file": source.name, "sha256": sha256, "by": by, "at": at.isoformat(timespec="seconds")}
            store.store(folder, home, origin=origin)
    return Imported(tag, artefact.sha256, target, new)


@contextmanager
def _packed(made: BinaryIO, target: Path) -> Iterator[BinaryIO]:
    if target.suffix != ".zst":
        yield made
        return
    import zstandard

    with zstandard.ZstdCompressor(level=_ZSTD_LEVEL).stream_writer(made, closefd=False) as out:
        yield cast("BinaryIO", out)


def _pack(folder: Path, root: str, out: BinaryIO) -> None:
    """Write the files of a folder as a ustar archive that depends on their names and bytes alone."""
    for path in sorted(folder.iterdir()):
        if path.name in store.FOREIGN:
            continue
        entry = tarfile.TarInfo(f"{root}/{path.name}")
        entry.size, entry.mode = path.stat().st_size, 0o644
        out.write(entry.tobuf(tarfile.USTAR_FORMAT))
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                out.write(chunk)
        out.write(bytes(-entry.size % _BLOCK))
    out.write(bytes(2 * _BLOCK))


class _Bounded:
    """A stream that gives as many bytes as are asked for, and not beyond a bound."""

    def __init__(self, source: Path, stream: Any, most: int) -> None:
        self._source, self._stream, self._left, self._most = source, stream, most, most

    def take(self, size: int) -> bytes:
        """Read exactly so many bytes.

        Raises:
            ConfigError: The file ends, is no zstd, or has more bytes than are allowed.
        """
        self._left -= size
        if self._left < 0:
            raise _refused(self._source, "the end of the archive", f"{self._most} bytes and more")
        found = b""
        while len(found) < size:
            chunk = self._read(size - len(found))
            if not chunk:
                raise _refused(self._source, "a whole archive", f"its end after {len(found)} of {size} bytes")
            found += chunk
        return found

    def _read(self, size: int) -> bytes:
        import zstandard

        try:
            return cast("bytes", self._stream.read(size))
        except (zstandard.ZstdError, OSError) as error:
            raise _refused(self._source, "a tar, plain or zstd", str(error)) from error

    def end(self) -> None:
        """Read zeros to the end.

        Raises:
            ConfigError: There is something else, or too much.
        """
        while chunk := self._read(_CHUNK):
            self._left -= len(chunk)
            if self._left < 0 or chunk.strip(b"\0"):
                raise _refused(self._source, "nothing after the end of the archive", "more bytes")


def _unpacked(source: Path, folder: Path, most: int) -> str:
    """Write the files of an archive into an empty folder; return the archive's hex hash."""
    import zstandard

    try:
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            packed = file.read(len(_ZSTD_MAGIC)) == _ZSTD_MAGIC
            file.seek(0)
            stream: Any = file
            if packed:
                inflate = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
                stream = inflate.stream_reader(file, read_across_frames=False)
            # Headers and padding come to the files' own bytes.
            _unpack(_Bounded(source, stream, most + 3 * _BLOCK * _MOST_FILES), source, folder, most)
    except OSError as error:
        raise ConfigError(
            f"{source} cannot be read: {error}", remedy="give a file that `ekiben model export` wrote"
        ) from error
    return sha256


def _unpack(archive: _Bounded, source: Path, folder: Path, most: int) -> None:
    root, names, room = "", set[str](), most
    while (header := archive.take(_BLOCK)) != bytes(_BLOCK):
        entry = _entry(header, source)
        above, _, name = entry.name.partition("/")
        root = root or above
        if above != root or not _FILE.fullmatch(above) or not _FILE.fullmatch(name):
            raise _refused(source, "files of one folder, by plain names", repr(entry.name[:120]))
        if name.lower() in names or len(names) >= _MOST_FILES or name in store.FOREIGN:
            raise _refused(source, f"at most {_MOST_FILES} files of an artefact, each once", repr(name))
        names.add(name.lower())
        room -= entry.size
        if room < 0:
            raise _refused(source, f"at most {most} bytes of files", "more", "raise --most-bytes")
        with (folder / name).open("xb") as out:
            left = entry.size
            while left:
                chunk = archive.take(min(left, _CHUNK))
                out.write(chunk)
                left -= len(chunk)
        archive.take(-entry.size % _BLOCK)
    archive.end()


def _entry(header: bytes, source: Path) -> tarfile.TarInfo:
    """Read one header; links, folders, devices, sparse files and extended headers are refused unread."""
    try:
        entry = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    except (tarfile.TarError, ValueError) as error:
        raise _refused(source, "a tar, plain or zstd", str(error)) from error
    if entry.type not in _REGULAR or entry.size < 0:
        raise _refused(source, "regular files only", f"{entry.name[:120]!r} of type {entry.type!r}")
    return entry


def _refused(source: Path, expected: str, found: str, remedy: str = "") -> ConfigError:
    return ConfigError(
        f"{source}: expected {expected}, found {found}; nothing was stored",
        remedy=remedy or "import what `ekiben model export` wrote, and ask its sender for the sha256",
    )
