"""What takes how much of an image: by layer, and by package.

Compressed bytes of a file are those of the layer's stream that end with it, so that the sum over
all files is the layer; one file alone is right to about ten kilobytes.
"""

from __future__ import annotations

import csv
import json
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from ekiben.errors import ConfigError
from ekiben.image.packages import SITE
from ekiben.image.program import BENTO, MODEL

_ANY_ZLIB = 47  # zlib's window bits: gzip or zlib, by the header
_CHUNK = 4096
_OURS = "ekiben: "  # how the history names a layer of ours
_OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Size:
    """One layer, or one package in a layer.

    Attributes:
        name: Its name.
        layer: The layer that it is in; of a layer, its own name.
        compressed_bytes: Of the compressed layer, bytes.
        unpacked_bytes: Sum of its files, bytes.
        files: How many files.
    """

    name: str
    layer: str
    compressed_bytes: int
    unpacked_bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an image is made of.

    Attributes:
        digest: Of its manifest.
        labels: What it says about itself.
        compressed_bytes: Sum of its layers, bytes.
        layers: Oldest first.
        packages: Largest first; Debian's, Python's, and ekiben, bento and model.
        platform: What it is for.
        others: Images of the other platforms, where an index holds several.
    """

    digest: str
    labels: Mapping[str, str]
    compressed_bytes: int
    layers: tuple[Size, ...]
    packages: tuple[Size, ...]
    platform: str = ""
    others: tuple[Inspection, ...] = ()


@dataclass(slots=True)
class _Layer:
    """Sizes of one layer while it is read: by path, compressed and unpacked."""

    name: str
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)


def inspect(archive: Path) -> Inspection:
    """Read an OCI layout of one image, for one platform or several.

    Args:
        archive: Its folder, with `index.json` and `blobs/`.

    Raises:
        ConfigError: It is no layout of one image, or a layer is not tar or tar+gzip.
    """
    try:
        (one,) = json.loads((archive / "index.json").read_bytes())["manifests"]
        document = json.loads(_blob(archive, one["digest"]).read_bytes())
        digests = [part["digest"] for part in document.get("manifests", ())] or [one["digest"]]
        return together(
            of(digest, json.loads(_blob(archive, digest).read_bytes()), lambda each: _blob(archive, each))
            for digest in digests
        )
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{archive}: expected an OCI layout of one image: {error}",
            remedy="give a model that `ekiben image` has passed, a layout's folder, or an image by digest",
        ) from error


def together(images: Iterable[Inspection]) -> Inspection:
    """Images of the platforms of one index: the first, with the others below it."""
    first, *others = images
    return replace(first, others=tuple(others))


def of(digest: str, manifest: Mapping[str, Any], blob: Callable[[str], Path]) -> Inspection:
    """Read an image whose blobs are on this machine.

    Args:
        digest: Of its manifest.
        manifest: The manifest.
        blob: Gives the file of a blob, by digest.

    Raises:
        ConfigError: A layer is not tar or tar+gzip.
        OSError: A blob is not there.
    """
    config = json.loads(blob(manifest["config"]["digest"]).read_bytes())
    names = _names(config, len(manifest["layers"]))
    layers, packages = [], []
    for name, part in zip(names, manifest["layers"], strict=True):
        sizes = list(_by_package(_read(blob(part["digest"]), name)))
        packages += sizes
        unpacked, count = sum(one.unpacked_bytes for one in sizes), sum(one.files for one in sizes)
        layers.append(Size(name, name, int(part["size"]), unpacked, count))
    return Inspection(
        digest,
        config.get("config", {}).get("Labels") or {},
        sum(layer.compressed_bytes for layer in layers),
        tuple(layers),
        tuple(sorted(packages, key=lambda one: (-one.compressed_bytes, one.name))),
        f"{config.get('os', 'linux')}/{config.get('architecture', '')}",
    )


def _blob(archive: Path, digest: str) -> Path:
    return archive / "blobs" / digest.replace(":", "/")


def _names(config: Mapping[str, Any], count: int) -> list[str]:
    """Names of layers, from the history; those of a named base are called `base`."""
    said = [
        str(entry.get("created_by", ""))
        for entry in config.get("history", ())
        if not entry.get("empty_layer")
    ]
    said = said if len(said) == count else [""] * count
    return [text.removeprefix(_OURS) if text.startswith(_OURS) else "base" for text in said]


class _Inflating:
    """A compressed file, read unpacked, that counts what it has taken in."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._unpack: Any = None
        self._ready = bytearray()
        self.taken = 0

    def read(self, count: int) -> bytes:
        while len(self._ready) < count and (chunk := self._source.read(_CHUNK)):
            self.taken += len(chunk)
            if self._unpack is None:
                gzipped = chunk.startswith(b"\x1f\x8b")
                self._unpack = zlib.decompressobj(_ANY_ZLIB).decompress if gzipped else bytes
            self._ready += self._unpack(chunk)
        found = bytes(self._ready[:count])
        del self._ready[:count]
        return found


def _read(blob: Path, name: str) -> _Layer:
    layer = _Layer(name)
    with blob.open("rb") as source:
        stream = _Inflating(source)
        before, at = None, 0
        try:
            # The stubs want a writable file even where a stream is only read.
            with tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|") as tar:
                for member in tar:
                    _end(layer, before, stream.taken - at)
                    before, at = member, stream.taken
                    if member.isreg():
                        layer.owners |= _owned(tar, member)
        except (tarfile.ReadError, zlib.error) as error:
            raise ConfigError(f"{blob.name}: expected a layer as tar or tar+gzip: {error}") from error
    _end(layer, before, blob.stat().st_size - at)
    return layer


def _end(layer: _Layer, member: tarfile.TarInfo | None, compressed: int) -> None:
    if member is not None:
        path = member.name.removeprefix("./").lstrip("/")
        layer.sizes[path] = (compressed, member.size if member.isreg() else 0)


def _owned(tar: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, str]:
    """Files that a package says are its own; paths in the image, and the package's name."""
    path = PurePosixPath(member.name.removeprefix("./").lstrip("/"))
    folder = path.parent.as_posix()
    if path.name == "RECORD" and path.parent.suffix == ".dist-info":
        text = _text(tar, member)
        name, site = path.parent.name.partition("-")[0].replace("_", "-"), path.parent.parent
        return {(site / row[0]).as_posix(): name for row in csv.reader(text.splitlines()) if row}
    if folder == "var/lib/dpkg/status.d" and path.suffix == ".md5sums":
        lines = _text(tar, member).splitlines()
        mine = {line.partition("  ")[2]: path.stem for line in lines}
        return {**mine, f"{folder}/{path.stem}": path.stem, str(path): path.stem}
    if folder == "var/lib/dpkg/info" and path.suffix == ".list":
        name = path.stem.partition(":")[0]
        return {line.lstrip("/"): name for line in _text(tar, member).splitlines()}
    return {}


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = tar.extractfile(member)
    return content.read().decode(errors="replace") if content else ""


def _by_package(layer: _Layer) -> Iterator[Size]:
    found: dict[str, list[tuple[int, int]]] = {}
    for path, size in layer.sizes.items():
        found.setdefault(_owner(path, layer.owners), []).append(size)
    for name, sizes in found.items():
        compressed, unpacked = (sum(column) for column in zip(*sizes, strict=True))
        yield Size(name, layer.name, compressed, unpacked, len(sizes))


def _owner(path: str, owners: Mapping[str, str]) -> str:
    for prefix, name in ((f"{SITE}/ekiben", "ekiben"), (BENTO, "bento"), (MODEL, "model")):
        if path == prefix or path.startswith(f"{prefix}/"):
            return name
    return owners.get(path) or owners.get(_source_of(path)) or _OTHER


def _source_of(path: str) -> str:
    """The source that bytecode was made from: `a/__pycache__/b.cpython-311.pyc` -> `a/b.py`."""
    pure = PurePosixPath(path)
    if pure.suffix != ".pyc" or pure.parent.name != "__pycache__":
        return path
    return (pure.parent.parent / f"{pure.name.partition('.')[0]}.py").as_posix()
