"""The cache of blobs: layers by content, found again by what they were made of.

Everything is written under a temporary name and renamed, so an interrupted run
leaves nothing that is taken for whole; what does not hash to its name is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ekiben.image.layer import Layer, hash_of, write
from ekiben.image.sbom import Component
from ekiben.image.tree import Entry

_HALF_MADE = ".making-"


@dataclass(frozen=True, slots=True)
class Made:
    """The content of a new layer.

    Attributes:
        entries: Its files.
        components: What it installs.
    """

    entries: Iterable[Entry]
    components: Sequence[Component] = ()


class Blobs:
    """Blobs in one folder; used within `opened`.

    Attributes:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """The cache for one run at a time; what killed runs left half-made goes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self.folder.glob(f"{_HALF_MADE}*"):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield self

    def path(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        return self.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def layer(self, name: str, key: str, make: Callable[[], Made]) -> Layer:
        """The layer that was made from these inputs before, or a new one.

        Args:
            name: What it holds.
            key: Hash of all its inputs.
            make: Gives its content; called only if the layer is not here.
        """
        record = self._record(name, key)
        known = self._known(record)
        if known is not None:
            return known
        with self.fresh() as temporary, temporary.open("wb") as out:
            found = make()
            made = write(name, found.entries, out, found.components)
            out.flush()
            os.fsync(out.fileno())
            self._keep(temporary, self.path(made.digest))
        self.put(record, json.dumps(asdict(made), sort_keys=True).encode())
        return made

    def forget(self, name: str, key: str) -> None:
        """Let a layer be made again, from what its inputs do not name; images that have it keep its blob."""
        self._record(name, key).unlink(missing_ok=True)

    def made_at(self, name: str, key: str) -> float | None:
        """When a layer was made, seconds since the epoch; None if it is not here."""
        try:
            return self._record(name, key).stat().st_mtime
        except OSError:
            return None

    def add(self, content: bytes) -> str:
        """Keep a small blob; returns its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.put(self.path(digest), content)
        return digest

    def put(self, path: Path, content: bytes) -> None:
        """Write a file of this cache at once or not at all."""
        with self.fresh() as temporary:
            temporary.write_bytes(content)
            self._keep(temporary, path)

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """A temporary file on the cache's own disk; gone afterwards if it was not renamed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_HALF_MADE, dir=self.folder)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A temporary folder on the cache's own disk."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_HALF_MADE, dir=self.folder) as name:
            yield Path(name)

    def intact(self, digest: str) -> bool:
        """Whether a blob is here, with the bytes that its name promises."""
        path = self.path(digest)
        return path.is_file() and hash_of(path) == digest

    def take(self, temporary: Path, digest: str) -> None:
        """Keep a file that was made by `fresh` and has this digest."""
        self._keep(temporary, self.path(digest))

    def _keep(self, temporary: Path, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.chmod(0o644)
        temporary.replace(path)

    def _record(self, name: str, key: str) -> Path:
        return self.folder / "layers" / f"{name}-{key}.json"

    def _known(self, record: Path) -> Layer | None:
        try:
            document = json.loads(record.read_bytes())
            components = tuple(Component(**one) for one in document.pop("components"))
            layer = Layer(**document, components=components)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return layer if self.intact(layer.digest) else None
